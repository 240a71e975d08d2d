// SPDX-License-Identifier: Apache-2.0
//
// Names in the segment: modules, stages, events, attribute keys, strings. Append-only and lock-free, so that
// C code may intern a stage at its first use on any thread. The index over it lives outside the segment.
#ifndef GPUSPAN_CORE_DICTIONARY_H_
#define GPUSPAN_CORE_DICTIONARY_H_

#include <atomic>
#include <cstdint>
#include <memory>
#include <string_view>

#include "layout.h"

namespace gpuspan {

class Dictionary {
 public:
  struct Interned {
    uint16_t id = 0;        // 0 = `other`: the dictionary is full, and that was counted
    uint8_t level = 0;      // the level of the first declaration
    bool conflict = false;  // declared before with another level
  };

  void attach(SegmentHeader* header, DictionaryEntry* entries);

  // `module` is a dictionary id (0 unless kind is stage or event); text is cut at 255 bytes on a UTF-8 boundary.
  Interned intern(EntryKind kind, uint16_t module, uint8_t level, std::string_view text) noexcept;

  // The id of a name that was interned; 0 if nobody did.
  uint16_t find(EntryKind kind, uint16_t module, std::string_view text) const noexcept;

  const DictionaryEntry* entry(uint16_t id) const noexcept;  // null if not published
  // The smallest request level at which the stage records; 255 when its module is off.
  uint8_t gate(uint16_t id) const noexcept;
  void set_gate(uint16_t id, uint8_t gate) noexcept;

 private:
  uint32_t probe(EntryKind kind, uint16_t module, std::string_view text, uint32_t from) const noexcept;
  uint16_t append(EntryKind kind, uint16_t module, uint8_t level, std::string_view text) noexcept;
  Interned found(uint16_t id, uint8_t level) const noexcept;

  SegmentHeader* header_ = nullptr;
  DictionaryEntry* entries_ = nullptr;
  std::unique_ptr<std::atomic<uint32_t>[]> index_;  // open addressing, entry id + 1
};

}  // namespace gpuspan

#endif  // GPUSPAN_CORE_DICTIONARY_H_
