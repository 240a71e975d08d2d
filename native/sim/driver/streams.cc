// SPDX-License-Identifier: Apache-2.0
//
// Streams: making, asking, waiting for, capturing.
#include "call.h"
#include "capture.h"
#include "submit.h"

namespace gpuspan::sim {

using namespace cuda;

namespace {

constexpr int kGreatestPriority = -5;

Result create_stream(Call& call, Stream* stream, unsigned flags, int priority) {
  if (stream == nullptr || flags > kStreamNonBlocking) return kInvalidValue;
  ContextObject* context = nullptr;
  if (const Result result = call.find_current(&context)) return result;
  if (const Result result = check_unsafe(call)) return result;
  State& state = call.state();
  const StreamKind kind = flags == kStreamNonBlocking ? StreamKind::kNonBlocking : StreamKind::kBlocking;
  priority = std::min(0, std::max(kGreatestPriority, priority));
  StreamObject* created = state.streams.create(context, ++state.next_id, kind, flags, priority,
                                               static_cast<size_t>(state.config.queue_depth));
  *stream = reinterpret_cast<Stream>(created);
  return created == nullptr ? kOutOfMemory : kSuccess;
}

Result get_context(Call& call, Stream handle, Context* context) {
  if (context == nullptr) return kInvalidValue;
  StreamObject* stream = nullptr;
  if (const Result result = call.find_stream(handle, &stream)) return result;
  *context = reinterpret_cast<Context>(stream->context);
  return kSuccess;
}

// Writes down something of the stream.
template <typename Value, typename Get>
Result get(Call& call, Stream handle, Value* value, Get get) {
  if (value == nullptr) return kInvalidValue;
  StreamObject* stream = nullptr;
  if (const Result result = call.find_stream(handle, &stream)) return result;
  *value = get(*stream);
  return kSuccess;
}

Result query(Call& call, Stream handle) {
  StreamObject* stream = nullptr;
  if (const Result result = call.find_stream(handle, &stream)) return result;
  if (const Result result = ask_stream(call, *stream)) return result;
  return stream->timeline.visible_ns(stream->context->order) <= call.now() ? kSuccess : kNotReady;
}

Result synchronize(Call& call, Stream handle) {
  if (call.violations()) ++call.violations()->synchronise_calls;
  StreamObject* stream = nullptr;
  if (const Result result = call.find_stream(handle, &stream)) return result;
  if (const Result result = ask_stream(call, *stream)) return result;
  const ContextObject* context = stream->context;
  call.wait_until(stream->timeline.visible_ns(context->order));
  return context->sticky;
}

Result wait_event(Call& call, Stream handle, Event event_handle, unsigned flags) {
  if (flags > kEventWaitExternal) return kInvalidValue;
  StreamObject* stream = nullptr;
  if (const Result result = find_stream_with_room(call, handle, &stream)) return result;
  EventObject* event = nullptr;
  if (const Result result = call.find_event(event_handle, &event)) return result;
  bool done = false;
  if (const Result result = wait_in_capture(call, *stream, *event, &done)) return result;
  Capture* capture = nullptr;
  if (done) return kSuccess;
  if (const Result result = push_command(call, *stream, &capture)) return result;
  if (event->state == EventObject::State::kRecorded) {
    stream->timeline.wait_for(event->record.reached_ns, stream->context->order);
  }
  return kSuccess;
}

Result is_capturing(Call& call, Stream handle, CaptureStatus* status) {
  if (status == nullptr) return kInvalidValue;
  StreamObject* stream = nullptr;
  if (const Result result = call.find_stream(handle, &stream)) return result;
  if (waits_for_capture(call.state(), *stream)) return kStreamCaptureImplicit;
  *status = kCaptureNone;
  if (stream->capture != nullptr) *status = stream->capture->invalidated ? kCaptureInvalidated : kCaptureActive;
  return kSuccess;
}

Result begin(Call& call, Stream handle, CaptureMode mode) {
  StreamObject* stream = nullptr;
  const Result result = call.find_stream(handle, &stream);
  return result == kSuccess ? begin_capture(call, *stream, mode) : result;
}

Result end(Call& call, Stream handle, Graph* graph) {
  if (graph == nullptr) return kInvalidValue;
  StreamObject* stream = nullptr;
  const Result result = call.find_stream(handle, &stream);
  return result == kSuccess ? end_capture(call, *stream, graph) : result;
}

[[maybe_unused]] Result capture_info(Call& call, Stream handle, CaptureStatus* status, uint64_t* id, Graph* graph,
                                     const GraphNode** dependencies, size_t* count) {
  if (const Result result = is_capturing(call, handle, status)) return result;
  StreamObject* stream = nullptr;
  if (const Result result = call.find_stream(handle, &stream)) return result;
  if (id != nullptr && stream->capture != nullptr) *id = stream->capture->id;
  if (graph != nullptr) *graph = nullptr;
  if (dependencies != nullptr) *dependencies = nullptr;
  if (count != nullptr) *count = 0;
  return kSuccess;
}

}  // namespace

// An entry point and its twin for per-thread default streams; `Call` knows which it is.
#define GPUSPAN_SIM_BOTH(symbol, parameters, ...)                                       \
  Result symbol parameters {                                                            \
    return enter(k_##symbol, [&](Call& call) -> Result { return __VA_ARGS__; });        \
  }                                                                                     \
  Result symbol##_ptsz parameters {                                                     \
    return enter(k_##symbol##_ptsz, [&](Call& call) -> Result { return __VA_ARGS__; }); \
  }

extern "C" {

Result cuStreamCreate(Stream* stream, unsigned flags) {
  return enter(k_cuStreamCreate, [&](Call& call) { return create_stream(call, stream, flags, 0); });
}

Result cuStreamCreateWithPriority(Stream* stream, unsigned flags, int priority) {
  return enter(k_cuStreamCreateWithPriority, [&](Call& call) { return create_stream(call, stream, flags, priority); });
}

// Work that is pending goes on; an event recorded on the stream keeps its time.
Result cuStreamDestroy_v2(Stream handle) {
  return enter(k_cuStreamDestroy_v2, [&](Call& call) -> Result {
    if (reinterpret_cast<uintptr_t>(handle) <= kStreamPerThread) return kInvalidHandle;
    StreamObject* stream = nullptr;
    if (const Result result = call.find_stream(handle, &stream)) return result;
    if (stream->capture != nullptr) return ask_stream(call, *stream);
    if (const Result result = check_unsafe(call)) return result;
    call.state().streams.destroy(stream);
    return kSuccess;
  });
}

GPUSPAN_SIM_BOTH(cuStreamGetCtx, (Stream stream, Context* context), get_context(call, stream, context))
GPUSPAN_SIM_BOTH(cuStreamGetFlags, (Stream stream, unsigned* flags),
                 get(call, stream, flags, [](const StreamObject& object) { return object.flags; }))
GPUSPAN_SIM_BOTH(cuStreamGetPriority, (Stream stream, int* priority),
                 get(call, stream, priority, [](const StreamObject& object) { return object.priority; }))
GPUSPAN_SIM_BOTH(cuStreamQuery, (Stream stream), query(call, stream))
GPUSPAN_SIM_BOTH(cuStreamSynchronize, (Stream stream), synchronize(call, stream))
GPUSPAN_SIM_BOTH(cuStreamWaitEvent, (Stream stream, Event event, unsigned flags),
                 wait_event(call, stream, event, flags))
GPUSPAN_SIM_BOTH(cuStreamIsCapturing, (Stream stream, CaptureStatus* status), is_capturing(call, stream, status))
GPUSPAN_SIM_BOTH(cuStreamBeginCapture_v2, (Stream stream, CaptureMode mode), begin(call, stream, mode))
GPUSPAN_SIM_BOTH(cuStreamEndCapture, (Stream stream, Graph* graph), end(call, stream, graph))

#ifndef GPUSPAN_SIM_OLD
GPUSPAN_SIM_BOTH(cuStreamGetId, (Stream stream, unsigned long long* id),
                 get(call, stream, id, [](const StreamObject& object) { return object.id; }))
GPUSPAN_SIM_BOTH(cuStreamGetCaptureInfo_v2,
                 (Stream stream, CaptureStatus* status, uint64_t* id, Graph* graph, const GraphNode** dependencies,
                  size_t* count),
                 capture_info(call, stream, status, id, graph, dependencies, count))
#endif

Result cuThreadExchangeStreamCaptureMode(CaptureMode* mode) {
  return enter(k_cuThreadExchangeStreamCaptureMode, [&](Call& call) -> Result {
    if (mode == nullptr || *mode < kCaptureGlobal || *mode > kCaptureRelaxed) return kInvalidValue;
    std::swap(*mode, call.thread().mode);
    return kSuccess;
  });
}

}  // extern "C"

}  // namespace gpuspan::sim
