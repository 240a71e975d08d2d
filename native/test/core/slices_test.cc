// SPDX-License-Identifier: Apache-2.0
//
// Host slices of requests: times, parents, the previous-link, interleaving, and tokens that name nothing.
#include <cstring>

#include "lane_test.h"

namespace gpuspan::testing {
namespace {

using SlicesTest = LaneTest;

TEST_F(SlicesTest, WritesStageTimesAndTrace) {
  const uint16_t owner = request();
  const Bytes16 trace = [&] {
    Bytes16 id;
    std::memcpy(id.data(), recorder_->request(owner).trace_id.bytes, 16);
    return id;
  }();
  const uint64_t before = recorder_->now();
  const Token token = recorder_->begin(owner, stages_[2]);
  EXPECT_LT(token, 1u << 31);
  recorder_->end(token);
  const Record slice = only(drain(), Kind::kHostSlice);
  EXPECT_EQ(slice.stage, stages_[2]);
  EXPECT_EQ(slice.trace_id, trace);
  EXPECT_GE(slice.start, before);
  EXPECT_GE(slice.end, slice.start);
  EXPECT_LE(slice.end, recorder_->now());
  EXPECT_NE(slice.span_id, 0u);
  EXPECT_EQ(slice.parent, recorder_->request(owner).worker_span_id);
  EXPECT_EQ(slice.flags, kFlagFirstLevel);
}

TEST_F(SlicesTest, NestsUnderTheInnermostOpenSlice) {
  const uint16_t owner = request();
  const Token a = recorder_->begin(owner, stage());
  const Token b = recorder_->begin(owner, stage());
  const Token c = recorder_->begin(owner, stage());
  recorder_->end(c);
  recorder_->end(b);
  recorder_->end(a);
  const std::vector<Record> records = drain();
  ASSERT_EQ(records.size(), 3u);
  EXPECT_EQ(records[0].parent, records[1].span_id);
  EXPECT_EQ(records[1].parent, records[2].span_id);
  EXPECT_EQ(records[0].flags & kFlagFirstLevel, 0);
}

TEST_F(SlicesTest, KeepsSiblingsUnderTheParentTheyName) {
  const uint16_t owner = request();
  const Token parent = recorder_->begin(owner, stage());
  const Token first = recorder_->begin(owner, stage(), parent);
  const Token second = recorder_->begin(owner, stage(), parent);
  recorder_->end(first);
  recorder_->end(second);
  recorder_->end(parent);
  const std::vector<Record> records = drain();
  ASSERT_EQ(records.size(), 3u);
  EXPECT_EQ(records[0].parent, records[2].span_id);
  EXPECT_EQ(records[1].parent, records[2].span_id);
}

TEST_F(SlicesTest, FallsBackToTheInnermostSliceWhenTheNamedParentIsGone) {
  const uint16_t owner = request();
  const uint16_t other = request();
  const Token gone = recorder_->begin(owner, stage());
  recorder_->end(gone);
  const Token foreign = recorder_->begin(other, stage());
  const Token open = recorder_->begin(owner, stage());
  for (const Token named : {gone, foreign, Token{0x7fffffff}, Token{1}}) {
    drain();
    recorder_->end(recorder_->begin(owner, stage(), named));
    EXPECT_EQ(drain().at(0).parent, recorder_->link_for_carrier(owner));
  }
  recorder_->end(open);
  EXPECT_EQ(counts().lost_total(), 0u);
}

TEST_F(SlicesTest, EndsInterleavedSlicesInAnyOrder) {
  const uint16_t owner = request();
  const Token a = recorder_->begin(owner, stages_[1]);
  const Token b = recorder_->begin(owner, stages_[2]);
  const Token c = recorder_->begin(owner, stages_[3]);
  recorder_->end(b);
  const Token d = recorder_->begin(owner, stages_[4]);  // under c, the most recent that is open
  recorder_->end(a);
  recorder_->end(d);
  recorder_->end(c);
  const std::vector<Record> records = drain();
  ASSERT_EQ(records.size(), 4u);
  const Record &rb = records[0], &ra = records[1], &rd = records[2], &rc = records[3];
  EXPECT_EQ(rb.parent, ra.span_id);
  EXPECT_EQ(rc.parent, rb.span_id);
  EXPECT_EQ(rd.parent, rc.span_id);
  EXPECT_EQ(recorder_->request(owner).top, kNone);
  EXPECT_EQ(recorder_->request(owner).bottom, kNone);
}

TEST_F(SlicesTest, KeepsTheSlicesOfManyRequestsApart) {
  const uint16_t a = request(), b = request();
  const Token slice_a = recorder_->begin(a, stage());
  const Token slice_b = recorder_->begin(b, stage());
  recorder_->end(recorder_->begin(a, stage()));
  recorder_->end(recorder_->begin(b, stage()));
  recorder_->end(slice_a);
  recorder_->end(slice_b);
  const std::vector<Record> records = drain();
  ASSERT_EQ(records.size(), 4u);
  EXPECT_EQ(records[0].parent, records[2].span_id);
  EXPECT_EQ(records[1].parent, records[3].span_id);
  EXPECT_NE(records[2].trace_id, records[3].trace_id);
}

TEST_F(SlicesTest, LinksAFirstLevelSliceToThePreviousOneCompleted) {
  const uint16_t owner = request();
  recorder_->end(recorder_->begin(owner, stage()));
  const Token second = recorder_->begin(owner, stage());
  recorder_->end(recorder_->begin(owner, stage()));  // nested: neither links nor becomes the previous one
  recorder_->end(second);
  recorder_->end(recorder_->begin(owner, stage()));
  const std::vector<Record> records = drain();
  ASSERT_EQ(records.size(), 4u);
  EXPECT_EQ(records[0].last, 0u);
  EXPECT_EQ(records[1].last, 0u);
  EXPECT_EQ(records[2].last, records[0].span_id);
  EXPECT_EQ(records[3].last, records[2].span_id);
}

TEST_F(SlicesTest, EndsOneSliceAndBeginsItsSiblingWithOneClockRead) {
  const uint16_t owner = request();
  const Token outer = recorder_->begin(owner, stage());
  const Token first = recorder_->begin(owner, stages_[2]);
  const Token second = recorder_->next(first, stages_[3], Items().integer(1, 5));
  recorder_->end(second);
  recorder_->end(outer);
  const std::vector<Record> records = drain();
  ASSERT_EQ(records.size(), 3u);
  EXPECT_EQ(records[0].end, records[1].start);
  EXPECT_EQ(records[0].items(), "int 1=5");
  EXPECT_EQ(records[1].stage, stages_[3]);
  EXPECT_EQ(records[0].parent, records[2].span_id);
  EXPECT_EQ(records[1].parent, records[2].span_id);
}

TEST_F(SlicesTest, LinksAFirstLevelSliceThatFollowsByNext) {
  const uint16_t owner = request();
  recorder_->end(recorder_->next(recorder_->begin(owner, stage()), stages_[2]));
  const std::vector<Record> records = drain();
  ASSERT_EQ(records.size(), 2u);
  EXPECT_EQ(records[1].last, records[0].span_id);
  EXPECT_EQ(records[1].flags, kFlagFirstLevel);
}

TEST_F(SlicesTest, CountsStaleDoubledAndMadeUpTokensAndHarmsNoOtherSlice) {
  const uint16_t owner = request();
  const Token ended = recorder_->begin(owner, stage());
  recorder_->end(ended);
  const Token alive = recorder_->begin(owner, stage());  // takes the same entry
  EXPECT_EQ(token_index(alive), token_index(ended));
  const Token made_up[] = {
      ended, 1, 0x7fffffff, 0xffffffff, alive + (1u << kTokenIndexBits), alive + 1, 1u << kTokenIndexBits};
  for (const Token token : made_up) {
    recorder_->end(token);
    EXPECT_EQ(recorder_->next(token, stage()), 0u);
    recorder_->annotate(token, Items().integer(1, 1));
  }
  EXPECT_EQ(lost(Loss::kStale), 3 * std::size(made_up));
  recorder_->end(alive);
  const std::vector<Record> records = drain();
  ASSERT_EQ(records.size(), 2u);
  EXPECT_EQ(records[1].items(), "");
}

TEST_F(SlicesTest, IgnoresTheZeroToken) {
  recorder_->end(0);
  recorder_->annotate(0, Items().integer(1, 1));
  EXPECT_EQ(recorder_->next(0, stage()), 0u);
  EXPECT_EQ(counts().recorded, 0u);
}

TEST_F(SlicesTest, CountsASliceOfAnOwnerThatIsNotOpen) {
  const uint16_t owner = request();
  recorder_->finish(owner, {});
  EXPECT_EQ(recorder_->begin(owner, stage()), 0u);
  EXPECT_EQ(recorder_->begin(kBatchFlag | 3, stage()), 0u);
  EXPECT_EQ(recorder_->begin(kNone, stage()), 0u);  // a request that JavaScript knows to have ended
  EXPECT_EQ(lost(Loss::kClosed), 3u);
  EXPECT_EQ(recorder_->begin(kRequestCapacity, stage()), 0u);
  EXPECT_EQ(lost(Loss::kStale), 1u);
}

TEST_F(SlicesTest, GivesEachUseOfAnEntryItsOwnToken) {
  const uint16_t owner = request();
  Token last = 0;
  for (int i = 0; i < 1000; ++i) {
    const Token token = recorder_->begin(owner, stage());
    EXPECT_NE(token, last);
    EXPECT_EQ(token, i == 0 ? token : next_token(last));
    last = token;
    recorder_->end(token);
    drain();
  }
}

TEST_F(SlicesTest, WrapsTheGenerationOfATokenPastZero) {
  const uint16_t owner = request();
  Token previous = 0;
  bool wrapped = false;
  for (uint32_t i = 0; i < (1u << kTokenGenerationBits) + 10; ++i) {
    const Token token = recorder_->begin(owner, stage());
    ASSERT_NE(token >> kTokenIndexBits, 0u);
    ASSERT_LT(token, 1u << 31);
    wrapped |= token < previous;
    previous = token;
    recorder_->end(token);
    if (i % 128 == 0) segment_->advance(0, counts().written, i % 128 == 0 && i != 0 ? 128 : 1, 0);
  }
  EXPECT_TRUE(wrapped);
  drain();
}

}  // namespace
}  // namespace gpuspan::testing
