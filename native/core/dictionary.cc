// SPDX-License-Identifier: Apache-2.0
//
// Interning of names. Any thread, also native code at a stage's first use, so it takes no lock: an entry is
// filled, published by its word, then offered to the index. Two threads that race with one new name may fill two
// entries; the index keeps one and the other is wasted, never handed out.
#include "dictionary.h"

#include <cstring>

namespace gpuspan {
namespace {

constexpr uint32_t kIndexSize = 2 * kDictionaryCapacity;  // half empty, so probes stay short
static_assert((kIndexSize & (kIndexSize - 1)) == 0);

constexpr std::string_view kOther = "other";

std::string_view cut_to_fit(std::string_view text) noexcept {
  if (text.size() <= kMaxStringBytes) return text;
  size_t end = kMaxStringBytes;
  while (end > 0 && (static_cast<uint8_t>(text[end]) & 0xc0) == 0x80) --end;  // not within a UTF-8 sequence
  return text.substr(0, end);
}

constexpr uint32_t word_of(EntryKind kind, uint8_t level, size_t length) noexcept {
  return static_cast<uint32_t>(kind) | static_cast<uint32_t>(level) << 8 | static_cast<uint32_t>(length) << 16;
}
constexpr uint8_t level_of(uint32_t word) noexcept { return static_cast<uint8_t>(word >> 8); }

uint32_t hash_of(EntryKind kind, uint16_t module, std::string_view text) noexcept {
  uint64_t hash = 0xcbf29ce484222325 ^ (static_cast<uint64_t>(kind) << 16 | module);  // FNV-1a
  for (const char c : text) hash = (hash ^ static_cast<uint8_t>(c)) * 0x100000001b3;
  return static_cast<uint32_t>(hash ^ hash >> 32);
}

bool same(const DictionaryEntry& entry, EntryKind kind, uint16_t module, std::string_view text) noexcept {
  const uint32_t word = entry.word.load(std::memory_order_acquire);  // pairs with the release in `fill`
  return static_cast<EntryKind>(word & 0xff) == kind && word >> 16 == text.size() && entry.module == module &&
         std::memcmp(entry.text, text.data(), text.size()) == 0;
}

void fill(DictionaryEntry* entry, EntryKind kind, uint16_t module, uint8_t level, std::string_view text) noexcept {
  entry->module = module;
  entry->gate = level;
  if (!text.empty()) std::memcpy(entry->text, text.data(), text.size());
  entry->word.store(word_of(kind, level, text.size()), std::memory_order_release);  // pairs with every acquire of it
}

}  // namespace

void Dictionary::attach(SegmentHeader* header, DictionaryEntry* entries) {
  header_ = header;
  entries_ = entries;
  index_ = std::make_unique<std::atomic<uint32_t>[]>(kIndexSize);
  fill(&entries_[0], EntryKind::kString, 0, 0, kOther);
  header_->dictionary_count.store(1, std::memory_order_release);
}

// The index slot that holds the name, or the empty one where it belongs.
uint32_t Dictionary::probe(EntryKind kind, uint16_t module, std::string_view text, uint32_t from) const noexcept {
  for (uint32_t at = from;; at = (at + 1) & (kIndexSize - 1)) {
    const uint32_t held = index_[at].load(std::memory_order_acquire);
    if (held == 0 || same(entries_[held - 1], kind, module, text)) return at;
  }
}

Dictionary::Interned Dictionary::found(uint16_t id, uint8_t level) const noexcept {
  const uint8_t declared = level_of(entries_[id].word.load(std::memory_order_acquire));
  return {id, declared, declared != level};
}

uint16_t Dictionary::append(EntryKind kind, uint16_t module, uint8_t level, std::string_view text) noexcept {
  // Checked first so that the count does not run away while a full dictionary is asked again and again.
  if (header_->dictionary_count.load(std::memory_order_relaxed) >= kDictionaryCapacity) return 0;
  const uint32_t id = header_->dictionary_count.fetch_add(1, std::memory_order_acq_rel);
  if (id >= kDictionaryCapacity) return 0;
  fill(&entries_[id], kind, module, level, text);
  return static_cast<uint16_t>(id);
}

Dictionary::Interned Dictionary::intern(EntryKind kind, uint16_t module, uint8_t level,
                                        std::string_view text) noexcept {
  if (header_->dictionary_count.load(std::memory_order_relaxed) == 0) return {};  // a forked child's zeros
  text = cut_to_fit(text);
  uint32_t at = probe(kind, module, text, hash_of(kind, module, text) & (kIndexSize - 1));
  uint32_t held = index_[at].load(std::memory_order_acquire);
  if (held != 0) return found(static_cast<uint16_t>(held - 1), level);
  const uint16_t id = append(kind, module, level, text);
  if (id == 0) {
    header_->dictionary_overflow.fetch_add(1, std::memory_order_relaxed);
    return {};
  }
  // Release pairs with the acquire in `probe`.
  while (!index_[at].compare_exchange_strong(held, id + 1u, std::memory_order_acq_rel, std::memory_order_acquire)) {
    at = probe(kind, module, text, at);
    held = index_[at].load(std::memory_order_acquire);
    if (held != 0) return found(static_cast<uint16_t>(held - 1), level);
  }
  return {id, level, false};
}

uint16_t Dictionary::find(EntryKind kind, uint16_t module, std::string_view text) const noexcept {
  text = cut_to_fit(text);
  const uint32_t at = probe(kind, module, text, hash_of(kind, module, text) & (kIndexSize - 1));
  const uint32_t held = index_[at].load(std::memory_order_acquire);
  return held == 0 ? 0 : static_cast<uint16_t>(held - 1);
}

const DictionaryEntry* Dictionary::entry(uint16_t id) const noexcept {
  if (id >= kDictionaryCapacity || entries_[id].word.load(std::memory_order_acquire) == 0) return nullptr;
  return &entries_[id];
}

uint8_t Dictionary::gate(uint16_t id) const noexcept {
  return id < kDictionaryCapacity ? __atomic_load_n(&entries_[id].gate, __ATOMIC_RELAXED) : UINT8_MAX;
}

void Dictionary::set_gate(uint16_t id, uint8_t gate) noexcept {
  if (id < kDictionaryCapacity) __atomic_store_n(&entries_[id].gate, gate, __ATOMIC_RELAXED);
}

}  // namespace gpuspan
