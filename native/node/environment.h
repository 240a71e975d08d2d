// SPDX-License-Identifier: Apache-2.0
//
// What a JavaScript environment (the main thread or a worker_thread) owns: an id, a producer, scratch memory. It is
// callback data of every function rather than instance data, so that several copies of the module object in one
// thread share it. Only its thread touches it; its cleanup hook runs there too, also when a Worker is terminated.
#ifndef GPUSPAN_NODE_ENVIRONMENT_H_
#define GPUSPAN_NODE_ENVIRONMENT_H_

#include <node_api.h>

#include <cstdint>
#include <cstring>
#include <string>

#include "../process/process.h"
#include "../process/producer.h"

namespace gpuspan {

// Mirrors SCRATCH_BYTES and SCRATCH in lib/native.ts; a test compares them.
inline constexpr uint32_t kScratchBytes = 65'536;
namespace scratch {
inline constexpr uint32_t kTraceId = 0;
inline constexpr uint32_t kParent = 16;
inline constexpr uint32_t kRoot = 24;
inline constexpr uint32_t kPrevious = 32;
inline constexpr uint32_t kHandle = 40;
inline constexpr uint32_t kSpan = 48;
inline constexpr uint32_t kInteger = 56;
inline constexpr uint32_t kStage = 60;
inline constexpr uint32_t kBytes = 62;
inline constexpr uint32_t kPayload = 64;
}  // namespace scratch

class Environment {
 public:
  // The calling thread's environment, made if there is none, with a cleanup hook for this load of the module. Null
  // when Node refuses the hook.
  static Environment* enter(napi_env env);

  uint64_t id() const noexcept { return id_; }
  Producer& producer() noexcept { return producer_; }
  // Null while nothing may be recorded: before `attach`, after `closeLane`.
  Recorder* recorder() noexcept { return producer_.recorder(); }

  // Claims the lane and the scratch memory; a second call finds both claimed. False with `error`.
  bool attach(const LaneIdentity& identity, std::string* error);
  // The scratch memory as an ArrayBuffer of the caller's context; null with an exception pending.
  napi_value scratch_buffer(napi_env env);

  // Whether level or modules were changed since this environment last followed them (Process::settings).
  bool settings_changed() const noexcept { return settings_.generation() != settings_applied_; }
  void settings_applied(uint32_t generation) noexcept { settings_applied_ = generation; }

  // `bytes` of payload at `offset` in the scratch memory. False when that is not inside it.
  bool payload(int32_t bytes, uint32_t offset, Payload* payload) const noexcept {
    if (bytes < 0 || static_cast<uint32_t>(bytes) > kScratchBytes - offset) return false;
    *payload = {scratch_ + offset, static_cast<uint32_t>(bytes)};
    return true;
  }
  template <typename T>
  T scratch_at(uint32_t offset) const noexcept {
    T value;
    std::memcpy(&value, scratch_ + offset, sizeof(T));
    return value;
  }
  template <typename T>
  void set_scratch(uint32_t offset, const T& value) noexcept {
    std::memcpy(scratch_ + offset, &value, sizeof(T));
  }
  const uint8_t* scratch() const noexcept { return scratch_; }

 private:
  Environment() : id_(Process::get().next_environment()), settings_(Process::get().settings()) {}
  ~Environment();
  static void leave(void* load);
  void release_memory() noexcept;
  napi_value pinned_buffer(napi_env env);

  const uint64_t id_;
  const Settings& settings_;
  uint32_t settings_applied_ = 0;
  Producer producer_;
  uint8_t* scratch_ = nullptr;
  bool owns_scratch_ = false;  // false when the memory is JavaScript's, pinned by pinned_
  napi_env pinned_env_ = nullptr;
  napi_ref pinned_ = nullptr;
  uint32_t loads_ = 0;         // of the module in this thread, each with a cleanup hook
  uint32_t memory_users_ = 0;  // loads plus live ArrayBuffers over the scratch memory
};

}  // namespace gpuspan

#endif  // GPUSPAN_NODE_ENVIRONMENT_H_
