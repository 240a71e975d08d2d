// SPDX-License-Identifier: Apache-2.0
//
// The truth of this test: where a moment of CLOCK_MONOTONIC_RAW lies on CLOCK_MONOTONIC. A thread of its own reads both
// clocks in brackets, densely in time; a moment between two such looks is interpolated. Nothing of gpuspan's own
// estimate is used.
#ifndef GPUSPAN_TEST_TRUTH_OPENCL_RAW_TIMELINE_H_
#define GPUSPAN_TEST_TRUTH_OPENCL_RAW_TIMELINE_H_

#include <condition_variable>
#include <cstdint>
#include <mutex>
#include <thread>
#include <vector>

namespace gpuspan::truth {

// A moment on CLOCK_MONOTONIC, ns, and how far off that may be.
struct TrueMoment {
  int64_t ns = 0;
  int64_t uncertainty_ns = INT64_MAX;
};

class RawTimeline {
 public:
  RawTimeline() = default;
  ~RawTimeline() { stop(); }
  RawTimeline(const RawTimeline&) = delete;
  RawTimeline& operator=(const RawTimeline&) = delete;

  // Looks at the clocks and starts the thread that goes on doing so.
  void start();
  // Ends the thread and takes a last look. Only then may the others be called.
  void stop();

  // Unknown (INT64_MAX) before the first and after the last look.
  TrueMoment at(int64_t raw_ns) const;
  size_t looks() const { return looks_.size(); }
  // How much faster CLOCK_MONOTONIC ran than CLOCK_MONOTONIC_RAW, over all looks.
  double drift_ppm() const;

 private:
  // CLOCK_MONOTONIC was in the middle, give or take half_ns, when CLOCK_MONOTONIC_RAW read raw_ns.
  struct Look {
    int64_t raw_ns;
    int64_t offset_ns;  // CLOCK_MONOTONIC minus raw_ns
    int64_t half_ns;
  };
  static Look look();
  void run();
  double slope(size_t from) const;

  std::vector<Look> looks_;
  std::thread thread_;
  std::mutex mutex_;
  std::condition_variable changed_;
  bool stopping_ = false;
};

}  // namespace gpuspan::truth

#endif  // GPUSPAN_TEST_TRUTH_OPENCL_RAW_TIMELINE_H_
