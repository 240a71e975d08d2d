// SPDX-License-Identifier: Apache-2.0
//
// Names: interning, conflicts, cutting, what a full dictionary does, and racing threads.
#include <thread>

#include "lane_test.h"

namespace gpuspan::testing {
namespace {

class DictionaryTest : public LaneTest {
 protected:
  Dictionary& names() { return segment_->dictionary(); }
};

TEST_F(DictionaryTest, GivesOneNameOneId) {
  const auto first = names().intern(EntryKind::kKey, 0, 0, "tokens");
  EXPECT_NE(first.id, 0);
  EXPECT_EQ(names().intern(EntryKind::kKey, 0, 0, "tokens").id, first.id);
  EXPECT_NE(names().intern(EntryKind::kString, 0, 0, "tokens").id, first.id);
  EXPECT_NE(names().intern(EntryKind::kKey, 0, 0, "token").id, first.id);
  EXPECT_EQ(reader_->name(first.id), "tokens");
}

TEST_F(DictionaryTest, KeepsStagesOfDifferentModulesApart) {
  const uint16_t a = names().intern(EntryKind::kModule, 0, 0, "a").id;
  const uint16_t b = names().intern(EntryKind::kModule, 0, 0, "b").id;
  const uint16_t stage_a = names().intern(EntryKind::kStage, a, 1, "decode").id;
  const uint16_t stage_b = names().intern(EntryKind::kStage, b, 2, "decode").id;
  EXPECT_NE(stage_a, stage_b);
  EXPECT_EQ(names().entry(stage_a)->module, a);
  EXPECT_EQ(names().entry(stage_b)->module, b);
}

TEST_F(DictionaryTest, TellsWhenAStageIsDeclaredAgainWithAnotherLevel) {
  const auto first = names().intern(EntryKind::kStage, 1, 2, "decode");
  EXPECT_FALSE(first.conflict);
  EXPECT_FALSE(names().intern(EntryKind::kStage, 1, 2, "decode").conflict);
  const auto again = names().intern(EntryKind::kStage, 1, 3, "decode");
  EXPECT_TRUE(again.conflict);
  EXPECT_EQ(again.id, first.id);
  EXPECT_EQ(again.level, 2);
}

TEST_F(DictionaryTest, StartsAGateAtTheLevelAndLetsItBeShut) {
  const uint16_t id = names().intern(EntryKind::kStage, 1, 3, "decode").id;
  EXPECT_EQ(names().gate(id), 3);
  names().set_gate(id, 255);
  EXPECT_EQ(names().gate(id), 255);
  EXPECT_EQ(names().gate(kNone), 255);
  names().set_gate(kNone, 1);
}

TEST_F(DictionaryTest, CutsALongNameBetweenCharacters) {
  const std::string ascii(300, 'a');
  EXPECT_EQ(reader_->name(names().intern(EntryKind::kKey, 0, 0, ascii).id), std::string(255, 'a'));
  const std::string euros = [] {
    std::string text = "ab";
    while (text.size() < 300) text += "\xe2\x82\xac";
    return text;
  }();
  const uint16_t id = names().intern(EntryKind::kKey, 0, 0, euros).id;
  EXPECT_EQ(reader_->name(id), euros.substr(0, 2 + 84 * 3));
  EXPECT_EQ(names().intern(EntryKind::kKey, 0, 0, euros + "x").id, id);
}

TEST_F(DictionaryTest, NamesWhatNoLongerFitsOther) {
  uint32_t made = segment_->header().dictionary_count.load();
  while (names().intern(EntryKind::kKey, 0, 0, "key" + std::to_string(made)).id != 0) ++made;
  EXPECT_EQ(made, kDictionaryCapacity);
  EXPECT_EQ(segment_->header().dictionary_overflow.load(), 1u);
  EXPECT_EQ(names().intern(EntryKind::kStage, 1, 2, "more").id, 0);
  EXPECT_EQ(segment_->header().dictionary_overflow.load(), 2u);
  EXPECT_EQ(reader_->name(0), "other");
  EXPECT_NE(names().intern(EntryKind::kKey, 0, 0, "key20").id, 0);
}

TEST_F(DictionaryTest, KnowsOnlyPublishedEntries) {
  const uint16_t id = names().intern(EntryKind::kKey, 0, 0, "x").id;
  EXPECT_NE(names().entry(id), nullptr);
  EXPECT_EQ(names().entry(static_cast<uint16_t>(id + 1)), nullptr);
  EXPECT_EQ(names().entry(kNone), nullptr);
}

TEST_F(DictionaryTest, AgreesOnIdsWhenThreadsRaceWithTheSameNames) {
  constexpr int kThreads = 4, kNames = 300;
  std::vector<std::vector<uint16_t>> ids(kThreads);
  std::vector<std::thread> threads;
  for (int t = 0; t < kThreads; ++t) {
    threads.emplace_back([this, t, &ids] {
      for (int n = 0; n < kNames; ++n) {
        ids[static_cast<size_t>(t)].push_back(names().intern(EntryKind::kKey, 0, 0, "shared" + std::to_string(n)).id);
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  for (int t = 1; t < kThreads; ++t) EXPECT_EQ(ids[static_cast<size_t>(t)], ids[0]);
  for (int n = 0; n < kNames; ++n)
    EXPECT_EQ(reader_->name(ids[0][static_cast<size_t>(n)]), "shared" + std::to_string(n));
}

}  // namespace
}  // namespace gpuspan::testing
