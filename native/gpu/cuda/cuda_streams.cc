// SPDX-License-Identifier: Apache-2.0
//
// Examining stream handles. The driver follows a handle wherever it points, so a number that is no address of this
// process must not reach it.
#include "cuda_streams.h"

#include <cstdio>

#include "../readable.h"

namespace gpuspan::cuda {
namespace {

// The default streams: 0 and 1 are the legacy one, 2 the calling thread's own, of whichever context is current.
constexpr uint64_t kLastDefaultStream = kStreamPerThread;
// Objects of the driver are at least this big; an address whose first bytes cannot be read is none.
constexpr size_t kProbeBytes = 64;

std::string stream_name(uint64_t handle) {
  char text[32];
  std::snprintf(text, sizeof text, "stream 0x%llx", static_cast<unsigned long long>(handle));
  return text;
}

bool may_be_object(uint64_t handle) {
  uint64_t words[kProbeBytes / sizeof(uint64_t)];
  return handle % alignof(void*) == 0 && read_memory(handle, words, kProbeBytes);
}

}  // namespace

// Contexts are aligned, so their addresses plus 1 or 2 are no other stream's.
uint64_t Streams::key(uint64_t handle) const noexcept {
  if (handle > kLastDefaultStream) return handle;
  const uint64_t which = handle == kStreamPerThread ? kStreamPerThread : kStreamLegacy;
  return reinterpret_cast<uint64_t>(driver_.current_context()) + which;
}

bool Streams::find_context(uint64_t handle, Context* context, std::string* error) {
  if (driver_.gone()) {
    *error = stream_name(handle) + " cannot be timed: the CUDA driver has shut down";
    return false;
  }
  if (handle <= kLastDefaultStream) {
    *context = driver_.current_context();
    if (*context != nullptr) return true;
    *error = stream_name(handle) +
             " is a default stream, but no CUDA context is current on this thread; pass it where the application's "
             "context is current, or pass a stream that was created";
    return false;
  }
  if (!may_be_object(handle)) {
    *error = stream_name(handle) + " is not an address of this process; pass the CUstream or cudaStream_t itself";
    return false;
  }
  const Result result = driver_.api.stream_get_ctx(reinterpret_cast<Stream>(handle), context);
  if (driver_.judge("cuStreamGetCtx", result, nullptr) == Verdict::kOk && *context != nullptr) return true;
  *error = stream_name(handle) + " is not a stream that can be timed: cuStreamGetCtx returned " +
           std::to_string(result) + "; pass a live CUstream or cudaStream_t";
  return false;
}

TimedContext* Streams::meet(Context context) {
  unsigned long long id = 0;
  const Api& api = driver_.api;
  if (!driver_.gone() && api.ctx_get_id != nullptr &&
      driver_.judge("cuCtxGetId", api.ctx_get_id(context, &id), nullptr) != Verdict::kOk) {
    id = 0;
  }
  const std::lock_guard lock(mutex_);
  for (const auto& known : contexts_) {
    if (known->handle() == context && known->id() == id && !known->lost()) return known.get();
  }
  return contexts_.emplace_back(std::make_unique<TimedContext>(api, driver_.host, context, id)).get();
}

NamedStream* Streams::open(uint64_t handle, std::string* error) {
  Context context = nullptr;
  if (!find_context(handle, &context, error)) return nullptr;
  auto named = std::make_unique<NamedStream>();
  named->stream = reinterpret_cast<Stream>(handle);
  named->is_default = handle <= kLastDefaultStream;
  named->context = meet(context);
  const Api& api = driver_.api;
  if (!named->is_default && !driver_.gone() && api.stream_get_id != nullptr &&
      driver_.judge("cuStreamGetId", api.stream_get_id(named->stream, &named->id), nullptr) != Verdict::kOk) {
    named->id = 0;
  }
  const std::lock_guard lock(mutex_);
  return streams_.emplace_back(std::move(named)).get();
}

bool Streams::in_its_context(const NamedStream& stream) const noexcept {
  if (driver_.gone()) return false;
  if (stream.is_default) return driver_.current_context() == stream.context->handle();
  Context context = nullptr;
  const Result result = driver_.api.stream_get_ctx(stream.stream, &context);
  return driver_.judge("cuStreamGetCtx", result, nullptr) == Verdict::kOk && context == stream.context->handle();
}

bool Streams::still_names(const NamedStream& stream) const noexcept {
  if (stream.context->lost() || !in_its_context(stream)) return false;
  const Api& api = driver_.api;
  unsigned long long id = 0;
  if (stream.is_default) {
    const TimedContext& context = *stream.context;
    if (api.ctx_get_id == nullptr || context.id() == 0) return true;
    return driver_.judge("cuCtxGetId", api.ctx_get_id(context.handle(), &id), nullptr) == Verdict::kOk &&
           id == context.id();
  }
  if (api.stream_get_id == nullptr || stream.id == 0) return true;
  return driver_.judge("cuStreamGetId", api.stream_get_id(stream.stream, &id), nullptr) == Verdict::kOk &&
         id == stream.id;
}

}  // namespace gpuspan::cuda
