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

TEST(Mutant, FailsWhatTheEstimatorPromises) {
  const Report report = play_random_worlds(kWorlds, 20'260);
  std::printf("%s: coverage %.4f %%, median bound %lld ns, widest %.2f times the oracle's\n", GPUSPAN_MUTANT,
              100 * report.coverage(), static_cast<long long>(report.bounds.quantile(0.5)), report.worst_oracle_ratio);
  if (std::strcmp(GPUSPAN_MUTANT_FAILS, "coverage") == 0) {
    EXPECT_LT(report.coverage(), 0.999);
  } else {
    EXPECT_GT(report.worst_oracle_ratio, 2);
  }
}

}  // namespace
}  // namespace gpuspan::truth
