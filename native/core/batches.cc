// SPDX-License-Identifier: Apache-2.0
//
// Batches: entries, their spans, and when an entry may be used again. An entry outlives its batch until readers
// need it no more, because batch slices name it and find their members in it. Called on the lane's thread.
#include "recorder.h"
#include "shared_field.h"

namespace gpuspan {
namespace {

constexpr uint32_t chunks_for(uint32_t members) noexcept { return (members + kChunkMembers - 1) / kChunkMembers; }

}  // namespace

OpenBatch* Recorder::find_batch(uint16_t owner) const noexcept {
  const uint32_t index = owner ^ kBatchFlag;
  if (index >= kBatchCapacity || lane_.batches[index].state != kStateOpen) return nullptr;
  return &lane_.batches[index];
}

uint16_t Recorder::define_batch(const uint16_t* members, uint32_t count, Payload attributes) noexcept {
  const Loss refused = check_members(members, count);
  if (refused != Loss::kCount) {
    lose_owner(refused);
    return kNone;
  }
  const uint16_t index = take_batch(chunks_for(count), 1, HeldBy::kIndex);
  if (index == kNone) {
    lose_owner(Loss::kBatch);
    return kNone;
  }
  OpenBatch& batch = lane_.batches[index];
  start_batch(batch);
  store_release(batch.alias, 0);
  const uint64_t ids[2] = {ids_.next(), ids_.next()};
  TraceId trace_id;
  __builtin_memcpy(&trace_id, ids, sizeof trace_id);
  store_release(batch.trace_id, trace_id);
  store_release(batch.span_id, ids_.next());
  batch.seen = clock_.now();
  store_release(batch.start, batch.seen);
  fill_members(batch, members, count);
  open_batches_[index / 64] |= uint64_t{1} << index % 64;
  append_items(RingShare::kOwner, batch.payload, kMaxOwnerPayload, attributes);
  // Pairs with the acquires in copy_members: everything above is there.
  store_release(batch.state, kStateOpen);
  return index;
}

uint16_t Recorder::adopt_batch(Segment& segment, Handle handle) noexcept {
  const uint16_t source = handle_owner(handle) ^ kBatchFlag;
  if (handle == 0 || handle_lane(handle) >= segment.used_lanes() || source >= kBatchCapacity) {
    lose_owner(Loss::kStale);
    return kNone;
  }
  const uint32_t members = load_acquire(segment.lane(handle_lane(handle)).batches[source].members);
  const uint16_t index = members <= kMaxBatchMembers ? take_batch(chunks_for(members), 0, HeldBy::kHandle) : kNone;
  if (index == kNone) {
    lose_owner(Loss::kBatch);
    return kNone;
  }
  OpenBatch& batch = lane_.batches[index];
  start_batch(batch);
  store_release(batch.alias, 1);
  batch.seen = clock_.now();
  if (!copy_members(segment, handle, batch)) {
    free_batch(index);
    lose_owner(Loss::kStale);
    return kNone;
  }
  store_release(batch.state, kStateOpen);
  return index;
}

// Whether there are as many chunks and an entry.
bool Recorder::has_batch(uint32_t chunks, HeldBy held_by) const noexcept {
  const bool left = held_by == HeldBy::kIndex && left_batch_ != kNone;
  return chunks_free_ >= chunks && (left || free_batch_ != kNone || batches_used_ != kBatchCapacity);
}

// An entry with `chunks` chunks and `slots` ring slots to be had, or kNone.
uint16_t Recorder::take_batch(uint32_t chunks, uint32_t slots, HeldBy held_by) noexcept {
  if (closed_ || segment_->forked()) return kNone;
  ring_.refresh();
  reap_batches(false);
  if (!has_batch(chunks, held_by)) reap_batches(true);
  if (!has_batch(chunks, held_by)) return kNone;
  if (!ring_.reserve(RingShare::kOwner, slots)) return kNone;
  uint16_t& list = held_by == HeldBy::kIndex && left_batch_ != kNone ? left_batch_ : free_batch_;
  if (list == kNone) return batches_used_++;
  const uint16_t index = list;
  list = lane_.batches[index].next_free;
  return index;
}

void Recorder::start_batch(OpenBatch& batch) noexcept {
  const uint32_t generation = (batch.generation + 1) & kGenerationMask;
  // First, for the same reason as in start_entry.
  store_release(batch.generation, generation == 0 ? 1 : generation);
  store_release(batch.level, 0);
  store_release(batch.live, 0);
  store_release(batch.members, 0);
  store_release(batch.first_chunk, kNone);
  store_release(batch.top, kNone);
  store_release(batch.bottom, kNone);
  store_release(batch.next_free, kNone);
  batch.payload = kEmptyChain;
  store_release(batch.left_behind, 0);
  batch.retire_position = 0;
  batch.gpu_launched.store(0, std::memory_order_relaxed);
  batch.gpu_written.store(0, std::memory_order_relaxed);
  batch.gpu_position.store(0, std::memory_order_relaxed);
  batch.shares = 0;
  batch.launched_seen = 0;
}

void Recorder::end_batch(uint16_t index, Payload payload) noexcept {
  if (find_batch(index ^ kBatchFlag) == nullptr) return lose_owner(Loss::kClosed);
  OpenBatch& batch = lane_.batches[index];
  batch.seen = clock_.now();
  close_batch(index, batch.seen, 0, payload);
  store_release(batch.left_behind, 0);
}

void Recorder::close_batch(uint16_t index, uint64_t now, uint8_t flags, Payload payload) noexcept {
  OpenBatch& batch = lane_.batches[index];
  close_slices(batch.top, now);
  if (batch.alias == 0) {
    forget_members(batch);
    open_batches_[index / 64] &= ~(uint64_t{1} << index % 64);
    store_release(batch.left_behind, 1);  // unless its holder ends it, see end_batch
    write_batch(batch, index, now, flags, payload);
  } else {
    drop_chain(batch.payload);
  }
  retire_batch(index);
}

void Recorder::write_batch(OpenBatch& batch, uint16_t index, uint64_t now, uint8_t flags, Payload payload) noexcept {
  Slot head{};
  head.kind = static_cast<uint8_t>(Kind::kBatch);
  head.flags = flags;
  head.sequence = ring_.sequence();
  head.start = batch.start;
  head.end = now;
  head.trace_id = batch.trace_id;
  head.span_id = batch.span_id;
  head.batch = {static_cast<uint16_t>(lane_.index), index, batch.generation};
  count_owner();
  write_record(RingShare::kOwner, head, batch.payload, kMaxOwnerContinuations, &payload, 1);
}

void Recorder::retire_batch(uint16_t index) noexcept {
  OpenBatch& batch = lane_.batches[index];
  batch.retire_position = ring_.written();
  store_release(batch.next_free, kNone);
  store_release(batch.state, kStateClosed);
  if (retired_last_ == kNone) {
    retired_first_ = index;
  } else {
    store_release(lane_.batches[retired_last_].next_free, index);
  }
  retired_last_ = index;
}

bool Recorder::may_reuse(const OpenBatch& batch) const noexcept {
  if (!ring_.passed(batch.retire_position)) return false;
  const uint32_t launched = batch.gpu_launched.load(std::memory_order_relaxed);
  if (launched == 0) return true;
  // Pairs with the release in GpuLane: gpu_position is that of the last of them.
  if (batch.gpu_written.load(std::memory_order_acquire) != launched) return false;
  const LaneHeader* const resolver = segment_->resolver_lane();
  if (resolver == nullptr) return true;
  const uint64_t read = resolver->read.load(std::memory_order_acquire);
  return static_cast<int64_t>(read - batch.gpu_position.load(std::memory_order_relaxed)) >= 0;
}

// Frees retired batches that nobody needs any more: from the oldest on until one is still needed, or all of them.
void Recorder::reap_batches(bool all) noexcept {
  uint16_t before = kNone;
  uint16_t at = retired_first_;
  while (at != kNone) {
    const uint16_t following = lane_.batches[at].next_free;
    if (!may_reuse(lane_.batches[at])) {
      if (!all) return;
      before = at;
    } else {
      if (before == kNone) {
        retired_first_ = following;
      } else {
        store_release(lane_.batches[before].next_free, following);
      }
      if (retired_last_ == at) retired_last_ = before;
      free_batch(at);
    }
    at = following;
  }
}

void Recorder::free_batch(uint16_t index) noexcept {
  OpenBatch& batch = lane_.batches[index];
  store_release(batch.state, kStateFree);
  for (uint16_t chunk = batch.first_chunk; chunk != kNone;) {
    const uint16_t following = lane_.chunks[chunk].next;
    store_release(lane_.chunks[chunk].next, free_chunk_);
    free_chunk_ = chunk;
    ++chunks_free_;
    chunk = following;
  }
  store_release(batch.first_chunk, kNone);
  uint16_t& list = batch.left_behind != 0 ? left_batch_ : free_batch_;
  store_release(batch.next_free, list);
  list = index;
}

}  // namespace gpuspan
