// SPDX-License-Identifier: Apache-2.0
//
// One program a mutant: the shipped estimator with one expression changed (CMakeLists.txt says which). Each must fail
// one of the promises that truth_test.cc checks; a mutant that passed would mean that the promise is not checked.
#include <gtest/gtest.h>

#include <cstring>

#include "report.h"

namespace gpuspan::truth {
namespace {

constexpr uint64_t kWorlds = 20;

bool fails(const char* promise) {
  if (std::strcmp(promise, "slews") == 0) return outside_long_after_slews(unwatched_world(50)) != 0;
  const Report report = play_random_worlds(kWorlds, 20'260);
  std::printf("%s: coverage %.4f %%, median bound %lld ns, widest %.2f times the oracle's\n", GPUSPAN_MUTANT,
              100 * report.coverage(), static_cast<long long>(report.bounds.quantile(0.5)), report.worst_oracle_ratio);
  return std::strcmp(promise, "coverage") == 0 ? report.coverage() < 0.999 : report.worst_oracle_ratio > 2;
}

TEST(Mutant, FailsWhatTheEstimatorPromises) { EXPECT_TRUE(fails(GPUSPAN_MUTANT_FAILS)) << GPUSPAN_MUTANT; }

}  // namespace
}  // namespace gpuspan::truth
