// SPDX-License-Identifier: Apache-2.0
//
// Attributes, events and slices recorded after the fact: where they land, how much of them fits, and the flags
// that say what did not.
#include <cstring>

#include "lane_test.h"
#include "native/core/payload.h"

namespace gpuspan::testing {
namespace {

class AttributesTest : public LaneTest {
 protected:
  void SetUp() override { open(256); }
  // As many 11-byte items as `bytes` holds.
  static Items many(uint32_t bytes) {
    Items items;
    for (uint16_t key = 0; items.size() + 11 <= bytes; ++key) items.integer(key, key);
    return items;
  }
  static size_t count(const std::string& text, const std::string& part) {
    size_t n = 0;
    for (size_t at = text.find(part); at != std::string::npos; at = text.find(part, at + 1)) ++n;
    return n;
  }
};

TEST_F(AttributesTest, KeepsAttributesInTheOrderTheyWereGiven) {
  const uint16_t owner = request();
  const Token token = recorder_->begin(owner, stage());
  recorder_->annotate(token, Items().integer(1, -5).string(2, "hello"));
  recorder_->annotate(token, Items().boolean(3, 1));
  recorder_->end(token, Items().integer(4, 9));
  const Record slice = only(drain(), Kind::kHostSlice);
  EXPECT_EQ(slice.items(), "int 1=-5 string 2=hello bool 3=1 int 4=9");
  EXPECT_EQ(slice.flags, kFlagContinued | kFlagFirstLevel);
}

TEST_F(AttributesTest, TakesOneSlotForAsMuchAsFitsBesideTheCount) {
  const uint16_t owner = request();
  for (const uint32_t length : {1u, 58u, 59u, 60u, 122u, 123u, 124u}) {
    const Items items = Items().string(1, std::string(length, 'a'));
    recorder_->end(recorder_->begin(owner, stage()), items);
    const Token token = recorder_->begin(owner, stage());
    recorder_->annotate(token, items);
    recorder_->end(token);
    const std::vector<Record> records = drain();
    ASSERT_EQ(records.size(), 2u);
    for (const Record& record : records) {
      EXPECT_EQ(record.slots, 1 + (items.size() + 1 + 63) / 64) << length;
      EXPECT_EQ(record.items(), "string 1=" + std::string(length, 'a'));
    }
  }
}

TEST_F(AttributesTest, DropsAndFlagsWhatExceedsTheLimitOfASlice) {
  const uint16_t owner = request();
  recorder_->end(recorder_->begin(owner, stage()), many(2000));
  const Token token = recorder_->begin(owner, stage());
  recorder_->annotate(token, many(900));
  recorder_->annotate(token, many(900));
  recorder_->end(token, many(900));
  for (const Record& record : drain()) {
    EXPECT_NE(record.flags & kFlagDropped, 0);
    EXPECT_EQ(record.slots, 1 + kMaxSliceContinuations);
    EXPECT_EQ(count(record.items(), "int "), kMaxSlicePayload / 11);
  }
}

TEST_F(AttributesTest, DropsAndFlagsWhatExceedsTheLimitOfAnOwner) {
  const uint16_t owner = request();
  for (int i = 0; i < 50; ++i) recorder_->annotate_root(owner, many(110));
  recorder_->finish(owner, many(110));
  const Record root = only(drain(), Kind::kRoot);
  EXPECT_NE(root.flags & kFlagDropped, 0);
  EXPECT_EQ(root.slots, 1 + kMaxOwnerContinuations);
  EXPECT_EQ(count(root.items(), "int "), kMaxOwnerPayload / 11);
}

TEST_F(AttributesTest, DropsAttributesButKeepsTheSliceWhenTheRingIsFull) {
  open(64);
  const uint16_t owner = request();
  std::vector<Token> tokens;
  while (const Token token = recorder_->begin(owner, stage())) tokens.push_back(token);
  recorder_->annotate(tokens[0], many(100));
  recorder_->end(tokens[0], many(100));
  recorder_->annotate(tokens[1], Items().integer(1, 1));
  recorder_->end(tokens[1]);
  const std::vector<Record> records = drain();
  ASSERT_EQ(records.size(), 2u);
  for (const Record& record : records) {
    EXPECT_EQ(record.slots, 1u);
    EXPECT_NE(record.flags & kFlagDropped, 0);
    EXPECT_EQ(record.flags & kFlagContinued, 0);
  }
}

TEST_F(AttributesTest, DropsAttributesWhenTheBlocksAreUsedUp) {
  open(16384);
  const uint16_t owner = request();
  const Token hoarder = recorder_->begin(owner, stage());
  std::vector<Token> tokens;
  for (uint32_t blocks = 0; blocks < kBlockCapacity; blocks += 15) {
    tokens.push_back(recorder_->begin(owner, stage()));
    recorder_->annotate(tokens.back(), many(925));
  }
  recorder_->annotate(hoarder, many(925));
  recorder_->end(hoarder);
  EXPECT_NE(drain().at(0).flags & kFlagDropped, 0);
  for (const Token token : tokens) recorder_->end(token);
  const Token after = recorder_->begin(owner, stage());
  recorder_->annotate(after, many(925));
  recorder_->end(after);
  EXPECT_EQ(drain().back().flags & kFlagDropped, 0);
}

TEST_F(AttributesTest, PassesOnTheFlagsThatAPayloadEarned) {
  const uint16_t owner = request();
  const Items items = Items().string(1, "cut");
  Payload cut = items;
  cut.flags = kFlagTruncated;
  recorder_->end(recorder_->begin(owner, stage()), cut);
  const Token token = recorder_->begin(owner, stage());
  recorder_->annotate(token, cut);
  recorder_->end(token);
  for (const Record& record : drain()) EXPECT_NE(record.flags & kFlagTruncated, 0);
}

TEST_F(AttributesTest, PutsAttributesOfAnAdoptedRequestsRootOnItsWorkerSpan) {
  RequestOrigin origin;
  origin.root_span_id = 5;
  const uint16_t owner = recorder_->adopt_request(origin);
  recorder_->annotate_root(owner, Items().integer(1, 2));
  recorder_->end(recorder_->begin(owner, stage()));
  recorder_->leave(owner, Items().integer(3, 4));
  EXPECT_EQ(only(drain(), Kind::kWorker).items(), "int 1=2 int 3=4");
}

TEST_F(AttributesTest, PutsAnEventOnTheInnermostOpenSlice) {
  const uint16_t owner = request();
  const Token outer = recorder_->begin(owner, stage());
  const Token inner = recorder_->begin(owner, stage());
  recorder_->event(owner, 9, Items().integer(1, 2).boolean(3, 0), 2);
  recorder_->end(inner);
  recorder_->event(owner, 8, {}, 0);
  recorder_->end(outer);
  const std::vector<Record> records = drain();
  ASSERT_EQ(records.size(), 2u);
  EXPECT_EQ(records[0].items(), "event 9 [int 1=2 bool 3=0]");
  EXPECT_EQ(records[1].items(), "event 8 []");
  uint64_t time;
  std::memcpy(&time, records[1].payload.data() + 3, sizeof time);
  EXPECT_GE(time, records[0].end);
  EXPECT_LE(time, records[1].end);
}

TEST_F(AttributesTest, PutsAnEventWithoutAnOpenSliceOnTheWorkerSpanAndOpensIt) {
  const uint16_t owner = request();
  recorder_->event(owner, 9, {}, 0);
  recorder_->finish(owner, {});
  EXPECT_EQ(only(drain(), Kind::kWorker).items(), "event 9 []");
}

TEST_F(AttributesTest, PutsAnEventOnTheSliceItNamesAtTheTimeItTells) {
  const uint16_t owner = request();
  const Token outer = recorder_->begin(owner, stage());
  const Token inner = recorder_->begin(owner, stage());
  recorder_->event(owner, 9, Items().integer(1, 2), 1, {outer, true, 77});
  recorder_->event(owner, 8, {}, 0, {.timed = true, .time_ns = 78});
  recorder_->end(inner);
  recorder_->end(outer);
  const std::vector<Record> records = drain();
  ASSERT_EQ(records.size(), 2u);
  EXPECT_EQ(records[0].items(), "event 8 []");
  EXPECT_EQ(records[1].items(), "event 9 [int 1=2]");
  const uint8_t told[] = {77, 0, 0, 0, 0, 0, 0, 0, 1};  // and that it is CLOCK_MONOTONIC
  EXPECT_EQ(std::memcmp(records[1].payload.data() + 3, told, sizeof told), 0);
}

TEST_F(AttributesTest, LosesAnEventOfASliceThatIsEndedOrAnotherOwners) {
  const uint16_t owner = request(), other = request();
  const Token ended = recorder_->begin(owner, stage());
  recorder_->end(ended);
  const Token elsewhere = recorder_->begin(other, stage());
  recorder_->event(owner, 9, {}, 0, {.slice = ended});
  recorder_->event(owner, 9, {}, 0, {.slice = elsewhere});
  EXPECT_EQ(lost(Loss::kStale), 2u);
  recorder_->end(elsewhere);
  for (const Record& record : drain()) EXPECT_EQ(record.items(), "");
}

TEST_F(AttributesTest, KeepsAnEventWithItsAttributesOrNotAtAll) {
  const uint16_t owner = request();
  const Token token = recorder_->begin(owner, stage());
  recorder_->annotate(token, many(kMaxSlicePayload - 20));
  recorder_->event(owner, 9, Items().integer(1, 1).integer(2, 2), 2);
  recorder_->end(token);
  const Record slice = only(drain(), Kind::kHostSlice);
  EXPECT_EQ(count(slice.items(), "event"), 0u);
  EXPECT_NE(slice.flags & kFlagDropped, 0);
}

TEST_F(AttributesTest, PutsEventsAndAttributesOfABatchOnItsSpan) {
  const uint16_t member = request();
  const uint16_t batch = recorder_->define_batch(&member, 1, Items().integer(1, 1));
  recorder_->annotate_worker(batch | kBatchFlag, Items().integer(2, 2));
  recorder_->event(batch | kBatchFlag, 7, {}, 0);
  recorder_->end_batch(batch, Items().integer(3, 3));
  EXPECT_EQ(only(drain(), Kind::kBatch).items(), "int 1=1 int 2=2 event 7 [] int 3=3");
}

TEST_F(AttributesTest, RecordsASliceAfterTheFactInNanoseconds) {
  const uint16_t owner = request();
  recorder_->record(owner, stages_[2], 1000, 2000, Items().integer(1, 1));
  recorder_->record(owner, stages_[3], 5, 5, {});
  const std::vector<Record> records = drain();
  ASSERT_EQ(records.size(), 2u);
  EXPECT_EQ(records[0].start, 1000u);
  EXPECT_EQ(records[0].end, 2000u);
  EXPECT_EQ(records[0].flags, kFlagMonotonic | kFlagContinued | kFlagFirstLevel);
  EXPECT_EQ(records[0].items(), "int 1=1");
  EXPECT_EQ(records[1].last, records[0].span_id);
}

TEST_F(AttributesTest, HangsASliceRecordedAfterTheFactUnderWhatIsOpenNow) {
  const uint16_t owner = request();
  const Token token = recorder_->begin(owner, stage());
  recorder_->record(owner, stage(), 1, 2, {});
  recorder_->end(token);
  const std::vector<Record> records = drain();
  EXPECT_EQ(records.at(0).parent, records.at(1).span_id);
  EXPECT_EQ(records[0].flags, kFlagMonotonic);
}

TEST_F(AttributesTest, RecordsASliceOfABatchAfterTheFact) {
  const uint16_t member = request();
  const uint16_t batch = recorder_->define_batch(&member, 1, {});
  recorder_->record(batch | kBatchFlag, stage(), 1, 2, {});
  const Record slice = only(drain(), Kind::kBatchSlice);
  EXPECT_EQ(slice.flags, kFlagMonotonic);
  EXPECT_EQ(slice.batch().batch, batch);
}

TEST_F(AttributesTest, CountsASliceThatEndsBeforeItStarts) {
  const uint16_t owner = request();
  recorder_->record(owner, stage(), 2, 1, {});
  EXPECT_EQ(lost(Loss::kTime), 1u);
  EXPECT_TRUE(drain().empty());
}

TEST_F(AttributesTest, MeasuresEveryKindOfItem) {
  const auto bytes = [](const Items& items) {
    const Payload payload = items;
    std::vector<uint8_t> more(payload.data, payload.data + payload.size);
    more.resize(more.size() + 3, 0xee);
    return item_bytes(more.data(), static_cast<uint32_t>(more.size())) == payload.size;
  };
  EXPECT_TRUE(bytes(Items().integer(1, 1)));
  EXPECT_TRUE(bytes(Items().start(Item::kDouble).put<uint16_t>(1).put(1.5)));
  EXPECT_TRUE(bytes(Items().boolean(1, 1)));
  EXPECT_TRUE(bytes(Items().string(1, "")));
  EXPECT_TRUE(bytes(Items().string(1, std::string(255, 'a'))));
  EXPECT_TRUE(bytes(Items().start(Item::kStatus).put<uint8_t>(2).put<uint8_t>(3).put('a').put('b').put('c')));
  EXPECT_TRUE(bytes(Items()
                        .start(Item::kGpu)
                        .put<uint64_t>(1)
                        .put<uint8_t>(1)
                        .put<uint16_t>(1)
                        .put<uint64_t>(1)
                        .put<uint16_t>(1)
                        .put<uint16_t>(1)));
  EXPECT_TRUE(bytes(Items().start(Item::kBatchRef).put<uint16_t>(1).put<uint16_t>(1).put<uint32_t>(1)));
  EXPECT_TRUE(bytes(Items().start(Item::kColumn).put<uint16_t>(1).put<uint8_t>(2).put<uint16_t>(2).put<uint32_t>(7)));
  EXPECT_TRUE(bytes(Items().start(Item::kName).put<uint8_t>(1).put('x')));
  EXPECT_TRUE(bytes(Items().start(Item::kTraceState).put<uint16_t>(2).put('x').put('y')));
  EXPECT_TRUE(bytes(Items().start(Item::kLosses).put<uint8_t>(1).put<uint8_t>(3).put<uint64_t>(9)));
  EXPECT_TRUE(
      bytes(Items().start(Item::kStrings).put<uint16_t>(1).put<uint8_t>(2).put<uint8_t>(1).put('a').put<uint8_t>(0)));
  EXPECT_TRUE(bytes(Items().start(Item::kNumbers).put<uint16_t>(1).put<uint8_t>(1).put(2.5)));
  EXPECT_TRUE(bytes(Items().start(Item::kException).put<uint8_t>(1).put('E').put<uint8_t>(2).put('n').put('o')));
  EXPECT_TRUE(bytes(Items()
                        .start(Item::kOffsetColumn)
                        .put<uint16_t>(1)
                        .put<uint8_t>(1)
                        .put<uint16_t>(2)
                        .put<uint32_t>(7)
                        .put<uint16_t>(3)));
  EXPECT_TRUE(bytes(Items().start(Item::kLink).put<uint64_t>(1).put<uint64_t>(2).put<uint64_t>(3)));
}

TEST_F(AttributesTest, FindsNoLengthInATruncatedOrUnknownItem) {
  const Items whole = Items().string(1, "abc");
  const Payload payload = whole;
  for (uint32_t size = 0; size < payload.size; ++size) EXPECT_EQ(item_bytes(payload.data, size), 0u) << size;
  const uint8_t unknown[] = {18, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0};
  EXPECT_EQ(item_bytes(unknown, sizeof unknown), 0u);
  EXPECT_EQ(item_bytes(unknown + 1, 1), 0u);
}

}  // namespace
}  // namespace gpuspan::testing
