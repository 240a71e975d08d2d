// SPDX-License-Identifier: Apache-2.0
//
// What every kind of record shares: losses, payloads, the write itself, and the end of a lane. Called on the
// thread that owns the lane.
#include "recorder.h"

#include <cstring>

#include "shared_field.h"

namespace gpuspan {

Recorder::Recorder(Segment& segment, const LaneMemory& lane) noexcept
    : segment_(&segment),
      lane_(lane),
      clock_(segment.clock()),
      ids_(random_seed()),
      ring_(lane),
      blocks_(lane.blocks),
      names_(reinterpret_cast<const DictionaryEntry*>(segment.base() + segment.header().dictionary_offset)) {
  for (uint32_t i = 0; i < kLossCount; ++i) {
    // A reused lane goes on with the counts of its previous owner.
    lost_any_ |= lane.header->lost[i].load(std::memory_order_relaxed) != 0;
    lost_any_ |= lane.header->lost_owners[i].load(std::memory_order_relaxed) != 0;
  }
}

namespace {

// One writer a counter, so no read-modify-write.
void add_one(std::atomic<uint64_t>& counter) noexcept {
  counter.store(counter.load(std::memory_order_relaxed) + 1, std::memory_order_relaxed);
}

}  // namespace

void Recorder::lose(Loss reason) noexcept {
  add_one(lane_.header->lost[static_cast<uint32_t>(reason)]);
  ring_.settle_slice();
  lost_any_ = true;
}

void Recorder::lose_owner(Loss reason) noexcept {
  add_one(lane_.header->lost_owners[static_cast<uint32_t>(reason)]);
  lost_any_ = true;
}

void Recorder::count_owner() noexcept { add_one(lane_.header->owners); }

uint8_t Recorder::stage_level(uint16_t stage) const noexcept {
  if (stage >= kDictionaryCapacity) return UINT8_MAX;
  return static_cast<uint8_t>(names_[stage].word.load(std::memory_order_relaxed) >> 8);
}

// A kLosses item: what this lane has lost until now, slices and owners by reason. `buffer` holds it.
Payload Recorder::losses_so_far(uint8_t* buffer) const noexcept {
  if (!lost_any_) return {};
  uint32_t size = 2;
  uint8_t reasons = 0;
  for (uint8_t i = 0; i < kLossCount; ++i) {
    const uint64_t lost = lane_.header->lost[i].load(std::memory_order_relaxed) +
                          lane_.header->lost_owners[i].load(std::memory_order_relaxed);
    if (lost == 0) continue;
    buffer[size] = i;
    std::memcpy(buffer + size + 1, &lost, sizeof lost);
    size += 1 + sizeof lost;
    ++reasons;
  }
  buffer[0] = static_cast<uint8_t>(Item::kLosses);
  buffer[1] = reasons;
  return {buffer, size, 0};
}

// Blocks and ring slots for `size` more bytes in the chain; all or none.
bool Recorder::reserve_blocks(RingShare share, const PayloadChain& chain, uint32_t size) noexcept {
  const uint32_t more = blocks_for(chain.bytes + size) - blocks_for(chain.bytes);
  return more == 0 || (blocks_.available() >= more && ring_.reserve(share, more));
}

void Recorder::append_items(RingShare share, PayloadChain& chain, uint32_t limit, Payload items) noexcept {
  uint32_t take = fitting_prefix(items, limit - chain.bytes);
  if (!reserve_blocks(share, chain, take)) {
    const uint32_t slack = blocks_for(chain.bytes) * kBlockBytes - chain.bytes;
    take = fitting_prefix({items.data, take}, slack);
  }
  chain.flags |= items.flags;
  if (take < items.size) chain.flags |= kFlagDropped;
  blocks_.append(chain, items.data, take);
}

// An event and its attributes, together or not at all.
void Recorder::append_event(RingShare share, PayloadChain& chain, uint32_t limit, const uint8_t* header,
                            Payload items) noexcept {
  constexpr uint32_t kHeaderBytes = 13;
  const uint32_t size = kHeaderBytes + items.size;
  chain.flags |= items.flags;
  if (size > limit - chain.bytes || !reserve_blocks(share, chain, size)) {
    chain.flags |= kFlagDropped;
    return;
  }
  blocks_.append(chain, header, kHeaderBytes);
  blocks_.append(chain, items.data, items.size);
}

void Recorder::drop_chain(PayloadChain& chain) noexcept { ring_.unreserve(blocks_.release(chain)); }

// Writes a record with payload: the chain, whose slots are reserved, and `pieces`, for which slots are still to be
// had. What finds no room is dropped from the first item on that does not fit.
void Recorder::write_record(RingShare share, const Slot& head, PayloadChain& chain, uint32_t max_continuations,
                            const Payload* pieces, uint32_t count) noexcept {
  const uint32_t blocks = blocks_for(chain.bytes);
  uint32_t bytes = chain.bytes;
  for (uint32_t i = 0; i < count; ++i) bytes += pieces[i].size;
  uint32_t slots = continuations_for(bytes);
  if (slots > max_continuations) slots = max_continuations;
  if (slots > blocks && !ring_.reserve(share, slots - blocks)) slots = blocks;
  const uint32_t reserved = slots > blocks ? slots : blocks;

  uint8_t flags = static_cast<uint8_t>(head.flags | chain.flags);
  uint32_t room = slots == 0 ? 0 : slots * kSlotBytes - 1 - chain.bytes;
  uint32_t taken[2] = {};
  bytes = chain.bytes;
  for (uint32_t i = 0; i < count; ++i) {
    taken[i] = fitting_prefix(pieces[i], room);
    flags |= static_cast<uint8_t>(pieces[i].flags | (taken[i] < pieces[i].size ? kFlagDropped : 0));
    room -= taken[i];
    bytes += taken[i];
  }
  const uint32_t used = continuations_for(bytes);
  Slot& slot = ring_.slot();
  slot = head;
  slot.flags = static_cast<uint8_t>(flags | (used != 0 ? kFlagContinued : 0));
  if (used != 0) {
    ContinuationWriter writer(ring_, used);
    blocks_.copy(chain, writer);
    for (uint32_t i = 0; i < count; ++i) writer.append(pieces[i].data, taken[i]);
    writer.finish();
  }
  blocks_.release(chain);
  ring_.publish(1 + used);
  ring_.unreserve(reserved - used);
}

Handle Recorder::handle(uint16_t owner) const noexcept {
  if (const OpenRequest* request = find_request(owner)) {
    return make_handle(request->level, lane_.index, owner, request->generation);
  }
  if (const OpenBatch* batch = find_batch(owner)) {
    return make_handle(batch->level, lane_.index, owner, batch->generation);
  }
  return 0;
}

uint16_t Recorder::resolve(Handle handle) const noexcept {
  if (handle == 0 || handle_lane(handle) != lane_.index) return kNone;
  const uint16_t owner = handle_owner(handle);
  if (const OpenRequest* request = find_request(owner)) {
    return request->generation == handle_generation(handle) ? owner : kNone;
  }
  if (const OpenBatch* batch = find_batch(owner)) {
    return batch->generation == handle_generation(handle) ? owner : kNone;
  }
  return kNone;
}

void Recorder::share(uint16_t owner) noexcept {
  if (OpenRequest* request = find_request(owner)) {
    ++request->shares;
  } else if (OpenBatch* batch = find_batch(owner)) {
    ++batch->shares;
  }
}

bool Recorder::unshare(uint16_t owner) noexcept {
  uint16_t* shares = nullptr;
  if (OpenRequest* request = find_request(owner)) shares = &request->shares;
  if (OpenBatch* batch = find_batch(owner)) shares = &batch->shares;
  if (shares == nullptr || *shares == 0) return false;
  --*shares;
  return true;
}

void Recorder::close_all() noexcept {
  if (closed_) return;
  closed_ = true;
  const uint64_t now = clock_.now();
  for (uint16_t i = 0; i < batches_used_; ++i) {
    if (lane_.batches[i].state == kStateOpen) close_batch(i, now, kFlagUnfinished, {});
  }
  for (uint16_t i = 0; i < requests_used_; ++i) {
    if (lane_.requests[i].state != kStateFree) close_request(i, now, kFlagUnfinished);
  }
}

}  // namespace gpuspan
