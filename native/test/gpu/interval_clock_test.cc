// SPDX-License-Identifier: Apache-2.0
//
// The estimator against simulated clocks whose truth is known: whatever the offset, the drift within the stated
// wander and the tick, the true time lies within the stated bound.
#include "native/gpu/interval_clock.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "native/core/ids.h"

namespace gpuspan {
namespace {

// A host and a device clock that drift apart at a rate which changes every millisecond or so.
class SimulatedClocks {
 public:
  SimulatedClocks(uint64_t seed, int64_t offset_ns, int64_t most_ppm, int64_t tick_ns)
      : random_(seed), device_ns_(offset_ns), most_ppm_(most_ppm), tick_ns_(tick_ns) {
    change_rate();
  }

  int64_t below(int64_t limit) {
    return limit <= 0 ? 0 : static_cast<int64_t>(random_.next() % static_cast<uint64_t>(limit));
  }

  void pass(int64_t host_ns) {
    while (host_ns > 0) {
      const int64_t step = std::min(host_ns, until_change_ns_);
      host_ns -= step;
      host_ns_ += step;
      until_change_ns_ -= step;
      // The fraction is carried, so that many small steps drift like one large one.
      fraction_ += step * rate_ppm_;
      device_ns_ += step + fraction_ / 1'000'000;
      fraction_ %= 1'000'000;
      if (until_change_ns_ == 0) change_rate();
    }
  }
  void jump_device(int64_t by_ns) { device_ns_ += by_ns; }

  int64_t host() const { return host_ns_; }
  int64_t device_stamp() const { return device_ns_ / tick_ns_ * tick_ns_; }

 private:
  void change_rate() {
    rate_ppm_ = below(2 * most_ppm_ + 1) - most_ppm_;
    until_change_ns_ = 1 + below(2'000'000);
  }

  IdGenerator random_;
  int64_t host_ns_ = 1'000'000'000'000;
  int64_t device_ns_;
  int64_t most_ppm_;
  int64_t tick_ns_;
  int64_t rate_ppm_ = 0;
  int64_t until_change_ns_ = 1;
  int64_t fraction_ = 0;
};

struct Simulated {
  SliceStamps stamps;
  int64_t start_ns = 0;  // the truth
  int64_t end_ns = 0;
};

Anchor simulate_call(SimulatedClocks& clocks, int64_t longest_call_ns) {
  Anchor anchor;
  anchor.host.low = clocks.host();
  clocks.pass(clocks.below(longest_call_ns));
  anchor.device_ns = clocks.device_stamp();
  clocks.pass(clocks.below(longest_call_ns));
  anchor.host.high = clocks.host();
  return anchor;
}

Simulated simulate_slice(SimulatedClocks& clocks, int64_t longest_call_ns, int64_t longest_ns) {
  Simulated slice;
  SliceStamps& stamps = slice.stamps;
  stamps.own[0] = simulate_call(clocks, longest_call_ns);
  stamps.own[1] = simulate_call(clocks, longest_call_ns);
  stamps.launched_ns = stamps.own[0].host.low;
  stamps.end_launched_ns = stamps.own[1].host.low;
  clocks.pass(clocks.below(longest_ns));
  slice.start_ns = clocks.host();
  stamps.start_device_ns = clocks.device_stamp();
  clocks.pass(clocks.below(longest_ns));
  slice.end_ns = clocks.host();
  stamps.end_device_ns = clocks.device_stamp();
  clocks.pass(clocks.below(20'000'000));
  stamps.seen_ns = clocks.host();
  return slice;
}

StreamInterval resolve(IntervalClock& clock, const Simulated& slice) {
  for (const Anchor& anchor : slice.stamps.own) clock.add(anchor);
  return place(clock, slice.stamps);
}

bool within_bound(const StreamInterval& placed, const Simulated& slice) {
  const auto bound = static_cast<int64_t>(placed.bound_ns);
  return std::abs(static_cast<int64_t>(placed.start_ns) - slice.start_ns) <= bound &&
         std::abs(static_cast<int64_t>(placed.end_ns) - slice.end_ns) <= bound;
}

struct Conditions {
  int64_t offset_ns;
  int64_t ppm;
  int64_t tick_ns;
  int64_t longest_call_ns;
  int64_t longest_slice_ns;
};

class IntervalClockUnder : public testing::TestWithParam<Conditions> {};

TEST_P(IntervalClockUnder, BoundsContainTheTruthAndNothingIsClamped) {
  const Conditions& c = GetParam();
  for (uint64_t seed = 1; seed <= 20; ++seed) {
    SimulatedClocks clocks(seed, c.offset_ns, c.ppm, c.tick_ns);
    IntervalClockOptions options;
    options.tick_ns = c.tick_ns;
    IntervalClock clock(options);
    for (int i = 0; i < 200; ++i) {
      const Simulated slice = simulate_slice(clocks, c.longest_call_ns, c.longest_slice_ns);
      const StreamInterval placed = resolve(clock, slice);
      ASSERT_TRUE(within_bound(placed, slice)) << "seed " << seed << " slice " << i << " bound " << placed.bound_ns;
      ASSERT_GE(placed.end_ns, placed.start_ns);
      ASSERT_FALSE(placed.clamped);
    }
    EXPECT_EQ(clock.inconsistencies(), 0u);
  }
}

INSTANTIATE_TEST_SUITE_P(Conditions, IntervalClockUnder,
                         testing::Values(Conditions{0, 0, 1, 1'000, 1'000'000},
                                         Conditions{5'000'000'000'000, 499, 1, 10'000, 20'000'000},
                                         Conditions{3, 499, 1'000, 3'000, 100'000'000},
                                         Conditions{7, 0, 10'000, 10, 50'000},
                                         Conditions{7, 499, 1'000'000, 1'000, 5'000'000},
                                         Conditions{-900'000'000'000, 24, 500, 200'000, 5'000'000},
                                         Conditions{1'000'000'000'000, 499, 1, 1, 5'000'000'000}));

TEST(IntervalClock, KeepsTheDevicesOwnDuration) {
  SimulatedClocks clocks(7, 123'456, 0, 1);
  IntervalClock clock;
  for (int i = 0; i < 100; ++i) {
    const Simulated slice = simulate_slice(clocks, 5'000, 1'000'000);
    const StreamInterval placed = resolve(clock, slice);
    EXPECT_NEAR(static_cast<double>(placed.end_ns - placed.start_ns),
                static_cast<double>(slice.end_ns - slice.start_ns), 1'100);
  }
}

TEST(IntervalClock, BoundOfAShortSliceIsNearTheHalfWidthOfItsNarrowestAnchor) {
  IntervalClock clock;
  SliceStamps stamps;
  stamps.own[0] = {1'000, {50'000, 50'400}};
  stamps.own[1] = {3'000, {51'000, 55'000}};
  stamps.start_device_ns = 2'000;
  stamps.end_device_ns = 9'000;
  stamps.launched_ns = 50'000;
  stamps.end_launched_ns = 51'000;
  stamps.seen_ns = 90'000;
  const StreamInterval placed = place(clock, stamps);
  EXPECT_NEAR(static_cast<double>(placed.start_ns), 51'200, 3);
  EXPECT_NEAR(static_cast<double>(placed.end_ns), 58'200, 8);
  EXPECT_GE(placed.bound_ns, 200u);
  EXPECT_LE(placed.bound_ns, 210u);
}

TEST(IntervalClock, CausalityNarrowsAWideAnchor) {
  IntervalClock clock;
  SliceStamps stamps;
  stamps.own[0] = stamps.own[1] = {0, {0, 1'000'000}};
  stamps.start_device_ns = 0;
  stamps.end_device_ns = 0;
  stamps.launched_ns = 400'000;
  stamps.end_launched_ns = 400'000;
  stamps.seen_ns = 500'000;
  const StreamInterval placed = place(clock, stamps);
  EXPECT_FALSE(placed.clamped);
  EXPECT_EQ(placed.start_ns, 450'000u);
  EXPECT_LE(placed.bound_ns, 50'002u);
}

TEST(IntervalClock, FallsBackToCausalityWithoutAnyAnchor) {
  IntervalClock clock;
  SliceStamps stamps;
  stamps.own_count = 0;
  stamps.start_device_ns = 10;
  stamps.end_device_ns = 20'010;
  stamps.launched_ns = 1'000'000;
  stamps.end_launched_ns = 1'010'000;
  stamps.seen_ns = 1'100'000;
  const StreamInterval placed = place(clock, stamps);
  EXPECT_FALSE(placed.clamped);
  EXPECT_EQ(placed.end_ns - placed.start_ns, 20'000u);
  EXPECT_LE(placed.bound_ns, 40'020u);
}

TEST(IntervalClock, MovesASliceThatContradictsCausalityAndFlagsIt) {
  IntervalClock clock;
  SliceStamps stamps;
  stamps.own[0] = stamps.own[1] = {0, {1'000'000, 1'000'100}};
  stamps.start_device_ns = 5'000;
  stamps.end_device_ns = 9'000'000;  // the device says: 8 ms after the host saw it done
  stamps.launched_ns = 1'000'000;
  stamps.end_launched_ns = 1'000'050;
  stamps.seen_ns = 2'000'000;
  const StreamInterval placed = place(clock, stamps);
  EXPECT_TRUE(placed.clamped);
  EXPECT_EQ(placed.end_ns, 2'000'000u);
  EXPECT_GE(placed.bound_ns, 7'990'000u);
}

TEST(IntervalClock, NeverEndsASliceBeforeItsStart) {
  IntervalClock clock;
  SliceStamps stamps;
  stamps.own[0] = stamps.own[1] = {0, {1'000'000, 1'000'100}};
  stamps.start_device_ns = 9'000;
  stamps.end_device_ns = 2'000;
  stamps.launched_ns = 1'000'000;
  stamps.end_launched_ns = 1'000'000;
  stamps.seen_ns = 2'000'000;
  const StreamInterval placed = place(clock, stamps);
  EXPECT_TRUE(placed.clamped);
  EXPECT_GE(placed.end_ns, placed.start_ns);
}

TEST(IntervalClock, RecoversWhenTheDeviceClockIsReset) {
  SimulatedClocks clocks(3, 50'000'000'000, 100, 1);
  IntervalClock clock;
  for (int i = 0; i < 40; ++i) resolve(clock, simulate_slice(clocks, 2'000, 1'000'000));
  clocks.jump_device(-40'000'000'000);
  int outside = 0;
  for (int i = 0; i < 40; ++i) {
    const Simulated slice = simulate_slice(clocks, 2'000, 1'000'000);
    outside += within_bound(resolve(clock, slice), slice) ? 0 : 1;
  }
  EXPECT_EQ(outside, 0);
  EXPECT_GE(clock.inconsistencies(), 1u);
  EXPECT_LE(clock.inconsistencies(), 4u);
}

TEST(IntervalClock, KeepsNoAnchorThreeTimesWiderThanItsBest) {
  IntervalClock clock;
  EXPECT_TRUE(clock.add({0, {0, 1'000}}));
  EXPECT_FALSE(clock.add({10'000, {10'000, 13'001}}));
  EXPECT_TRUE(clock.add({20'000, {20'000, 23'000}}));
  EXPECT_EQ(clock.anchors(), 2u);
}

TEST(IntervalClock, KeepsAWideAnchorWhenTheLastIsASecondOld) {
  IntervalClock clock;
  EXPECT_TRUE(clock.add({0, {0, 1'000}}));
  EXPECT_FALSE(clock.add({900'000'000, {900'000'000, 900'090'000}}));
  EXPECT_TRUE(clock.add({1'100'000'000, {1'100'000'000, 1'100'090'000}}));
}

TEST(IntervalClock, SurvivesGarbageStamps) {
  IntervalClock clock;
  SliceStamps stamps;
  stamps.own[0] = {int64_t{1} << 60, {1'000, 2'000}};
  stamps.own[1] = {0, {3'000, 4'000}};
  stamps.start_device_ns = int64_t{1} << 60;
  stamps.end_device_ns = 1;
  stamps.launched_ns = 1'000;
  stamps.end_launched_ns = 3'000;
  stamps.seen_ns = 5'000;
  for (const Anchor& anchor : stamps.own) clock.add(anchor);
  const StreamInterval placed = place(clock, stamps);
  EXPECT_TRUE(placed.clamped);
  EXPECT_GE(placed.start_ns, 1'000u);
  EXPECT_LE(placed.end_ns, 5'000u);
}

}  // namespace
}  // namespace gpuspan
