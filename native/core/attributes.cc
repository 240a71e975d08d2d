// SPDX-License-Identifier: Apache-2.0
//
// What hangs on slices and owners besides their times: attributes, events, and slices recorded after the fact.
// Called on the thread that owns the lane.
#include <cstring>

#include "recorder.h"
#include "shared_field.h"

namespace gpuspan {

void Recorder::annotate(Token token, Payload payload) noexcept {
  if (token == 0) return;
  OpenSlice* const slice = find_slice(token);
  if (slice == nullptr) return lose(Loss::kStale);
  append_items(RingShare::kLeaf, slice->payload, kMaxSlicePayload, payload);
}

void Recorder::annotate_root(uint16_t index, Payload payload) noexcept {
  if (index < kRequestCapacity && lane_.requests[index].state != kStateFree && lane_.requests[index].owns_root != 0) {
    append_items(RingShare::kOwner, lane_.requests[index].root_payload, kMaxOwnerPayload, payload);
  } else {
    annotate_worker(index, payload);
  }
}

void Recorder::annotate_worker(uint16_t owner, Payload payload) noexcept {
  if (OpenRequest* request = find_request(owner)) {
    append_items(RingShare::kOwner, request->worker_payload, kMaxOwnerPayload, payload);
  } else if (OpenBatch* batch = find_batch(owner)) {
    append_items(RingShare::kOwner, batch->payload, kMaxOwnerPayload, payload);
  } else {
    lose_owner(Loss::kClosed);
  }
}

void Recorder::event(uint16_t owner, uint16_t event, Payload attributes, uint8_t n, const EventPlace& place) noexcept {
  const uint64_t now = clock_.now();
  const uint64_t time = place.timed ? place.time_ns : now;
  uint8_t header[13] = {static_cast<uint8_t>(Item::kEvent)};
  std::memcpy(header + 1, &event, sizeof event);
  std::memcpy(header + 3, &time, sizeof time);
  header[11] = place.timed ? 1 : 0;  // the time is CLOCK_MONOTONIC
  header[12] = n;
  OpenRequest* const request = find_request(owner);
  OpenBatch* const batch = find_batch(owner);
  if (request == nullptr && batch == nullptr) return lose_owner(Loss::kClosed);
  uint16_t top = request != nullptr ? request->top : batch->top;
  if (place.slice != 0) {
    const OpenSlice* const named = find_slice(place.slice);
    if (named == nullptr || named->owner != owner) return lose(Loss::kStale);
    top = static_cast<uint16_t>(token_index(place.slice));
  }
  if (request != nullptr) open_worker(*request, now);
  (request != nullptr ? request->seen : batch->seen) = now;
  if (top != kNone) {
    append_event(RingShare::kLeaf, lane_.slices[top].payload, kMaxSlicePayload, header, attributes);
  } else {
    PayloadChain& chain = request != nullptr ? request->worker_payload : batch->payload;
    append_event(RingShare::kOwner, chain, kMaxOwnerPayload, header, attributes);
  }
}

void Recorder::record(uint16_t owner, uint16_t stage, uint64_t start_ns, uint64_t end_ns, Payload payload) noexcept {
  OpenRequest* const request = find_request(owner);
  OpenBatch* const batch = find_batch(owner);
  if (request == nullptr && batch == nullptr) return lose(Loss::kClosed);
  if (end_ns < start_ns) return lose(Loss::kTime);
  if (!ring_.reserve(RingShare::kLeaf, 1)) return lose(Loss::kRing);
  Slot head{};
  head.flags = kFlagMonotonic;
  head.stage = stage;
  head.sequence = ring_.settle_slice();
  head.start = start_ns;
  head.end = end_ns;
  head.span_id = ids_.next();
  const uint64_t now = clock_.now();
  (request != nullptr ? request->seen : batch->seen) = now;
  if (request != nullptr) {
    open_worker(*request, now);
    const bool first_level = request->top == kNone;
    head.kind = static_cast<uint8_t>(Kind::kHostSlice);
    head.trace_id = request->trace_id;
    head.parent_span_id = first_level ? request->worker_span_id : lane_.slices[request->top].span_id;
    head.previous = first_level ? request->previous : 0;
    if (first_level) {
      head.flags |= kFlagFirstLevel;
      store_release(request->previous, head.span_id);
    }
  } else {
    const uint16_t index = owner ^ kBatchFlag;
    head.kind = static_cast<uint8_t>(Kind::kBatchSlice);
    head.trace_id = batch->trace_id;
    head.parent_span_id = batch_parent(*batch, owner, stage_level(stage), 0);
    head.batch = {static_cast<uint16_t>(lane_.index), index, batch->generation};
  }
  PayloadChain none = kEmptyChain;
  write_record(RingShare::kLeaf, head, none, kMaxSliceContinuations, &payload, 1);
}

bool Recorder::gpu_origin(uint16_t owner, uint8_t stage_level, GpuOrigin* origin) noexcept {
  if (OpenRequest* request = find_request(owner)) {
    if (request->worker_start == 0) open_worker(*request, clock_.now());
    ++request->launched;
    origin->trace_id = request->trace_id;
    origin->parent_span_id = request->top != kNone ? lane_.slices[request->top].span_id : request->worker_span_id;
    origin->batch = kNone;
    origin->batch_generation = 0;
  } else if (const OpenBatch* batch = find_batch(owner)) {
    origin->trace_id = batch->trace_id;
    origin->parent_span_id = batch_parent(*batch, owner, stage_level, 0);
    origin->batch = owner ^ kBatchFlag;
    origin->batch_generation = batch->generation;
  } else {
    lose(Loss::kClosed);
    return false;
  }
  origin->span_id = ids_.next();
  return true;
}

void Recorder::batch_launched(uint16_t batch) noexcept {
  if (batch >= kBatchCapacity) return;
  std::atomic<uint32_t>& launched = lane_.batches[batch].gpu_launched;
  launched.store(launched.load(std::memory_order_relaxed) + 1, std::memory_order_relaxed);
}

}  // namespace gpuspan
