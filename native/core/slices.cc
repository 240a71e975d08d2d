// SPDX-License-Identifier: Apache-2.0
//
// Host slices: the hot path. A slice without attributes is two calls here, each of which touches the slice's
// entry, its request's entry and, at the end, one ring slot and the producer's line.
#include <cstring>

#include "recorder.h"
#include "shared_field.h"

#define GPUSPAN_INLINE [[gnu::always_inline]] inline

namespace gpuspan {

// A slot in the ring and an entry in the table, or kNone with the loss counted.
GPUSPAN_INLINE uint16_t Recorder::take_slice() noexcept {
  if (!ring_.reserve(RingShare::kLeaf, 1)) [[unlikely]] {
    lose(Loss::kRing);
    return kNone;
  }
  const uint16_t index = free_slice_;
  if (index != kNone) [[likely]] {
    free_slice_ = lane_.slices[index].outer;
    return index;
  }
  if (slices_used_ < kSliceCapacity) return slices_used_++;
  ring_.unreserve(1);
  lose(Loss::kSlices);
  return kNone;
}

GPUSPAN_INLINE Recorder::Parent Recorder::request_parent(const OpenRequest& request, uint16_t owner,
                                                         Token named) const noexcept {
  if (named != 0) {
    const OpenSlice* const slice = find_slice(named);
    if (slice != nullptr && slice->owner == owner) return {slice->span_id, false};
  }
  if (request.top != kNone) return {lane_.slices[request.top].span_id, false};
  return {request.worker_span_id, true};
}

// The nearest open slice whose level does not exceed the child's, so that whoever is shown the child is shown its
// parent as well.
uint64_t Recorder::batch_parent(const OpenBatch& batch, uint16_t owner, uint8_t level, Token named) const noexcept {
  const OpenSlice* const slice = find_slice(named);
  const bool open = slice != nullptr && slice->owner == owner;
  return batch_parent_from(batch, open ? static_cast<uint16_t>(token_index(named)) : batch.top, level);
}

uint64_t Recorder::batch_parent_from(const OpenBatch& batch, uint16_t at, uint8_t level) const noexcept {
  while (at != kNone && lane_.slices[at].level > level) at = lane_.slices[at].outer;
  return at == kNone ? batch.span_id : lane_.slices[at].span_id;
}

namespace {

// The token of the entry's next slice.
GPUSPAN_INLINE Token take_token(OpenSlice& slice, uint32_t index) noexcept {
  constexpr uint32_t kGeneration = 1u << kTokenIndexBits;
  constexpr uint32_t kTokenMask = (1u << (kTokenIndexBits + kTokenGenerationBits)) - 1;
  Token token = ((slice.last_token + kGeneration) & kTokenMask) | index;
  if (token < kGeneration) [[unlikely]]
    token += kGeneration;  // the generation wrapped; 0 is none
  slice.last_token = token;
  return token;
}

}  // namespace

// Fills and links the entry, all but its start: the caller reads the clock last.
template <class Owner>
GPUSPAN_INLINE Token Recorder::open_slice(Owner& owner, uint16_t index, uint16_t stage, uint16_t owner_index,
                                          uint64_t parent, uint64_t previous, uint8_t level, uint8_t flags) noexcept {
  OpenSlice& slice = lane_.slices[index];
  const Token token = take_token(slice, index);
  store_release(slice.owner, owner_index);
  slice.stage = stage;
  const uint64_t span_id = ids_.next();
  store_release(slice.span_id, span_id);
  slice.parent_span_id = parent;
  slice.previous = previous;
  slice.level = level;
  slice.flags = flags;
  slice.payload = kEmptyChain;
  slice.outer = owner.top;
  slice.inner = kNone;
  // Pairs with the acquires in Recorder::read_request, which looks at another lane's outermost slice.
  store_release(slice.token, token);
  if (owner.top == kNone) {
    store_release(owner.bottom, index);
  } else {
    lane_.slices[owner.top].inner = index;
  }
  store_release(owner.top, index);
  return token;
}

// What nearly every slice is, in a function that calls nothing and so saves no registers; the rest is begin_slowly's.
Token Recorder::begin(uint16_t owner, uint16_t stage, Token parent) noexcept {
  if (owner < kRequestCapacity && parent == 0 && clock_.counts()) [[likely]] {
    OpenRequest& request = lane_.requests[owner];
    const uint16_t index = free_slice_;
    if (request.state == kStateOpen && index != kNone && ring_.reserve_at_once()) [[likely]] {
      free_slice_ = lane_.slices[index].outer;
      const Token token = open_child(request, index, stage, owner, 0);
      start_slice(request, index, read_counter());
      return token;
    }
  }
  return begin_slowly(owner, stage, parent);
}

[[gnu::noinline]] Token Recorder::begin_slowly(uint16_t owner, uint16_t stage, Token parent) noexcept {
  if (owner >= kRequestCapacity) return begin_on_batch(owner, stage, parent);
  OpenRequest& request = lane_.requests[owner];
  if (request.state != kStateOpen) [[unlikely]] {
    lose(Loss::kClosed);
    return 0;
  }
  const uint16_t index = take_slice();
  if (index == kNone) return 0;
  const Token token = open_child(request, index, stage, owner, parent);
  start_slice(request, index, clock_.now());
  return token;
}

// Opens a slice below the named one, else below what the request has open.
GPUSPAN_INLINE Token Recorder::open_child(OpenRequest& request, uint16_t index, uint16_t stage, uint16_t owner,
                                          Token named) noexcept {
  const Parent above = request_parent(request, owner, named);
  return open_slice(request, index, stage, owner, above.span_id, above.first_level ? request.previous : 0, 0,
                    above.first_level ? kFlagFirstLevel : uint8_t{0});
}

// The clock is read last, so that a slice does not contain its own beginning.
GPUSPAN_INLINE void Recorder::start_slice(OpenRequest& request, uint16_t index, uint64_t now) noexcept {
  lane_.slices[index].start = now;
  if (request.worker_start == 0) [[unlikely]]
    request.worker_start = now;
}

Token Recorder::begin_on_batch(uint16_t owner, uint16_t stage, Token parent) noexcept {
  OpenBatch* const batch = find_batch(owner);
  if (batch == nullptr) {
    // kNone: what JavaScript passes for an owner that has ended.
    const bool closed = owner == kNone || ((owner & kBatchFlag) != 0 && (owner ^ kBatchFlag) < kBatchCapacity);
    lose(closed ? Loss::kClosed : Loss::kStale);
    return 0;
  }
  const uint16_t index = take_slice();
  if (index == kNone) return 0;
  const uint8_t level = stage_level(stage);
  const uint64_t above = batch_parent(*batch, owner, level, parent);
  const Token token = open_slice(*batch, index, stage, owner, above, 0, level, 0);
  lane_.slices[index].start = clock_.now();
  return token;
}

// The ended slice's parent is as good for a sibling whose level is not below it. Else the search goes on outwards from
// that parent; once that has ended, its level is not known any more.
Token Recorder::next_on_batch(const OpenSlice& ended, uint16_t stage, uint64_t now) noexcept {
  const uint16_t owner = ended.owner;
  OpenBatch& batch = lane_.batches[owner ^ kBatchFlag];
  const uint8_t level = stage_level(stage);
  uint64_t above = ended.parent_span_id;
  if (level < ended.level && above != batch.span_id) {
    uint16_t at = ended.outer;
    while (at != kNone && lane_.slices[at].span_id != above) at = lane_.slices[at].outer;
    above = batch_parent_from(batch, at, level);
  }
  const uint16_t index = take_slice();
  if (index == kNone) return 0;
  lane_.slices[index].start = now;
  return open_slice(batch, index, stage, owner, above, 0, level, 0);
}

// The slot of a finished slice. Also counts it and makes it the request's previous one.
GPUSPAN_INLINE void Recorder::fill_head(Slot& slot, const OpenSlice& slice, uint64_t end, uint8_t flags) noexcept {
  const bool batch = slice.owner >= kBatchFlag;
  flags |= slice.flags;
  slot.kind = static_cast<uint8_t>(batch ? Kind::kBatchSlice : Kind::kHostSlice);
  slot.flags = flags;
  slot.stage = slice.stage;
  slot.sequence = ring_.settle_slice();
  slot.start = slice.start;
  slot.end = end < slice.start ? slice.start : end;  // a counter read on another core may lag by a few ticks
  slot.span_id = slice.span_id;
  slot.parent_span_id = slice.parent_span_id;
  if (!batch) [[likely]] {
    OpenRequest& request = lane_.requests[slice.owner];
    slot.trace_id = request.trace_id;
    slot.previous = slice.previous;
    if ((flags & kFlagFirstLevel) != 0) store_release(request.previous, slice.span_id);
  } else {
    const uint16_t index = slice.owner ^ kBatchFlag;
    const OpenBatch& entry = lane_.batches[index];
    slot.trace_id = entry.trace_id;
    slot.batch = {static_cast<uint16_t>(lane_.index), index, entry.generation};
  }
}

// The entry goes back to the free list, and out of its owner's list of open slices.
template <class Owner>
GPUSPAN_INLINE void unlink(OpenSlice* slices, Owner& owner, const OpenSlice& slice) noexcept {
  const uint16_t outer = slice.outer, inner = slice.inner;
  if (inner == kNone) {
    store_release(owner.top, outer);
  } else {
    slices[inner].outer = outer;
  }
  if (outer == kNone) {
    store_release(owner.bottom, inner);
  } else {
    slices[outer].inner = inner;
  }
}

// The usual slice with attributes: all of them came with its end, and there is room for all. Nothing is copied twice.
GPUSPAN_INLINE bool Recorder::write_attributes(const OpenSlice& slice, uint64_t now, uint8_t flags,
                                               const Payload& payload) noexcept {
  const uint32_t slots = continuations_for(payload.size);
  if (slots == 0 || slots > kMaxSliceContinuations || !ring_.reserve(RingShare::kLeaf, slots)) return false;
  const uint8_t earned = static_cast<uint8_t>(slice.payload.flags | payload.flags | kFlagContinued);
  fill_head(ring_.slot(), slice, now, static_cast<uint8_t>(flags | earned));
  if (slots == 1) [[likely]] {
    write_continuation(ring_.slot(1), payload.data, payload.size);
  } else {
    ContinuationWriter writer(ring_, slots);
    writer.append(payload.data, payload.size);
    writer.finish();
  }
  ring_.publish(1 + slots);
  return true;
}

// Apart from end_at: a Slot on the stack would make every end realign its frame and save registers.
[[gnu::noinline]] void Recorder::write_with_payload(OpenSlice& slice, uint64_t now, uint8_t flags,
                                                    const Payload& payload) noexcept {
  if (slice.payload.head == kNone && write_attributes(slice, now, flags, payload)) [[likely]]
    return;
  Slot head;
  fill_head(head, slice, now, flags);
  write_record(RingShare::kLeaf, head, slice.payload, kMaxSliceContinuations, &payload, 1);
}

// One slot, nothing behind it.
GPUSPAN_INLINE bool is_plain(const OpenSlice& slice, const Payload& payload) noexcept {
  return slice.payload.head == kNone && slice.payload.flags == 0 && payload.size == 0 && payload.flags == 0;
}

GPUSPAN_INLINE void Recorder::end_plain(const OpenSlice& slice, uint64_t now, uint8_t flags) noexcept {
  fill_head(ring_.slot(), slice, now, flags);
  ring_.publish(1);
}

template <class Owner>
GPUSPAN_INLINE void Recorder::free_slice(OpenSlice& slice, Owner& owner, uint64_t now) noexcept {
  unlink(lane_.slices, owner, slice);
  owner.seen = now;
  store_release(slice.token, 0);
  slice.outer = free_slice_;
  free_slice_ = static_cast<uint16_t>(&slice - lane_.slices);
}

void Recorder::end_at(OpenSlice& slice, uint64_t now, uint8_t flags, Payload payload) noexcept {
  if (is_plain(slice, payload)) [[likely]] {
    end_plain(slice, now, flags);
  } else {
    write_with_payload(slice, now, flags, payload);
  }
  if (slice.owner < kBatchFlag) [[likely]] {
    free_slice(slice, lane_.requests[slice.owner], now);
  } else {
    free_slice(slice, lane_.batches[slice.owner ^ kBatchFlag], now);
  }
}

// As in `begin`: a slice of a request without attributes takes the way that calls nothing.
void Recorder::end(Token token, Payload payload) noexcept {
  if (token == 0) return;
  if (!clock_.counts()) [[unlikely]]
    return end_slowly(token, payload, 0);
  const uint64_t now = read_counter();
  OpenSlice* const slice = find_slice(token);
  if (slice == nullptr || !is_plain(*slice, payload) || slice->owner >= kBatchFlag) [[unlikely]]
    return end_slowly(token, payload, now);
  end_plain(*slice, now, 0);
  free_slice(*slice, lane_.requests[slice->owner], now);
}

[[gnu::noinline]] void Recorder::end_slowly(Token token, Payload payload, uint64_t now) noexcept {
  if (now == 0) now = clock_.now();
  OpenSlice* const slice = find_slice(token);
  if (slice == nullptr) return lose(Loss::kStale);
  end_at(*slice, now, 0, payload);
}

// The new slice is a sibling: it takes the ended one's parent, whatever else is open by now. As in `begin`: a request's
// innermost slice takes the way that calls nothing, and its successor its entry.
Token Recorder::next(Token token, uint16_t stage, Payload payload) noexcept {
  const uint64_t now = clock_.now();
  OpenSlice* const slice = find_slice(token);
  if (slice == nullptr || slice->inner != kNone || slice->owner >= kBatchFlag || !is_plain(*slice, payload) ||
      !ring_.reserve_at_once()) [[unlikely]]
    return next_slowly(token, stage, payload, now);
  end_plain(*slice, now, 0);
  OpenRequest& request = lane_.requests[slice->owner];
  request.seen = now;
  return succeed(*slice, request, stage, now);
}

// The entry stays where it is in its owner's list. For Recorder::read_request it is as free in between as if it had
// left: whoever saw the old token sees that it is gone.
GPUSPAN_INLINE Token Recorder::succeed(OpenSlice& slice, const OpenRequest& request, uint16_t stage,
                                       uint64_t now) noexcept {
  store_release(slice.token, 0);
  const Token token = take_token(slice, static_cast<uint32_t>(&slice - lane_.slices));
  slice.stage = stage;
  slice.start = now;
  store_release(slice.span_id, ids_.next());
  slice.flags &= kFlagFirstLevel;
  slice.previous = slice.flags != 0 ? request.previous : 0;
  store_release(slice.token, token);
  return token;
}

[[gnu::noinline]] Token Recorder::next_slowly(Token token, uint16_t stage, Payload payload, uint64_t now) noexcept {
  if (token == 0) return 0;
  OpenSlice* const slice = find_slice(token);
  if (slice == nullptr) {
    lose(Loss::kStale);
    return 0;
  }
  const uint16_t owner = slice->owner;
  const uint64_t parent = slice->parent_span_id;
  const uint8_t first_level = slice->flags & kFlagFirstLevel;
  if (owner >= kBatchFlag) {
    const OpenSlice ended = *slice;
    end_at(*slice, now, 0, payload);
    return next_on_batch(ended, stage, now);
  }
  end_at(*slice, now, 0, payload);
  const uint16_t index = take_slice();
  if (index == kNone) [[unlikely]]
    return 0;
  OpenRequest& request = lane_.requests[owner];
  lane_.slices[index].start = now;
  return open_slice(request, index, stage, owner, parent, first_level != 0 ? request.previous : 0, 0, first_level);
}

void Recorder::close_slices(uint16_t top, uint64_t now) noexcept {
  while (top != kNone) {
    OpenSlice& slice = lane_.slices[top];
    top = slice.outer;
    end_at(slice, now, kFlagUnfinished, {});
  }
}

}  // namespace gpuspan
