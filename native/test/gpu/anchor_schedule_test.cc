// SPDX-License-Identifier: Apache-2.0
//
// When anchors are due: bursts at start and after idle, then at doubling distances up to the cadence.
#include "native/gpu/estimator/anchor_schedule.h"

#include <gtest/gtest.h>

#include <vector>

namespace gpuspan {
namespace {

constexpr int64_t kMs = 1'000'000;

TEST(AnchorSchedule, StartsWithABurstAndDoublesUpToTheCadence) {
  AnchorSchedule schedule;
  std::vector<int64_t> at_ms;
  EXPECT_EQ(schedule.due(0, true), AnchorSchedule::kBurst);
  for (int64_t ms = 1; ms <= 2'500; ++ms) {
    const size_t count = schedule.due(ms * kMs, true);
    if (count == 0) continue;
    EXPECT_EQ(count, AnchorSchedule::kEach);
    at_ms.push_back(ms);
  }
  EXPECT_EQ(at_ms, (std::vector<int64_t>{1, 3, 7, 15, 31, 63, 127, 255, 511, 1'011, 1'511, 2'011}));
}

TEST(AnchorSchedule, TakesNoneWhileNoSliceIsPending) {
  AnchorSchedule schedule;
  EXPECT_EQ(schedule.due(0, false), 0u);
  EXPECT_EQ(schedule.due(0, true), AnchorSchedule::kBurst);
  for (int64_t s = 1; s < 100; ++s) EXPECT_EQ(schedule.due(s * 1'000 * kMs, false), 0u);
}

TEST(AnchorSchedule, TakesABurstAfterIdle) {
  AnchorSchedule schedule;
  schedule.due(0, true);
  EXPECT_EQ(schedule.due(AnchorSchedule::kIdleNs, true), AnchorSchedule::kBurst);
  EXPECT_EQ(schedule.due(AnchorSchedule::kIdleNs + kMs, true), AnchorSchedule::kEach);
}

TEST(AnchorSchedule, TakesABurstWhenRestarted) {
  AnchorSchedule schedule;
  schedule.due(0, true);
  schedule.restart();
  EXPECT_EQ(schedule.due(1, true), AnchorSchedule::kBurst);
}

}  // namespace
}  // namespace gpuspan
