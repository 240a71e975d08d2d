// SPDX-License-Identifier: Apache-2.0
//
// What became of the stamps of one world or many: coverage, errors, bounds, and every stamp outside its bound with the
// reason. Written as JSON.
#ifndef GPUSPAN_TEST_TRUTH_REPORT_H_
#define GPUSPAN_TEST_TRUTH_REPORT_H_

#include <array>
#include <cstdint>
#include <cstdio>
#include <string>
#include <vector>

#include "simulation.h"

namespace gpuspan::truth {

// Counts ns in classes 1.6 % wide (exact up to 64), so that the percentiles of any number of stamps need little memory.
class Distribution {
 public:
  void add(int64_t ns) noexcept;
  void add(const Distribution& other) noexcept;
  uint64_t count() const noexcept { return count_; }
  // The upper end of the class in which the quantile lies; 0 when empty.
  int64_t quantile(double q) const noexcept;

 private:
  static constexpr size_t kPerOctave = 64;
  std::array<uint32_t, 60 * kPerOctave> counts_{};
  uint64_t count_ = 0;
};

struct Exception {
  uint64_t world = 0;
  double at_s = 0;
  int64_t error_ns = 0;
  int64_t bound_ns = 0;
  std::string why;  // empty: unexplained
};

// Of some worlds, or of a part of one.
struct Report {
  uint64_t worlds = 0;
  uint64_t stamps = 0;
  uint64_t outside = 0;
  uint64_t unexplained = 0;
  Distribution errors;
  Distribution bounds;
  Distribution oracle_bounds;
  double worst_oracle_ratio = 0;
  std::string worst_oracle_world;
  // Beyond the device's tick, of slices up to 2 s.
  int64_t worst_duration_error_ns = 0;
  int64_t worst_duration_beyond_tick_ns = 0;
  // The first so many of each.
  std::vector<Exception> without_reason;
  std::vector<Exception> with_reason;

  double coverage() const { return stamps == 0 ? 0 : 1 - static_cast<double>(outside) / static_cast<double>(stamps); }
  // Median bound by the oracle's; of one world.
  double oracle_ratio() const;
  void take(const World& world, const Outcome& outcome);
  // Ends a world: its median bound is compared with the oracle's.
  void finish(const World& world);
  // Adds what another report has, whose worlds are finished.
  void add(const Report& other);
};

// `{"worlds": ..., "stamps": ..., ...}` without the closing brace, so that more can follow.
void write_json(FILE* file, const Report& report);

Report play(const World& world);
// `count` random worlds; `each` is called with each one's own report.
Report play_random_worlds(uint64_t count, uint64_t seed,
                          const std::function<void(const World&, const Report&)>& each = {});

// The quiet world for 24 h, of which the first minute and the last hour are looked at closely.
struct QuietDay {
  Report minute_1;
  Report hour_24;
  struct Sample {
    double at_s;
    int64_t error_ns, bound_ns, base_error_ns;
  };
  std::vector<Sample> samples;  // one a minute, more in the first
};
QuietDay play_quiet_day(uint64_t seed);

// Of an unwatched_world: stamps outside their bound more than a second and a half after a change of the host's rate.
uint64_t outside_long_after_slews(const World& world);

}  // namespace gpuspan::truth

#endif  // GPUSPAN_TEST_TRUTH_REPORT_H_
