// SPDX-License-Identifier: Apache-2.0
//
// The stream capture state machine; see capture.h. The rules are those of CUDA's documentation of
// cuThreadExchangeStreamCaptureMode, cuStreamIsCapturing and the error codes.
#include "capture.h"

#include <algorithm>

namespace gpuspan::sim {
namespace {

void invalidate(Call& call, Capture& capture) {
  if (capture.invalidated) return;
  capture.invalidated = true;
  if (call.violations()) ++call.violations()->captures_broken;
}

bool is_blocking(const StreamObject& stream) { return stream.timeline.kind() != StreamKind::kNonBlocking; }

// Whether a blocking stream of the context takes part.
bool blocks_legacy(const Capture& capture, const ContextObject* context) {
  return std::any_of(capture.streams.begin(), capture.streams.end(),
                     [&](const StreamObject* stream) { return stream->context == context && is_blocking(*stream); });
}

// Legacy-stream work while such a stream is captured: an implicit dependency, which breaks those captures.
cuda::Result break_implicitly(Call& call, const StreamObject& stream) {
  for (auto& capture : call.state().captures) {
    if (blocks_legacy(*capture, stream.context)) invalidate(call, *capture);
  }
  return cuda::kStreamCaptureImplicit;
}

// Why the thread may not make potentially unsafe calls because of this capture.
bool prohibits(const Capture& capture, const ThreadState& thread) {
  if (capture.thread == thread.number) return capture.mode != cuda::kCaptureRelaxed;
  return thread.mode == cuda::kCaptureGlobal && capture.mode == cuda::kCaptureGlobal;
}

void join(Capture& capture, StreamObject& stream) {
  stream.capture = &capture;
  stream.joined_operation = 0;
  capture.streams.push_back(&stream);
}

Capture* find_capture(State& state, uint64_t id) {
  for (auto& capture : state.captures) {
    if (capture->id == id) return capture.get();
  }
  return nullptr;
}

// A forked stream's last operation must be waited for by another stream of the capture.
bool is_unjoined(const Capture& capture) {
  return std::any_of(capture.streams.begin(), capture.streams.end(), [&](const StreamObject* stream) {
    return stream != capture.origin && stream->captured_operation > stream->joined_operation;
  });
}

void release(State& state, Capture* ended) {
  for (StreamObject* stream : ended->streams) stream->capture = nullptr;
  std::erase_if(state.captures, [&](const auto& capture) { return capture.get() == ended; });
}

}  // namespace

bool waits_for_capture(const State& state, const StreamObject& stream) {
  if (state.captures.empty() || stream.timeline.kind() != StreamKind::kLegacy) return false;
  return std::any_of(state.captures.begin(), state.captures.end(),
                     [&](const auto& capture) { return blocks_legacy(*capture, stream.context); });
}

cuda::Result push_command(Call& call, StreamObject& stream, Capture** capture) {
  *capture = stream.capture;
  if (stream.capture == nullptr) {
    return waits_for_capture(call.state(), stream) ? break_implicitly(call, stream) : cuda::kSuccess;
  }
  if (stream.capture->invalidated) return cuda::kStreamCaptureInvalidated;
  stream.captured_operation = ++stream.capture->operations;
  return cuda::kSuccess;
}

cuda::Result check_unsafe(Call& call) {
  cuda::Result result = cuda::kSuccess;
  if (call.thread().mode == cuda::kCaptureRelaxed) return result;
  for (auto& capture : call.state().captures) {
    if (!prohibits(*capture, call.thread())) continue;
    invalidate(call, *capture);
    result = cuda::kStreamCaptureUnsupported;
  }
  return result;
}

cuda::Result check_suspect(Call& call) {
  return call.state().config.strict_capture != 0 ? check_unsafe(call) : cuda::kSuccess;
}

cuda::Result ask_stream(Call& call, StreamObject& stream) {
  if (stream.capture != nullptr) {
    if (stream.capture->invalidated) return cuda::kStreamCaptureInvalidated;
    invalidate(call, *stream.capture);
    return cuda::kStreamCaptureUnsupported;
  }
  return waits_for_capture(call.state(), stream) ? break_implicitly(call, stream) : check_unsafe(call);
}

cuda::Result ask_context(Call& call, const ContextObject& context) {
  cuda::Result result = cuda::kSuccess;
  for (auto& capture : call.state().captures) {
    if (capture->origin->context != &context) continue;
    invalidate(call, *capture);
    result = cuda::kStreamCaptureUnsupported;
  }
  return result != cuda::kSuccess ? result : check_unsafe(call);
}

cuda::Result ask_event(Call& call, const EventObject& event) {
  if (event.state != EventObject::State::kCaptured) return check_unsafe(call);
  if (Capture* capture = find_capture(call.state(), event.capture_id)) invalidate(call, *capture);
  return cuda::kCapturedEvent;
}

cuda::Result wait_in_capture(Call& call, StreamObject& stream, const EventObject& event, bool* done) {
  *done = true;
  Capture* own = stream.capture;
  if (own != nullptr && own->invalidated) return cuda::kStreamCaptureInvalidated;
  if (event.state != EventObject::State::kCaptured) {
    *done = own != nullptr;
    if (own == nullptr || event.state == EventObject::State::kNeverRecorded) return cuda::kSuccess;
    invalidate(call, *own);
    return cuda::kStreamCaptureIsolation;
  }
  Capture* other = find_capture(call.state(), event.capture_id);
  if (other == nullptr) {
    if (own != nullptr) invalidate(call, *own);
    return own != nullptr ? cuda::kStreamCaptureIsolation : cuda::kCapturedEvent;
  }
  if (other->invalidated) return cuda::kStreamCaptureInvalidated;
  if (own != nullptr && own != other) {
    invalidate(call, *own);
    invalidate(call, *other);
    return cuda::kStreamCaptureMerge;
  }
  if (stream.timeline.kind() == StreamKind::kLegacy) return break_implicitly(call, stream);
  if (own == nullptr) join(*other, stream);
  for (StreamObject* from : other->streams) {
    if (from != event.captured_on || from == &stream) continue;
    from->joined_operation = std::max(from->joined_operation, event.captured_operation);
  }
  stream.captured_operation = ++other->operations;
  return cuda::kSuccess;
}

cuda::Result begin_capture(Call& call, StreamObject& stream, cuda::CaptureMode mode) {
  if (mode < cuda::kCaptureGlobal || mode > cuda::kCaptureRelaxed) return cuda::kInvalidValue;
  if (stream.timeline.kind() == StreamKind::kLegacy) return cuda::kStreamCaptureUnsupported;
  if (stream.capture != nullptr) return cuda::kIllegalState;
  auto capture = std::make_unique<Capture>();
  capture->id = ++call.state().next_id;
  capture->thread = call.thread().number;
  capture->mode = mode;
  capture->origin = &stream;
  stream.captured_operation = 0;
  join(*capture, stream);
  call.state().captures.push_back(std::move(capture));
  return cuda::kSuccess;
}

cuda::Result end_capture(Call& call, StreamObject& stream, cuda::Graph* graph) {
  *graph = nullptr;
  Capture* capture = stream.capture;
  if (capture == nullptr) return cuda::kIllegalState;
  if (capture->origin != &stream) return cuda::kStreamCaptureUnmatched;
  if (capture->mode != cuda::kCaptureRelaxed && capture->thread != call.thread().number) {
    return cuda::kStreamCaptureWrongThread;
  }
  cuda::Result result = cuda::kSuccess;
  if (capture->invalidated) {
    result = cuda::kStreamCaptureInvalidated;
  } else if (is_unjoined(*capture)) {
    result = cuda::kStreamCaptureUnjoined;
  } else if (GraphObject* made = call.state().graphs.create()) {
    made->steps = std::move(capture->steps);
    *graph = reinterpret_cast<cuda::Graph>(made);
  } else {
    result = cuda::kOutOfMemory;
  }
  release(call.state(), capture);
  return result;
}

void drop_captures(State& state, const ContextObject& context) {
  for (size_t i = state.captures.size(); i-- > 0;) {
    if (state.captures[i]->origin->context == &context) release(state, state.captures[i].get());
  }
}

}  // namespace gpuspan::sim
