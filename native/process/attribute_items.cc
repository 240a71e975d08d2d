// SPDX-License-Identifier: Apache-2.0
//
// See attribute_items.h. The same choices as lib/payload-encoder.ts, so that a span does not tell who recorded it.
#include "attribute_items.h"

#include <cstring>

namespace gpuspan {
namespace {

constexpr uint32_t kKeyed = 1 + 2;  // item kind and key
constexpr uint8_t kStatusError = 2;

bool continues_character(char byte) noexcept { return (static_cast<uint8_t>(byte) & 0xc0) == 0x80; }

}  // namespace

uint16_t register_key(Segment& segment, gpuspan_key* key) noexcept {
  if (key->name == nullptr) return 0;
  const uint16_t id = segment.dictionary().intern(EntryKind::kKey, 0, 0, key->name).id;
  __atomic_store_n(&key->id, id, __ATOMIC_RELEASE);
  return id;
}

// Looks at one byte more than it keeps. What is no UTF-8 is kept as it is: readers take any bytes.
AttributeItems::Text AttributeItems::measure(const char* text, uint32_t length) noexcept {
  if (length == GPUSPAN_TERMINATED) length = static_cast<uint32_t>(strnlen(text, kMaxStringBytes + 1));
  if (length <= kMaxStringBytes) return {text, static_cast<uint8_t>(length), false};
  constexpr uint32_t kLongestTail = 3;
  uint32_t end = kMaxStringBytes;
  while (end > kMaxStringBytes - kLongestTail && continues_character(text[end])) --end;
  return {text, static_cast<uint8_t>(end), true};
}

void AttributeItems::put(const void* data, uint32_t size) noexcept {
  if (size != 0) std::memcpy(bytes_ + size_, data, size);
  size_ += size;
}

// Kind and key of an item with `size` bytes to follow; false when it does not fit.
bool AttributeItems::start(Item item, uint16_t key, uint32_t size) noexcept {
  if (limit_ - size_ < kKeyed + size) return false;
  put(static_cast<uint8_t>(item));
  put(&key, sizeof key);
  ++count_;
  return true;
}

bool AttributeItems::string(gpuspan_key* key, const char* text, uint32_t length) noexcept {
  if (text == nullptr) return false;
  const Text kept = measure(text, length);
  if (!start(Item::kString, key_id(segment_, key), 1u + kept.length)) return false;
  if (kept.cut) flags_ |= kFlagTruncated;
  put(kept.length);
  put(kept.data, kept.length);
  return true;
}

bool AttributeItems::add(const gpuspan_attribute& attribute) noexcept {
  if (attribute.key == nullptr || attribute.key->name == nullptr) return false;
  switch (attribute.type) {
    case GPUSPAN_INT:
    case GPUSPAN_DOUBLE: {
      const Item item = attribute.type == GPUSPAN_INT ? Item::kInt : Item::kDouble;
      if (!start(item, key_id(segment_, attribute.key), sizeof attribute.value.integer)) return false;
      put(&attribute.value, sizeof attribute.value.integer);
      return true;
    }
    case GPUSPAN_BOOL:
      if (!start(Item::kBool, key_id(segment_, attribute.key), 1)) return false;
      put(attribute.value.integer != 0 ? 1 : 0);
      return true;
    case GPUSPAN_STRING:
      return string(attribute.key, attribute.value.string, attribute.length);
    default:
      return false;
  }
}

AttributeItems& AttributeItems::add(const gpuspan_attribute* attributes, uint32_t count) noexcept {
  if (count != 0 && (attributes == nullptr || count > kMaxCount)) flags_ |= kFlagDropped;
  if (attributes == nullptr) return *this;
  for (uint32_t i = 0; i < count && i < kMaxCount; ++i) {
    if (!add(attributes[i])) flags_ |= kFlagDropped;
  }
  return *this;
}

AttributeItems& AttributeItems::error(const char* message, uint32_t length) noexcept {
  const Text kept = message == nullptr ? Text{"", 0, false} : measure(message, length);
  if (kept.cut) flags_ |= kFlagTruncated;
  put(static_cast<uint8_t>(Item::kStatus));
  put(kStatusError);
  put(kept.length);
  put(kept.data, kept.length);
  return *this;
}

void AttributeItems::note(const char* name) noexcept {
  const uint16_t key = segment_.dictionary().intern(EntryKind::kKey, 0, 0, name).id;
  if (start(Item::kBool, key, 1)) put(1);
}

AttributeItems& AttributeItems::note() noexcept {
  limit_ += kNoteBytes;
  if ((flags_ & kFlagDropped) != 0) note("gpuspan.dropped_attributes");
  if ((flags_ & kFlagTruncated) != 0) note("gpuspan.truncated");
  flags_ = 0;
  return *this;
}

}  // namespace gpuspan
