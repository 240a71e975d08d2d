// SPDX-License-Identifier: Apache-2.0
//
// What this process has once, however many JavaScript environments and native threads use it: the segment, the
// GPU side, the settings that the first `open` fixed. Made on first use and never freed, because threads that
// outlive every environment may still hold lanes. Set-up functions lock; readers of `segment()` do not.
#ifndef GPUSPAN_PROCESS_PROCESS_H_
#define GPUSPAN_PROCESS_PROCESS_H_

#include <atomic>
#include <cstdint>
#include <memory>
#include <mutex>
#include <set>
#include <string>
#include <string_view>

#include "../core/segment.h"
#include "../core/settings.h"
#include "../gpu/gpu.h"

namespace gpuspan {

struct ProcessOptions {
  SegmentOptions segment;
  DeviceOptions device;
  ModuleFilter modules;  // for stages that native code declares
};

class Process {
 public:
  static Process& get() noexcept;

  // Creates the segment, or keeps the one there is. False with `error` when it cannot be made.
  bool open(const ProcessOptions& options, bool* created, std::string* error);
  // Null until `open` succeeded.
  Segment* segment() const noexcept { return segment_.load(std::memory_order_acquire); }
  // Why the segment's clock is what it is.
  std::string clock_reason() const;

  // The GPU side, made at the first call; null without a segment. Loads a device's library: off the record path.
  Gpu* gpu();
  // Null unless `gpu` made it.
  Gpu* gpu_if_open() const noexcept { return gpu_.load(std::memory_order_acquire); }

  // Never 0 and never repeated.
  uint64_t next_environment() noexcept { return environments_.fetch_add(1, std::memory_order_relaxed) + 1; }

  // Whether nobody in the process has said anything on `topic` yet, for what is said once. Once kTopics are taken, new
  // ones are never first.
  bool first_to(const std::string& topic);
  // What the process writes to stderr as it exits, instead of what was set before; empty: nothing. Not in a child made
  // by fork(2).
  void set_last_words(std::string words);

  // What may change while the process runs.
  Settings& settings() noexcept { return settings_; }

  // The stage or event of native code's declaration, with the gate that the module filter gives it. 0: full dictionary.
  uint16_t intern(EntryKind kind, const char* module, const char* name, uint8_t level) noexcept;
  uint16_t intern_stage(const char* module, const char* name, uint8_t level) noexcept {
    return intern(EntryKind::kStage, module, name, level);
  }

 private:
  static constexpr size_t kTopics = 256;

  Process() = default;
  void say_last_words() noexcept;

  mutable std::mutex mutex_;
  ProcessOptions options_;  // written before segment_ is released, constant afterwards
  Settings settings_;
  const char* clock_reason_ = "";
  std::atomic<Segment*> segment_{nullptr};
  std::atomic<Gpu*> gpu_{nullptr};
  std::atomic<uint64_t> environments_{0};
  std::mutex words_mutex_;  // the rest; not mutex_, which is held while a device is opened
  std::set<std::string> topics_;
  std::string last_words_;
  int speaker_ = 0;  // the process that set the last words; 0: nobody, and the exit handler is not registered
};

}  // namespace gpuspan

#endif  // GPUSPAN_PROCESS_PROCESS_H_
