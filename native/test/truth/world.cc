// SPDX-License-Identifier: Apache-2.0
//
// Random worlds. The ranges are those of the issue: ticks 1 to 1024 ns, drifts to +-100 ppm, three families of latency,
// time slicing, thermal wander, slews of the host's clock, suspends.
#include "world.h"

#include <algorithm>
#include <cmath>
#include <cstdio>

namespace gpuspan::truth {
namespace {

// What happens, happens at a full second, where SimulatedDevice can change its rate.
int64_t full_second(double ns) { return static_cast<int64_t>(ns / 1e9 + 1) * kSecond; }

void draw_clock(World& world, Random random) {
  constexpr int64_t kTicks[] = {1, 32, 64, 500, 1'024};
  world.tick_ns = random.one_of(kTicks);
  world.device_origin_ns = static_cast<int64_t>(random.uniform(0, 1e15));
  world.drift_ppb = random.uniform(-100e3, 100e3);
  world.sine_ppb = random.uniform(0, 300);
  world.sine_period_ns = static_cast<int64_t>(random.log_uniform(30e9, 900e9));
  world.walk_ppb = random.uniform(0, 20);
}

void draw_latencies(World& world, Random random) {
  constexpr Family kFamilies[] = {Family::kShiftedExponential, Family::kLognormal, Family::kBimodal};
  world.latencies.family = random.one_of(kFamilies);
  world.latencies.scale = random.log_uniform(0.6, 2.5);
  world.latencies.gap_chance = random.uniform(0.02, 0.5);
  world.latencies.time_sliced = random.chance(0.2);
}

void draw_slews(World& world, Random random) {
  const double kind = random.unit();
  if (kind < 0.25) {  // chronyd, locked
    double ppb = 0;
    for (double at = random.uniform(0, 64e9); at < static_cast<double>(world.length_ns); at += 64e9) {
      ppb = std::clamp(ppb + random.normal() * 50, -200.0, 200.0);
      world.slews.push_back({full_second(at), ppb});
    }
  } else if (kind < 0.33) {  // a correction of some ms
    const double at = random.uniform(0.1, 0.8) * static_cast<double>(world.length_ns);
    const double ppb = (random.chance(0.5) ? 1 : -1) * (random.chance(0.3) ? 500e3 : random.log_uniform(2e3, 100e3));
    world.slews.push_back({full_second(at), ppb});
    world.slews.push_back({full_second(at + random.log_uniform(1e9, 100e9)), 0});
  }
}

void draw_suspends(World& world, Random random) {
  if (!random.chance(0.2)) return;
  const int count = random.chance(0.5) ? 1 : 2;
  for (int i = 0; i < count; ++i) {
    const double part = (i + random.uniform(0.2, 0.9)) / count;
    const bool reset = random.chance(0.5);
    const double jump = reset ? -random.uniform(1e9, 1e15) : random.log_uniform(1e6, 1e14);
    world.suspends.push_back({full_second(part * static_cast<double>(world.length_ns)), static_cast<int64_t>(jump)});
  }
}

void draw_work(World& world, Random random) {
  constexpr size_t kStreams[] = {1, 1, 2, 4};
  world.streams = random.one_of(kStreams);
  world.shortest_slice_ns = random.log_uniform(2e3, 1e6);
  world.longest_slice_ns = world.shortest_slice_ns * random.log_uniform(1, 1e3);
  world.longest_slice_ns = std::min(world.longest_slice_ns, 2e9);
  // Of slices whose lengths are log-uniform; streams are busy for a tenth to two thirds of the time.
  const double ratio = world.longest_slice_ns / world.shortest_slice_ns;
  const double mean =
      ratio < 1.01 ? world.shortest_slice_ns : (world.longest_slice_ns - world.shortest_slice_ns) / std::log(ratio);
  const double load = random.uniform(0.1, 0.6) / (world.latencies.time_sliced ? 2.5 : 1);
  const double sparsest = static_cast<double>(world.length_ns) / 2'800;
  world.mean_gap_ns = std::max(mean / load / static_cast<double>(world.streams), sparsest);
  if (random.chance(0.4)) {
    world.busy_ns = static_cast<int64_t>(random.log_uniform(5e9, 40e9));
    world.pause_ns = static_cast<int64_t>(random.log_uniform(0.1e9, 100e9));
  }
}

}  // namespace

World random_world(uint64_t seed) {
  Random random(seed);
  World world;
  world.seed = seed;
  world.length_ns = static_cast<int64_t>(random.log_uniform(60e9, 300e9));
  draw_clock(world, random.fork());
  draw_latencies(world, random.fork());
  draw_slews(world, random.fork());
  draw_suspends(world, random.fork());
  draw_work(world, random.fork());
  return world;
}

World quiet_world(uint64_t seed, int64_t length_ns) {
  World world;
  world.seed = seed;
  world.length_ns = length_ns;
  world.tick_ns = 500;
  world.device_origin_ns = 1'234'567'890'123;
  world.drift_ppb = -24e3;
  world.sine_ppb = 300;
  return world;
}

World unwatched_world(double ppm) {
  World world = quiet_world(8, 60 * kSecond);
  world.slews = {{20 * kSecond, ppm * 1e3}, {40 * kSecond, 0}};
  world.watches_slews = false;
  return world;
}

World suspended_world(int64_t jump_ns) {
  World world = quiet_world(5, 60 * kSecond);
  world.suspends = {{20 * kSecond, jump_ns}, {40 * kSecond, jump_ns / 2}};
  world.longest_slice_ns = 100e6;
  world.mean_gap_ns = 10e6;
  world.streams = 4;
  return world;
}

int64_t raw_ns(const World& world, int64_t host_ns) {
  double gained = 0;
  for (size_t i = 0; i < world.slews.size() && world.slews[i].at_ns < host_ns; ++i) {
    const int64_t until = i + 1 < world.slews.size() ? std::min(world.slews[i + 1].at_ns, host_ns) : host_ns;
    gained += world.slews[i].ppb * 1e-9 * static_cast<double>(until - world.slews[i].at_ns);
  }
  return host_ns - static_cast<int64_t>(gained);
}

std::string describe(const World& world) {
  constexpr const char* kFamilies[] = {"shifted exponential", "lognormal", "bimodal"};
  char text[256];
  std::snprintf(
      text, sizeof text,
      "%s%s latencies x %.1f, tick %lld ns, %+.0f ppm, swing %.2f ppm, walk %.3f ppm, %zu slews, %zu suspends, "
      "%.0f s",
      world.latencies.time_sliced ? "time-sliced, " : "", kFamilies[static_cast<size_t>(world.latencies.family)],
      world.latencies.scale, static_cast<long long>(world.tick_ns), world.drift_ppb / 1e3, world.sine_ppb / 1e3,
      world.walk_ppb / 1e3, world.slews.size(), world.suspends.size(), static_cast<double>(world.length_ns) / 1e9);
  return text;
}

}  // namespace gpuspan::truth
