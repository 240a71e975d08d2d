// SPDX-License-Identifier: Apache-2.0
//
// Places stamps of one device's clock on the host's CLOCK_MONOTONIC. Nothing here talks to a device: the device timer
// brings anchors (intervals of host time that contain one device stamp) and asks where another stamp lies. The answer
// is an interval that contains the truth as long as the rate between the two clocks wanders less than stated.
// Resolver thread. The reasoning is in docs/design/device-timers.md.
#ifndef GPUSPAN_GPU_ESTIMATOR_INTERVAL_CLOCK_H_
#define GPUSPAN_GPU_ESTIMATOR_INTERVAL_CLOCK_H_

#include <array>
#include <cstddef>
#include <cstdint>

#include "anchor_window.h"
#include "device_timeline.h"
#include "host_interval.h"
#include "rate_fit.h"

namespace gpuspan {

struct IntervalClockOptions {
  // The device's stamps are multiples of this: each may be this much too early.
  int64_t tick_ns = 1;
  // How much the rate may change within a minute, in ns per s; half of that within ten seconds, less in less.
  int64_t wander_ppb = 1'000;
  // How far apart the clocks may run when nothing is known yet: two crystals, and the 500 ppm by which ntpd slews
  // CLOCK_MONOTONIC at most.
  int64_t widest_drift_ppb = 600'000;
  // An anchor is kept if it is no wider than this and than three times the best of the last minute...
  int64_t widest_ns = 50'000;
  // ...or if none was kept for this long, so that a recent one always exists while slices flow.
  int64_t renew_ns = 1'000'000'000;
};

class IntervalClock {
 public:
  explicit IntervalClock(IntervalClockOptions options = {}) noexcept;

  // Offers an anchor. False: too wide to be worth keeping (counted as a rejection), or not an anchor at all.
  bool add(const Anchor& anchor) noexcept;

  // The device's clock is another from now on (suspend, reset, lost context): nothing from before is used for what
  // comes after, neither anchors nor rate.
  void begin_epoch() noexcept;
  // Counts from 1, so that 0 (kNoEpoch) is never a clock's.
  uint32_t epoch() const noexcept { return epoch_; }

  // Where a stamp lies, by the anchors kept and by `own`, anchors the caller has at hand whatever their width. Anytime,
  // if there is no anchor at all or the stamp is not known(). Where anchors contradict each other the narrowest answer
  // is taken at twice its width, those it contradicts are forgotten, and `inconsistencies` grows.
  HostInterval locate(const DeviceStamp& stamp, const Anchor* own, size_t own_count) noexcept;

  // How much host time passes in `device_ns` of device time that ended not long ago; ends are outward.
  HostInterval host_duration(int64_t device_ns) const noexcept;

  // The same as a point, by the best guess of the rate.
  int64_t best_duration(int64_t device_ns) const noexcept { return at_rate(within_reach(device_ns), rate_ppb()); }

  // Ns that the host gains on the device in a second; 0 while nothing is known.
  int64_t rate_ppb() const noexcept { return rate_.best_ppb(); }
  int64_t tick_ns() const noexcept { return options_.tick_ns; }
  size_t anchors() const noexcept { return window_.size(); }
  uint64_t rejections() const noexcept { return rejections_; }
  // Grows when the rate changed or the device's clock jumped; a good moment for a burst of anchors
  // (AnchorSchedule::restart).
  uint64_t inconsistencies() const noexcept { return inconsistencies_; }

 private:
  // As options_.wander_ppb, or more for a minute after it was too little.
  int64_t wander_ppb() const noexcept;
  void raise_wander(int64_t factor, int64_t host_ns) noexcept;
  bool too_wide(const Anchor& anchor) const noexcept;
  int64_t narrowest_width() const noexcept;
  void start_over(int64_t host_ns) noexcept;
  void forget_all() noexcept;
  bool near_newest(const DeviceStamp& stamp) const noexcept;
  void choose_telling() noexcept;
  HostInterval host_time(int64_t device_ns, int64_t distance_ns) const noexcept;
  HostInterval project(const Anchor& anchor, const DeviceStamp& stamp) const noexcept;

  IntervalClockOptions options_;
  AnchorWindow window_;
  std::array<Anchor, 7> telling_{};  // of the window, see choose_telling
  size_t telling_count_ = 0;
  RateFit rate_;
  int64_t raise_ = 1;
  int64_t raised_until_ns_ = 0;
  uint32_t epoch_ = 1;
  uint64_t rejections_ = 0;
  uint64_t inconsistencies_ = 0;
};

}  // namespace gpuspan

#endif  // GPUSPAN_GPU_ESTIMATOR_INTERVAL_CLOCK_H_
