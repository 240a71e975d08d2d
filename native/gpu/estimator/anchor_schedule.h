// SPDX-License-Identifier: Apache-2.0
//
// When a device timer that makes its own anchors should take them, and how many. Nothing while no slice is pending:
// an idle GPU stays idle. Resolver thread.
#ifndef GPUSPAN_GPU_ESTIMATOR_ANCHOR_SCHEDULE_H_
#define GPUSPAN_GPU_ESTIMATOR_ANCHOR_SCHEDULE_H_

#include <algorithm>
#include <cstddef>
#include <cstdint>

namespace gpuspan {

class AnchorSchedule {
 public:
  static constexpr size_t kBurst = 16;                // at start, after idle, after restart()
  static constexpr size_t kEach = 4;                  // each time later
  static constexpr int64_t kCadenceNs = 500'000'000;  // between anchors in the long run
  static constexpr int64_t kSoonestNs = 1'000'000;    // after a burst; doubles up to the cadence
  static constexpr int64_t kIdleNs = 2 * kCadenceNs;  // without an anchor: a burst is due

  // How many anchors to take now; the narrowest of them is the one to keep. 0: none is due. `now_ns`: CLOCK_MONOTONIC.
  // Counts as taken: ask once, then take them.
  size_t due(int64_t now_ns, bool slices_pending) noexcept {
    if (!slices_pending) return 0;
    if (gap_ns_ == 0 || now_ns - last_ns_ >= kIdleNs) {
      gap_ns_ = kSoonestNs;
      last_ns_ = now_ns;
      return kBurst;
    }
    if (now_ns - last_ns_ < gap_ns_) return 0;
    // Each gap is as long as all before it: the rate is known well enough at once for the stretch until the next.
    gap_ns_ = std::min(2 * gap_ns_, kCadenceNs);
    last_ns_ = now_ns;
    return kEach;
  }

  // The next due() is a burst: a new epoch, or the clock's inconsistencies grew.
  void restart() noexcept { gap_ns_ = 0; }

 private:
  int64_t last_ns_ = 0;
  int64_t gap_ns_ = 0;
};

}  // namespace gpuspan

#endif  // GPUSPAN_GPU_ESTIMATOR_ANCHOR_SCHEDULE_H_
