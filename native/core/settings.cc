// SPDX-License-Identifier: Apache-2.0
//
// See settings.h. Everything here is set-up: it may lock and allocate.
#include "settings.h"

#include <algorithm>
#include <utility>

namespace gpuspan {
namespace {

constexpr uint8_t kClosedGate = 255;

struct Name {
  EntryKind kind;
  uint8_t level;
  std::string_view text;
};

// Of a published entry; see word_of in dictionary.cc.
Name read_name(const DictionaryEntry& entry) noexcept {
  const uint32_t word = entry.word.load(std::memory_order_acquire);
  return {static_cast<EntryKind>(word & 0xff), static_cast<uint8_t>(word >> 8), {entry.text, word >> 16}};
}

}  // namespace

bool ModuleFilter::allows(std::string_view module) const noexcept {
  return all || std::find(names.begin(), names.end(), module) != names.end();
}

void Settings::start_with(ModuleFilter modules) {
  const std::lock_guard lock(mutex_);
  values_.modules = std::move(modules);
}

void Settings::set_level(uint8_t level) {
  const std::lock_guard lock(mutex_);
  values_.level_set = true;
  values_.level = level;
  generation_.store(++values_.generation, std::memory_order_relaxed);
}

std::vector<std::string> unknown_names(const ModuleFilter& modules, const Dictionary& dictionary) {
  std::vector<std::string> unknown;
  for (const std::string& name : modules.names) {
    if (dictionary.find(EntryKind::kModule, 0, name) == 0) unknown.push_back(name);
  }
  return unknown;
}

std::vector<std::string> Settings::set_modules(ModuleFilter modules, Dictionary& dictionary) {
  const std::lock_guard lock(mutex_);
  values_.modules_set = true;
  values_.modules = std::move(modules);
  for (uint16_t id = 1; id < kDictionaryCapacity; ++id) set_gate(dictionary, id);
  generation_.store(++values_.generation, std::memory_order_relaxed);
  return unknown_names(values_.modules, dictionary);
}

Settings::Values Settings::read() const {
  const std::lock_guard lock(mutex_);
  return values_;
}

Dictionary::Interned Settings::declare(Dictionary& dictionary, EntryKind kind, uint16_t module, uint8_t level,
                                       std::string_view name) noexcept {
  const std::lock_guard lock(mutex_);
  const Dictionary::Interned interned = dictionary.intern(kind, module, level, name);
  if (interned.id != 0) set_gate(dictionary, interned.id);
  return interned;
}

// The level of the first declaration, or shut; nothing for what is no stage and no event.
void Settings::set_gate(Dictionary& dictionary, uint16_t id) const noexcept {
  const DictionaryEntry* const entry = dictionary.entry(id);
  if (entry == nullptr) return;
  const Name name = read_name(*entry);
  if (name.kind != EntryKind::kStage && name.kind != EntryKind::kEvent) return;
  const DictionaryEntry* const module = dictionary.entry(entry->module);
  // Module 0 is `other`: the dictionary was full.
  const bool on = entry->module == 0 || module == nullptr || values_.modules.allows(read_name(*module).text);
  dictionary.set_gate(id, on ? name.level : kClosedGate);
}

}  // namespace gpuspan
