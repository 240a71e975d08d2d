// SPDX-License-Identifier: Apache-2.0
//
// A thread of the test's application: bursts of kernels of 10 us to 3 ms on two queues, each in a GPU slice, and pauses
// from nothing to many seconds between the bursts. The seed fixes what is drawn; how much time is left decides how long
// the pauses become.
#ifndef GPUSPAN_TEST_TRUTH_OPENCL_LAUNCH_THREAD_H_
#define GPUSPAN_TEST_TRUTH_OPENCL_LAUNCH_THREAD_H_

#include <atomic>
#include <cstdint>
#include <string>

#include "native/core/ids.h"
#include "native/core/recorder.h"
#include "native/core/segment.h"
#include "native/gpu/gpu.h"
#include "opencl_device.h"

namespace gpuspan::truth {

inline constexpr int kQueuesPerThread = 2;

// What one thread is to do: at least so many kernels, over at least so long.
struct Share {
  uint64_t kernels = 0;
  uint64_t duration_ns = 0;
  uint64_t seed = 1;
};

class LaunchThread {
 public:
  // `quiet_until_ns` (CLOCK_MONOTONIC) is shared by all threads: no burst starts before it, so that the device as a
  // whole idles during a long pause.
  LaunchThread(Segment& segment, Gpu& gpu, OpenClDevice& device, std::atomic<uint64_t>& quiet_until_ns)
      : segment_(segment), gpu_(gpu), device_(device), quiet_until_ns_(quiet_until_ns) {}

  // Set-up: queues, kernel, streams. False with `error`.
  bool open(uint16_t stage, std::string* error);
  // On the thread itself. Claims a lane, launches, gives the lane up.
  void run(const Share& share);

  // After `run`.
  uint64_t launched() const { return launched_; }
  // Slices that were refused, each a counted loss; kernels that the driver refused; lanes that could not be had.
  uint64_t failures() const { return failures_; }

 private:
  void burst(Recorder& recorder, Launcher& launcher);
  void launch(Launcher& launcher, uint16_t request);
  void pause(const Share& share, uint64_t started_ns);
  void sleep_until(uint64_t deadline_ns);
  double unit();
  double log_uniform(double low, double high);
  bool one_in(uint64_t n) { return random_.next() % n == 0; }

  Segment& segment_;
  Gpu& gpu_;
  OpenClDevice& device_;
  std::atomic<uint64_t>& quiet_until_ns_;
  IdGenerator random_;
  cl_command_queue queues_[kQueuesPerThread] = {};
  Stream* streams_[kQueuesPerThread] = {};
  cl_kernel kernel_ = nullptr;
  uint16_t stage_ = 0;
  uint64_t launched_ = 0;
  uint64_t failures_ = 0;
};

}  // namespace gpuspan::truth

#endif  // GPUSPAN_TEST_TRUTH_OPENCL_LAUNCH_THREAD_H_
