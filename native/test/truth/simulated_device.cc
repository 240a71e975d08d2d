// SPDX-License-Identifier: Apache-2.0
//
// Rate and latencies. The clock's gain on the host is kept apart from the time itself, so that doubles are exact to
// well under a ns after a day.
#include "simulated_device.h"

#include <algorithm>
#include <cmath>

namespace gpuspan::truth {
namespace {

constexpr double kTwoPi = 6.283185307179586;
constexpr int64_t kOursNs = 2'100 * kUs;
constexpr int64_t kOthersNs = 2'200 * kUs;

}  // namespace

SimulatedDevice::SimulatedDevice(const World& world) : world_(world), random_(world.seed ^ 0x5eed) {
  const auto count = static_cast<size_t>(world.length_ns / kSecond) + 120;
  seconds_.reserve(count);
  Random walk = random_.fork();
  double gained = 0, walked = 0, slewed = 0;
  size_t slew = 0, suspend = 0;
  for (size_t i = 0; i < count; ++i) {
    const int64_t now = static_cast<int64_t>(i) * kSecond;
    while (slew < world.slews.size() && world.slews[slew].at_ns <= now) slewed = world.slews[slew++].ppb;
    while (suspend < world.suspends.size() && world.suspends[suspend].at_ns <= now) {
      gained += static_cast<double>(world.suspends[suspend++].device_jump_ns);
    }
    walked += walk.normal() * world.walk_ppb;
    seconds_.push_back({gained, world.drift_ppb + walked - slewed});
    gained += seconds_.back().ppb;
  }
}

// The integral of a rate of sine_ppb * sin(2 pi t / period).
double SimulatedDevice::swing(double host_ns) const {
  const auto period = static_cast<double>(world_.sine_period_ns);
  return world_.sine_ppb * 1e-9 * period / kTwoPi * (1 - std::cos(kTwoPi * host_ns / period));
}

int64_t SimulatedDevice::exact(int64_t host_ns) const {
  const auto index = static_cast<size_t>(host_ns / kSecond);
  const Second& second = seconds_[std::min(index, seconds_.size() - 1)];
  const double into = static_cast<double>(host_ns - static_cast<int64_t>(index) * kSecond);
  const double gained = second.gained_ns + into * second.ppb * 1e-9 + swing(static_cast<double>(host_ns));
  return world_.device_origin_ns + host_ns + static_cast<int64_t>(std::floor(gained));
}

int64_t SimulatedDevice::stamp(int64_t host_ns) const {
  const int64_t now = exact(host_ns);
  const int64_t into = now % world_.tick_ns;
  return now - (into < 0 ? into + world_.tick_ns : into);
}

double SimulatedDevice::latency(double shift_us, double mean_us, double median_us) {
  double us = 0;
  if (world_.latencies.family == Family::kLognormal) {
    // Half of the median is the way there, which takes its time whatever happens.
    us = median_us * (0.5 + 0.5 * std::exp(0.6 * random_.normal()));
  } else {
    us = shift_us + random_.exponential(mean_us);
  }
  if (world_.latencies.family == Family::kBimodal && random_.chance(world_.latencies.gap_chance / 2)) {
    us += random_.uniform(0, 2'200);
  }
  return us * 1e3 * world_.latencies.scale;
}

int64_t SimulatedDevice::when_ours(int64_t host_ns) const {
  if (!world_.latencies.time_sliced) return host_ns;
  const int64_t into = host_ns % (kOursNs + kOthersNs);
  return into < kOursNs ? host_ns : host_ns - into + kOursNs + kOthersNs;
}

int64_t SimulatedDevice::executes(int64_t enqueued_ns) {
  return when_ours(enqueued_ns + static_cast<int64_t>(latency(2.5, 1.5, 3.7)));
}

int64_t SimulatedDevice::seen(int64_t executed_ns) {
  return executed_ns + static_cast<int64_t>(latency(0.9, 0.8, 1.6) + random_.uniform(0, 400));
}

}  // namespace gpuspan::truth
