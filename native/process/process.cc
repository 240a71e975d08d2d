// SPDX-License-Identifier: Apache-2.0
//
// See process.h. Everything here is set-up: it may lock, allocate and make system calls.
#include "process.h"

#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <utility>

#include "../core/clock.h"

namespace gpuspan {
namespace {

// The resolver gave the device up after it had worked. From a native thread there is no console but stderr.
void tell(const char* line) { std::fprintf(stderr, "gpuspan: %s\n", line); }

}  // namespace

Process& Process::get() noexcept {
  static Process* const process = new Process;
  return *process;
}

bool Process::open(const ProcessOptions& options, bool* created, std::string* error) {
  const std::lock_guard lock(mutex_);
  *created = false;
  if (segment() != nullptr) return true;
  std::unique_ptr<Segment> segment = Segment::create(options.segment, error);
  if (segment == nullptr) return false;
  options_ = options;
  settings_.start_with(options.modules);
  const char* reason = nullptr;
  Clock::choose(options.segment.clock, &reason);
  clock_reason_ = reason == nullptr ? "" : reason;
  *created = true;
  segment_.store(segment.release(), std::memory_order_release);
  return true;
}

std::string Process::clock_reason() const {
  const std::lock_guard lock(mutex_);
  return clock_reason_;
}

Gpu* Process::gpu() {
  Gpu* gpu = gpu_if_open();
  if (gpu != nullptr || segment() == nullptr) return gpu;
  const std::lock_guard lock(mutex_);
  gpu = gpu_if_open();
  if (gpu != nullptr) return gpu;
  std::string reason;
  std::unique_ptr<DeviceTimer> timer = open_device(options_.device, &reason);
  gpu = Gpu::create(*segment(), std::move(timer), std::move(reason), tell).release();
  gpu_.store(gpu, std::memory_order_release);
  // The resolver must not call into a device's library whose own exit handlers have run. Handlers run last in, first
  // out, and the library registered its own before this line.
  std::atexit([] { Process::get().gpu_if_open()->stop(0); });
  return gpu;
}

bool Process::first_to(const std::string& topic) {
  const std::lock_guard lock(words_mutex_);
  return topics_.size() < kTopics && topics_.insert(topic).second;
}

void Process::set_last_words(std::string words) {
  const std::lock_guard lock(words_mutex_);
  if (speaker_ == 0 && words.empty()) return;
  if (speaker_ == 0) std::atexit([] { Process::get().say_last_words(); });
  speaker_ = getpid();
  last_words_ = std::move(words);
}

// A thread that lives on may hold the mutex; the process must not end up waiting for it.
void Process::say_last_words() noexcept {
  const std::unique_lock lock(words_mutex_, std::try_to_lock);
  if (lock.owns_lock() && !last_words_.empty() && getpid() == speaker_) tell(last_words_.c_str());
}

uint16_t Process::intern(EntryKind kind, const char* module, const char* name, uint8_t level) noexcept {
  if (segment()->forked()) return 0;  // and so never waits for a lock that the parent held
  Dictionary& dictionary = segment()->dictionary();
  const uint16_t module_id = dictionary.intern(EntryKind::kModule, 0, 0, module).id;
  return settings_.declare(dictionary, kind, module_id, level, name).id;
}

}  // namespace gpuspan
