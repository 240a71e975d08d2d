// SPDX-License-Identifier: Apache-2.0
//
// Requests: their entries, their stays on this worker (worker spans) and, where they started, their root spans.
// Called on the thread that owns the lane, except Recorder::read_request, which any thread may call.
#include "recorder.h"
#include "shared_field.h"

namespace gpuspan {
namespace {

bool is_zero(const TraceId& id) noexcept {
  uint8_t any = 0;
  for (const uint8_t byte : id.bytes) any |= byte;
  return any == 0;
}

TraceId new_trace_id(IdGenerator& ids) noexcept {
  const uint64_t halves[2] = {ids.next(), ids.next()};
  TraceId id;
  __builtin_memcpy(&id, halves, sizeof id);
  return id;
}

}  // namespace

// Slots for the request's own records and an entry, or kNone.
uint16_t Recorder::take_request(uint32_t slots, HeldBy held_by) noexcept {
  if (closed_ || segment_->forked()) return kNone;
  expire();
  ring_.refresh();
  uint16_t& list = held_by == HeldBy::kIndex && left_request_ != kNone ? left_request_ : free_request_;
  if (list == kNone && requests_used_ == kRequestCapacity) return kNone;
  if (!ring_.reserve(RingShare::kOwner, slots)) return kNone;
  if (list == kNone) return requests_used_++;
  const uint16_t index = list;
  list = lane_.requests[index].next_free;
  return index;
}

uint16_t Recorder::start_entry(const RequestOrigin& origin, bool owns_root, HeldBy held_by) noexcept {
  const uint16_t index = take_request(owns_root ? 2 : 1, held_by);
  if (index == kNone) {
    lose_owner(closed_ ? Loss::kClosed : Loss::kRequest);
    return kNone;
  }
  OpenRequest& request = lane_.requests[index];
  const uint32_t generation = (request.generation + 1) & kGenerationMask;
  // First, so that whoever sees a field of the new request sees that the old one is gone (read_request).
  store_release(request.generation, generation == 0 ? 1 : generation);
  store_release(request.level, origin.level);
  store_release(request.trace_id, is_zero(origin.trace_id) ? new_trace_id(ids_) : origin.trace_id);
  store_release(request.root_span_id, owns_root ? ids_.next() : origin.root_span_id);
  store_release(request.previous, origin.previous);
  store_release(request.bottom, kNone);
  request.owns_root = owns_root ? 1 : 0;
  request.by_index = held_by == HeldBy::kIndex ? 1 : 0;
  request.root_flags = origin.parent != 0 && origin.remote_parent ? kFlagRemoteParent : 0;
  request.root_parent = origin.parent;
  request.seen = clock_.now();
  request.root_start = owns_root ? request.seen : 0;
  request.worker_span_id = ids_.next();
  request.worker_start = 0;
  request.top = kNone;
  request.batches = 0;
  request.shares = 0;
  request.launched = request.launched_seen = 0;
  request.batch_mark = 0;  // an earlier owner of the lane left its own
  request.root_payload = kEmptyChain;
  request.worker_payload = kEmptyChain;
  store_release(request.state, kStateOpen);
  return index;
}

uint16_t Recorder::start_request(const RequestOrigin& origin, Payload attributes) noexcept {
  const uint16_t index = start_entry(origin, true, HeldBy::kIndex);
  if (index != kNone) append_items(RingShare::kOwner, lane_.requests[index].root_payload, kMaxOwnerPayload, attributes);
  return index;
}

uint16_t Recorder::adopt_request(const RequestOrigin& origin, HeldBy held_by) noexcept {
  return start_entry(origin, origin.root_span_id == 0, held_by);
}

bool Recorder::read_request(Segment& segment, Handle handle, RequestOrigin* origin) noexcept {
  const uint16_t index = handle_owner(handle);
  if (handle == 0 || handle_lane(handle) >= segment.used_lanes() || index >= kRequestCapacity) return false;
  const LaneMemory lane = segment.lane(handle_lane(handle));
  const OpenRequest& request = lane.requests[index];
  const auto current = [&] {
    return load_acquire(request.generation) == handle_generation(handle) && load_acquire(request.state) == kStateOpen;
  };
  if (!current()) return false;
  RequestOrigin copy;
  copy.level = load_acquire(request.level);
  copy.trace_id = load_acquire(request.trace_id);
  copy.root_span_id = load_acquire(request.root_span_id);
  copy.previous = load_acquire(request.previous);
  const uint16_t bottom = load_acquire(request.bottom);
  if (bottom < kSliceCapacity) {
    const OpenSlice& slice = lane.slices[bottom];
    const Token token = load_acquire(slice.token);
    const uint64_t span_id = load_acquire(slice.span_id);
    const bool ours = load_acquire(slice.owner) == index;
    if (token != 0 && ours && load_acquire(slice.token) == token) copy.previous = span_id;
  }
  if (!current()) return false;
  *origin = copy;
  return true;
}

OpenRequest* Recorder::find_request(uint16_t index) const noexcept {
  if (index >= kRequestCapacity || lane_.requests[index].state != kStateOpen) return nullptr;
  return &lane_.requests[index];
}

uint64_t Recorder::link_for_carrier(uint16_t index) const noexcept {
  const OpenRequest* const request = find_request(index);
  if (request == nullptr) return 0;
  return request->bottom != kNone ? lane_.slices[request->bottom].span_id : request->previous;
}

uint64_t Recorder::position(uint16_t index, Token named) const noexcept {
  const OpenRequest* const request = find_request(index);
  if (request == nullptr) return 0;
  const OpenSlice* const slice = find_slice(named);
  if (slice != nullptr && slice->owner == index) return slice->span_id;
  if (request->top != kNone) return lane_.slices[request->top].span_id;
  return request->worker_start != 0 ? request->worker_span_id : 0;
}

void Recorder::open_worker(OpenRequest& request, uint64_t now) noexcept {
  if (request.worker_start == 0) request.worker_start = now;
}

void Recorder::write_worker(OpenRequest& request, uint64_t now, uint8_t flags, Payload payload) noexcept {
  Slot head{};
  head.kind = static_cast<uint8_t>(Kind::kWorker);
  head.flags = flags;
  head.sequence = ring_.sequence();
  head.start = request.worker_start;
  head.end = now;
  head.trace_id = request.trace_id;
  head.span_id = request.worker_span_id;
  head.parent_span_id = request.root_span_id;
  head.owner = {static_cast<uint16_t>(lane_.index), request.level, {}};
  uint8_t losses[2 + 9 * kLossCount];
  const Payload pieces[] = {payload, losses_so_far(losses)};
  count_owner();
  write_record(RingShare::kOwner, head, request.worker_payload, kMaxOwnerContinuations, pieces, 2);
}

void Recorder::write_root(OpenRequest& request, uint64_t now, uint8_t flags, Payload payload) noexcept {
  Slot head{};
  head.kind = static_cast<uint8_t>(Kind::kRoot);
  head.flags = static_cast<uint8_t>(flags | request.root_flags);
  head.sequence = ring_.sequence();
  head.start = request.root_start;
  head.end = now;
  head.trace_id = request.trace_id;
  head.span_id = request.root_span_id;
  head.parent_span_id = request.root_parent;
  head.owner = {static_cast<uint16_t>(lane_.index), request.level, {}};
  count_owner();
  write_record(RingShare::kOwner, head, request.root_payload, kMaxOwnerContinuations, &payload, 1);
}

// What is open of this stay ends now; the worker span is written if anything opened it.
void Recorder::close_stay(uint16_t index, uint64_t now, uint8_t flags, Payload payload) noexcept {
  OpenRequest& request = lane_.requests[index];
  close_slices(request.top, now);
  if (request.batches != 0) leave_batches(index, now);
  if (request.worker_start != 0) {
    write_worker(request, now, flags, payload);
  } else {
    drop_chain(request.worker_payload);
    ring_.unreserve(1);
  }
  request.shares = 0;
}

void Recorder::free_request(uint16_t index, uint16_t* list) noexcept {
  OpenRequest& request = lane_.requests[index];
  store_release(request.state, kStateFree);
  request.next_free = *list;
  *list = index;
}

void Recorder::leave(uint16_t index, Payload worker) noexcept {
  if (find_request(index) == nullptr) return lose_owner(Loss::kClosed);
  OpenRequest& request = lane_.requests[index];
  const uint64_t now = clock_.now();
  close_stay(index, now, 0, worker);
  if (request.owns_root == 0) {
    free_request(index, &free_request_);
  } else {
    request.seen = now;
    store_release(request.state, kStateLeft);
  }
}

// Closes it on its program's behalf, in whatever state it is but free.
void Recorder::close_request(uint16_t index, uint64_t now, uint8_t flags) noexcept {
  OpenRequest& request = lane_.requests[index];
  if (request.state == kStateOpen) close_stay(index, now, flags, {});
  if (request.owns_root != 0) write_root(request, now, flags, {});
  free_request(index, request.by_index != 0 ? &left_request_ : &free_request_);
}

void Recorder::finish(uint16_t index, Payload root) noexcept {
  if (index >= kRequestCapacity || lane_.requests[index].state == kStateFree) return lose_owner(Loss::kClosed);
  OpenRequest& request = lane_.requests[index];
  if (request.owns_root == 0) return leave(index, root);
  const uint64_t now = clock_.now();
  ring_.refresh();
  if (request.state == kStateOpen) close_stay(index, now, 0, {});
  write_root(request, now, 0, root);
  free_request(index, &free_request_);
}

}  // namespace gpuspan
