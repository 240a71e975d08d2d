// SPDX-License-Identifier: Apache-2.0
//
// How many of a stream's pending slices are done, and how few questions it takes to know.
#include "native/gpu/stream_queue.h"

#include <gtest/gtest.h>

namespace gpuspan {
namespace {

constexpr size_t kNobody = static_cast<size_t>(-1);

struct Asked {
  size_t done = 0;
  size_t failed = kNobody;
  size_t questions = 0;
};

// `passed` of `size` slices are done; the one at `broken` fails.
Asked ask(size_t size, size_t passed, size_t broken = kNobody) {
  std::deque<Waiting> pending;
  for (size_t i = 0; i < size; ++i) pending.push_back({static_cast<uint16_t>(i), i});
  Asked asked;
  asked.done = count_done(pending, &asked.failed, [&](uint16_t index) {
    ++asked.questions;
    if (index == broken) return Poll::kFailed;
    return index < passed ? Poll::kDone : Poll::kPending;
  });
  return asked;
}

TEST(StreamQueue, FindsTheDonePrefixOfEveryLength) {
  for (size_t size = 0; size <= 40; ++size) {
    for (size_t passed = 0; passed <= size; ++passed) EXPECT_EQ(ask(size, passed).done, passed) << size;
  }
}

TEST(StreamQueue, SettlesAllOfAFinishedStreamWithOneQuestion) { EXPECT_EQ(ask(1000, 1000).questions, 1u); }

TEST(StreamQueue, AsksTwiceWhenNothingMoved) { EXPECT_EQ(ask(1000, 0).questions, 2u); }

TEST(StreamQueue, AsksLogarithmicallyOftenInBetween) {
  for (size_t passed = 1; passed < 1000; ++passed) EXPECT_LE(ask(1000, passed).questions, 12u);
}

TEST(StreamQueue, NamesTheSliceThatFailedAndSettlesNothing) {
  const Asked newest = ask(10, 4, 9);
  EXPECT_EQ(newest.failed, 9u);
  EXPECT_EQ(newest.done, 0u);
  EXPECT_EQ(ask(10, 4, 0).failed, 0u);
}

}  // namespace
}  // namespace gpuspan
