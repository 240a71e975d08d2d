// SPDX-License-Identifier: Apache-2.0
//
// A device's clock as a function of true time: an offset, a constant rate error, a sine on the rate (temperature), a
// tick, and jumps where the machine slept. Nothing here is random.
#ifndef GPUSPAN_SIM_MODEL_DEVICE_CLOCK_H_
#define GPUSPAN_SIM_MODEL_DEVICE_CLOCK_H_

#include <cmath>
#include <cstdint>
#include <vector>

namespace gpuspan::sim {

class DeviceClock {
 public:
  struct Settings {
    int64_t offset_ns = 0;
    int64_t drift_ppb = 0;
    int64_t wander_ppb = 0;        // amplitude
    int64_t wander_period_ns = 0;  // 0: no wander
    int64_t tick_ns = 1;
  };

  DeviceClock() = default;
  // `origin_ns`: the true time at which the clock shows its offset.
  DeviceClock(const Settings& settings, int64_t origin_ns) : settings_(settings), origin_ns_(origin_ns) {}

  // What the clock shows at a true time, ns, unrounded.
  int64_t at(int64_t true_ns) const {
    const int64_t since = true_ns - origin_ns_;
    int64_t shown = settings_.offset_ns + since;
    // The error stays far below 2^53 ns, where a double is exact to a nanosecond.
    if (settings_.drift_ppb != 0) shown += std::llround(double(since) * double(settings_.drift_ppb) * 1e-9);
    if (settings_.wander_ppb != 0 && settings_.wander_period_ns > 0) shown += wander(since);
    for (const Jump& jump : jumps_) {
      if (true_ns >= jump.from_ns) shown += jump.by_ns;
    }
    return shown;
  }

  // The last tick at or before a time of this clock.
  int64_t to_tick(int64_t device_ns) const {
    const int64_t rest = device_ns % settings_.tick_ns;
    return device_ns - (rest < 0 ? rest + settings_.tick_ns : rest);
  }

  // From a true time on, the clock shows this much more.
  void jump(int64_t from_ns, int64_t by_ns) { jumps_.push_back({from_ns, by_ns}); }

 private:
  struct Jump {
    int64_t from_ns;
    int64_t by_ns;
  };

  // The integral of wander_ppb * sin(2 pi t / period).
  int64_t wander(int64_t since) const {
    const double turns = double(since) / double(settings_.wander_period_ns);
    constexpr double kTurn = 6.283185307179586;
    const double swing = double(settings_.wander_ppb) * 1e-9 * double(settings_.wander_period_ns) / kTurn;
    return std::llround(swing * (1 - std::cos(kTurn * (turns - std::floor(turns)))));
  }

  Settings settings_;
  int64_t origin_ns_ = 0;
  std::vector<Jump> jumps_;
};

}  // namespace gpuspan::sim

#endif  // GPUSPAN_SIM_MODEL_DEVICE_CLOCK_H_
