// SPDX-License-Identifier: Apache-2.0
//
// The producer's end of a lane's ring: who may have how many slots, where the next record goes, and its
// publication. Used by Recorder on the thread that owns the lane. Everything that only the producer needs is
// kept here, in private memory, so that a record touches its own slot and the producer's line and no more.
#ifndef GPUSPAN_CORE_RING_H_
#define GPUSPAN_CORE_RING_H_

#include <cstdint>
#include <cstring>

#include "layout.h"
#include "layout_tables.h"
#include "payload.h"
#include "segment.h"

namespace gpuspan {

// Who asks for slots: slices may fill 7/8 of the ring, requests and batches all of it.
enum class RingShare : uint8_t { kLeaf, kOwner };

// Slots that leaves may have in use, of a ring of `slots`.
constexpr uint32_t leaf_slots(uint32_t slots) noexcept { return slots - slots / 8; }

class RingProducer {
 public:
  explicit RingProducer(const LaneMemory& lane) noexcept
      : header_(lane.header), ring_(lane.ring), mask_(lane.ring_slots - 1), owner_extra_(lane.ring_slots / 8) {
    written_ = header_->written.load(std::memory_order_relaxed);
    recorded_ = header_->recorded.load(std::memory_order_relaxed);
    read_ = header_->read.load(std::memory_order_acquire);
    room_ = static_cast<int64_t>(leaf_slots(lane.ring_slots)) - static_cast<int64_t>(written_ - read_);
  }

  // All `n` or none. The slots are the caller's until written or given back.
  bool reserve(RingShare share, uint32_t n) noexcept {
    const int64_t floor = share == RingShare::kLeaf ? 0 : -owner_extra_;
    room_ -= n;
    if (room_ >= floor) [[likely]]
      return true;
    return reserve_after_refresh(floor, n);
  }
  // One slot for a slice if there is room as far as is known; `reserve` looks again.
  bool reserve_at_once() noexcept {
    if (room_ <= 0) return false;
    --room_;
    return true;
  }
  void unreserve(uint32_t n) noexcept { room_ += n; }

  // The slot `ahead` of the next record's first one.
  Slot& slot(uint32_t ahead = 0) noexcept { return ring_[(written_ + ahead) & mask_]; }

  // Publishes `n` reserved slots. Pairs with the reader's acquire of `written`.
  void publish(uint32_t n) noexcept {
    written_ += n;
    header_->written.store(written_, std::memory_order_release);
  }

  // Counts one slice as settled and returns its sequence number.
  uint32_t settle_slice() noexcept {
    const uint64_t recorded = recorded_ + 1;
    recorded_ = recorded;
    header_->recorded.store(recorded, std::memory_order_relaxed);
    return static_cast<uint32_t>(recorded);
  }
  uint32_t sequence() const noexcept { return static_cast<uint32_t>(recorded_); }

  uint64_t written() const noexcept { return written_; }
  // True when the reader has passed `position`, as far as the cached read position tells.
  bool passed(uint64_t position) const noexcept { return static_cast<int64_t>(read_ - position) >= 0; }

  // Looks at the reader's line and samples the high-water mark. Once a request or batch, not once a slice.
  void refresh() noexcept {
    // Pairs with the release in Segment::advance: slots before it are ours to overwrite.
    const uint64_t read = header_->read.load(std::memory_order_acquire);
    room_ += static_cast<int64_t>(read - read_);
    read_ = read;
    const int64_t leaf = static_cast<int64_t>(mask_ + 1) - owner_extra_;
    const uint64_t used = static_cast<uint64_t>(leaf - room_);
    if (used > header_->high_water.load(std::memory_order_relaxed)) {
      header_->high_water.store(used, std::memory_order_relaxed);
    }
  }

 private:
  [[gnu::noinline, gnu::cold]] bool reserve_after_refresh(int64_t floor, uint32_t n) noexcept {
    room_ += n;
    refresh();
    if (room_ - static_cast<int64_t>(n) < floor) return false;
    room_ -= n;
    return true;
  }

  LaneHeader* header_;
  Slot* ring_;
  uint64_t written_ = 0;
  uint64_t mask_;
  int64_t room_ = 0;     // slots that leaves may still reserve, as far as `read_` tells; owners may overdraw it
  int64_t owner_extra_;  // by this much
  uint64_t recorded_ = 0;
  uint64_t read_ = 0;  // cached: the reader's line is only looked at when room seems to run out
};

// The usual payload, which fits one continuation slot, written without a call: a fixed length clears, words copy.
// `size` is at most kSlotBytes - 1. Item::kEnd is 0, so what is left of the slot reads as the end.
[[gnu::always_inline]] inline void write_continuation(Slot& slot, const uint8_t* data, uint32_t size) noexcept {
  constexpr uint32_t kWord = sizeof(uint64_t);
  uint8_t* const to = reinterpret_cast<uint8_t*>(&slot);
  std::memset(to, 0, kSlotBytes);
  to[0] = 1;
  uint32_t at = 0;
  for (; at + kWord <= size; at += kWord) std::memcpy(to + 1 + at, data + at, kWord);
  for (; at < size; ++at) to[1 + at] = data[at];
}

// Streams payload bytes into the continuation slots after a record's first slot. The first continuation starts
// with their count.
class ContinuationWriter {
 public:
  ContinuationWriter(RingProducer& ring, uint32_t count) noexcept : ring_(ring), count_(count) {
    bytes()[0] = static_cast<uint8_t>(count);
  }
  void append(const uint8_t* data, uint32_t size) noexcept {
    while (size != 0) {
      if (offset_ == kSlotBytes) {
        offset_ = 0;
        ++index_;
      }
      const uint32_t part = size < kSlotBytes - offset_ ? size : kSlotBytes - offset_;
      std::memcpy(bytes() + offset_, data, part);
      offset_ += part;
      data += part;
      size -= part;
    }
  }
  // Item::kEnd is 0, so what is left of the last slot reads as the end.
  void finish() noexcept {
    for (;;) {
      std::memset(bytes() + offset_, 0, kSlotBytes - offset_);
      if (index_ >= count_) return;
      ++index_;
      offset_ = 0;
    }
  }

 private:
  uint8_t* bytes() noexcept { return reinterpret_cast<uint8_t*>(&ring_.slot(index_)); }

  RingProducer& ring_;
  uint32_t count_;
  uint32_t index_ = 1;
  uint32_t offset_ = 1;
};

}  // namespace gpuspan

#endif  // GPUSPAN_CORE_RING_H_
