// SPDX-License-Identifier: Apache-2.0
//
// Notices that the rate of CLOCK_MONOTONIC was changed, as ntpd and chronyd do, by comparing it with
// CLOCK_MONOTONIC_RAW, which nobody adjusts. A rate that was fitted between a device and CLOCK_MONOTONIC is void then,
// and the anchors themselves would tell only after the bounds were wrong. Resolver thread.
#ifndef GPUSPAN_GPU_ESTIMATOR_SLEW_WATCH_H_
#define GPUSPAN_GPU_ESTIMATOR_SLEW_WATCH_H_

#include <algorithm>
#include <cstdint>

#include "host_interval.h"

namespace gpuspan {

class SlewWatch {
 public:
  // Changes of rate below this are within what the clock's wander covers (IntervalClockOptions::wander_ppb).
  static constexpr int64_t kTolerancePpb = 500;
  // How long one start is compared with: a slow change of temperature shall not add up to a slew.
  static constexpr int64_t kLongestNs = 10'000'000'000;

  // `raw_ns` was read while CLOCK_MONOTONIC was within `monotonic`. True: the rate is not what it was at the samples
  // before; those are forgotten.
  bool changed(int64_t raw_ns, const HostInterval& monotonic) noexcept {
    const int64_t passed = raw_ns - raw_ns_;
    const HostInterval lead{monotonic.low - raw_ns, monotonic.high - raw_ns};
    if (passed <= 0 || !started_) {
      start(raw_ns, lead, kAnyRate);
      return false;
    }
    // Ppb that CLOCK_MONOTONIC gained since the start, by both brackets.
    const HostInterval seen{ppb(lead.low - lead_.high, passed) - kTolerancePpb,
                            ppb(lead.high - lead_.low, passed) + kTolerancePpb};
    const HostInterval both = intersect(rate_, seen);
    if (both.empty()) {
      start(raw_ns, lead, kAnyRate);
      return true;
    }
    rate_ = both;
    if (passed > kLongestNs) start(raw_ns, lead, {both.low - kTolerancePpb, both.high + kTolerancePpb});
    return false;
  }

 private:
  static constexpr HostInterval kAnyRate{-1'000'000'000, 1'000'000'000};

  static int64_t ppb(int64_t gained_ns, int64_t passed_ns) noexcept {
    const double rate = static_cast<double>(gained_ns) / static_cast<double>(passed_ns) * 1e9;
    return static_cast<int64_t>(std::clamp(rate, -1e9, 1e9));
  }
  void start(int64_t raw_ns, const HostInterval& lead, const HostInterval& rate) noexcept {
    started_ = true;
    raw_ns_ = raw_ns;
    lead_ = lead;
    rate_ = rate;
  }

  bool started_ = false;
  int64_t raw_ns_ = 0;
  HostInterval lead_;  // CLOCK_MONOTONIC - CLOCK_MONOTONIC_RAW at the start
  HostInterval rate_;  // what the rate may be, ppb
};

}  // namespace gpuspan

#endif  // GPUSPAN_GPU_ESTIMATOR_SLEW_WATCH_H_
