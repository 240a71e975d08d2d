// SPDX-License-Identifier: Apache-2.0
//
// Hands lanes out and takes them back. A lane is claimed by the thread that will record on it, given up by that
// thread or its environment's cleanup, drained by the reader, and then claimed again. Never on the record path.
#include <sys/syscall.h>
#include <unistd.h>

#include <cstring>

#include "handle.h"
#include "ids.h"
#include "segment.h"
#include "shared_field.h"

namespace gpuspan {
namespace {

LaneState state_of(const LaneHeader& header) noexcept {
  return static_cast<LaneState>(header.state.load(std::memory_order_acquire));
}

// A reader may be copying the header of a drained lane meanwhile, so every field is stored as shared_field.h says.
void identify(const LaneIdentity& identity, LaneHeader* header) noexcept {
  store_release(header->tid, static_cast<uint32_t>(syscall(SYS_gettid)));
  store_release(header->worker_threads_id, identity.worker_threads_id);
  store_release(header->label, identity.label);
  store_release(header->tp_rank, identity.tp_rank);
  store_release(header->pp_rank, identity.pp_rank);
  store_release(header->dp_rank, identity.dp_rank);
  store_release(header->ep_rank, identity.ep_rank);
  store_release(header->kind, identity.kind);
  store_release(header->gpu_index, identity.gpu_index);
  store_release(header->gpu_uuid, identity.gpu_uuid);
}

}  // namespace

bool Segment::reusable(uint32_t index) noexcept {
  const LaneHeader& header = *lane(index).header;
  if (state_of(header) != LaneState::kOrphaned) return false;
  // Pairs with the release in `advance`: the reader is done with every record of the previous owner.
  if (header.read.load(std::memory_order_acquire) != header.written.load(std::memory_order_acquire)) return false;
  const LaneUse& use = use_[index];
  if (use.busy.load(std::memory_order_acquire)) return false;
  if (!use.launched.load(std::memory_order_acquire)) return true;
  const LaneHeader* const resolver = resolver_lane();
  if (resolver == nullptr) return true;
  const uint64_t passed = resolver->read.load(std::memory_order_acquire);
  return static_cast<int64_t>(passed - use.gpu_position.load(std::memory_order_relaxed)) >= 0;
}

bool Segment::allocate_lane(uint32_t index, std::string* error) {
  const LaneMemory memory = lane(index);
  const uint64_t offset = header_->lanes_offset + index * header_->lane_stride;
  if (!allocate_range(memory_, offset, header_->lane_stride, error)) return false;
  memory.header->written.store(first_position_, std::memory_order_relaxed);
  memory.header->read.store(first_position_, std::memory_order_relaxed);
  return true;
}

// Everything is free again, but generations go on, so that handles and tokens of the previous owner stay stale. Each
// lane's tokens start at a generation of their own: one that is used on the wrong thread is almost always noticed.
void Segment::reset_tables(const LaneMemory& lane) noexcept {
  const uint32_t first = mix32(lane.index + 1) & ((1u << kTokenGenerationBits) - 1);
  for (uint32_t i = 0; i < kSliceCapacity; ++i) {
    store_release(lane.slices[i].token, 0);
    if (lane.slices[i].last_token == 0) lane.slices[i].last_token = make_token(first, i);
  }
  for (uint32_t i = 0; i < kRequestCapacity; ++i) store_release(lane.requests[i].state, 0);
  for (uint32_t i = 0; i < kBatchCapacity; ++i) store_release(lane.batches[i].state, 0);
}

bool Segment::claim_lane(const LaneIdentity& identity, LaneMemory* claimed, std::string* error) {
  if (forked()) {
    *error =
        "This process was forked from one that traces and cannot record; start gpuspan after the fork or use exec.";
    return false;
  }
  const std::lock_guard<std::mutex> lock(claims_);
  uint32_t found = header_->lanes;
  const uint32_t used = used_lanes_.load(std::memory_order_relaxed);
  for (uint32_t i = 0; i < used && found == header_->lanes; ++i) {
    if (reusable(i)) found = i;
  }
  if (found == header_->lanes && used < header_->lanes) {
    if (!allocate_lane(used, error)) return false;
    found = used;
    // Pairs with the acquire in `used_lanes`: the lane's memory is there.
    used_lanes_.store(used + 1, std::memory_order_release);
  }
  if (found == header_->lanes) {
    *error = "All " + std::to_string(header_->lanes) + " lanes are held by threads that record or wait to be read; " +
             "set GPUSPAN_LANES higher (at most " + std::to_string(kMaxLanes) + ") or record on fewer threads.";
    return false;
  }
  *claimed = lane(found);
  reset_tables(*claimed);
  use_[found].launched.store(false, std::memory_order_relaxed);
  // First, so that whoever sees a field of the new identity sees that the old one is gone.
  claimed->header->state.store(static_cast<uint32_t>(LaneState::kFree), std::memory_order_release);
  identify(identity, claimed->header);
  // Both pair with whoever looks at the identity of a claimed lane: who sees the generation sees all of it.
  claimed->header->generation.fetch_add(1, std::memory_order_release);
  claimed->header->state.store(static_cast<uint32_t>(LaneState::kClaimed), std::memory_order_release);
  return true;
}

LaneIdentity Segment::identity(uint32_t index, uint32_t* tid) {
  const std::lock_guard<std::mutex> lock(claims_);
  const LaneHeader& header = *lane(index).header;
  *tid = header.tid;
  LaneIdentity identity;
  identity.kind = header.kind;
  identity.worker_threads_id = header.worker_threads_id;
  identity.label = header.label;
  identity.tp_rank = header.tp_rank;
  identity.pp_rank = header.pp_rank;
  identity.dp_rank = header.dp_rank;
  identity.ep_rank = header.ep_rank;
  identity.gpu_index = header.gpu_index;
  identity.gpu_uuid = load_acquire(header.gpu_uuid);
  return identity;
}

void Segment::orphan_lane(uint32_t index) noexcept {
  // Pairs with the acquire in `reusable`: the next owner continues the counters from where this one left them.
  lane(index).header->state.store(static_cast<uint32_t>(LaneState::kOrphaned), std::memory_order_release);
}

void Segment::set_busy(uint32_t index, bool busy) noexcept { use_[index].busy.store(busy, std::memory_order_release); }

void Segment::note_gpu_position(uint32_t lane, uint64_t position) noexcept {
  use_[lane].gpu_position.store(position, std::memory_order_relaxed);
  use_[lane].launched.store(true, std::memory_order_release);
}

}  // namespace gpuspan
