// SPDX-License-Identifier: Apache-2.0
//
// Attributes of gpuspan.h as payload items (Item in native/core/layout.h). Built on the calling thread's stack, on the
// record path: allocates nothing, and of what the caller hands in reads no more than it can keep.
#ifndef GPUSPAN_PROCESS_ATTRIBUTE_ITEMS_H_
#define GPUSPAN_PROCESS_ATTRIBUTE_ITEMS_H_

#include <cstdint>

#include "../core/payload.h"
#include "../core/segment.h"
#include "../include/gpuspan.h"

namespace gpuspan {

// The dictionary id of a key with a name, registered at its first use; 0 is the name `other`: the dictionary is full.
[[gnu::noinline]] uint16_t register_key(Segment& segment, gpuspan_key* key) noexcept;
inline uint16_t key_id(Segment& segment, gpuspan_key* key) noexcept {
  const uint16_t id = __atomic_load_n(&key->id, __ATOMIC_ACQUIRE);
  return id != 0 ? id : register_key(segment, key);
}

class AttributeItems {
 public:
  static constexpr uint32_t kMaxCount = 255;
  // Two notes: each a kBool item.
  static constexpr uint32_t kNoteBytes = 2 * 4;
  // As EVENT_LIMIT in lib/attributes.ts: an event is itself an item, with a header.
  static constexpr uint32_t kEventLimit = kMaxSlicePayload - 16 - kNoteBytes;

  explicit AttributeItems(Segment& segment, uint32_t limit = kMaxSlicePayload) noexcept
      : segment_(segment), limit_(limit) {}
  AttributeItems(const AttributeItems&) = delete;
  AttributeItems& operator=(const AttributeItems&) = delete;

  // Those from kMaxCount on, those that do not fit and those that make no sense are left out, and flagged.
  AttributeItems& add(const gpuspan_attribute* attributes, uint32_t count) noexcept;
  // Error status. `message` may be null, `length` GPUSPAN_TERMINATED.
  AttributeItems& error(const char* message, uint32_t length) noexcept;
  // Last: what was left out, as attributes, because an event has no flags of its own. For items within kEventLimit.
  AttributeItems& note() noexcept;

  Payload payload() const noexcept { return {bytes_, size_, flags_}; }
  uint8_t count() const noexcept { return count_; }

 private:
  struct Text {
    const char* data;
    uint8_t length;
    bool cut;
  };
  static Text measure(const char* text, uint32_t length) noexcept;
  bool add(const gpuspan_attribute& attribute) noexcept;
  bool start(Item item, uint16_t key, uint32_t size) noexcept;
  bool string(gpuspan_key* key, const char* text, uint32_t length) noexcept;
  void note(const char* name) noexcept;
  void put(const void* data, uint32_t size) noexcept;
  void put(uint8_t byte) noexcept { bytes_[size_++] = byte; }

  Segment& segment_;
  uint32_t limit_;
  uint32_t size_ = 0;
  uint8_t flags_ = 0;
  uint8_t count_ = 0;
  uint8_t bytes_[kMaxSlicePayload];
};

}  // namespace gpuspan

#endif  // GPUSPAN_PROCESS_ATTRIBUTE_ITEMS_H_
