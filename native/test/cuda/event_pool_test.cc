// SPDX-License-Identifier: Apache-2.0
//
// The pool of timing events: nobody gets a pair that another has, sampling instead of a cliff, and the numbers on the
// slices add up.
#include "native/gpu/cuda/event_pool.h"

#include <gtest/gtest.h>

#include <atomic>
#include <memory>
#include <set>
#include <thread>
#include <vector>

namespace gpuspan::cuda {
namespace {

EventPool::Pair pair_of(uint32_t number) {
  return {reinterpret_cast<Event>(uintptr_t{16} * (2 * number + 1)),
          reinterpret_cast<Event>(uintptr_t{16} * (2 * number + 2))};
}

std::unique_ptr<EventPool> pool_of(uint32_t pairs) {
  auto pool = std::make_unique<EventPool>();
  for (uint32_t i = 0; i < pairs; ++i) pool->add(pair_of(i));
  return pool;
}

TEST(EventPool, HandsOutEachPairOnceAndTakesItBack) {
  const auto pool = pool_of(EventPool::kFirstPairs);
  std::set<uint32_t> out;
  uint32_t slot;
  uint16_t stands_for;
  while (pool->free() * 4 >= pool->size()) {
    ASSERT_TRUE(pool->take(&slot, &stands_for));
    EXPECT_EQ(stands_for, 1u);
    EXPECT_TRUE(out.insert(slot).second);
  }
  for (const uint32_t taken : out) pool->give_back(taken);
  EXPECT_EQ(pool->free(), EventPool::kFirstPairs);
}

TEST(EventPool, SamplesMoreAndMoreBeforeItIsEmpty) {
  const auto pool = pool_of(128);
  std::vector<uint16_t> ratios;
  uint64_t represented = 0, asked = 0;
  while (pool->free() != 0 && asked < 10'000) {
    uint32_t slot;
    uint16_t stands_for;
    ++asked;
    if (!pool->take(&slot, &stands_for)) continue;
    represented += stands_for;
    if (ratios.empty() || ratios.back() != stands_for) ratios.push_back(stands_for);
  }
  EXPECT_EQ(pool->free(), 0u);
  EXPECT_EQ(ratios, (std::vector<uint16_t>{1, 2, 4, 8}));
  // What is recorded stands for all that was asked, to within one slice of each ratio.
  EXPECT_NEAR(static_cast<double>(represented), static_cast<double>(asked), 8 + 4 + 2);
  uint32_t slot;
  uint16_t stands_for;
  for (int i = 0; i < 16; ++i) EXPECT_FALSE(pool->take(&slot, &stands_for));
}

TEST(EventPool, AsksToGrowWhileHalfAreFreeAndNeverBeyondItsMost) {
  const auto pool = pool_of(8);
  EXPECT_FALSE(pool->low());
  uint32_t slot;
  uint16_t stands_for;
  for (int i = 0; i < 5; ++i) ASSERT_TRUE(pool->take(&slot, &stands_for));
  EXPECT_TRUE(pool->low());
  while (pool->size() < EventPool::kMostPairs) pool->add(pair_of(pool->size()));
  while (pool->free() != 0) pool->take(&slot, &stands_for);
  EXPECT_FALSE(pool->low());
}

TEST(EventPool, NoTwoThreadsHoldAPairAtOnce) {
  const auto pool = pool_of(64);
  std::vector<std::atomic<int>> holders(64);
  std::atomic<int> collisions{0};
  const auto work = [&] {
    for (int i = 0; i < 20'000; ++i) {
      uint32_t slot;
      uint16_t stands_for;
      if (!pool->take(&slot, &stands_for)) continue;
      if (holders[slot].fetch_add(1) != 0) collisions.fetch_add(1);
      holders[slot].fetch_sub(1);
      pool->give_back(slot);
    }
  };
  std::vector<std::thread> threads;
  for (int i = 0; i < 4; ++i) threads.emplace_back(work);
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(collisions.load(), 0);
  EXPECT_EQ(pool->free(), 64u);
}

}  // namespace
}  // namespace gpuspan::cuda
