// SPDX-License-Identifier: Apache-2.0
//
// What may change while the process records: the level of new requests and the modules that are on. One a process.
// Set-up functions of any thread change it under a lock; the record path only compares a generation. JavaScript's
// stages follow when their environment next starts or adopts a request, native code's at once, because their gates lie
// in the segment.
#ifndef GPUSPAN_CORE_SETTINGS_H_
#define GPUSPAN_CORE_SETTINGS_H_

#include <atomic>
#include <cstdint>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

#include "dictionary.h"

namespace gpuspan {

struct ModuleFilter {
  bool all = true;
  std::vector<std::string> names;  // unless all

  bool allows(std::string_view module) const noexcept;
};

// The names that nobody has declared a stage or event of.
std::vector<std::string> unknown_names(const ModuleFilter& modules, const Dictionary& dictionary);

class Settings {
 public:
  struct Values {
    uint32_t generation = 0;  // 0: nothing was changed since the start
    bool level_set = false;   // else every environment has the level that it started with
    uint8_t level = 0;        // 0: new requests are inert
    bool modules_set = false;
    ModuleFilter modules;
  };

  // The filter that the process starts with. It holds for native code; every environment brings its own.
  void start_with(ModuleFilter modules);

  void set_level(uint8_t level);
  // Opens and closes the gates of what was declared so far. Returns the names that nobody has declared yet.
  std::vector<std::string> set_modules(ModuleFilter modules, Dictionary& dictionary);

  Values read() const;
  // Changes with every change. Relaxed: whoever sees a new one takes the lock to read what it stands for.
  uint32_t generation() const noexcept { return generation_.load(std::memory_order_relaxed); }

  // Interns a stage or an event and gives it the gate that the filter says, in one step for `set_modules`.
  Dictionary::Interned declare(Dictionary& dictionary, EntryKind kind, uint16_t module, uint8_t level,
                               std::string_view name) noexcept;

 private:
  void set_gate(Dictionary& dictionary, uint16_t id) const noexcept;

  mutable std::mutex mutex_;
  Values values_;
  std::atomic<uint32_t> generation_{0};
};

}  // namespace gpuspan

#endif  // GPUSPAN_CORE_SETTINGS_H_
