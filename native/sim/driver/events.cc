// SPDX-License-Identifier: Apache-2.0
//
// Events, as cuda.h documents them: an event never recorded queries as complete and has no elapsed time, one recorded
// in a capture is no timestamp, and elapsed time is a float of milliseconds between two ticks.
#include "call.h"
#include "capture.h"
#include "submit.h"

namespace gpuspan::sim {

using namespace cuda;

namespace {

constexpr unsigned kEventFlags = kEventBlockingSync | kEventDisableTiming | kEventInterprocess;

Result create(Call& call, Event* event, unsigned flags) {
  if (event == nullptr || (flags & ~kEventFlags) != 0) return kInvalidValue;
  if ((flags & kEventInterprocess) != 0 && (flags & kEventDisableTiming) == 0) return kInvalidValue;
  ContextObject* context = nullptr;
  if (const Result result = call.find_current(&context)) return result;
  if (const Result result = check_suspect(call)) return result;
  EventObject* created = call.state().events.create(context, flags);
  *event = reinterpret_cast<Event>(created);
  return created == nullptr ? kOutOfMemory : kSuccess;
}

// Inside a capture: a step of the graph (external), or a mark that other streams of the capture can wait for.
void capture_record(EventObject& event, const StreamObject& stream, Capture& capture, unsigned flags) {
  if (flags == kEventRecordExternal) {
    capture.steps.push_back({0, &event});
    return;
  }
  event.state = EventObject::State::kCaptured;
  event.captured_on = &stream;
  event.capture_id = capture.id;
  event.captured_operation = stream.captured_operation;
}

Result record(Call& call, Event handle, Stream stream_handle, unsigned flags) {
  if (flags > kEventRecordExternal) return kInvalidValue;
  StreamObject* stream = nullptr;
  if (const Result result = find_stream_with_room(call, stream_handle, &stream)) return result;
  EventObject* event = nullptr;
  if (const Result result = call.find_event(handle, &event)) return result;
  if (event->context != stream->context) return kInvalidHandle;
  if (flags == kEventRecordExternal && stream->capture == nullptr) return kInvalidValue;
  Capture* capture = nullptr;
  if (const Result result = push_command(call, *stream, &capture)) return result;
  if (capture != nullptr) {
    capture_record(*event, *stream, *capture, flags);
  } else {
    note_record(call.state(), *event, *stream, submit(call, *stream, 0));
  }
  return kSuccess;
}

bool is_complete(Call& call, const EventObject& event) {
  return event.state == EventObject::State::kNeverRecorded || event.record.visible_ns <= call.now();
}

// Both events can be subtracted, or why not; in the documented order.
Result check_elapsed(Call& call, const EventObject& start, const EventObject& end) {
  if (((start.flags | end.flags) & kEventDisableTiming) != 0) return kInvalidHandle;
  for (const EventObject* event : {&start, &end}) {
    if (event->state == EventObject::State::kNeverRecorded) return kInvalidHandle;
    if (event->state == EventObject::State::kCaptured) return kCapturedEvent;
  }
  if (start.context != end.context) return kInvalidHandle;
  return is_complete(call, start) && is_complete(call, end) ? kSuccess : kNotReady;
}

Result elapsed(Call& call, float* milliseconds, Event start_handle, Event end_handle) {
  if (milliseconds == nullptr) return kInvalidValue;
  ContextObject* context = nullptr;
  if (const Result result = call.find_current(&context)) return result;
  EventObject* start = nullptr;
  EventObject* end = nullptr;
  if (const Result result = call.find_event(start_handle, &start)) return result;
  if (const Result result = call.find_event(end_handle, &end)) return result;
  if (const Result result = check_suspect(call)) return result;
  if (const Result result = check_elapsed(call, *start, *end)) return result;
  const DeviceClock& clock = call.state().devices[start->context->device].clock;
  const int64_t ns =
      clock.to_tick(clock.at(end->record.reached_ns)) - clock.to_tick(clock.at(start->record.reached_ns));
  *milliseconds = static_cast<float>(static_cast<double>(ns) / 1e6);
  return kSuccess;
}

}  // namespace

extern "C" {

Result cuEventCreate(Event* event, unsigned flags) {
  return enter(k_cuEventCreate, [&](Call& call) { return create(call, event, flags); });
}

// Allowed before the event is complete.
Result cuEventDestroy_v2(Event handle) {
  return enter(k_cuEventDestroy_v2, [&](Call& call) -> Result {
    EventObject* event = nullptr;
    if (const Result result = call.find_event(handle, &event)) return result;
    if (const Result result = check_suspect(call)) return result;
    call.state().events.destroy(event);
    return kSuccess;
  });
}

Result cuEventRecord(Event event, Stream stream) {
  return enter(k_cuEventRecord, [&](Call& call) { return record(call, event, stream, kEventRecordDefault); });
}

Result cuEventRecord_ptsz(Event event, Stream stream) {
  return enter(k_cuEventRecord_ptsz, [&](Call& call) { return record(call, event, stream, kEventRecordDefault); });
}

Result cuEventRecordWithFlags(Event event, Stream stream, unsigned flags) {
  return enter(k_cuEventRecordWithFlags, [&](Call& call) { return record(call, event, stream, flags); });
}

Result cuEventRecordWithFlags_ptsz(Event event, Stream stream, unsigned flags) {
  return enter(k_cuEventRecordWithFlags_ptsz, [&](Call& call) { return record(call, event, stream, flags); });
}

Result cuEventQuery(Event handle) {
  return enter(k_cuEventQuery, [&](Call& call) -> Result {
    EventObject* event = nullptr;
    if (const Result result = call.find_event(handle, &event)) return result;
    if (const Result result = ask_event(call, *event)) return result;
    return is_complete(call, *event) ? kSuccess : kNotReady;
  });
}

Result cuEventSynchronize(Event handle) {
  return enter(k_cuEventSynchronize, [&](Call& call) -> Result {
    if (call.violations()) ++call.violations()->synchronise_calls;
    EventObject* event = nullptr;
    if (const Result result = call.find_event(handle, &event)) return result;
    if (const Result result = ask_event(call, *event)) return result;
    const ContextObject* context = event->context;
    if (!is_complete(call, *event)) call.wait_until(event->record.visible_ns);
    return context->sticky;
  });
}

Result cuEventElapsedTime(float* milliseconds, Event start, Event end) {
  return enter(k_cuEventElapsedTime, [&](Call& call) { return elapsed(call, milliseconds, start, end); });
}

#ifndef GPUSPAN_SIM_OLD
Result cuEventElapsedTime_v2(float* milliseconds, Event start, Event end) {
  return enter(k_cuEventElapsedTime_v2, [&](Call& call) { return elapsed(call, milliseconds, start, end); });
}
#endif

}  // extern "C"

}  // namespace gpuspan::sim
