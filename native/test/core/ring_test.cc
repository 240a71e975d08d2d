// SPDX-License-Identifier: Apache-2.0
//
// The ring as producer and reader see it: empty, full, wrapped, with positions that start near the limits of 32
// and 64 bits, and with rings from the smallest to the default size.
#include "lane_test.h"

namespace gpuspan::testing {
namespace {

struct Shape {
  uint32_t slots;
  uint64_t first;
};

class RingTest : public LaneTest, public ::testing::WithParamInterface<Shape> {
 protected:
  void SetUp() override { open(GetParam().slots, GetParam().first); }
  uint32_t slots() const { return GetParam().slots; }
};

INSTANTIATE_TEST_SUITE_P(, RingTest,
                         ::testing::Values(Shape{64, 0}, Shape{64, (1ull << 32) - 5}, Shape{64, UINT64_MAX - 4},
                                           Shape{128, UINT64_MAX - 127}, Shape{1024, (1ull << 32) - 1}, Shape{65536, 0},
                                           Shape{65536, UINT64_MAX - 70000}),
                         [](const auto& info) {
                           return std::to_string(info.param.slots) + "_from_" + std::to_string(info.param.first);
                         });

TEST_P(RingTest, ShowsTheReaderNothingBeforeTheFirstRecord) {
  EXPECT_TRUE(drain().empty());
  EXPECT_EQ(counts().written, GetParam().first);
}

TEST_P(RingTest, DropsTheNewestRecordWhenTheRingIsFull) {
  const uint16_t owner = request();  // reserves two slots of the part that slices may fill
  const uint32_t fit = leaf_slots(slots()) - 2;
  for (uint32_t i = 0; i < fit; ++i) recorder_->end(recorder_->begin(owner, stage()));
  EXPECT_EQ(lost(Loss::kRing), 0u);
  EXPECT_EQ(recorder_->begin(owner, stage()), 0u);
  EXPECT_EQ(lost(Loss::kRing), 1u);
  EXPECT_EQ(reader_->account(0), "");
  const std::vector<Record> records = drain();
  ASSERT_EQ(records.size(), fit);
  for (uint32_t i = 0; i < fit; ++i) ASSERT_EQ(records[i].sequence, i + 1);
}

TEST_P(RingTest, TakesRecordsAgainAfterTheReaderMadeRoom) {
  const uint16_t owner = request();
  while (const Token token = recorder_->begin(owner, stage())) recorder_->end(token);
  ASSERT_EQ(reader_->drain_some(0, 3).size(), 3u);
  for (int i = 0; i < 3; ++i) {
    const Token token = recorder_->begin(owner, stage());
    EXPECT_NE(token, 0u);
    recorder_->end(token);
  }
  EXPECT_EQ(recorder_->begin(owner, stage()), 0u);
  EXPECT_EQ(lost(Loss::kRing), 2u);
}

TEST_P(RingTest, KeepsOrderAndContentOverManyTurns) {
  const uint16_t owner = request();
  uint32_t next = 1;
  const uint32_t per_round = slots() / 4 + 1;
  for (int round = 0; round < 9; ++round) {
    for (uint32_t i = 0; i < per_round; ++i) recorder_->end(recorder_->begin(owner, static_cast<uint16_t>(i)));
    const std::vector<Record> records = drain();
    ASSERT_EQ(records.size(), per_round);
    for (uint32_t i = 0; i < per_round; ++i) {
      ASSERT_EQ(records[i].sequence, next++);
      ASSERT_EQ(records[i].stage, i);
    }
  }
}

TEST_P(RingTest, ContinuesARecordOverTheEndOfTheRing) {
  const uint16_t owner = request();
  Items items;
  for (uint16_t key = 0; key < 40; ++key) items.integer(key, key * 3);  // 440 bytes, 7 continuations
  const std::string expected = [] {
    std::string text;
    for (int key = 0; key < 40; ++key)
      text += (key ? " int " : "int ") + std::to_string(key) + "=" + std::to_string(key * 3);
    return text;
  }();
  for (uint32_t i = 0; i < slots() / 4; ++i) {  // 8 slots each: every offset of the ring's end is met
    if (i % 3 == 0) {
      recorder_->end(recorder_->begin(owner, stage()));
      drain();
    }
    recorder_->end(recorder_->begin(owner, stage()), items);
    const std::vector<Record> records = drain();
    ASSERT_EQ(records.size(), 1u);
    ASSERT_EQ(records[0].slots, 8u);
    ASSERT_EQ(records[0].items(), expected);
  }
}

TEST_P(RingTest, RefusesAReadPositionThatIsNotBetweenReadAndWritten) {
  const uint16_t owner = request();
  recorder_->end(recorder_->begin(owner, stage()));
  const uint64_t first = GetParam().first;
  EXPECT_FALSE(segment_->advance(0, first - 1, 0, 0));
  EXPECT_FALSE(segment_->advance(0, first + 2, 0, 0));
  EXPECT_FALSE(segment_->advance(4, first, 0, 0));
  EXPECT_EQ(counts().read, first);
  EXPECT_TRUE(segment_->advance(0, first + 1, 1, 0));
  EXPECT_EQ(counts().read, first + 1);
}

TEST_P(RingTest, RemembersTheMostSlotsInUse) {
  const uint16_t owner = request();
  while (const Token token = recorder_->begin(owner, stage())) recorder_->end(token);
  drain();
  recorder_->finish(owner, {});
  EXPECT_EQ(counts().high_water, leaf_slots(slots()));
}

}  // namespace
}  // namespace gpuspan::testing
