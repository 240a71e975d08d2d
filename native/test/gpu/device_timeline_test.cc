// SPDX-License-Identifier: Apache-2.0
//
// float32 milliseconds to integer device time: within the slack for every float, and never undefined.
#include "native/gpu/estimator/device_timeline.h"

#include <gtest/gtest.h>

#include <bit>
#include <cmath>
#include <cstdlib>
#include <limits>

#include "native/core/ids.h"

namespace gpuspan {
namespace {

// What a device that measured `ns` would say.
float told(int64_t ns) { return static_cast<float>(static_cast<double>(ns) / 1e6); }

TEST(ElapsedOf, IsWithinItsSlackOfEveryDifferenceUpToADay) {
  IdGenerator random(11);
  for (int i = 0; i < 200'000; ++i) {
    const auto magnitude = static_cast<int64_t>(random.next() >> (17 + random.next() % 40));
    const int64_t ns = random.next() % 2 == 0 ? magnitude : -magnitude;
    const Elapsed elapsed = elapsed_of(told(ns));
    ASSERT_TRUE(elapsed.valid);
    ASSERT_LE(std::abs(elapsed.ns - ns), elapsed.slack_ns) << ns;
  }
}

TEST(ElapsedOf, HasTheSlackOfHalfAUnitInTheLastPlace) {
  EXPECT_EQ(elapsed_of(0.0F).slack_ns, 1);
  EXPECT_EQ(elapsed_of(0.5F).slack_ns, 1);
  EXPECT_EQ(elapsed_of(1'000.0F).slack_ns, 32);           // 30.5 and the rounding to whole ns
  EXPECT_EQ(elapsed_of(3'600'000.0F).slack_ns, 125'001);  // an hour
}

TEST(ElapsedOf, IsNotValidForWhatIsNoTime) {
  for (const float none : {std::numeric_limits<float>::quiet_NaN(), std::numeric_limits<float>::infinity(),
                           -std::numeric_limits<float>::infinity(), std::numeric_limits<float>::max(),
                           std::numeric_limits<float>::lowest(), 1.2e12F}) {
    const Elapsed elapsed = elapsed_of(none);
    EXPECT_FALSE(elapsed.valid);
    EXPECT_EQ(elapsed.ns, 0);
    EXPECT_EQ(elapsed.slack_ns, kFarthestNs);
  }
}

TEST(ElapsedOf, IsDefinedForEveryBitPattern) {
  IdGenerator random(12);
  for (int i = 0; i < 200'000; ++i) {
    const Elapsed elapsed = elapsed_of(std::bit_cast<float>(static_cast<uint32_t>(random.next())));
    ASSERT_LE(std::abs(elapsed.ns), kFarthestNs);
    ASSERT_GE(elapsed.slack_ns, 1);
  }
}

TEST(Link, ChainsADayOfSecondsToWithinTheRoundingItStates) {
  IdGenerator random(13);
  Link link;
  int64_t truth = 0;
  for (int i = 0; i < 86'400; ++i) {
    const auto step = static_cast<int64_t>(900'000'000 + random.next() % 200'000'000);
    truth += step;
    link = link.next(told(step));
    ASSERT_LE(std::abs(link.stamp().ns - truth), link.stamp().chain_ns);
  }
  EXPECT_LE(std::abs(link.stamp().ns - truth), 100'000);
}

TEST(Link, TellsAnEventFromTheNearestAnchorToWithinTheRoundingBetweenThem) {
  IdGenerator random(14);
  Link before;
  for (int i = 0; i < 1'000; ++i) before = before.next(told(1'000'000'007));
  const Link after = before.next(told(1'000'000'007));
  for (int i = 0; i < 10'000; ++i) {
    const auto since = static_cast<int64_t>(random.next() % 1'000'000'007);
    const DeviceStamp forward = before.stamp_of(told(since));
    const DeviceStamp backward = after.stamp_of(told(since - 1'000'000'007));
    const int64_t slack = forward.slack_ns + backward.slack_ns + std::abs(forward.chain_ns - backward.chain_ns);
    ASSERT_LE(std::abs(forward.ns - backward.ns), slack);
    ASSERT_LE(slack, 150);
  }
}

TEST(Link, KnowsNothingAfterADifferenceThatIsNone) {
  const float nan = std::numeric_limits<float>::quiet_NaN();
  const Link link = Link().next(1'000.0F);
  EXPECT_FALSE(link.stamp_of(nan).known());
  const Link broken = link.next(nan);
  EXPECT_FALSE(broken.stamp().known());
  EXPECT_FALSE(broken.next(1.0F).stamp().known());
  EXPECT_FALSE(broken.stamp_of(1.0F).known());
}

TEST(Link, KnowsNothingBeyondTheFarthestTime) {
  Link link;
  for (int i = 0; i < 3 && link.stamp().known(); ++i) link = link.next(1.0e12F);
  EXPECT_FALSE(link.stamp().known());
}

}  // namespace
}  // namespace gpuspan
