// SPDX-License-Identifier: Apache-2.0
//
// Reservation at begin: what was opened can always be written, slices leave room for owners, and overload thins a
// trace without orphaning any part of it.
#include "lane_test.h"

namespace gpuspan::testing {
namespace {

class ReservationTest : public LaneTest {
 protected:
  void SetUp() override { open(64); }
};

TEST_F(ReservationTest, WritesEverySliceThatWasOpenedHoweverFullTheRingIs) {
  const uint16_t owner = request();
  std::vector<Token> tokens;
  while (const Token token = recorder_->begin(owner, stage())) tokens.push_back(token);
  EXPECT_EQ(tokens.size(), leaf_slots(64) - 2);
  for (const Token token : tokens) recorder_->end(token);
  recorder_->finish(owner, {});
  EXPECT_EQ(of_kind(drain(), Kind::kHostSlice).size(), tokens.size());
  EXPECT_EQ(lost(Loss::kRing), 1u);
}

TEST_F(ReservationTest, LetsRequestsFillWhatSlicesMayNot) {
  uint32_t requests = 0;
  const uint16_t first = request();
  while (const Token token = recorder_->begin(first, stage())) recorder_->end(token);
  while (request() != kNone) ++requests;
  EXPECT_EQ(requests, (64 - leaf_slots(64)) / 2);
  EXPECT_EQ(lost_owners(Loss::kRequest), 1u);
}

TEST_F(ReservationTest, CountsARequestWithoutRoomForItsOwnRecordsApartFromSlices) {
  for (int i = 0; i < 32; ++i) EXPECT_NE(request(), kNone);
  EXPECT_EQ(request(), kNone);
  EXPECT_EQ(lost_owners(Loss::kRequest), 1u);
  EXPECT_EQ(counts().lost_total(), 0u);
  EXPECT_EQ(counts().recorded, 0u);
}

TEST_F(ReservationTest, GivesChildrenOfALostSliceItsParent) {
  const uint16_t owner = request();
  const Token outer = recorder_->begin(owner, stage());
  std::vector<Token> fillers;
  const uint16_t other = request();
  while (const Token token = recorder_->begin(other, stage())) fillers.push_back(token);
  const Token lost = recorder_->begin(owner, stage());
  EXPECT_EQ(lost, 0u);
  for (const Token token : fillers) recorder_->end(token);
  drain();
  const Token child = recorder_->begin(owner, stage(), lost);
  recorder_->end(child);
  recorder_->end(lost);
  recorder_->end(outer);
  const std::vector<Record> records = drain();
  ASSERT_EQ(records.size(), 2u);
  EXPECT_EQ(records[0].parent, records[1].span_id);
}

TEST_F(ReservationTest, GivesBackEverythingWhenAllIsClosed) {
  for (int round = 0; round < 100; ++round) {
    const uint16_t owner = request();
    const uint16_t member = owner;
    const Token token = recorder_->begin(owner, stage());
    recorder_->annotate(token, Items().string(1, std::string(200, 'x')));
    recorder_->annotate_root(owner, Items().string(1, std::string(100, 'x')));
    recorder_->annotate_worker(owner, Items().string(1, std::string(100, 'x')));
    const uint16_t batch = recorder_->define_batch(&member, 1, Items().string(1, std::string(70, 'x')));
    ASSERT_NE(batch, kNone);
    recorder_->begin(batch | kBatchFlag, stage());
    recorder_->end_batch(batch, Items().integer(2, 3));
    recorder_->record(owner, stage(), 1, 2, Items().integer(2, 3));
    recorder_->finish(owner, Items().integer(2, 3));
    drain();
  }
  EXPECT_EQ(counts().lost_total(), 0u);
  const uint16_t owner = request();
  uint32_t open = 0;
  while (recorder_->begin(owner, stage()) != 0) ++open;
  EXPECT_EQ(open, leaf_slots(64) - 2);
}

TEST_F(ReservationTest, ReturnsTheSlotsOfARequestThatRecordedNothing) {
  for (int i = 0; i < 1000; ++i) {
    const uint16_t owner = request();
    ASSERT_NE(owner, kNone);
    recorder_->finish(owner, {});
    const std::vector<Record> records = drain();
    ASSERT_EQ(records.size(), 1u);
    ASSERT_EQ(records[0].kind, static_cast<uint8_t>(Kind::kRoot));
  }
}

TEST_F(ReservationTest, CountsSlicesBeyondTheTableOfOpenSlices) {
  open(16384);
  const uint16_t owner = request();
  for (uint32_t i = 0; i < kSliceCapacity; ++i) ASSERT_NE(recorder_->begin(owner, stage()), 0u);
  EXPECT_EQ(recorder_->begin(owner, stage()), 0u);
  EXPECT_EQ(lost(Loss::kSlices), 1u);
  recorder_->finish(owner, {});
  EXPECT_EQ(of_kind(drain(), Kind::kHostSlice).size(), kSliceCapacity);
}

TEST_F(ReservationTest, RefusesRequestsBeyondTheTable) {
  open(16384);
  for (uint32_t i = 0; i < kRequestCapacity; ++i) ASSERT_NE(request(), kNone);
  EXPECT_EQ(request(), kNone);
  EXPECT_EQ(lost_owners(Loss::kRequest), 1u);
  recorder_->finish(7, {});
  EXPECT_EQ(request(), 7);
}

}  // namespace
}  // namespace gpuspan::testing
