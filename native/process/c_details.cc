// SPDX-License-Identifier: Apache-2.0
//
// See c_details.h. Record path, but for the first use of a key or an event on a thread.
#include "c_details.h"

#include "attribute_items.h"
#include "place.h"

namespace gpuspan::c_details {
namespace {

// The calling thread's recorder, or null: then an attribute is one of a slice that was counted when it was refused.
Recorder* current_recorder() noexcept {
  Producer* const producer = Producer::current();
  return producer == nullptr ? nullptr : producer->recorder();
}

Segment& current_segment() noexcept { return Producer::current()->segment(); }

// The owner that a request names on this thread; kNone, after counting it, when there is none.
uint16_t find_owner(gpuspan_request request) noexcept {
  Producer* const producer = Producer::current();
  if (producer == nullptr) return kNone;
  const uint16_t owner = producer->recorder() == nullptr ? kNone : producer->recorder()->resolve(request);
  if (owner == kNone) producer->lose_owner(Loss::kStale);
  return owner;
}

}  // namespace

void set(gpuspan_token token, const gpuspan_attribute* attributes, uint32_t count) {
  Recorder* const recorder = current_recorder();
  if (recorder == nullptr || token == 0) return;
  recorder->annotate(token, AttributeItems(current_segment()).add(attributes, count).payload());
}

void gpu_set(gpuspan_gpu_token token, const gpuspan_attribute* attributes, uint32_t count) {
  if (current_recorder() == nullptr || token == 0) return;
  Launcher* const launcher = Producer::current()->launcher();
  if (launcher != nullptr) {
    launcher->annotate(token, AttributeItems(current_segment()).add(attributes, count).payload());
  }
}

void request_set(gpuspan_request request, const gpuspan_attribute* attributes, uint32_t count) {
  const uint16_t owner = find_owner(request);
  if (owner == kNone) return;
  current_recorder()->annotate_root(owner, AttributeItems(current_segment()).add(attributes, count).payload());
}

void worker_set(gpuspan_request request, const gpuspan_attribute* attributes, uint32_t count) {
  const uint16_t owner = find_owner(request);
  if (owner == kNone) return;
  current_recorder()->annotate_worker(owner, AttributeItems(current_segment()).add(attributes, count).payload());
}

void end_with(gpuspan_token token, const gpuspan_attribute* attributes, uint32_t count) {
  Recorder* const recorder = current_recorder();
  if (recorder == nullptr) {
    refuse(Producer::current(), Loss::kLane);
    return;
  }
  recorder->end(token, AttributeItems(current_segment()).add(attributes, count).payload());
}

void fail(gpuspan_token token, const char* message, uint32_t length) {
  Recorder* const recorder = current_recorder();
  if (recorder == nullptr || token == 0) return;
  recorder->annotate(token, AttributeItems(current_segment()).error(message, length).payload());
}

void event(gpuspan_event_kind* kind, gpuspan_request request, const gpuspan_attribute* attributes, uint32_t count) {
  event_at(kind, request, 0, 0, attributes, count);
}

void event_at(gpuspan_event_kind* kind, gpuspan_request request, gpuspan_token slice, uint64_t time_ns,
              const gpuspan_attribute* attributes, uint32_t count) {
  const Place place = find_place(kind, request);
  if (place.recorder == nullptr) return;
  if (time_ns > INT64_MAX) return place.producer->lose(Loss::kInvalid);
  AttributeItems items(place.producer->segment(), AttributeItems::kEventLimit);
  items.add(attributes, count).note();
  const EventPlace where{slice, time_ns != 0, time_ns};
  place.recorder->event(place.owner, place.stage, items.payload(), items.count(), where);
}

void record(gpuspan_stage* stage, gpuspan_request request, uint64_t start_ns, uint64_t end_ns,
            const gpuspan_attribute* attributes, uint32_t count) {
  const Place place = find_place(stage, request);
  if (place.recorder == nullptr) return;
  if (start_ns > INT64_MAX || end_ns > INT64_MAX) return place.producer->lose(Loss::kInvalid);
  place.recorder->record(place.owner, place.stage, start_ns, end_ns,
                         AttributeItems(place.producer->segment()).add(attributes, count).payload());
}

}  // namespace gpuspan::c_details
