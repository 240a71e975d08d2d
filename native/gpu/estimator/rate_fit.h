// SPDX-License-Identifier: Apache-2.0
//
// How much faster the host's clock runs than a device's now: a range that every pair of anchors narrows, and within it
// the best guess, a weighted least-squares fit. Rates are ns that the host gains on the device per second (ppb).
// Resolver thread.
#ifndef GPUSPAN_GPU_ESTIMATOR_RATE_FIT_H_
#define GPUSPAN_GPU_ESTIMATOR_RATE_FIT_H_

#include <algorithm>
#include <cstdint>

#include "anchor_window.h"

namespace gpuspan {

// What separates two anchors for sure, besides their host intervals: ticks and rounding of both stamps, in ns.
int64_t stamps_slack(const DeviceStamp& a, const DeviceStamp& b, int64_t tick_ns) noexcept;

struct RateRange {
  int64_t low_ppb = 0;
  int64_t high_ppb = 0;
  bool empty() const noexcept { return high_ppb < low_ppb; }
  // To what is within `wander_ppb` of `other`.
  void narrow(const RateRange& other, int64_t wander_ppb) noexcept {
    low_ppb = std::max(low_ppb, other.low_ppb - wander_ppb);
    high_ppb = std::min(high_ppb, other.high_ppb + wander_ppb);
  }
};

// The mean rate between two anchors whose stamps may be off from each other by `slack_ns`; everything, when they are
// too close to tell.
RateRange rate_between(const Anchor& earlier, const Anchor& later, int64_t slack_ns) noexcept;

// How far the mean rate over a stretch may be from the rate now, `distance_ns` being the mean distance of its two ends
// from now and `wander_ppb` what the clock's options say. Temperature moves a crystal slowly, so what is near is surer.
int64_t wander_over(int64_t distance_ns, int64_t wander_ppb) noexcept;

// `device_ns` of device time in host time at `rate_ppb`, rounded down.
int64_t at_rate(int64_t device_ns, int64_t rate_ppb) noexcept;

class RateFit {
 public:
  explicit RateFit(int64_t widest_ppb) noexcept : widest_ppb_(widest_ppb) { reset(); }

  // Nothing is known any more.
  void reset() noexcept;
  // `elapsed_ns` have passed: the rate may have wandered on.
  void age(int64_t elapsed_ns, int64_t wander_ppb) noexcept;
  struct Narrowing {
    int64_t wander_ppb;
    int64_t tick_ns;
    // Anchors contradict each other if some are this much too narrow at each end; the range itself is told without it.
    int64_t margin_ns;
  };
  // Narrows the range by all that `anchor`, not yet in the window, and each anchor there say. False, and nothing
  // changed, if they contradict each other.
  bool narrow(const Anchor& anchor, const AnchorWindow& window, const Narrowing& narrowing) noexcept;
  // Fits the best guess; the middle of the range while there are under four anchors or less than a second.
  void fit(const AnchorWindow& window) noexcept;

  const RateRange& range() const noexcept { return range_; }
  int64_t best_ppb() const noexcept { return best_ppb_; }

 private:
  int64_t widest_ppb_;
  RateRange range_;
  int64_t best_ppb_ = 0;
  int64_t unaged_ns_ = 0;  // passed since the range was last widened
};

}  // namespace gpuspan

#endif  // GPUSPAN_GPU_ESTIMATOR_RATE_FIT_H_
