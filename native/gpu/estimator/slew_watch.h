// SPDX-License-Identifier: Apache-2.0
//
// Notices that the rate of CLOCK_MONOTONIC was changed, as ntpd and chronyd do, by comparing it with
// CLOCK_MONOTONIC_RAW, which nobody adjusts. A rate that was fitted between a device and CLOCK_MONOTONIC is void then,
// and the anchors themselves would tell only after the bounds were wrong. Resolver thread.
#ifndef GPUSPAN_GPU_ESTIMATOR_SLEW_WATCH_H_
#define GPUSPAN_GPU_ESTIMATOR_SLEW_WATCH_H_

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>

#include "host_interval.h"

namespace gpuspan {

class SlewWatch {
 public:
  // Changes of rate below this are within what the clock's wander covers (IntervalClockOptions::wander_ppb).
  static constexpr int64_t kTolerancePpb = 500;

  // `raw_ns` was read while CLOCK_MONOTONIC was within `monotonic`. True: the rate is not what it was at the samples
  // before; those are forgotten.
  bool changed(int64_t raw_ns, const HostInterval& monotonic) noexcept {
    const HostInterval lead{monotonic.low - raw_ns, monotonic.high - raw_ns};
    if (!started_ || raw_ns <= starts_[0].raw_ns) {
      start_over(raw_ns, lead);
      return false;
    }
    for (const Start& start : starts_) rate_ = intersect(rate_, rate_since(start, raw_ns, lead));
    if (rate_.empty()) {
      start_over(raw_ns, lead);
      return true;
    }
    for (size_t i = 0; i < starts_.size(); ++i) {
      if (raw_ns - starts_[i].raw_ns > kLongestNs[i]) starts_[i] = {raw_ns, lead};
    }
    // A slow change of temperature shall not add up to a slew.
    if (starts_.back().raw_ns == raw_ns) rate_ = {rate_.low - kTolerancePpb, rate_.high + kTolerancePpb};
    return false;
  }

 private:
  // A sample that later ones are compared with: a big change shows over a short stretch, a small one over a long.
  struct Start {
    int64_t raw_ns = 0;
    HostInterval lead;  // CLOCK_MONOTONIC - CLOCK_MONOTONIC_RAW
  };
  static constexpr std::array<int64_t, 3> kLongestNs{100'000'000, 1'000'000'000, 10'000'000'000};
  static constexpr HostInterval kAnyRate{-1'000'000'000, 1'000'000'000};

  static int64_t ppb(int64_t gained_ns, int64_t passed_ns) noexcept {
    const double rate = static_cast<double>(gained_ns) / static_cast<double>(passed_ns) * 1e9;
    return static_cast<int64_t>(std::clamp(rate, -1e9, 1e9));
  }
  // Ppb by which CLOCK_MONOTONIC ran faster since then, as far as both brackets tell; anything right after it.
  static HostInterval rate_since(const Start& start, int64_t raw_ns, const HostInterval& lead) noexcept {
    const int64_t passed = raw_ns - start.raw_ns;
    if (passed <= 0) return kAnyRate;
    return {ppb(lead.low - start.lead.high, passed) - kTolerancePpb,
            ppb(lead.high - start.lead.low, passed) + kTolerancePpb};
  }
  void start_over(int64_t raw_ns, const HostInterval& lead) noexcept {
    started_ = true;
    starts_.fill({raw_ns, lead});
    rate_ = kAnyRate;
  }

  bool started_ = false;
  std::array<Start, kLongestNs.size()> starts_{};
  HostInterval rate_;  // what the rate may be, ppb
};

}  // namespace gpuspan

#endif  // GPUSPAN_GPU_ESTIMATOR_SLEW_WATCH_H_
