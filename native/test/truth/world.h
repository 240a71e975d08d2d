// SPDX-License-Identifier: Apache-2.0
//
// What a simulated world is made of: its clocks, its latencies, its slices and what happens to it. Times are ns of the
// host's CLOCK_MONOTONIC since the world began.
#ifndef GPUSPAN_TEST_TRUTH_WORLD_H_
#define GPUSPAN_TEST_TRUTH_WORLD_H_

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "random.h"

namespace gpuspan::truth {

inline constexpr int64_t kUs = 1'000;
inline constexpr int64_t kMs = 1'000'000;
inline constexpr int64_t kSecond = 1'000'000'000;

enum class Family : uint8_t { kShiftedExponential, kLognormal, kBimodal };

// From an enqueued mark to its execution, and from there to the host seeing it.
struct Latencies {
  Family family = Family::kShiftedExponential;
  double scale = 1;
  // Of kBimodal: how often a mark waits for up to 2.2 ms more.
  double gap_chance = 0;
  // Another process has the GPU for 2.2 ms after each 2.1 ms of ours.
  bool time_sliced = false;
};

struct HostSlew {
  int64_t at_ns = 0;
  double ppb = 0;  // by which CLOCK_MONOTONIC runs faster from now on
};

struct Suspend {
  int64_t at_ns = 0;
  int64_t device_jump_ns = 0;  // what the device's clock does while CLOCK_MONOTONIC stands still
};

struct World {
  uint64_t seed = 0;
  int64_t length_ns = 0;
  // The device's clock.
  int64_t tick_ns = 1;
  int64_t device_origin_ns = 0;
  double drift_ppb = 0;
  double sine_ppb = 0;  // amplitude of a thermal swing...
  int64_t sine_period_ns = 60 * kSecond;
  double walk_ppb = 0;  // ...and of each second's step of a random walk
  Latencies latencies;
  // What happens, in order of time.
  std::vector<HostSlew> slews;
  std::vector<Suspend> suspends;
  bool watches_slews = true;  // the timer compares CLOCK_MONOTONIC with CLOCK_MONOTONIC_RAW; else its anchors must tell
  // Its work.
  size_t streams = 1;
  double shortest_slice_ns = 5e3;
  double longest_slice_ns = 5e6;
  double mean_gap_ns = 20e6;  // between launches of all streams
  // Work comes in stretches of about this length, with pauses between them; 0: without.
  int64_t busy_ns = 0;
  int64_t pause_ns = 0;
};

// Any of the worlds an estimator has to cope with.
World random_world(uint64_t seed);
// 0.5 us ticks, -24 ppm, a swing of 0.3 ppm a minute, latencies as notes on an idle H100 have them.
World quiet_world(uint64_t seed, int64_t length_ns);
// A quiet minute in which the host's clock runs `ppm` faster from second 20 to second 40, and no timer watches it.
World unwatched_world(double ppm);
// A quiet minute with two suspends, over which the device's clock jumps by this much and by half as much.
World suspended_world(int64_t jump_ns);

// CLOCK_MONOTONIC_RAW when CLOCK_MONOTONIC is `host_ns`: the same, without the world's slews.
int64_t raw_ns(const World& world, int64_t host_ns);

// One line for humans.
std::string describe(const World& world);

}  // namespace gpuspan::truth

#endif  // GPUSPAN_TEST_TRUTH_WORLD_H_
