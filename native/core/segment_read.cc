// SPDX-License-Identifier: Apache-2.0
//
// The reader's side of a live segment: bounds-checked copies and the read positions. Called by the holder of the
// lease, on the export thread or the thread that drains inline.
#include <algorithm>
#include <cstring>

#include "segment.h"
#include "shared_field.h"

namespace gpuspan {
namespace {

using ConstAliasedWord = const AliasedWord;

// Producers write while we copy, so the copy is made of word loads: a torn structure is possible and the reader's
// to notice, undefined behaviour is not.
uint64_t load_word(const uint8_t* at) noexcept {
  return __atomic_load_n(reinterpret_cast<ConstAliasedWord*>(at), __ATOMIC_ACQUIRE);
}

constexpr uint64_t kWord = sizeof(uint64_t);

// `length` bytes from `skip` on of the word at `at`.
void copy_part(const uint8_t* at, uint64_t skip, uint64_t length, uint8_t* out) noexcept {
  if (length == 0) return;
  const uint64_t word = load_word(at);
  std::memcpy(out, reinterpret_cast<const uint8_t*>(&word) + skip, length);
}

}  // namespace

bool Segment::read(uint64_t offset, void* into, uint64_t length) const noexcept {
  const uint64_t end = header_->lanes_offset + used_lanes() * header_->lane_stride;
  if (offset > end || length > end - offset) return false;
  auto* out = static_cast<uint8_t*>(into);
  const uint8_t* from = base_ + offset;
  const uint64_t skip = reinterpret_cast<uintptr_t>(from) % kWord;
  if (skip != 0) {
    const uint64_t part = std::min(length, kWord - skip);
    copy_part(from - skip, skip, part, out);
    from += part;
    out += part;
    length -= part;
  }
  // Nearly all of what is read: slots, which are whole words.
  for (; length >= kWord; from += kWord, out += kWord, length -= kWord) {
    const uint64_t word = load_word(from);
    std::memcpy(out, &word, kWord);
  }
  copy_part(from, 0, length, out);
  return true;
}

bool Segment::advance(uint32_t index, uint64_t position, uint64_t slices, uint64_t owners) noexcept {
  if (index >= used_lanes()) return false;
  LaneHeader& header = *lane(index).header;
  const uint64_t read = header.read.load(std::memory_order_relaxed);
  const uint64_t written = header.written.load(std::memory_order_acquire);
  if (position - read > written - read) return false;  // positions wrap; distances do not
  header.consumed.store(header.consumed.load(std::memory_order_relaxed) + slices, std::memory_order_relaxed);
  header.consumed_owners.store(header.consumed_owners.load(std::memory_order_relaxed) + owners,
                               std::memory_order_relaxed);
  // Pairs with the producer's acquire in RingProducer::refresh and with Segment::reusable.
  header.read.store(position, std::memory_order_release);
  return true;
}

}  // namespace gpuspan
