// SPDX-License-Identifier: Apache-2.0
//
// Plays a world: slices on streams, a resolver that polls, and a device timer that knows nothing but float32
// differences of its device's events and takes its anchors by AnchorSchedule. Each slice comes out as the estimator
// placed it, beside the truth.
#ifndef GPUSPAN_TEST_TRUTH_SIMULATION_H_
#define GPUSPAN_TEST_TRUTH_SIMULATION_H_

#include <cstdint>
#include <deque>
#include <functional>
#include <vector>

#include "native/gpu/estimator/anchor_schedule.h"
#include "native/gpu/estimator/device_timeline.h"
#include "native/gpu/estimator/interval_clock.h"
#include "native/gpu/estimator/place.h"
#include "native/gpu/estimator/slew_watch.h"
#include "oracle.h"
#include "random.h"
#include "simulated_device.h"
#include "world.h"

namespace gpuspan::truth {

// The host's clock does not begin with the world.
inline constexpr int64_t kHostOriginNs = 3'000 * kSecond;

struct Outcome {
  StreamInterval placed;
  int64_t start_ns = 0;  // the truth, on the host's clock
  int64_t end_ns = 0;
  int64_t device_duration_ns = 0;  // the truth, on the device's
  int64_t oracle_bound_ns = 0;
  bool one_epoch = true;  // false: the device's clock may have become another meanwhile
  // Where a design of one base event, taken at the start and never corrected, would put the start.
  int64_t base_start_ns = 0;
  int64_t age_ns = 0;  // of the world, at the start of the slice
};

class Simulation {
 public:
  explicit Simulation(const World& world);
  // Calls `take` for each slice in the order in which they are resolved.
  void run(const std::function<void(const Outcome&)>& take);
  // How the work changes at `at_ns`: a new mean gap between launches.
  void set_mean_gap(int64_t at_ns, double mean_gap_ns) { gap_changes_.push_back({at_ns, mean_gap_ns}); }

  const IntervalClock& clock() const { return clock_; }
  uint64_t anchors_taken() const { return anchors_taken_; }

 private:
  struct Slice {
    int64_t launched = 0, end_launched = 0;
    int64_t start = 0, end = 0, visible = 0;
  };
  struct GapChange {
    int64_t at_ns;
    double mean_gap_ns;
  };

  void launch(int64_t now);
  void plan_next_launch();
  void watch_host();
  void begin_epoch();
  void take_anchors(bool wanted);
  bool resolve(const std::function<void(const Outcome&)>& take);
  Outcome outcome(const Slice& slice);
  bool pending() const;

  World world_;
  SimulatedDevice device_;
  Random random_;
  IntervalClock clock_;
  AnchorSchedule schedule_;
  SlewWatch slew_watch_;
  Oracle oracle_;
  Link link_;
  int64_t link_device_ns_ = 0;  // stamp of the anchor at link_
  int64_t base_host_ns_ = -1;   // of the one base event
  int64_t base_device_ns_ = 0;
  std::vector<std::deque<Slice>> streams_;
  std::vector<int64_t> free_at_;
  std::vector<GapChange> gap_changes_;
  int64_t now_ = 0;
  int64_t next_launch_ = 0;
  int64_t busy_until_ = 0;
  int64_t epoch_began_ = -1;
  size_t suspends_seen_ = 0;
  uint64_t inconsistencies_seen_ = 0;
  uint64_t anchors_taken_ = 0;
};

}  // namespace gpuspan::truth

#endif  // GPUSPAN_TEST_TRUTH_SIMULATION_H_
