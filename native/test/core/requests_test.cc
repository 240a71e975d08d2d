// SPDX-License-Identifier: Apache-2.0
//
// Requests: root and worker spans, leaving and finishing, adoption across lanes, handles, and what closing a
// lane does to what is open.
#include <cstring>

#include "lane_test.h"

namespace gpuspan::testing {
namespace {

using RequestsTest = LaneTest;

TEST_F(RequestsTest, WritesTheWorkerSpanThenTheRoot) {
  RequestOrigin origin;
  origin.parent = 0x1234;
  origin.level = 3;
  for (uint8_t i = 0; i < 16; ++i) origin.trace_id.bytes[i] = i;
  const uint16_t owner = recorder_->start_request(origin, Items().integer(5, 6));
  recorder_->end(recorder_->begin(owner, stage()));
  recorder_->finish(owner, Items().integer(7, 8));
  const std::vector<Record> records = drain();
  ASSERT_EQ(records.size(), 3u);
  const Record &slice = records[0], &worker = records[1], &root = records[2];
  EXPECT_EQ(worker.kind, static_cast<uint8_t>(Kind::kWorker));
  EXPECT_EQ(root.kind, static_cast<uint8_t>(Kind::kRoot));
  EXPECT_EQ(slice.parent, worker.span_id);
  EXPECT_EQ(worker.parent, root.span_id);
  EXPECT_EQ(root.parent, 0x1234u);
  EXPECT_EQ(root.flags, kFlagRemoteParent | kFlagContinued);
  EXPECT_EQ(root.items(), "int 5=6 int 7=8");
  EXPECT_EQ(worker.start, slice.start);
  EXPECT_LE(root.start, worker.start);
  EXPECT_GE(root.end, slice.end);
  EXPECT_EQ(root.trace_id[15], 15);
  EXPECT_EQ(root.last, 3u << 16);  // lane 0, level 3
}

TEST_F(RequestsTest, MakesATraceIdWhenNoneIsGiven) {
  const uint16_t a = request(), b = request();
  recorder_->finish(a, {});
  recorder_->finish(b, {});
  const std::vector<Record> records = drain();
  ASSERT_EQ(records.size(), 2u);
  EXPECT_NE(records[0].trace_id, Bytes16{});
  EXPECT_NE(records[0].trace_id, records[1].trace_id);
}

TEST_F(RequestsTest, WritesNoWorkerSpanForAStayWithoutSlices) {
  const uint16_t owner = request();
  recorder_->annotate_worker(owner, Items().integer(1, 1));
  recorder_->finish(owner, {});
  const std::vector<Record> records = drain();
  ASSERT_EQ(records.size(), 1u);
  EXPECT_EQ(records[0].kind, static_cast<uint8_t>(Kind::kRoot));
}

TEST_F(RequestsTest, ClosesAndFlagsOpenSlicesWhenARequestFinishes) {
  const uint16_t owner = request();
  recorder_->begin(owner, stages_[1]);
  recorder_->begin(owner, stages_[2]);
  recorder_->finish(owner, {});
  const std::vector<Record> records = drain();
  ASSERT_EQ(records.size(), 4u);
  EXPECT_EQ(records[0].stage, stages_[2]);
  EXPECT_EQ(records[1].stage, stages_[1]);
  for (int i = 0; i < 2; ++i) EXPECT_NE(records[static_cast<size_t>(i)].flags & kFlagUnfinished, 0);
  EXPECT_EQ(records[2].flags & kFlagUnfinished, 0);
  EXPECT_EQ(records[0].end, records[3].end);
}

TEST_F(RequestsTest, CountsASecondFinishAndHarmsNobody) {
  const uint16_t owner = request();
  recorder_->finish(owner, {});
  recorder_->finish(owner, {});
  recorder_->leave(owner, {});
  recorder_->finish(kNone, {});
  EXPECT_EQ(lost_owners(Loss::kClosed), 3u);
  EXPECT_EQ(drain().size(), 1u);
}

TEST_F(RequestsTest, WritesTheRootAtFinishWhenTheStayWasLeftBefore) {
  const uint16_t owner = request();
  recorder_->end(recorder_->begin(owner, stage()));
  recorder_->leave(owner, Items().integer(1, 2));
  EXPECT_EQ(recorder_->begin(owner, stage()), 0u);
  EXPECT_EQ(lost(Loss::kClosed), 1u);
  recorder_->leave(owner, {});
  EXPECT_EQ(lost_owners(Loss::kClosed), 1u);
  recorder_->finish(owner, {});
  const std::vector<Record> records = drain();
  ASSERT_EQ(records.size(), 3u);
  EXPECT_EQ(records[1].items(), "int 1=2");
  EXPECT_EQ(records[2].kind, static_cast<uint8_t>(Kind::kRoot));
}

TEST_F(RequestsTest, WritesOnlyAWorkerSpanForAnAdoptedRequest) {
  RequestOrigin origin;
  origin.root_span_id = 77;
  origin.previous = 99;
  const uint16_t owner = recorder_->adopt_request(origin);
  recorder_->end(recorder_->begin(owner, stage()));
  recorder_->finish(owner, Items().integer(1, 2));
  const std::vector<Record> records = drain();
  ASSERT_EQ(records.size(), 2u);
  EXPECT_EQ(records[0].last, 99u);
  EXPECT_EQ(records[1].kind, static_cast<uint8_t>(Kind::kWorker));
  EXPECT_EQ(records[1].parent, 77u);
  EXPECT_EQ(records[1].items(), "int 1=2");
}

TEST_F(RequestsTest, TellsTheOutermostOpenSliceElseTheLastCompletedOneToACarrier) {
  const uint16_t owner = request();
  EXPECT_EQ(recorder_->link_for_carrier(owner), 0u);
  const Token outer = recorder_->begin(owner, stage());
  const uint64_t link = recorder_->link_for_carrier(owner);
  recorder_->end(recorder_->begin(owner, stage()));
  EXPECT_EQ(recorder_->link_for_carrier(owner), link);
  recorder_->end(outer);
  EXPECT_EQ(recorder_->link_for_carrier(owner), link);
  EXPECT_EQ(drain().at(1).span_id, link);
  EXPECT_EQ(recorder_->link_for_carrier(kNone), 0u);
}

TEST_F(RequestsTest, PlacesASpanOfALibraryBelowTheNamedElseTheInnermostSliceElseTheWorkerSpan) {
  const uint16_t owner = request();
  EXPECT_EQ(recorder_->position(owner, 0), 0u);  // no worker span yet: below the root span
  const Token outer = recorder_->begin(owner, stage());
  const uint64_t outer_id = recorder_->link_for_carrier(owner);
  EXPECT_EQ(recorder_->position(owner, 0), outer_id);
  const Token inner = recorder_->begin(owner, stage());
  const uint64_t inner_id = recorder_->position(owner, 0);
  EXPECT_EQ(recorder_->position(owner, inner), inner_id);
  EXPECT_EQ(recorder_->position(owner, outer), outer_id);
  recorder_->end(inner);
  EXPECT_EQ(recorder_->position(owner, inner), outer_id);  // stale: as if it were not there
  recorder_->end(outer);
  const std::vector<Record> slices = drain();
  EXPECT_EQ(slices.at(0).span_id, inner_id);
  EXPECT_EQ(slices.at(1).span_id, outer_id);
  EXPECT_EQ(recorder_->position(owner, 0), slices[1].parent);
  recorder_->finish(owner, {});
  EXPECT_EQ(recorder_->position(owner, 0), 0u);
  EXPECT_EQ(recorder_->position(kNone, 0), 0u);
}

TEST_F(RequestsTest, PlacesNoSpanBelowASliceOfAnotherRequest) {
  const uint16_t owner = request(), other = request();
  const Token foreign = recorder_->begin(other, stage());
  EXPECT_EQ(recorder_->position(owner, foreign), 0u);
  EXPECT_NE(recorder_->position(other, foreign), 0u);
  recorder_->end(foreign);
}

TEST_F(RequestsTest, FlagsARootBelowASpanOfThisProcessAsNoServer) {
  RequestOrigin origin;
  origin.parent = 0x1234;
  origin.remote_parent = false;
  recorder_->finish(recorder_->start_request(origin, {}), {});
  const Record root = only(drain(), Kind::kRoot);
  EXPECT_EQ(root.parent, 0x1234u);
  EXPECT_EQ(root.flags & kFlagRemoteParent, 0);
}

TEST_F(RequestsTest, ReadsARequestOfAnotherLaneByItsHandle) {
  const uint16_t owner = request(3);
  const Token token = recorder_->begin(owner, stage());
  const Handle handle = recorder_->handle(owner);
  EXPECT_EQ(handle_level(handle), 3);
  RequestOrigin origin;
  ASSERT_TRUE(Recorder::read_request(*segment_, handle, &origin));
  EXPECT_EQ(origin.level, 3);
  EXPECT_EQ(std::memcmp(origin.trace_id.bytes, recorder_->request(owner).trace_id.bytes, 16), 0);
  EXPECT_EQ(origin.root_span_id, recorder_->request(owner).root_span_id);
  EXPECT_EQ(origin.previous, recorder_->link_for_carrier(owner));
  recorder_->end(token);
  ASSERT_TRUE(Recorder::read_request(*segment_, handle, &origin));
  EXPECT_EQ(origin.previous, recorder_->link_for_carrier(owner));
}

TEST_F(RequestsTest, RefusesStaleAndMadeUpHandles) {
  const uint16_t owner = request();
  const Handle handle = recorder_->handle(owner);
  recorder_->finish(owner, {});
  EXPECT_EQ(request(), owner);
  RequestOrigin origin;
  const Handle made_up[] = {0,
                            handle,
                            ~uint64_t{0},
                            handle ^ (uint64_t{1} << 8),
                            handle ^ (uint64_t{0xfff} << 8),
                            handle | uint64_t{kBatchFlag} << 20,
                            handle ^ (uint64_t{3} << 50)};
  for (const Handle wrong : made_up) {
    EXPECT_FALSE(Recorder::read_request(*segment_, wrong, &origin)) << wrong;
    EXPECT_EQ(recorder_->resolve(wrong), kNone) << wrong;
  }
  EXPECT_EQ(recorder_->resolve(recorder_->handle(owner)), owner);
  EXPECT_EQ(recorder_->handle(kNone), 0u);
}

TEST_F(RequestsTest, CountsSharesOfARequestOnItsOwnThread) {
  const uint16_t owner = request();
  EXPECT_FALSE(recorder_->unshare(owner));
  recorder_->share(owner);
  recorder_->share(owner);
  EXPECT_TRUE(recorder_->unshare(owner));
  EXPECT_TRUE(recorder_->unshare(owner));
  EXPECT_FALSE(recorder_->unshare(owner));
  recorder_->finish(owner, {});
  EXPECT_FALSE(recorder_->unshare(owner));
}

TEST_F(RequestsTest, PutsTheLossesSoFarOnAWorkerSpan) {
  const uint16_t owner = request();
  recorder_->end(recorder_->begin(owner, stage()));
  recorder_->end(12345);
  recorder_->end(12345);
  recorder_->finish(kNone, {});
  recorder_->finish(owner, {});
  EXPECT_EQ(only(drain(), Kind::kWorker).items(), "losses 4:2 6:1");
}

TEST_F(RequestsTest, TellsAWorkerSpanOfAnOwnerThatACallerRefusedThoughNothingElseWasLost) {
  const uint16_t owner = request();
  recorder_->end(recorder_->begin(owner, stage()));
  const LaneCounts before = counts();
  recorder_->lose_owner(Loss::kInvalid);
  EXPECT_EQ(counts().recorded, before.recorded);  // an owner is no slice
  EXPECT_EQ(lost_owners(Loss::kInvalid), 1u);
  recorder_->finish(owner, {});
  EXPECT_EQ(only(drain(), Kind::kWorker).items(), "losses 14:1");
}

TEST_F(RequestsTest, ClosesAndFlagsEverythingAtTheEndOfALane) {
  const uint16_t a = request(), b = request(), left = request();
  const uint16_t members[] = {a, b};
  const uint16_t batch = recorder_->define_batch(members, 2, {});
  recorder_->begin(a, stage());
  recorder_->begin(batch | kBatchFlag, stage());
  recorder_->end(recorder_->begin(left, stage()));
  recorder_->leave(left, {});
  recorder_->close_all();
  recorder_->close_all();
  const std::vector<Record> records = drain();
  EXPECT_EQ(of_kind(records, Kind::kRoot).size(), 3u);
  EXPECT_EQ(of_kind(records, Kind::kWorker).size(), 3u);
  EXPECT_EQ(of_kind(records, Kind::kBatch).size(), 1u);
  EXPECT_EQ(of_kind(records, Kind::kHostSlice).size(), 2u);
  EXPECT_EQ(of_kind(records, Kind::kBatchSlice).size(), 1u);
  for (const Record& root : of_kind(records, Kind::kRoot)) EXPECT_NE(root.flags & kFlagUnfinished, 0);
  EXPECT_NE(only(records, Kind::kBatch).flags & kFlagUnfinished, 0);
}

TEST_F(RequestsTest, CountsWhatIsRecordedAfterTheEndOfALane) {
  const uint16_t a = request();
  recorder_->close_all();
  EXPECT_EQ(request(), kNone);
  EXPECT_EQ(recorder_->begin(a, stage()), 0u);
  EXPECT_EQ(recorder_->define_batch(&a, 1, {}), kNone);
  recorder_->record(a, stage(), 1, 2, {});
  recorder_->event(a, 1, {}, 0);
  EXPECT_EQ(lost(Loss::kClosed), 2u);
  EXPECT_EQ(lost_owners(Loss::kClosed), 3u);
}

}  // namespace
}  // namespace gpuspan::testing
