// SPDX-License-Identifier: Apache-2.0
//
// The whole CUDA timer against the truth, on virtual time: events, anchors and the estimator together, in worlds of
// different clocks and latencies, with suspends and changes of the host clock's rate. The estimator alone is tested in
// far more worlds by native/test/truth.
#include <algorithm>
#include <random>
#include <vector>

#include "native/test/cuda/by_hand.h"

namespace gpuspan {
namespace {

// Under TSan fewer: there is one thread, and it has nothing to find in numbers.
#if defined(__SANITIZE_THREAD__)
constexpr uint64_t kWorlds = 8;
#else
constexpr uint64_t kWorlds = 40;
#endif

struct Tally {
  uint64_t stamps = 0;
  uint64_t outside = 0;
  uint64_t lost = 0;
  int64_t worst_duration_error = 0;
  std::vector<int64_t> errors, bounds;

  void add(const ByHand::Outcome& outcome) {
    if (outcome.answer != Read::kPlaced) {
      ++lost;
      return;
    }
    check(outcome.interval.start_ns, outcome.interval.bound_ns, outcome.begin.host_ns);
    check(outcome.interval.end_ns, outcome.interval.bound_ns, outcome.end.host_ns);
    const int64_t duration = outcome.end.device_ns - outcome.begin.device_ns;
    worst_duration_error = std::max(worst_duration_error, std::abs(outcome.interval.duration_ns - duration));
  }
  static int64_t quantile(std::vector<int64_t> values, double at) {
    if (values.empty()) return INT64_MAX;
    std::sort(values.begin(), values.end());
    return values[static_cast<size_t>(at * static_cast<double>(values.size() - 1))];
  }

 private:
  void check(uint64_t placed, uint64_t bound, int64_t truth) {
    const int64_t error = std::abs(static_cast<int64_t>(placed) - truth);
    ++stamps;
    outside += error > static_cast<int64_t>(bound) ? 1 : 0;
    errors.push_back(error);
    bounds.push_back(static_cast<int64_t>(bound));
  }
};

class CudaTruthTest : public CudaTest {
 protected:
  void SetUp() override {
    make_segment(64);
    sim.use_clock();
  }

  // The model of docs/clocks.md: 2.5 us + exponential of 1.5 to the device, 0.9 + 0.8 back.
  gpuspan_sim_config world(uint64_t seed) const {
    gpuspan_sim_config config;
    sim.zero(&config);
    config.seed = seed;
    config.log_capacity = 1 << 12;
    config.call_ns = 60;
    config.record_ns = 600;
    config.query_ns = 200;
    config.submit = {GPUSPAN_SIM_EXPONENTIAL, 0, 2'500, 1'500, 0};
    config.complete = {GPUSPAN_SIM_EXPONENTIAL, 0, 900, 800, 0};
    config.clock[0] = {123'456'789'012, -24'000, 300, 60'000'000'000, 500};
    return config;
  }
  gpuspan_sim_config any_world(std::mt19937_64& random) const {
    gpuspan_sim_config config = world(random());
    const auto one_of = [&](std::initializer_list<int64_t> values) { return values.begin()[random() % values.size()]; };
    config.clock[0].drift_ppb = static_cast<int64_t>(random() % 200'001) - 100'000;
    config.clock[0].wander_ppb = one_of({0, 100, 300});
    config.clock[0].tick_ns = one_of({1, 32, 64, 500, 1024});
    const auto family = static_cast<int32_t>(one_of({GPUSPAN_SIM_EXPONENTIAL, GPUSPAN_SIM_LOGNORMAL}));
    config.submit.family = family;
    config.submit.sigma = 0.6;
    config.complete.family = family;
    config.complete.sigma = 0.6;
    if (one_of({0, 1}) != 0) {
      config.slice_probability = 0.02;
      config.slice_gap_ns = 2'100'000;
    }
    return config;
  }

  // `slices` slices with random work and gaps; `between` is called before each.
  Tally run(
      const gpuspan_sim_config& config, int slices, int64_t longest_gap_ns,
      const std::function<void(int)>& between = [](int) {}) {
    Tally tally;
    start_sim(config);
    std::mt19937_64 random(config.seed);
    const std::unique_ptr<DeviceTimer> timer = new_timer(sim.host());
    ByHand hand(sim, *timer, [&](const ByHand::Outcome& outcome) { tally.add(outcome); });
    const cuda::Stream on = new_stream();
    const std::unique_ptr<Stream> opened = hand.open(handle_of(on));
    if (opened == nullptr) {
      ADD_FAILURE() << timer->last_error();
      return tally;
    }
    for (int i = 0; i < slices; ++i) {
      between(i);
      const auto work_ns = static_cast<int64_t>(random() % 3'000'000);
      EXPECT_TRUE(hand.launch(*opened, [&] { run_kernel(on, work_ns); }));
      EXPECT_TRUE(hand.settle());
      sim.advance_ns(static_cast<int64_t>(random() % static_cast<uint64_t>(longest_gap_ns)));
    }
    return tally;
  }
};

TEST_F(CudaTruthTest, EveryStampLiesWithinItsBoundInAQuietWorldOverADay) {
  const Tally tally = run(world(1), 8'000, 21'000'000'000);  // about 23 h
  EXPECT_EQ(tally.lost, 0u);
  EXPECT_EQ(tally.outside, 0u) << "of " << tally.stamps;
  EXPECT_LE(Tally::quantile(tally.errors, 0.5), 1'000);
  EXPECT_LE(Tally::quantile(tally.errors, 0.999), 5'000);
  EXPECT_LE(tally.worst_duration_error, 500 + 100);
}

TEST_F(CudaTruthTest, BoundsAreTightWhileSlicesFlow) {
  const Tally tally = run(world(2), 20'000, 10'000'000);
  EXPECT_EQ(tally.outside, 0u) << "of " << tally.stamps;
  EXPECT_LE(Tally::quantile(tally.errors, 0.5), 1'000);
  EXPECT_LE(Tally::quantile(tally.errors, 0.999), 5'000);
  EXPECT_LE(Tally::quantile(tally.bounds, 0.5), 4'000);
}

TEST_F(CudaTruthTest, EveryStampLiesWithinItsBoundInWorldsOfAllKinds) {
  std::mt19937_64 random(20'261'126);
  Tally all;
  for (uint64_t i = 0; i < kWorlds; ++i) {
    const gpuspan_sim_config config = any_world(random);
    const int64_t longest_gap_ns = random() % 2 == 0 ? 50'000'000 : 5'000'000'000;
    const Tally tally = run(config, 400, longest_gap_ns);
    EXPECT_EQ(tally.lost, 0u);
    EXPECT_EQ(tally.outside, 0u) << "world " << i << ", seed " << config.seed;
    all.stamps += tally.stamps;
  }
  EXPECT_EQ(all.stamps, kWorlds * 400 * 2);
}

// The device may have been off meanwhile, its clock anywhere after it.
TEST_F(CudaTruthTest, ASuspendNeverMakesAStampLie) {
  for (uint64_t seed = 1; seed <= 10; ++seed) {
    const Tally tally = run(world(seed), 300, 100'000'000, [&](int i) {
      if (i % 60 == 30) {
        ASSERT_EQ(sim.suspend(7'200'000'000'000), 0);
      }
    });
    EXPECT_EQ(tally.lost, 0u);
    EXPECT_EQ(tally.outside, 0u) << "seed " << seed;
    EXPECT_LE(Tally::quantile(tally.bounds, 0.5), 4'000);
  }
}

// A suspend while slices are in flight: causality places them, with a bound that says so.
TEST_F(CudaTruthTest, ASuspendInsideASliceIsCoveredByItsBound) {
  gpuspan_sim_config config = world(3);
  start_sim(config);
  Tally tally;
  const std::unique_ptr<DeviceTimer> timer = new_timer(sim.host());
  ByHand hand(sim, *timer, [&](const ByHand::Outcome& outcome) { tally.add(outcome); });
  const cuda::Stream on = new_stream();
  const std::unique_ptr<Stream> opened = hand.open(handle_of(on));
  ASSERT_NE(opened, nullptr);
  for (int i = 0; i < 40; ++i) {
    EXPECT_TRUE(hand.launch(*opened, [&] {
      run_kernel(on, 20'000'000);
      sim.advance_ns(1'000'000);
      if (i % 8 == 3) {
        ASSERT_EQ(sim.suspend(60'000'000'000), 0);
      }
    }));
    EXPECT_TRUE(hand.settle());
  }
  EXPECT_EQ(tally.lost, 0u);
  EXPECT_EQ(tally.outside, 0u);
}

// chronyd and ntpd change the rate of CLOCK_MONOTONIC.
TEST_F(CudaTruthTest, AHostClockThatIsSlewedIsFollowed) {
  for (const int64_t ppb : {10'000, -50'000, 100'000, 500'000, -500'000}) {
    const Tally tally = run(world(4), 600, 100'000'000, [&](int i) {
      if (i == 200) {
        ASSERT_EQ(sim.slew(ppb), 0);
      }
      if (i == 400) {
        ASSERT_EQ(sim.slew(0), 0);
      }
    });
    EXPECT_EQ(tally.lost, 0u);
    // What is resolved in the first moments after a change, before any anchor can tell, may miss.
    EXPECT_LE(tally.outside * 1'000, tally.stamps * 1) << ppb << " ppb: " << tally.outside << " of " << tally.stamps;
  }
}

TEST_F(CudaTruthTest, LongSlicesAreAsGoodAsShortOnes) {
  gpuspan_sim_config config = world(5);
  start_sim(config);
  Tally tally;
  const std::unique_ptr<DeviceTimer> timer = new_timer(sim.host());
  ByHand hand(sim, *timer, [&](const ByHand::Outcome& outcome) { tally.add(outcome); });
  const cuda::Stream on = new_stream();
  const std::unique_ptr<Stream> opened = hand.open(handle_of(on));
  ASSERT_NE(opened, nullptr);
  for (int i = 0; i < 100; ++i) {
    EXPECT_TRUE(hand.launch(*opened, [&] { run_kernel(on, 5'000'000'000); }));
    EXPECT_TRUE(hand.settle());
  }
  EXPECT_EQ(tally.outside, 0u);
  EXPECT_LE(Tally::quantile(tally.bounds, 0.5), 5'000);
}

}  // namespace
}  // namespace gpuspan
