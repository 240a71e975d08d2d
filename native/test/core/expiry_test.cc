// SPDX-License-Identifier: Apache-2.0
//
// Requests and batches that the program forgot: when they are closed, what of them comes out, and what keeps them.
// Time is handed to `expire`, so nothing here waits.
#include "lane_test.h"

namespace gpuspan::testing {
namespace {

constexpr uint32_t kTtlMillis = 3'600'000;

class ExpiryTest : public LaneTest {
 protected:
  void SetUp() override {
    request_ttl_millis_ = kTtlMillis;
    open(8192);
  }
  // The look at the tables that would come that part of the TTL from now.
  void look_after(double ttls) {
    recorder_->expire(recorder_->now() + static_cast<uint64_t>(ttls * static_cast<double>(segment_->request_ttl())));
  }
  // As if what was last heard of it had been that part of the TTL ago.
  void age(uint64_t* seen, double ttls) {
    *seen -= static_cast<uint64_t>(static_cast<int64_t>(ttls * static_cast<double>(segment_->request_ttl())));
  }
  void age(uint16_t owner, double ttls) { age(&recorder_->lane().requests[owner].seen, ttls); }
  bool open_now(uint16_t owner) const { return recorder_->request(owner).state != kStateFree; }
};

constexpr uint8_t kExpired = kFlagUnfinished | kFlagExpired;

TEST_F(ExpiryTest, ClosesAndFlagsARequestOnceItsTimeIsOver) {
  const uint16_t owner = request();
  recorder_->begin(owner, stage());
  look_after(0.9);
  EXPECT_TRUE(drain().empty());
  look_after(1.1);
  const std::vector<Record> records = drain();
  ASSERT_EQ(records.size(), 3u);
  EXPECT_EQ(only(records, Kind::kHostSlice).flags & kExpired, kFlagUnfinished);
  EXPECT_EQ(only(records, Kind::kWorker).flags & kExpired, kExpired);
  EXPECT_EQ(only(records, Kind::kRoot).flags & kExpired, kExpired);
  EXPECT_FALSE(open_now(owner));
}

TEST_F(ExpiryTest, KeepsEverythingWhenThereIsNoTtl) {
  request_ttl_millis_ = 0;
  open(256);
  const uint16_t owner = request();
  recorder_->expire(recorder_->now() + (uint64_t{1} << 60));
  EXPECT_TRUE(open_now(owner));
  recorder_->finish(owner, {});
}

// Half a TTL passes before each sign of life, and as much after it; without it, the whole TTL would be over.
TEST_F(ExpiryTest, CountsFromTheLastSignOfLife) {
  const uint16_t slice = request(), event = request(), record = request(), batched = request(), launch = request();
  const uint16_t forgotten = request();
  const uint16_t batch = recorder_->define_batch(&batched, 1, {});
  const Token token = recorder_->begin(slice, stage());
  const Token batch_token = recorder_->begin(batch | kBatchFlag, stage());
  uint64_t* const batch_seen = &recorder_->lane().batches[batch].seen;
  for (const uint16_t owner : {slice, event, record}) age(owner, 0.6);
  age(batch_seen, 0.6);
  recorder_->end(token);
  recorder_->event(event, stage(), {}, 0);
  recorder_->record(record, stage(), 1, 2, {});
  recorder_->end(batch_token);
  GpuOrigin origin;
  ASSERT_TRUE(recorder_->gpu_origin(launch, 1, &origin));
  for (const uint16_t owner : {slice, event, record}) age(owner, -0.6);
  age(batch_seen, -0.6);
  look_after(1.1);
  EXPECT_FALSE(open_now(forgotten));
  for (const uint16_t owner : {slice, event, record, batched, launch}) EXPECT_TRUE(open_now(owner)) << owner;
  recorder_->close_all();
}

TEST_F(ExpiryTest, AnOpenSliceCountsFromItsBeginning) {
  const uint16_t owner = request();
  const Token token = recorder_->begin(owner, stage());
  age(&recorder_->lane().slices[token_index(token)].start, -0.5);
  look_after(1.1);
  EXPECT_TRUE(open_now(owner));
  look_after(1.6);
  EXPECT_FALSE(open_now(owner));
}

TEST_F(ExpiryTest, ARequestThatLeftAndIsNotFinishedExpiresToo) {
  const uint16_t owner = request();
  recorder_->end(recorder_->begin(owner, stage()));
  recorder_->leave(owner, {});
  drain();
  look_after(1.1);
  EXPECT_EQ(only(drain(), Kind::kRoot).flags & kExpired, kExpired);
}

TEST_F(ExpiryTest, AnAdoptedRequestThatNeverRecordedAnythingExpiresSilently) {
  RequestOrigin origin;
  origin.root_span_id = 7;
  const uint16_t owner = recorder_->adopt_request(origin);
  look_after(1.1);
  EXPECT_FALSE(open_now(owner));
  EXPECT_TRUE(drain().empty());
}

TEST_F(ExpiryTest, AForgottenBatchGoesWithItsMembers) {
  const uint16_t members[] = {request(), request()};
  const uint16_t batch = recorder_->define_batch(members, 2, {});
  recorder_->begin(batch | kBatchFlag, stage());
  look_after(1.1);
  const std::vector<Record> records = drain();
  EXPECT_EQ(only(records, Kind::kBatch).flags & kExpired, kExpired);
  EXPECT_EQ(of_kind(records, Kind::kRoot).size(), 2u);
}

TEST_F(ExpiryTest, TheMembersOfAnEndedBatchLiveOnFromItsLastSignOfLife) {
  const uint16_t owner = request(), other = request();
  const uint16_t batch = recorder_->define_batch(&owner, 1, {});
  recorder_->end_batch(batch, {});
  EXPECT_GE(recorder_->request(owner).seen, recorder_->lane().batches[batch].seen);
  EXPECT_LT(recorder_->request(other).seen, recorder_->request(owner).seen);
  recorder_->close_all();
}

TEST_F(ExpiryTest, AHandleOfAnExpiredRequestIsStale) {
  const uint16_t owner = request();
  const Handle handle = recorder_->handle(owner);
  look_after(1.1);
  RequestOrigin origin;
  EXPECT_FALSE(Recorder::read_request(*segment_, handle, &origin));
  const uint16_t next = request();
  EXPECT_EQ(next, owner);
  EXPECT_EQ(recorder_->resolve(handle), kNone);
  recorder_->finish(next, {});
}

// JavaScript knows its owners by index: an old object of it must not reach what native code adopted since.
TEST_F(ExpiryTest, AnEntryThatIsHeldByIndexIsTakenAgainByIndexAlone) {
  const uint16_t owner = request();
  look_after(1.1);
  RequestOrigin origin;
  origin.root_span_id = 7;
  const uint16_t adopted = recorder_->adopt_request(origin);
  EXPECT_NE(adopted, owner);
  EXPECT_EQ(recorder_->adopt_request(origin, HeldBy::kIndex), owner);
  recorder_->leave(adopted, {});
  EXPECT_EQ(recorder_->adopt_request(origin), adopted);
  recorder_->close_all();
}

TEST_F(ExpiryTest, AnEntryThatIsHeldByHandleIsTakenAgainByAnyone) {
  RequestOrigin origin;
  origin.root_span_id = 7;
  const uint16_t adopted = recorder_->adopt_request(origin);
  look_after(1.1);
  EXPECT_EQ(request(), adopted);
  recorder_->close_all();
}

TEST_F(ExpiryTest, ABatchThatIsHeldByIndexAndOverIsTakenAgainByIndexAlone) {
  const std::unique_ptr<Recorder> other = claim();
  const uint16_t there = other->start_request({}, {});
  const Handle handle = other->handle(other->define_batch(&there, 1, {}));
  const uint16_t owner = request();
  const uint16_t batch = recorder_->define_batch(&owner, 1, {});
  recorder_->finish(owner, {});  // the last member, so the batch is over
  drain();
  const uint16_t adopted = recorder_->adopt_batch(*segment_, handle);
  EXPECT_NE(adopted, batch);
  const uint16_t next = request();
  EXPECT_EQ(recorder_->define_batch(&next, 1, {}), batch);
  recorder_->close_all();
  other->close_all();
}

TEST_F(ExpiryTest, AFullTableIsRoomAgainAfterTheTtl) {
  for (uint32_t i = 0; i < kRequestCapacity; ++i) ASSERT_NE(request(), kNone);
  EXPECT_EQ(request(), kNone);
  EXPECT_EQ(lost_owners(Loss::kRequest), 1u);
  look_after(1.1);
  const uint16_t next = request();
  ASSERT_NE(next, kNone);
  recorder_->end(recorder_->begin(next, stage()));
  recorder_->finish(next, {});
  EXPECT_EQ(of_kind(drain(), Kind::kRoot).size(), kRequestCapacity + 1u);
}

}  // namespace
}  // namespace gpuspan::testing
