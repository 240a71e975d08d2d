// SPDX-License-Identifier: Apache-2.0
//
// Level and modules at run time: generations, gates of declarations made before and after a change, unknown names, and
// threads that declare while another changes.
#include "native/core/settings.h"

#include <thread>

#include "lane_test.h"

namespace gpuspan::testing {
namespace {

constexpr uint8_t kClosed = 255;

class SettingsTest : public LaneTest {
 protected:
  Dictionary& names() { return segment_->dictionary(); }
  uint16_t module(std::string_view name) { return names().intern(EntryKind::kModule, 0, 0, name).id; }
  uint16_t declare(EntryKind kind, std::string_view in, uint8_t level, std::string_view name) {
    return settings_.declare(names(), kind, module(in), level, name).id;
  }

  Settings settings_;
};

TEST_F(SettingsTest, StartWithEveryModuleAndNothingChanged) {
  EXPECT_EQ(settings_.generation(), 0u);
  const Settings::Values values = settings_.read();
  EXPECT_FALSE(values.level_set);
  EXPECT_FALSE(values.modules_set);
  EXPECT_EQ(names().gate(declare(EntryKind::kStage, "a", 3, "one")), 3);
}

TEST_F(SettingsTest, GateWhatNativeCodeDeclaresByTheFilterTheyStartWithWithoutAChange) {
  settings_.start_with({false, {"a"}});
  EXPECT_EQ(names().gate(declare(EntryKind::kStage, "a", 2, "one")), 2);
  EXPECT_EQ(names().gate(declare(EntryKind::kStage, "b", 2, "two")), kClosed);
  EXPECT_EQ(settings_.generation(), 0u);
}

TEST_F(SettingsTest, TellTheModulesThatNobodyHasDeclaredAndChangeNothing) {
  declare(EntryKind::kStage, "a", 2, "one");
  EXPECT_EQ(unknown_names({false, {"a", "c", "b"}}, names()), (std::vector<std::string>{"c", "b"}));
  EXPECT_TRUE(unknown_names({}, names()).empty());
  declare(EntryKind::kEvent, "b", 1, "noted");
  EXPECT_EQ(unknown_names({false, {"b", "c"}}, names()), std::vector<std::string>{"c"});
  EXPECT_EQ(settings_.generation(), 0u);
}

TEST_F(SettingsTest, OpenAndShutWhatWasDeclaredBeforeAndAfterAChange) {
  const uint16_t stage = declare(EntryKind::kStage, "a", 2, "one");
  const uint16_t event = declare(EntryKind::kEvent, "a", 1, "noted");
  const uint16_t other = declare(EntryKind::kStage, "b", 4, "two");
  EXPECT_TRUE(settings_.set_modules({false, {"b"}}, names()).empty());
  EXPECT_EQ(names().gate(stage), kClosed);
  EXPECT_EQ(names().gate(event), kClosed);
  EXPECT_EQ(names().gate(other), 4);
  EXPECT_EQ(names().gate(declare(EntryKind::kStage, "a", 1, "later")), kClosed);
  settings_.set_modules({}, names());
  EXPECT_EQ(names().gate(stage), 2);
  EXPECT_EQ(names().gate(event), 1);
  EXPECT_EQ(settings_.generation(), 2u);
}

TEST_F(SettingsTest, KeepAGateAtTheLevelOfTheFirstDeclaration) {
  const uint16_t stage = declare(EntryKind::kStage, "a", 2, "one");
  EXPECT_EQ(declare(EntryKind::kStage, "a", 4, "one"), stage);
  EXPECT_EQ(names().gate(stage), 2);
}

TEST_F(SettingsTest, NameTheModulesThatNobodyHasDeclared) {
  declare(EntryKind::kStage, "a", 2, "one");
  EXPECT_EQ(settings_.set_modules({false, {"a", "x", "one"}}, names()), (std::vector<std::string>{"x", "one"}));
  EXPECT_EQ(settings_.read().modules.names, (std::vector<std::string>{"a", "x", "one"}));
}

TEST_F(SettingsTest, TellEveryChangeByAnotherGeneration) {
  settings_.set_level(0);
  EXPECT_EQ(settings_.generation(), 1u);
  EXPECT_EQ(settings_.read().generation, 1u);
  EXPECT_TRUE(settings_.read().level_set);
  EXPECT_EQ(settings_.read().level, 0);
  settings_.set_level(4);
  EXPECT_EQ(settings_.read().generation, 2u);
}

// Whatever the order in which a declaration and a change come, the gate is what the last change says.
TEST_F(SettingsTest, LeaveNoDeclarationBehindThatRacesWithAChange) {
  const uint16_t a = module("a");
  std::vector<uint16_t> declared;
  std::thread declaring([&] {
    for (int i = 0; i < 200; ++i) {
      declared.push_back(settings_.declare(names(), EntryKind::kStage, a, 1, "s" + std::to_string(i)).id);
    }
  });
  for (int i = 0; i < 50; ++i) settings_.set_modules({i % 2 == 0, {}}, names());
  declaring.join();
  for (const uint16_t id : declared) EXPECT_EQ(names().gate(id), kClosed) << id;
}

}  // namespace
}  // namespace gpuspan::testing
