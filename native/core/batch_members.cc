// SPDX-License-Identifier: Apache-2.0
//
// The members of a batch: checked and copied when it is defined, the only step that costs time per member, and
// marked when they leave. Called on the lane's thread; other lanes copy members through copy_members.
#include <algorithm>

#include "recorder.h"
#include "shared_field.h"

namespace gpuspan {

// Loss::kCount when every member is open here and none is named twice. Changes nothing but the marks.
Loss Recorder::check_members(const uint16_t* members, uint32_t count) noexcept {
  if (closed_) return Loss::kClosed;
  if (count == 0 || count > kMaxBatchMembers) return Loss::kInvalid;
  if (++batch_mark_ == 0) ++batch_mark_;
  for (uint32_t i = 0; i < count; ++i) {
    OpenRequest* const request = find_request(members[i]);
    if (request == nullptr || request->batch_mark == batch_mark_) return Loss::kInvalid;
    request->batch_mark = batch_mark_;
  }
  return Loss::kCount;
}

// The chunk after `last` (kNone: the first). The caller has made sure that there is one.
uint16_t Recorder::take_chunk(OpenBatch& batch, uint16_t last) noexcept {
  uint16_t chunk = free_chunk_;
  if (chunk == kNone) {
    chunk = chunks_used_++;
  } else {
    free_chunk_ = lane_.chunks[chunk].next;
  }
  --chunks_free_;
  store_release(lane_.chunks[chunk].next, kNone);
  if (last == kNone) {
    store_release(batch.first_chunk, chunk);
  } else {
    store_release(lane_.chunks[last].next, chunk);
  }
  return chunk;
}

void Recorder::fill_members(OpenBatch& batch, const uint16_t* members, uint32_t count) noexcept {
  uint16_t chunk = kNone;
  uint8_t level = 0;
  for (uint32_t i = 0; i < count; ++i) {
    if (i % kChunkMembers == 0) chunk = take_chunk(batch, chunk);
    OpenRequest& request = lane_.requests[members[i]];
    open_worker(request, batch.start);
    ++request.batches;
    BatchMember& member = lane_.chunks[chunk].members[i % kChunkMembers];
    store_release(member.trace_id, request.trace_id);
    store_release(member.worker_span_id, request.worker_span_id);
    store_release(member.parent_span_id,
                  request.top != kNone ? lane_.slices[request.top].span_id : request.worker_span_id);
    store_release(member.left_at, 0);
    store_release(member.level, request.level);
    store_release(member.request, members[i]);
    store_release(member.generation, request.generation);
    if (request.level > level) level = request.level;
  }
  store_release(batch.live, count);
  store_release(batch.members, count);
  store_release(batch.level, level);
}

namespace {

void copy_member(const BatchMember& from, BatchMember& to) noexcept {
  store_release(to.trace_id, load_acquire(from.trace_id));
  store_release(to.worker_span_id, load_acquire(from.worker_span_id));
  store_release(to.parent_span_id, load_acquire(from.parent_span_id));
  store_release(to.left_at, load_acquire(from.left_at));
  store_release(to.level, load_acquire(from.level));
  store_release(to.request, load_acquire(from.request));
  store_release(to.generation, load_acquire(from.generation));
}

}  // namespace

// Copies an open batch of another lane into `batch`, which has chunks for it. False if the handle is stale or the
// batch was closed and its memory used again meanwhile.
bool Recorder::copy_members(Segment& segment, Handle handle, OpenBatch& batch) noexcept {
  const LaneMemory lane = segment.lane(handle_lane(handle));
  const OpenBatch& source = lane.batches[handle_owner(handle) ^ kBatchFlag];
  const auto current = [&] {
    return load_acquire(source.generation) == handle_generation(handle) && load_acquire(source.state) == kStateOpen;
  };
  if (!current()) return false;
  const uint32_t members = load_acquire(source.members);
  store_release(batch.trace_id, load_acquire(source.trace_id));
  store_release(batch.span_id, load_acquire(source.span_id));
  store_release(batch.start, load_acquire(source.start));
  store_release(batch.level, load_acquire(source.level));
  uint16_t from = load_acquire(source.first_chunk);
  uint16_t to = kNone;
  for (uint32_t i = 0; i < members; ++i) {
    if (i % kChunkMembers == 0) {
      if (i != 0) from = load_acquire(lane.chunks[from].next);
      if (from >= kChunkCapacity || chunks_free_ == 0) return false;
      to = take_chunk(batch, to);
    }
    copy_member(lane.chunks[from].members[i % kChunkMembers], lane_.chunks[to].members[i % kChunkMembers]);
  }
  store_release(batch.live, members);
  store_release(batch.members, members);
  return current();
}

// The batch closes: whoever is still in it is in one batch less.
void Recorder::forget_members(OpenBatch& batch) noexcept {
  uint16_t chunk = batch.first_chunk;
  for (uint32_t i = 0; i < batch.members; ++i) {
    if (i != 0 && i % kChunkMembers == 0) chunk = lane_.chunks[chunk].next;
    const BatchMember& member = lane_.chunks[chunk].members[i % kChunkMembers];
    if (member.left_at != 0) continue;
    OpenRequest& request = lane_.requests[member.request];
    --request.batches;
    request.seen = std::max(request.seen, batch.seen);
  }
}

void Recorder::leave_batch(uint16_t index, uint16_t request, uint64_t now) noexcept {
  OpenBatch& batch = lane_.batches[index];
  uint16_t chunk = batch.first_chunk;
  for (uint32_t i = 0; i < batch.members; ++i) {
    if (i != 0 && i % kChunkMembers == 0) chunk = lane_.chunks[chunk].next;
    BatchMember& member = lane_.chunks[chunk].members[i % kChunkMembers];
    if (member.request != request || member.left_at != 0) continue;
    store_release(member.left_at, now);
    --lane_.requests[request].batches;
    store_release(batch.live, batch.live - 1);
    if (batch.live == 0) close_batch(index, now, kFlagUnfinished, {});
    return;
  }
}

// The request's stay ends: it leaves every open batch of this lane. Aliases keep the members they were copied with.
void Recorder::leave_batches(uint16_t request, uint64_t now) noexcept {
  for (uint32_t word = 0; word < kBatchCapacity / 64; ++word) {
    for (uint64_t bits = open_batches_[word]; bits != 0; bits &= bits - 1) {
      leave_batch(static_cast<uint16_t>(word * 64 + static_cast<uint32_t>(__builtin_ctzll(bits))), request, now);
    }
  }
}

}  // namespace gpuspan
