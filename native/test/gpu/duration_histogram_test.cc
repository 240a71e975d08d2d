// SPDX-License-Identifier: Apache-2.0
//
// What the histogram of the device library's calls says, against the sorted durations themselves.
#include "native/gpu/duration_histogram.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <vector>

namespace gpuspan {
namespace {

TEST(DurationHistogram, IsZeroWhileEmpty) {
  const DurationHistogram histogram;
  EXPECT_EQ(histogram.count(), 0u);
  EXPECT_EQ(histogram.quantile(0.99), 0u);
  EXPECT_EQ(histogram.longest(), 0u);
}

TEST(DurationHistogram, IsExactForOneDuration) {
  for (const uint64_t nanos : {uint64_t{0}, uint64_t{3}, uint64_t{4}, uint64_t{1000}, UINT64_MAX}) {
    DurationHistogram histogram;
    histogram.add(nanos);
    EXPECT_EQ(histogram.quantile(0.5), nanos);
    EXPECT_EQ(histogram.longest(), nanos);
  }
}

TEST(DurationHistogram, CountsByPowersOfTwo) {
  DurationHistogram histogram;
  const auto powers = [&histogram] { return histogram.powers(); };
  for (const uint64_t nanos : {0, 1, 2, 3, 4, 7, 8, 1023, 1024, 1535, 2047}) histogram.add(nanos);
  histogram.add(UINT64_MAX);
  EXPECT_EQ(powers()[0], 1u);   // 0
  EXPECT_EQ(powers()[1], 1u);   // 1
  EXPECT_EQ(powers()[2], 2u);   // 2, 3
  EXPECT_EQ(powers()[3], 2u);   // 4, 7
  EXPECT_EQ(powers()[4], 1u);   // 8
  EXPECT_EQ(powers()[10], 1u);  // 1023
  EXPECT_EQ(powers()[11], 3u);  // 1024 to 2047
  EXPECT_EQ(powers().back(), 1u);
}

TEST(DurationHistogram, QuantilesAreNeverTooLowAndAtMostAQuarterTooHigh) {
  DurationHistogram histogram;
  std::vector<uint64_t> durations;
  uint64_t state = 1;
  for (int i = 0; i < 10'000; ++i) {
    state = state * 6364136223846793005u + 1442695040888963407u;
    durations.push_back((state >> 33) >> (state >> 40) % 31);  // of every magnitude
    histogram.add(durations.back());
  }
  std::sort(durations.begin(), durations.end());
  for (const double share : {0.01, 0.5, 0.9, 0.99, 1.0}) {
    const uint64_t exact = durations[static_cast<size_t>(std::ceil(share * 10'000)) - 1];
    EXPECT_GE(histogram.quantile(share), exact) << share;
    EXPECT_LE(histogram.quantile(share), exact + exact / 4) << share;
  }
  EXPECT_EQ(histogram.count(), 10'000u);
  EXPECT_EQ(histogram.quantile(1), durations.back());
}

}  // namespace
}  // namespace gpuspan
