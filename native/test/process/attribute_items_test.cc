// SPDX-License-Identifier: Apache-2.0
//
// Attributes of gpuspan.h as payload items, byte for byte where it matters.
#include "native/process/attribute_items.h"

#include <climits>
#include <memory>

#include "native/core/payload.h"
#include "process_fixture.h"

namespace gpuspan::testing {
namespace {

gpuspan_key g_key = GPUSPAN_KEY("items_key");
gpuspan_key g_unnamed = GPUSPAN_KEY(nullptr);

class AttributeItemsTest : public ProcessTest {
 protected:
  std::string text(const AttributeItems& items) {
    Record record;
    record.payload.assign(items.payload().data, items.payload().data + items.payload().size);
    return record.items();
  }
  // What every item of the key starts with, as SegmentReader shows it.
  std::string named(const std::string& type) { return type + " " + std::to_string(key("items_key")) + "="; }
};

TEST_F(AttributeItemsTest, EncodesEachType) {
  AttributeItems items(segment());
  const gpuspan_attribute all[] = {gpuspan_int(&g_key, INT64_MIN), gpuspan_bool(&g_key, 7), gpuspan_bool(&g_key, 0),
                                   gpuspan_string(&g_key, "text"), gpuspan_text(&g_key, "text", 2)};
  items.add(all, 5);
  EXPECT_EQ(items.count(), 5);
  EXPECT_EQ(items.payload().flags, 0);
  EXPECT_EQ(text(items), named("int") + "-9223372036854775808 " + named("bool") + "1 " + named("bool") + "0 " +
                             named("string") + "text " + named("string") + "te");
}

TEST_F(AttributeItemsTest, EncodesADoubleBitByBit) {
  AttributeItems items(segment());
  const gpuspan_attribute one = gpuspan_double(&g_key, -0.0);
  items.add(&one, 1);
  ASSERT_EQ(items.payload().size, 11u);
  double value = 1;
  std::memcpy(&value, items.payload().data + 3, sizeof value);
  EXPECT_TRUE(std::signbit(value));
}

TEST_F(AttributeItemsTest, CutsALongStringWhereACharacterEndsAndFlagsIt) {
  const std::string full(254, 'a');
  const struct {
    std::string text;
    size_t kept;
    bool cut;
  } cases[] = {
      {full + "b", 255, false},
      {full + "bc", 255, true},
      {full + "\xc3\xa9", 254, true},                             // two bytes, of which one would fit
      {full.substr(1) + "\xf0\x9f\x98\x80", 253, true},           // four bytes, of which two would fit
      {std::string(400, static_cast<char>(0x80)), 252, true},     // no UTF-8 at all
      {full.substr(3) + "\xf0\x9f\x98\x80" + "tail", 255, true},  // ends just there
  };
  for (const auto& each : cases) {
    for (const bool terminated : {true, false}) {
      AttributeItems items(segment());
      const gpuspan_attribute one = terminated ? gpuspan_string(&g_key, each.text.c_str())
                                               : gpuspan_text(&g_key, each.text.data(), each.text.size());
      items.add(&one, 1);
      ASSERT_EQ(items.payload().size, 4 + each.kept) << each.text;
      EXPECT_EQ(items.payload().data[3], each.kept);
      EXPECT_EQ(items.payload().flags, each.cut ? kFlagTruncated : 0) << each.text;
    }
  }
}

TEST_F(AttributeItemsTest, ReadsNoMoreOfAStringThanItKeepsAndOneByte) {
  // On the heap, so that AddressSanitizer sees a read beyond.
  const auto exact = std::make_unique<char[]>(256);
  std::memset(exact.get(), 'x', 256);
  AttributeItems items(segment());
  const gpuspan_attribute both[] = {gpuspan_text(&g_key, exact.get(), SIZE_MAX), gpuspan_string(&g_key, exact.get())};
  items.add(both, 2);
  EXPECT_EQ(items.count(), 2);
  EXPECT_EQ(items.payload().flags, kFlagTruncated);
}

TEST_F(AttributeItemsTest, LeavesOutWhatMakesNoSenseAndKeepsTheRest) {
  AttributeItems items(segment());
  gpuspan_attribute odd = gpuspan_int(&g_key, 1);
  odd.type = UINT_MAX;
  const gpuspan_attribute all[] = {
      gpuspan_int(nullptr, 1),         gpuspan_int(&g_unnamed, 1),       odd,
      gpuspan_string(&g_key, nullptr), gpuspan_text(&g_key, nullptr, 0), gpuspan_int(&g_key, 2)};
  items.add(all, 6);
  EXPECT_EQ(text(items), named("int") + "2");
  EXPECT_EQ(items.payload().flags, kFlagDropped);
}

TEST_F(AttributeItemsTest, TakesNoArrayAsNoneAndFlagsItWhenSomeWerePromised) {
  EXPECT_EQ(AttributeItems(segment()).add(nullptr, 0).payload().flags, 0);
  EXPECT_EQ(AttributeItems(segment()).add(nullptr, 3).payload().flags, kFlagDropped);
}

TEST_F(AttributeItemsTest, LeavesOutWhatDoesNotFitAndTakesSmallerOnesAfterIt) {
  AttributeItems items(segment());
  const std::string longest(255, 'x');
  const gpuspan_attribute text = gpuspan_string(&g_key, longest.c_str());
  const gpuspan_attribute number = gpuspan_int(&g_key, 1);
  for (int i = 0; i < 3; ++i) items.add(&text, 1);
  EXPECT_EQ(items.payload().flags, 0);
  items.add(&text, 1);  // 959 - 3 * 259 = 182 bytes are left
  EXPECT_EQ(items.payload().flags, kFlagDropped);
  items.add(&number, 1);
  EXPECT_EQ(items.payload().size, 3u * 259 + 11);
}

TEST_F(AttributeItemsTest, LooksAtNoMoreThan255Attributes) {
  AttributeItems items(segment());
  // Exactly 255 exist, on the heap: whoever reads the next is caught.
  std::vector<gpuspan_attribute> many(AttributeItems::kMaxCount, gpuspan_bool(&g_key, 1));
  items.add(many.data(), UINT32_MAX);
  EXPECT_EQ(items.payload().flags, kFlagDropped);
  EXPECT_EQ(items.payload().size, kMaxSlicePayload / 4 * 4);
}

TEST_F(AttributeItemsTest, AnEventSaysItselfWhatWasLeftOut) {
  AttributeItems items(segment(), AttributeItems::kEventLimit);
  std::vector<gpuspan_attribute> many(AttributeItems::kMaxCount, gpuspan_int(&g_key, 1));
  items.add(many.data(), AttributeItems::kMaxCount).note();
  EXPECT_EQ(items.payload().flags, 0);
  EXPECT_LE(items.payload().size, kMaxSlicePayload - 16);
  const std::string all = text(items);
  const std::string note = "bool " + std::to_string(key("gpuspan.dropped_attributes")) + "=1";
  EXPECT_EQ(all.substr(all.size() - note.size()), note);
}

TEST_F(AttributeItemsTest, ErrorStatusNeedsNoMessage) {
  const Payload none = AttributeItems(segment()).error(nullptr, 77).payload();
  EXPECT_EQ(none.size, 3u);
  const std::string longer(300, 'm');
  AttributeItems items(segment());
  items.error(longer.c_str(), GPUSPAN_TERMINATED);
  EXPECT_EQ(items.payload().size, 3u + 255);
  EXPECT_EQ(items.payload().flags, kFlagTruncated);
}

}  // namespace
}  // namespace gpuspan::testing
