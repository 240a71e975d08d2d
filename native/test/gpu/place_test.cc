// SPDX-License-Identifier: Apache-2.0
//
// One slice from its stamps to its stream interval: clock, causality and the device's own duration together.
#include "native/gpu/estimator/place.h"

#include <gtest/gtest.h>

#include <cstdint>
#include <limits>

namespace gpuspan {
namespace {

constexpr int64_t kMin = std::numeric_limits<int64_t>::min();
constexpr int64_t kMax = std::numeric_limits<int64_t>::max();

SliceStamps slice_of(int64_t start, int64_t end) {
  SliceStamps stamps;
  stamps.start.ns = start;
  stamps.end.ns = end;
  stamps.duration_ns = end - start;
  return stamps;
}

void limit_by(SliceStamps& stamps, int64_t launched, int64_t end_launched, int64_t seen) {
  stamps.launched_ns = launched;
  stamps.end_launched_ns = end_launched;
  stamps.seen_ns = seen;
}

void give_own(SliceStamps& stamps, const Anchor& first, const Anchor& second) {
  stamps.own[0] = first;
  stamps.own[1] = second;
  stamps.own_count = 2;
}

TEST(Place, BoundOfAShortSliceIsNearTheHalfWidthOfItsNarrowestAnchor) {
  IntervalClock clock;
  SliceStamps stamps = slice_of(2'000, 9'000);
  give_own(stamps, {{1'000, 0, 0}, {50'000, 50'400}}, {{3'000, 0, 0}, {51'000, 55'000}});
  limit_by(stamps, 50'000, 51'000, 90'000);
  const StreamInterval placed = place(clock, stamps);
  EXPECT_NEAR(static_cast<double>(placed.start_ns), 51'200, 3);
  EXPECT_NEAR(static_cast<double>(placed.end_ns), 58'200, 8);
  EXPECT_GE(placed.bound_ns, 200u);
  EXPECT_LE(placed.bound_ns, 210u);
  EXPECT_EQ(placed.duration_ns, 7'000);
}

TEST(Place, CausalityNarrowsAWideAnchor) {
  IntervalClock clock;
  SliceStamps stamps = slice_of(0, 0);
  give_own(stamps, {{0, 0, 0}, {0, 1'000'000}}, {{0, 0, 0}, {0, 1'000'000}});
  limit_by(stamps, 400'000, 400'000, 500'000);
  const StreamInterval placed = place(clock, stamps);
  EXPECT_FALSE(placed.clamped);
  EXPECT_EQ(placed.start_ns, 450'000u);
  EXPECT_LE(placed.bound_ns, 50'002u);
}

TEST(Place, FallsBackToCausalityWithoutAnyAnchor) {
  IntervalClock clock;
  SliceStamps stamps = slice_of(10, 20'010);
  limit_by(stamps, 1'000'000, 1'010'000, 1'100'000);
  const StreamInterval placed = place(clock, stamps);
  EXPECT_FALSE(placed.clamped);
  EXPECT_EQ(placed.end_ns - placed.start_ns, 20'000u);
  EXPECT_LE(placed.bound_ns, 40'050u);
}

TEST(Place, FallsBackToCausalityForStampsOfAnotherEpoch) {
  IntervalClock clock;
  clock.add({{0, 0, 0}, {5'000'000, 5'000'100}});
  SliceStamps stamps = slice_of(10, 20'010);
  limit_by(stamps, 1'000'000, 1'010'000, 1'100'000);
  stamps.epoch = clock.epoch() + 1;
  const StreamInterval placed = place(clock, stamps);
  EXPECT_FALSE(placed.clamped);
  EXPECT_LE(placed.bound_ns, 40'100u);
  EXPECT_GE(placed.start_ns, 1'000'000u);
  EXPECT_EQ(placed.duration_ns, 20'000);
  stamps.epoch = clock.epoch();
  EXPECT_TRUE(place(clock, stamps).clamped);
}

TEST(Place, BelievesNoDurationThatSpansTwoEpochs) {
  IntervalClock clock;
  SliceStamps stamps = slice_of(9'000'000'000, 10);
  limit_by(stamps, 1'000'000, 1'010'000, 1'100'000);
  stamps.epoch = kNoEpoch;
  const StreamInterval placed = place(clock, stamps);
  EXPECT_FALSE(placed.clamped);
  EXPECT_LE(placed.bound_ns, 50'000u);
  EXPECT_EQ(placed.duration_ns, static_cast<int64_t>(placed.end_ns - placed.start_ns));
}

TEST(Place, FallsBackToCausalityForStampsThatAreNotKnown) {
  IntervalClock clock;
  clock.add({{0, 0, 0}, {5'000'000, 5'000'100}});
  const float nan = std::numeric_limits<float>::quiet_NaN();
  SliceStamps stamps;
  stamps.start = stamps.end = Link().stamp_of(nan);
  stamps.duration_slack_ns = elapsed_of(nan).slack_ns;
  limit_by(stamps, 1'000'000, 1'010'000, 1'100'000);
  const StreamInterval placed = place(clock, stamps);
  EXPECT_FALSE(placed.clamped);
  EXPECT_GE(placed.start_ns, 1'000'000u);
  EXPECT_GE(placed.end_ns, placed.start_ns);
  EXPECT_LE(placed.end_ns, 1'100'000u);
}

TEST(Place, MovesASliceThatContradictsCausalityAndFlagsIt) {
  IntervalClock clock;
  SliceStamps stamps = slice_of(5'000, 9'000'000);  // the device says: 8 ms after the host saw it done
  give_own(stamps, {{0, 0, 0}, {1'000'000, 1'000'100}}, {{0, 0, 0}, {1'000'000, 1'000'100}});
  limit_by(stamps, 1'000'000, 1'000'050, 2'000'000);
  const StreamInterval placed = place(clock, stamps);
  EXPECT_TRUE(placed.clamped);
  EXPECT_EQ(placed.end_ns, 2'000'000u);
  EXPECT_GE(placed.bound_ns, 7'990'000u);
}

TEST(Place, NeverEndsASliceBeforeItsStart) {
  IntervalClock clock;
  SliceStamps stamps = slice_of(9'000, 2'000);
  give_own(stamps, {{0, 0, 0}, {1'000'000, 1'000'100}}, {{0, 0, 0}, {1'000'000, 1'000'100}});
  limit_by(stamps, 1'000'000, 1'000'000, 2'000'000);
  const StreamInterval placed = place(clock, stamps);
  EXPECT_TRUE(placed.clamped);
  EXPECT_GE(placed.end_ns, placed.start_ns);
  EXPECT_EQ(placed.duration_ns, 0);
}

TEST(Place, PutsTheEndsAsFarApartOnTheHostAsTheRateSays) {
  IntervalClock clock;
  for (int64_t s = 0; s <= 60; ++s) {
    const int64_t host = s * 1'000'100'000;  // 100 ppm
    clock.add({{s * 1'000'000'000, 0, 0}, {host, host + 4'000}});
  }
  SliceStamps stamps = slice_of(59'000'000'000, 60'000'000'000);
  limit_by(stamps, 0, 0, 70'000'000'000);
  const StreamInterval placed = place(clock, stamps);
  EXPECT_NEAR(static_cast<double>(placed.end_ns - placed.start_ns), 1'000'100'000, 200);
  EXPECT_EQ(placed.duration_ns, 1'000'000'000);
}

TEST(Place, KeepsAnImpreciseStampWithinTheBoundByThePreciseOtherOne) {
  IntervalClock clock;
  clock.add({{0, 0, 0}, {1'000'000, 1'001'000}});
  SliceStamps stamps = slice_of(0, 1'000);
  stamps.end.slack_ns = 50'000;
  limit_by(stamps, 0, 0, 2'000'000);
  EXPECT_LE(place(clock, stamps).bound_ns, 510u);
}

TEST(Place, SurvivesTheMostExtremeNumbers) {
  const int64_t extremes[] = {kMin, -1, 0, kMax};
  for (const int64_t device : extremes) {
    for (const int64_t host : extremes) {
      for (const int64_t other : extremes) {
        IntervalClock clock;
        SliceStamps stamps;
        stamps.start = {device, other, host};
        stamps.end = {other, device, host};
        stamps.duration_ns = device;
        stamps.duration_slack_ns = other;
        give_own(stamps, {{device, 0, 0}, {host, other}}, {{other, device, 0}, {host, host}});
        limit_by(stamps, host, other, device);
        for (const Anchor& anchor : stamps.own) clock.add(anchor);
        const StreamInterval placed = place(clock, stamps);
        EXPECT_GE(placed.end_ns, placed.start_ns);
        EXPECT_GE(placed.duration_ns, 0);
      }
    }
  }
}

TEST(Place, SurvivesGarbageStampsWithinWhatTheHostSaw) {
  IntervalClock clock;
  SliceStamps stamps = slice_of(kFarthestNs, 1);
  give_own(stamps, {{kFarthestNs, 0, 0}, {1'000, 2'000}}, {{0, 0, 0}, {3'000, 4'000}});
  limit_by(stamps, 1'000, 3'000, 5'000);
  for (const Anchor& anchor : stamps.own) clock.add(anchor);
  const StreamInterval placed = place(clock, stamps);
  EXPECT_TRUE(placed.clamped);
  EXPECT_GE(placed.start_ns, 1'000u);
  EXPECT_LE(placed.end_ns, 5'000u);
}

}  // namespace
}  // namespace gpuspan
