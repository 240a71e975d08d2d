// SPDX-License-Identifier: Apache-2.0
//
// The table's tokens and its two queues.
#include "native/gpu/in_flight_table.h"

#include <gtest/gtest.h>

#include <set>
#include <vector>

namespace gpuspan {
namespace {

Token open_next(InFlightTable& table) {
  uint16_t index;
  return table.peek_free(&index) ? table.open(index) : 0;
}

TEST(InFlightTable, HandsOutEveryEntryOnceAndThenNone) {
  InFlightTable table(1);
  std::set<Token> tokens;
  for (uint32_t i = 0; i < kInFlightEntries; ++i) tokens.insert(open_next(table));
  EXPECT_EQ(tokens.size(), kInFlightEntries);
  EXPECT_EQ(tokens.count(0), 0u);
  EXPECT_LT(*tokens.rbegin(), 1u << 31);
  EXPECT_EQ(open_next(table), 0u);
}

TEST(InFlightTable, GivesThreadsTokensOfTheirOwn) {
  std::set<Token> tokens;
  for (uint16_t lane = 0; lane < 256; ++lane) {
    InFlightTable table(lane);
    EXPECT_TRUE(tokens.insert(open_next(table)).second) << lane;
  }
}

TEST(InFlightTable, RefusesTokensThatAreStaleDoubledOrMadeUp) {
  InFlightTable table(1);
  const Token token = open_next(table);
  EXPECT_EQ(table.find(0), kNone);
  EXPECT_EQ(table.find(token + 1), kNone);
  EXPECT_EQ(table.find(0x7fffffff), kNone);
  EXPECT_EQ(table.find(0xffffffff), kNone);
  const uint16_t index = table.find(token);
  ASSERT_NE(index, kNone);
  table.hand_over(index);
  EXPECT_EQ(table.find(token), kNone);
}

TEST(InFlightTable, GivesAReturnedEntryAnotherToken) {
  InFlightTable table(1);
  std::set<Token> seen;
  for (uint32_t round = 0; round < 5 * kInFlightEntries; ++round) {
    const Token token = open_next(table);
    EXPECT_TRUE(seen.insert(token).second);
    table.hand_over(table.find(token));
    uint16_t index;
    ASSERT_TRUE(table.peek_handed_over(&index));
    table.pop_handed_over();
    table.give_back(index);
  }
}

TEST(InFlightTable, KeepsTheOrderInWhichSlicesEnded) {
  InFlightTable table(1);
  std::vector<Token> tokens;
  for (int i = 0; i < 10; ++i) tokens.push_back(open_next(table));
  std::vector<uint16_t> ended;
  for (int i = 9; i >= 0; --i) {
    ended.push_back(table.find(tokens[static_cast<size_t>(i)]));
    table.hand_over(ended.back());
  }
  for (const uint16_t expected : ended) {
    uint16_t index;
    ASSERT_TRUE(table.peek_handed_over(&index));
    table.pop_handed_over();
    EXPECT_EQ(index, expected);
  }
}

TEST(InFlightTable, ClosesExactlyWhatIsOpen) {
  InFlightTable table(1);
  const Token first = open_next(table);
  const Token second = open_next(table);
  table.hand_over(table.find(first));
  std::vector<uint16_t> closed;
  table.close_open([&](uint16_t index) { closed.push_back(index); });
  EXPECT_EQ(closed, std::vector<uint16_t>{static_cast<uint16_t>(token_index(second))});
  EXPECT_EQ(table.find(second), kNone);
}

TEST(InFlightTable, LeavesAnEntryFreeThatWasOnlyLookedAt) {
  InFlightTable table(1);
  uint16_t first, again;
  ASSERT_TRUE(table.peek_free(&first));
  ASSERT_TRUE(table.peek_free(&again));
  EXPECT_EQ(first, again);
}

}  // namespace
}  // namespace gpuspan
