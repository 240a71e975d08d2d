// SPDX-License-Identifier: Apache-2.0
//
// See environment.h. The scratch memory is native and shown to JavaScript as an external ArrayBuffer. Runtimes that
// refuse those (V8's sandbox) get memory of JavaScript's own, pinned by a reference for the environment's life.
#include "environment.h"

#include <cstdlib>
#include <new>

namespace gpuspan {
namespace {

constinit thread_local Environment* current_environment = nullptr;

// Node wants every (hook, argument) pair of an environment to be unique, so each load brings its own.
struct Load {
  Environment* environment;
};

napi_status create_external(napi_env env, void* data, napi_finalize finalize, void* hint, napi_value* result) {
#ifdef NODE_API_NO_EXTERNAL_BUFFERS_ALLOWED
  (void)env, (void)data, (void)finalize, (void)hint, (void)result;
  return napi_no_external_buffers_allowed;
#else
  return napi_create_external_arraybuffer(env, data, kScratchBytes, finalize, hint, result);
#endif
}

}  // namespace

Environment* Environment::enter(napi_env env) {
  if (current_environment == nullptr) current_environment = new (std::nothrow) Environment;
  Environment* self = current_environment;
  if (self == nullptr) return nullptr;
  Load* load = new (std::nothrow) Load{self};
  ++self->loads_;
  ++self->memory_users_;
  if (load != nullptr && napi_add_env_cleanup_hook(env, leave, load) == napi_ok) return self;
  leave(load != nullptr ? load : new Load{self});
  return nullptr;
}

// The environment ends: naturally, by process.exit in a Worker, or terminated. No JavaScript of it runs any more.
void Environment::leave(void* data) {
  Load* load = static_cast<Load*>(data);
  Environment* self = load->environment;
  delete load;
  if (--self->loads_ == 0) {
    if (Producer::current() == &self->producer_) Producer::set_current(nullptr);
    self->producer_.release();
    if (Segment* segment = Process::get().segment()) segment->release_lease(self->id_);
    current_environment = nullptr;
  }
  self->release_memory();
}

void Environment::release_memory() noexcept {
  if (--memory_users_ == 0) delete this;
}

Environment::~Environment() {
  if (owns_scratch_) std::free(scratch_);
}

bool Environment::attach(const LaneIdentity& identity, std::string* error) {
  if (producer_.claimed()) return true;
  Segment* segment = Process::get().segment();
  if (segment == nullptr) {
    *error = "there is no segment; call open first";
    return false;
  }
  if (scratch_ == nullptr) {
    scratch_ = static_cast<uint8_t*>(std::aligned_alloc(64, kScratchBytes));
    owns_scratch_ = scratch_ != nullptr;
    if (!owns_scratch_) {
      *error = "no memory for the scratch buffer";
      return false;
    }
    std::memset(scratch_, 0, kScratchBytes);
  }
  if (!producer_.claim(*segment, identity, error)) return false;
  Producer::set_current(&producer_);
  return true;
}

napi_value Environment::scratch_buffer(napi_env env) {
  if (!owns_scratch_) return pinned_buffer(env);
  napi_value buffer = nullptr;
  ++memory_users_;
  const napi_status status = create_external(
      env, scratch_, [](napi_env, void*, void* self) { static_cast<Environment*>(self)->release_memory(); }, this,
      &buffer);
  if (status == napi_ok) return buffer;
  --memory_users_;
  return status == napi_no_external_buffers_allowed ? pinned_buffer(env) : nullptr;
}

napi_value Environment::pinned_buffer(napi_env env) {
  napi_value buffer = nullptr;
  if (pinned_ != nullptr) {
    napi_get_reference_value(pinned_env_, pinned_, &buffer);
    return buffer;
  }
  void* data = nullptr;
  if (napi_create_arraybuffer(env, kScratchBytes, &data, &buffer) != napi_ok) return nullptr;
  if (napi_create_reference(env, buffer, 1, &pinned_) != napi_ok) return nullptr;
  pinned_env_ = env;
  std::free(scratch_);
  owns_scratch_ = false;
  scratch_ = static_cast<uint8_t*>(data);
  return buffer;
}

}  // namespace gpuspan
