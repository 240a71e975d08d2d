// SPDX-License-Identifier: Apache-2.0
//
// A process that forks without exec: the child's calls are no-ops, the parent's segment is untouched by them.
#include "lane_test.h"

namespace gpuspan::testing {
namespace {

using ForkTest = LaneTest;

// In the child: what a reader does round by round, whether or not it holds the lease.
int read_in_child(Segment& segment) {
  if (segment.take_snapshot().monotonic_ns == 0) return 1;
  if (segment.header().snapshots.load(std::memory_order_relaxed) != 0) return 2;
  uint64_t word;
  if (segment.read(segment.header().lanes_offset, &word, sizeof word) && word != 0) return 3;
  if (segment.advance(0, 1, 0, 0)) return 4;
  const uint32_t ticket = segment.request_flush();
  if (segment.wait_flushed(ticket, 0)) return 5;
  segment.flush_done(ticket);
  return segment.wait_flushed(ticket, 0) ? 0 : 6;
}

// In the child: every call a recorder has, with what was open before the fork.
int record_in_child(Segment& segment, Recorder& recorder, uint16_t owner, Token open, uint16_t batch, Handle handle) {
  recorder.end(recorder.begin(owner, 1));
  recorder.end(open);
  recorder.annotate_root(owner, {});
  recorder.event(owner, 1, {}, 0);
  recorder.record(owner, 1, 1, 2, {});
  if (recorder.start_request({}, {}) != kNone) return 1;
  if (recorder.define_batch(&owner, 1, {}) != kNone) return 2;
  recorder.end_batch(batch);
  recorder.finish(owner, {});
  if (recorder.begin(owner, 1) != 0) return 3;
  RequestOrigin origin;
  if (Recorder::read_request(segment, handle, &origin)) return 4;
  LaneMemory lane;
  std::string error;
  if (segment.claim_lane({}, &lane, &error) || error.find("forked") == std::string::npos) return 5;
  if (segment.acquire_lease(3)) return 6;
  if (segment.dictionary().intern(EntryKind::kKey, 0, 0, "child").id != 0) return 7;
  recorder.close_all();
  return segment.forked() ? 0 : 8;
}

TEST_F(ForkTest, RecordsNothingInTheChild) {
  const uint16_t owner = request();
  const uint16_t batch = recorder_->define_batch(&owner, 1, {});
  const Token open = recorder_->begin(owner, stage());
  const LaneCounts before = counts();
  const Handle handle = recorder_->handle(owner);
  EXPECT_EQ(exit_code_of([&] { return record_in_child(*segment_, *recorder_, owner, open, batch, handle); }), 0);
  EXPECT_FALSE(segment_->forked());
  EXPECT_EQ(counts().written, before.written);
  EXPECT_EQ(counts().recorded, before.recorded);
  recorder_->end(open);
  recorder_->finish(owner, {});
  EXPECT_EQ(drain().size(), 4u);
  EXPECT_EQ(counts().lost_total(), 0u);
}

TEST_F(ForkTest, ReadsNothingInTheChild) {
  recorder_->finish(request(), {});
  const uint64_t snapshots = segment_->header().snapshots.load(std::memory_order_relaxed);
  EXPECT_EQ(exit_code_of([this] { return read_in_child(*segment_); }), 0);
  EXPECT_EQ(segment_->header().snapshots.load(std::memory_order_relaxed), snapshots);
  EXPECT_EQ(drain().size(), 1u);
}

TEST_F(ForkTest, SurvivesForksBesideSegmentsThatAreGone) {
  open(64);  // replaces the first segment
  EXPECT_EQ(exit_code_of([this] { return segment_->forked() ? 0 : 1; }), 0);
}

}  // namespace
}  // namespace gpuspan::testing
