// SPDX-License-Identifier: Apache-2.0
//
// Batches: definition and what it refuses, slices at one record whatever the size, members that leave, closing,
// aliases on other lanes, and when an entry may be used again.
#include <cstring>
#include <numeric>

#include "lane_test.h"
#include "native/core/gpu_lane.h"

namespace gpuspan::testing {
namespace {

class BatchesTest : public LaneTest {
 protected:
  void SetUp() override { open(1024); }

  std::vector<uint16_t> requests(uint32_t n, uint8_t level = 2) {
    std::vector<uint16_t> owners;
    for (uint32_t i = 0; i < n; ++i) owners.push_back(request(level));
    return owners;
  }
  uint16_t define(const std::vector<uint16_t>& members) {
    return recorder_->define_batch(members.data(), static_cast<uint32_t>(members.size()), {});
  }
};

TEST_F(BatchesTest, RecordsOneSliceForAllMembersInATraceOfItsOwn) {
  const std::vector<uint16_t> members = requests(40);
  const uint16_t batch = recorder_->define_batch(members.data(), 40, Items().integer(1, 2));
  ASSERT_NE(batch, kNone);
  recorder_->end(recorder_->begin(batch | kBatchFlag, stage()));
  recorder_->end_batch(batch, Items().integer(3, 4));
  const std::vector<Record> records = drain();
  ASSERT_EQ(records.size(), 2u);
  const Record &slice = records[0], &span = records[1];
  EXPECT_EQ(slice.kind, static_cast<uint8_t>(Kind::kBatchSlice));
  EXPECT_EQ(span.kind, static_cast<uint8_t>(Kind::kBatch));
  EXPECT_EQ(slice.parent, span.span_id);
  EXPECT_EQ(slice.trace_id, span.trace_id);
  EXPECT_EQ(slice.flags, 0);
  EXPECT_EQ(span.items(), "int 1=2 int 3=4");
  const Batch entry = reader_->batch(slice.batch());
  ASSERT_TRUE(entry.found);
  ASSERT_EQ(entry.members.size(), 40u);
  EXPECT_EQ(entry.span_id, span.span_id);
  for (uint32_t i = 0; i < 40; ++i) {
    EXPECT_EQ(entry.members[i].worker_span_id, recorder_->request(members[i]).worker_span_id);
    EXPECT_EQ(entry.members[i].parent, entry.members[i].worker_span_id);
    EXPECT_EQ(entry.members[i].left_at, 0u);
    EXPECT_EQ(entry.members[i].level, 2);
  }
}

TEST_F(BatchesTest, FixesTheMembersParentsAtDefinition) {
  const std::vector<uint16_t> members = requests(2);
  const Token token = recorder_->begin(members[1], stage());
  const uint16_t batch = define(members);
  const uint64_t open = recorder_->link_for_carrier(members[1]);
  recorder_->end(token);
  recorder_->end_batch(batch);
  const Batch entry = reader_->batch(only(drain(), Kind::kBatch).batch());
  EXPECT_EQ(entry.members.at(0).parent, entry.members[0].worker_span_id);
  EXPECT_EQ(entry.members.at(1).parent, open);
}

TEST_F(BatchesTest, OpensTheWorkerSpansOfItsMembers) {
  const std::vector<uint16_t> members = requests(2);
  recorder_->end_batch(define(members));
  for (const uint16_t member : members) recorder_->finish(member, {});
  EXPECT_EQ(of_kind(drain(), Kind::kWorker).size(), 2u);
}

TEST_F(BatchesTest, NestsSlicesUnderTheNearestOneOfTheirLevelOrLess) {
  const uint16_t batch = define(requests(2, 4)) | kBatchFlag;
  const Token one = recorder_->begin(batch, stages_[1]);
  const Token three = recorder_->begin(batch, stages_[3]);
  const Token two = recorder_->begin(batch, stages_[2]);  // not under level 3: whoever is shown 2 might not be shown 3
  const Token named = recorder_->begin(batch, stages_[4], three);
  for (const Token token : {named, two, three, one}) recorder_->end(token);
  const std::vector<Record> records = drain();
  ASSERT_EQ(records.size(), 4u);
  EXPECT_EQ(records[0].parent, records[2].span_id);
  EXPECT_EQ(records[1].parent, records[3].span_id);
  EXPECT_EQ(records[2].parent, records[3].span_id);
}

TEST_F(BatchesTest, FollowsOneSliceByTheNextWithOneClockRead) {
  const uint16_t batch = define(requests(2)) | kBatchFlag;
  const Token outer = recorder_->begin(batch, stages_[1]);
  recorder_->end(recorder_->next(recorder_->begin(batch, stages_[2]), stages_[1]));
  recorder_->end(outer);
  const std::vector<Record> records = drain();
  ASSERT_EQ(records.size(), 3u);
  EXPECT_EQ(records[0].end, records[1].start);
  EXPECT_EQ(records[1].parent, records[2].span_id);
}

TEST_F(BatchesTest, FollowsASliceUnderItsParentWhateverElseIsOpenByNow) {
  const uint16_t batch = define(requests(2)) | kBatchFlag;
  const Token parent = recorder_->begin(batch, stages_[1]);
  const Token first = recorder_->begin(batch, stages_[1], parent);
  const Token second = recorder_->begin(batch, stages_[1], parent);
  const Token third = recorder_->next(second, stages_[2]);
  for (const Token token : {first, third, parent}) recorder_->end(token);
  const std::vector<Record> records = drain();
  ASSERT_EQ(records.size(), 4u);
  EXPECT_EQ(records[2].stage, stages_[2]);
  EXPECT_EQ(records[2].parent, records[3].span_id);
}

TEST_F(BatchesTest, FollowsAnOutermostSliceUnderTheBatchSpan) {
  const uint16_t index = define(requests(2));
  const uint16_t batch = index | kBatchFlag;
  const Token outermost = recorder_->begin(batch, stages_[1]);
  const Token inner = recorder_->begin(batch, stages_[1]);
  const Token after = recorder_->next(outermost, stages_[2]);
  for (const Token token : {inner, after}) recorder_->end(token);
  recorder_->end_batch(index);
  const std::vector<Record> records = drain();
  ASSERT_EQ(records.size(), 4u);
  EXPECT_EQ(records[2].stage, stages_[2]);
  EXPECT_EQ(records[2].parent, records[3].span_id);
}

TEST_F(BatchesTest, FollowsASliceByOneOfALowerLevelUnderAnAncestorOfThatLevel) {
  const uint16_t batch = define(requests(2, 4)) | kBatchFlag;
  const Token one = recorder_->begin(batch, stages_[1]);
  const Token three = recorder_->begin(batch, stages_[3]);
  const Token four = recorder_->next(recorder_->begin(batch, stages_[4]), stages_[2]);
  for (const Token token : {four, three, one}) recorder_->end(token);
  const std::vector<Record> records = drain();
  ASSERT_EQ(records.size(), 4u);
  EXPECT_EQ(records[0].parent, records[2].span_id);
  EXPECT_EQ(records[1].parent, records[3].span_id);
}

TEST_F(BatchesTest, FollowsASliceByOneOfALowerLevelUnderTheBatchSpanWhenItsParentHasEnded) {
  const uint16_t index = define(requests(2, 4));
  const uint16_t batch = index | kBatchFlag;
  const Token one = recorder_->begin(batch, stages_[1]);
  const Token three = recorder_->begin(batch, stages_[3]);
  const Token four = recorder_->begin(batch, stages_[4]);
  recorder_->end(three);
  const Token two = recorder_->next(four, stages_[2]);
  for (const Token token : {two, one}) recorder_->end(token);
  recorder_->end_batch(index);
  const std::vector<Record> records = drain();
  ASSERT_EQ(records.size(), 5u);
  EXPECT_EQ(records[2].stage, stages_[2]);
  EXPECT_EQ(records[2].parent, records[4].span_id);
}

TEST_F(BatchesTest, LeavesThePreviousLinksOfItsMembersAlone) {
  const std::vector<uint16_t> members = requests(1);
  recorder_->end(recorder_->begin(members[0], stage()));
  const uint16_t batch = define(members);
  recorder_->end(recorder_->begin(batch | kBatchFlag, stage()));
  recorder_->end(recorder_->begin(members[0], stage()));
  const std::vector<Record> records = of_kind(drain(), Kind::kHostSlice);
  ASSERT_EQ(records.size(), 2u);
  EXPECT_EQ(records[1].last, records[0].span_id);
}

TEST_F(BatchesTest, RefusesDuplicateForeignAndMissingMembers) {
  const std::vector<uint16_t> members = requests(3);
  const uint16_t finished = request();
  recorder_->finish(finished, {});
  const std::vector<std::vector<uint16_t>> wrong = {
      {}, {members[0], members[1], members[0]}, {finished}, {members[0], kNone}, {kRequestCapacity}, {kBatchFlag}};
  for (const std::vector<uint16_t>& list : wrong) EXPECT_EQ(define(list), kNone);
  EXPECT_EQ(lost_owners(Loss::kInvalid), wrong.size());
  EXPECT_EQ(counts().lost_total(), 0u);
  EXPECT_EQ(recorder_->request(members[0]).batches, 0);
  EXPECT_NE(define(members), kNone);
}

TEST_F(BatchesTest, MarksWhenAMemberLeaves) {
  const std::vector<uint16_t> members = requests(20);
  const uint16_t batch = define(members);
  recorder_->finish(members[17], {});
  EXPECT_EQ(request(), members[17]);  // the entry's next request is not a member
  recorder_->leave(members[17], {});
  recorder_->end_batch(batch);
  const Record span = only(drain(), Kind::kBatch);
  const Batch entry = reader_->batch(span.batch());
  for (uint32_t i = 0; i < 20; ++i) EXPECT_EQ(entry.members.at(i).left_at != 0, i == 17);
  EXPECT_LE(entry.members[17].left_at, span.end);
}

TEST_F(BatchesTest, ClosesAndFlagsABatchWhenItsLastMemberLeaves) {
  const std::vector<uint16_t> members = requests(2);
  const uint16_t batch = define(members);
  recorder_->begin(batch | kBatchFlag, stage());
  recorder_->finish(members[0], {});
  EXPECT_EQ(of_kind(reader_->peek(0), Kind::kBatch).size(), 0u);
  recorder_->finish(members[1], {});
  const std::vector<Record> records = drain();
  EXPECT_NE(only(records, Kind::kBatch).flags & kFlagUnfinished, 0);
  EXPECT_NE(only(records, Kind::kBatchSlice).flags & kFlagUnfinished, 0);
  recorder_->end_batch(batch);
  EXPECT_EQ(lost_owners(Loss::kClosed), 1u);
}

TEST_F(BatchesTest, LetsARequestBeInSeveralBatches) {
  const std::vector<uint16_t> members = requests(2);
  const uint16_t a = define(members), b = define({members[0]});
  EXPECT_EQ(recorder_->request(members[0]).batches, 2);
  recorder_->end_batch(a);
  EXPECT_EQ(recorder_->request(members[0]).batches, 1);
  recorder_->finish(members[0], {});
  EXPECT_EQ(of_kind(drain(), Kind::kBatch).size(), 2u);
  EXPECT_EQ(recorder_->begin(b | kBatchFlag, stage()), 0u);
}

TEST_F(BatchesTest, KeepsAClosedBatchUntilItsRecordsAreRead) {
  open(4 * kBatchCapacity);
  const std::vector<uint16_t> members = requests(1);
  for (uint32_t i = 0; i < kBatchCapacity; ++i) {
    const uint16_t batch = define(members);
    ASSERT_NE(batch, kNone);
    recorder_->end(recorder_->begin(batch | kBatchFlag, stage()));
    recorder_->end_batch(batch);
  }
  EXPECT_EQ(define(members), kNone);
  EXPECT_EQ(lost_owners(Loss::kBatch), 1u);
  reader_->drain_some(0, 2);
  EXPECT_EQ(define(members), 0);  // the oldest
  EXPECT_EQ(define(members), kNone);
  for (const Record& record : drain()) {
    EXPECT_TRUE(reader_->batch(record.batch()).found);
  }
}

TEST_F(BatchesTest, RefusesABatchWhenNoChunksAreLeftForItsMembers) {
  open(16384);
  const std::vector<uint16_t> members = requests(kMaxBatchMembers);
  std::vector<uint16_t> batches;
  for (uint32_t i = 0; i < kChunkCapacity * kChunkMembers / kMaxBatchMembers; ++i) batches.push_back(define(members));
  for (const uint16_t batch : batches) EXPECT_NE(batch, kNone);
  EXPECT_EQ(define({members[0]}), kNone);
  recorder_->end_batch(batches[1]);
  drain();
  EXPECT_NE(define({members[0]}), kNone);
}

TEST_F(BatchesTest, TellsHandlesOfReusedBatchesApart) {
  const std::vector<uint16_t> members = requests(1, 3);
  const uint16_t batch = define(members);
  const Handle handle = recorder_->handle(batch | kBatchFlag);
  EXPECT_EQ(handle_level(handle), 3);
  EXPECT_EQ(recorder_->resolve(handle), batch | kBatchFlag);
  recorder_->end_batch(batch);
  EXPECT_EQ(recorder_->resolve(handle), kNone);
  drain();
  EXPECT_EQ(define(members), batch);
  EXPECT_EQ(recorder_->resolve(handle), kNone);
}

TEST_F(BatchesTest, RecordsSlicesOfAnotherLanesBatchThroughACopy) {
  const std::vector<uint16_t> members = requests(33);
  const uint16_t batch = define(members);
  const Handle handle = recorder_->handle(batch | kBatchFlag);
  const std::unique_ptr<Recorder> other = claim();
  const uint16_t alias = other->adopt_batch(*segment_, handle);
  ASSERT_NE(alias, kNone);
  other->end(other->begin(alias | kBatchFlag, stage()));
  other->end_batch(alias, {});
  recorder_->end_batch(batch);
  const std::vector<Record> there = reader_->drain(other->index());
  ASSERT_EQ(there.size(), 1u);  // no span of its own
  const Record span = only(drain(), Kind::kBatch);
  EXPECT_EQ(there[0].parent, span.span_id);
  EXPECT_EQ(there[0].trace_id, span.trace_id);
  EXPECT_EQ(there[0].batch().lane, other->index());
  const Batch copy = reader_->batch(there[0].batch()), original = reader_->batch(span.batch());
  ASSERT_EQ(copy.members.size(), 33u);
  EXPECT_EQ(copy.alias, 1);
  for (size_t i = 0; i < 33; ++i) EXPECT_EQ(copy.members[i].worker_span_id, original.members[i].worker_span_id);
}

TEST_F(BatchesTest, RefusesToCopyAClosedOrMadeUpBatch) {
  const std::vector<uint16_t> members = requests(1);
  const uint16_t batch = define(members);
  const Handle handle = recorder_->handle(batch | kBatchFlag);
  recorder_->end_batch(batch);
  const std::unique_ptr<Recorder> other = claim();
  const Handle wrong[] = {0,
                          handle,
                          ~uint64_t{0},
                          handle ^ uint64_t{1} << 40,
                          handle | uint64_t{0xfff} << 8,
                          recorder_->handle(members[0])};
  for (const Handle made_up : wrong) EXPECT_EQ(other->adopt_batch(*segment_, made_up), kNone);
  EXPECT_EQ(at_loss(reader_->counts(other->index()).lost_owners, Loss::kStale), std::size(wrong));
}

TEST_F(BatchesTest, KeepsABatchWhileItsGpuSlicesAreOutOrUnread) {
  LaneMemory lane;
  std::string error;
  ASSERT_TRUE(segment_->claim_lane({.kind = 2}, &lane, &error)) << error;
  claimed_ = lane.index + 1;
  GpuLane gpu(*segment_, lane);
  const std::vector<uint16_t> members = requests(1);
  const uint16_t batch = define(members);
  GpuOrigin origin;
  ASSERT_TRUE(recorder_->gpu_origin(batch | kBatchFlag, 1, &origin));
  ASSERT_TRUE(gpu.reserve());
  recorder_->batch_launched(batch);
  recorder_->end_batch(batch);
  drain();
  EXPECT_NE(define(members), batch);
  GpuRecord record;
  record.origin = origin;
  record.launching_lane = static_cast<uint16_t>(recorder_->index());
  gpu.write(record);
  EXPECT_NE(define(members), batch);
  const Record slice = reader_->peek(lane.index).at(0);
  EXPECT_TRUE(reader_->batch({0, batch, origin.batch_generation}).found);
  EXPECT_EQ(slice.parent, reader_->batch({0, batch, origin.batch_generation}).span_id);
  reader_->drain(lane.index);
  EXPECT_EQ(define(members), batch);
}

}  // namespace
}  // namespace gpuspan::testing
