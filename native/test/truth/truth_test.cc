// SPDX-License-Identifier: Apache-2.0
//
// What the estimator promises, over simulated worlds whose truth is known: true times lie within their bounds, the
// bounds are not fat, a quiet world is placed to a us after a day as after a minute, and durations are the device's.
#include <gtest/gtest.h>

#include <cstdlib>

#include "report.h"

namespace gpuspan::truth {
namespace {

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
constexpr uint64_t kWorlds = 20;  // at a tenth of the speed
constexpr uint64_t kFewestStamps = 60'000;
#else
constexpr uint64_t kWorlds = 240;
constexpr uint64_t kFewestStamps = 1'000'000;
#endif
constexpr uint64_t kSeed = 20'260;

const Report& random_worlds() {
  static const Report report = play_random_worlds(kWorlds, kSeed, [](const World& world, const Report& each) {
    EXPECT_LE(each.oracle_ratio(), 2) << "seed " << world.seed << ": " << describe(world);
    EXPECT_EQ(each.outside, 0u) << "seed " << world.seed << ": " << describe(world);
  });
  return report;
}

const QuietDay& quiet_day() {
  static const QuietDay day = play_quiet_day(1);
  return day;
}

TEST(RandomWorlds, AreEnoughToTellAThousandth) {
  EXPECT_EQ(random_worlds().worlds, kWorlds);
  EXPECT_GE(random_worlds().stamps, kFewestStamps);
}

TEST(RandomWorlds, TrueTimesLieWithinTheirBounds) { EXPECT_GE(random_worlds().coverage(), 0.999); }

TEST(RandomWorlds, EveryTimeOutsideItsBoundIsExplained) {
  EXPECT_EQ(random_worlds().unexplained, 0u);
  for (const Exception& exception : random_worlds().without_reason) {
    ADD_FAILURE() << "world " << exception.world << " at " << exception.at_s << " s: error " << exception.error_ns
                  << " ns, bound " << exception.bound_ns << " ns";
  }
}

TEST(RandomWorlds, MedianBoundsAreAtMostTwiceThoseOfAnOracle) {
  EXPECT_GE(random_worlds().worst_oracle_ratio, 1);
  EXPECT_LE(random_worlds().worst_oracle_ratio, 2) << random_worlds().worst_oracle_world;
}

TEST(RandomWorlds, DurationsAreTheDevicesToATickAndAHundredNs) {
  EXPECT_LE(random_worlds().worst_duration_beyond_tick_ns, 100);
}

TEST(RandomWorlds, AreTheSameForTheSameSeed) {
  const World world = random_world(99);
  EXPECT_EQ(describe(world), describe(random_world(99)));
  const Report first = play(world);
  const Report second = play(world);
  EXPECT_EQ(first.stamps, second.stamps);
  EXPECT_EQ(first.errors.quantile(0.999), second.errors.quantile(0.999));
}

void expect_quiet(const Report& report) {
  EXPECT_GE(report.stamps, 5'000u);
  EXPECT_EQ(report.outside, 0u);
  EXPECT_LE(report.errors.quantile(0.5), 1'000);
  EXPECT_LE(report.errors.quantile(0.999), 5'000);
  EXPECT_LE(report.bounds.quantile(0.5), 4'000);
  EXPECT_LE(report.worst_duration_error_ns, 500 + 100);
}

TEST(QuietWorld, IsPlacedToAUsInItsFirstMinute) { expect_quiet(quiet_day().minute_1); }

TEST(QuietWorld, IsPlacedToAUsInItsLastHourOfADay) { expect_quiet(quiet_day().hour_24); }

TEST(QuietWorld, IsNotPlacedAnyWorseAfterADay) {
  const Report& early = quiet_day().minute_1;
  const Report& late = quiet_day().hour_24;
  EXPECT_LE(std::abs(late.errors.quantile(0.5) - early.errors.quantile(0.5)), 200);
  EXPECT_LE(std::abs(late.bounds.quantile(0.5) - early.bounds.quantile(0.5)), 200);
}

TEST(QuietWorld, LeavesADesignOfOneBaseEventMillisecondsOffByTheEndOfTheDay) {
  EXPECT_GE(quiet_day().samples.back().base_error_ns, 1'000'000'000);  // 24 ppm of a day
  EXPECT_LE(quiet_day().samples.back().error_ns, 5'000);
}

// The device's clock is reset while the machine sleeps, or runs on by hours.
TEST(SuspendedWorld, KeepsItsBoundsAcrossEpochs) {
  for (const int64_t jump : {-1'000'000 * kSecond, -kSecond, 10 * kMs, 36'000 * kSecond}) {
    const Report report = play(suspended_world(jump));
    EXPECT_GE(report.stamps, 5'000u);
    EXPECT_EQ(report.outside, 0u) << jump;
    EXPECT_LE(report.bounds.quantile(0.5), 4'000) << jump;
  }
}

// Another process has the GPU half of the time, so that many anchors are ms wide.
TEST(TimeSlicedWorld, IsPlacedAsWellAsItsNarrowAnchorsAllow) {
  World world = quiet_world(6, 60 * kSecond);
  world.latencies.time_sliced = true;
  world.longest_slice_ns = 1e6;
  const Report report = play(world);
  EXPECT_EQ(report.outside, 0u);
  EXPECT_LE(report.oracle_ratio(), 2);
  EXPECT_LE(report.bounds.quantile(0.5), 4'000);
}

TEST(SlewedWorld, KeepsItsBoundsWhenTheTimerWatchesTheHostsClock) {
  for (const double ppm : {1.0, 5.0, 50.0, -500.0}) {
    World world = unwatched_world(ppm);
    world.watches_slews = true;
    const Report report = play(world);
    EXPECT_GE(report.stamps, 5'000u);
    EXPECT_EQ(report.outside, 0u) << ppm;
    EXPECT_LE(report.bounds.quantile(0.5), 4'000) << ppm;
  }
}

// A timer that does not watch: the anchors show it, at most one and a half cadences later.
TEST(SlewedWorld, IsRightAgainASecondAndAHalfAfterASlewThatOnlyAnchorsShow) {
  for (const double ppm : {5.0, 50.0, -500.0}) EXPECT_EQ(outside_long_after_slews(unwatched_world(ppm)), 0u) << ppm;
}

TEST(Distribution, TellsQuantilesToWithinAClass) {
  Distribution distribution;
  EXPECT_EQ(distribution.quantile(0.5), 0);
  for (int64_t ns = 1; ns <= 100'000; ++ns) distribution.add(ns);
  EXPECT_NEAR(static_cast<double>(distribution.quantile(0.5)), 50'000, 800);
  EXPECT_NEAR(static_cast<double>(distribution.quantile(0.999)), 99'900, 1'600);
  Distribution small;
  for (int64_t ns = 0; ns < 64; ++ns) small.add(ns);
  EXPECT_EQ(small.quantile(0.25), 15);
}

}  // namespace
}  // namespace gpuspan::truth
