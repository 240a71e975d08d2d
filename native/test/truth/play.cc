// SPDX-License-Identifier: Apache-2.0
//
// Whole worlds, from seed to report.
#include <algorithm>
#include <cstdlib>

#include "report.h"

namespace gpuspan::truth {
namespace {

constexpr int64_t kMinute = 60 * kSecond;
constexpr int64_t kHour = 60 * kMinute;

}  // namespace

Report play(const World& world) {
  Report report;
  Simulation simulation(world);
  simulation.run([&](const Outcome& outcome) { report.take(world, outcome); });
  report.finish(world);
  return report;
}

Report play_random_worlds(uint64_t count, uint64_t seed, const std::function<void(const World&, const Report&)>& each) {
  Report total;
  Random seeds(seed);
  for (uint64_t i = 0; i < count; ++i) {
    const World world = random_world(static_cast<uint64_t>(seeds.unit() * 0x1p53));
    const Report report = play(world);
    if (each) each(world, report);
    total.add(report);
  }
  return total;
}

QuietDay play_quiet_day(uint64_t seed) {
  QuietDay day;
  World world = quiet_world(seed, 24 * kHour);
  Simulation simulation(world);
  // Work enough to need an anchor each second all day, and more where the stamps are looked at.
  simulation.set_mean_gap(kMinute, 200e6);
  simulation.set_mean_gap(23 * kHour, 20e6);
  int64_t next_sample = 0;
  simulation.run([&](const Outcome& outcome) {
    if (outcome.age_ns < kMinute) day.minute_1.take(world, outcome);
    if (outcome.age_ns >= 23 * kHour) day.hour_24.take(world, outcome);
    if (outcome.age_ns < next_sample) return;
    next_sample = outcome.age_ns + (outcome.age_ns < kMinute ? kSecond : kMinute);
    day.samples.push_back({static_cast<double>(outcome.age_ns) / 1e9,
                           std::abs(static_cast<int64_t>(outcome.placed.start_ns) - outcome.start_ns),
                           static_cast<int64_t>(outcome.placed.bound_ns),
                           std::abs(outcome.base_start_ns - outcome.start_ns)});
  });
  day.minute_1.finish(world);
  day.hour_24.finish(world);
  return day;
}

uint64_t outside_long_after_slews(const World& world) {
  Report soon, later;
  Simulation(world).run([&](const Outcome& outcome) {
    const int64_t since = outcome.age_ns % (20 * kSecond);
    const bool is_soon = outcome.age_ns >= 20 * kSecond && since < 3 * kSecond / 2 + 10 * kMs;
    (is_soon ? soon : later).take(world, outcome);
  });
  return later.outside;
}

}  // namespace gpuspan::truth
