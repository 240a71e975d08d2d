// SPDX-License-Identifier: Apache-2.0
//
// The estimator's clock, one rule at a time. Its accuracy over simulated worlds is in native/test/truth.
#include "native/gpu/estimator/interval_clock.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdint>
#include <limits>

namespace gpuspan {
namespace {

constexpr int64_t kSecond = 1'000'000'000;

// An anchor `width_ns` wide around the true host time of a device that starts at host time 1 s and loses `ppm`.
Anchor anchor_at(int64_t device_ns, int64_t ppm, int64_t width_ns) {
  const int64_t host = kSecond + device_ns + device_ns / 1'000'000 * ppm;
  return {{device_ns, 0, 0}, {host - width_ns / 2, host + width_ns / 2}};
}

void add_seconds(IntervalClock& clock, int64_t from_s, int64_t to_s, int64_t ppm) {
  for (int64_t s = from_s; s <= to_s; ++s) clock.add(anchor_at(s * kSecond, ppm, 4'000));
}

TEST(IntervalClock, KnowsNothingWithoutAnAnchor) {
  IntervalClock clock;
  EXPECT_EQ(clock.locate({5, 0, 0}, nullptr, 0).low, kAnytime.low);
  EXPECT_EQ(clock.locate({5, 0, 0}, nullptr, 0).high, kAnytime.high);
}

TEST(IntervalClock, LocatesByTheCallersOwnAnchorWithoutKeepingIt) {
  IntervalClock clock;
  const Anchor own = anchor_at(0, 0, 2'000);
  const HostInterval located = clock.locate({0, 0, 0}, &own, 1);
  EXPECT_LE(located.low, kSecond - 1'000);
  EXPECT_LE(located.width(), 2'004);
  EXPECT_EQ(clock.anchors(), 0u);
}

TEST(IntervalClock, WidensByTheWidestDriftWhileNoRateIsKnown) {
  IntervalClock clock;
  clock.add(anchor_at(0, 0, 2'000));
  const HostInterval located = clock.locate({kSecond, 0, 0}, nullptr, 0);
  EXPECT_GE(located.width(), 1'200'000);
  EXPECT_LE(located.width(), 1'210'000);
  EXPECT_EQ(clock.rate_ppb(), 0);
}

TEST(IntervalClock, FitsTheRateOfAMinuteOfAnchors) {
  IntervalClock clock;
  add_seconds(clock, 0, 60, 24);
  EXPECT_NEAR(static_cast<double>(clock.rate_ppb()), 24'000, 100);
  const HostInterval located = clock.locate({61 * kSecond, 0, 0}, nullptr, 0);
  EXPECT_NEAR(static_cast<double>(located.middle() - kSecond), 61e9 + 61 * 24'000, 1'500);
  EXPECT_LE(located.width(), 8'000);
}

TEST(IntervalClock, WidensWithTheDistanceToItsNearestAnchor) {
  IntervalClock clock;
  add_seconds(clock, 0, 60, -24);
  const int64_t near = clock.locate({60 * kSecond, 0, 0}, nullptr, 0).width();
  const int64_t far = clock.locate({160 * kSecond, 0, 0}, nullptr, 0).width();
  EXPECT_GE(far - near, 100 * 1'000);
}

TEST(IntervalClock, WidensByTicksAndByTheRoundingBetweenTwoStamps) {
  IntervalClock clock({.tick_ns = 500});
  clock.add({{1'000, 3, 70}, {5'000, 7'000}});
  EXPECT_GE(clock.locate({1'000, 10, 100}, nullptr, 0).width(), 2'000 + 2 * (500 + 13 + 30));
  EXPECT_LE(clock.locate({1'000, 10, 100}, nullptr, 0).width(), 2'000 + 2 * (500 + 13 + 30) + 2);
}

TEST(IntervalClock, RejectsAnAnchorThreeTimesWiderThanItsBest) {
  IntervalClock clock;
  EXPECT_TRUE(clock.add({{0, 0, 0}, {0, 1'000}}));
  EXPECT_FALSE(clock.add({{10'000, 0, 0}, {10'000, 13'001}}));
  EXPECT_TRUE(clock.add({{20'000, 0, 0}, {20'000, 23'000}}));
  EXPECT_EQ(clock.anchors(), 2u);
  EXPECT_EQ(clock.rejections(), 1u);
}

TEST(IntervalClock, KeepsAWideAnchorWhenTheLastIsASecondOld) {
  IntervalClock clock;
  EXPECT_TRUE(clock.add({{0, 0, 0}, {0, 1'000}}));
  EXPECT_FALSE(clock.add({{900'000'000, 0, 0}, {900'000'000, 900'090'000}}));
  EXPECT_TRUE(clock.add({{1'100'000'000, 0, 0}, {1'100'000'000, 1'100'090'000}}));
}

TEST(IntervalClock, KeepsAMinuteOfAnchorsWhenTheyComeByTheThousand) {
  IntervalClock clock;
  for (int64_t i = 0; i <= 60'000; ++i) clock.add(anchor_at(i * 1'000'000, 24, 1'000));
  EXPECT_LE(clock.anchors(), AnchorWindow::kCapacity);
  EXPECT_NEAR(static_cast<double>(clock.rate_ppb()), 24'000, 100);
  EXPECT_LE(clock.locate({30 * kSecond, 0, 0}, nullptr, 0).width(), 20'000);
}

TEST(IntervalClock, UsesNothingFromBeforeANewEpoch) {
  IntervalClock clock;
  add_seconds(clock, 0, 60, 24);
  const uint32_t before = clock.epoch();
  clock.begin_epoch();
  EXPECT_NE(clock.epoch(), before);
  EXPECT_EQ(clock.anchors(), 0u);
  EXPECT_EQ(clock.rate_ppb(), 0);
  EXPECT_EQ(clock.locate({60 * kSecond, 0, 0}, nullptr, 0).high, kAnytime.high);
}

TEST(IntervalClock, NoticesAStepOfTheDevicesClockAndForgetsWhatCameBefore) {
  IntervalClock clock;
  add_seconds(clock, 0, 60, 24);
  const Anchor reset = {{5, 0, 0}, {70 * kSecond, 70 * kSecond + 3'000}};
  EXPECT_TRUE(clock.add(reset));
  EXPECT_EQ(clock.inconsistencies(), 1u);
  EXPECT_EQ(clock.anchors(), 1u);
  const HostInterval located = clock.locate(reset.device, nullptr, 0);
  EXPECT_LE(located.low, reset.host.low);
  EXPECT_GE(located.high, reset.host.high);
}

// Runs `ppm` faster than the host from second 30 on; 10 ppm before.
Anchor turning_anchor(int64_t s, int64_t ppm) {
  const int64_t host =
      kSecond + s * kSecond + std::min<int64_t>(s, 30) * 10'000 + std::max<int64_t>(s - 30, 0) * ppm * 1'000;
  return {{s * kSecond, 0, 0}, {host - 2'000, host + 2'000}};
}

TEST(IntervalClock, StartsOverAndWidensForAMinuteWhenTheRateSteps) {
  IntervalClock clock;
  for (int64_t s = 0; s <= 30; ++s) clock.add(turning_anchor(s, 60));
  clock.add(turning_anchor(31, 60));
  EXPECT_EQ(clock.inconsistencies(), 1u);
  EXPECT_EQ(clock.anchors(), 1u);
  for (int64_t s = 32; s <= 80; ++s) clock.add(turning_anchor(s, 60));
  const HostInterval soon = clock.locate({85 * kSecond, 0, 0}, nullptr, 0);
  for (int64_t s = 81; s <= 160; ++s) clock.add(turning_anchor(s, 60));
  const HostInterval later = clock.locate({165 * kSecond, 0, 0}, nullptr, 0);
  EXPECT_GE(soon.width(), later.width() + 1'000);
  const Anchor truth = turning_anchor(165, 60);
  EXPECT_LE(later.low, truth.host.middle());
  EXPECT_GE(later.high, truth.host.middle());
  EXPECT_EQ(clock.inconsistencies(), 1u);
}

TEST(IntervalClock, NoticesASmallStepOfTheRateBeforeItsAnswersAreWrong) {
  for (const int64_t ppm : {4, 8, 16, 32}) {
    IntervalClock clock;
    for (int64_t s = 0; s <= 90; ++s) {
      clock.add(turning_anchor(s, ppm));
      const Anchor truth = turning_anchor(s, ppm);
      const HostInterval located = clock.locate(truth.device, nullptr, 0);
      EXPECT_LE(located.low, truth.host.middle()) << ppm << " ppm, " << s << " s";
      EXPECT_GE(located.high, truth.host.middle()) << ppm << " ppm, " << s << " s";
    }
  }
}

TEST(IntervalClock, ForgetsTheRateOverAPauseInWhichTheHostMayHaveBeenSlewed) {
  IntervalClock clock;
  add_seconds(clock, 0, 60, 24);
  clock.add(anchor_at(75 * kSecond, 24, 4'000));
  EXPECT_EQ(clock.anchors(), 1u);
  EXPECT_EQ(clock.rate_ppb(), 0);
  EXPECT_EQ(clock.inconsistencies(), 0u);
}

TEST(IntervalClock, TakesTheNarrowestAtTwiceItsWidthWhereOwnAnchorsContradict) {
  IntervalClock clock;
  const Anchor own[2] = {{{0, 0, 0}, {1'000, 1'100}}, {{0, 0, 0}, {9'000, 9'010}}};
  const HostInterval located = clock.locate({0, 0, 0}, own, 2);
  EXPECT_EQ(clock.inconsistencies(), 1u);
  EXPECT_LE(located.low, 9'000 - 5);
  EXPECT_GE(located.high, 9'010 + 5);
  EXPECT_LE(located.width(), 40);
}

TEST(IntervalClock, RefusesAnAnchorThatIsNone) {
  constexpr int64_t kMin = std::numeric_limits<int64_t>::min();
  constexpr int64_t kMax = std::numeric_limits<int64_t>::max();
  IntervalClock clock;
  EXPECT_FALSE(clock.add({{0, 0, 0}, {2, 1}}));
  EXPECT_FALSE(clock.add({{0, kFarthestNs, 0}, {0, 1}}));
  EXPECT_FALSE(clock.add({{0, -1, 0}, {0, 1}}));
  EXPECT_FALSE(clock.add({{0, 0, kMin}, {0, 1}}));
  EXPECT_FALSE(clock.add({{kMax, 0, 0}, {0, 1}}));
  EXPECT_FALSE(clock.add({{kMin, 0, 0}, {0, 1}}));
  EXPECT_FALSE(clock.add({{0, 0, 0}, {kMin, kMax}}));
  EXPECT_EQ(clock.rejections(), 7u);
  EXPECT_EQ(clock.anchors(), 0u);
}

TEST(IntervalClock, SurvivesTheFarthestStampsInEveryOrder) {
  const int64_t extremes[] = {-kFarthestNs, -1, 0, 1, kFarthestNs};
  for (const int64_t tick : {int64_t{1}, int64_t{1'024}}) {
    for (const int64_t device : extremes) {
      IntervalClock clock({.tick_ns = tick});
      for (const int64_t host : extremes) {
        clock.add({{device, 0, 0}, {host, host}});
        clock.add({{-device, kFarthestNs - 1, kFarthestNs}, {-kFarthestNs, kFarthestNs}});
        for (const int64_t stamp : extremes) {
          const HostInterval located = clock.locate({stamp, kFarthestNs - 1, kFarthestNs}, nullptr, 0);
          EXPECT_FALSE(located.empty());
          EXPECT_GE(located.low, -kFarthestNs);
          EXPECT_LE(located.high, kFarthestNs);
        }
      }
    }
  }
}

}  // namespace
}  // namespace gpuspan
