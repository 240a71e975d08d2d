// SPDX-License-Identifier: Apache-2.0
//
// Sizes of payload items, and the chains of blocks they wait in. Runs on the producer's thread, off the path
// of a slice without attributes.
#include "payload.h"

#include <cstring>

#include "ring.h"

namespace gpuspan {
namespace {

constexpr uint32_t kKeyed = 1 + 2;  // item kind and key

uint32_t load_u16(const uint8_t* data) noexcept {
  uint16_t value;
  std::memcpy(&value, data, sizeof value);
  return value;
}

// `count` strings of one length byte each, from `at` on: where they end, or 0 if that lies outside.
uint32_t strings_end(const uint8_t* data, uint32_t size, uint32_t at, uint32_t count) noexcept {
  for (uint32_t i = 0; i < count; ++i) {
    if (at >= size) return 0;
    at += 1u + data[at];
  }
  return at;
}

// Items whose length follows from their first bytes. `size` is at least `header`.
uint32_t unchecked_bytes(Item item, const uint8_t* data, uint32_t size) noexcept {
  switch (item) {
    case Item::kInt:
    case Item::kDouble:
      return kKeyed + 8;
    case Item::kBool:
      return kKeyed + 1;
    case Item::kString:
      return kKeyed + 1 + data[3];
    case Item::kStatus:
      return 3u + data[2];
    case Item::kGpu:
      return kGpuItemBytes;
    case Item::kBatchRef:
      return 1 + 2 + 2 + 4;
    case Item::kColumn:
      return kKeyed + 1 + 2 + data[3] * load_u16(data + 4);
    case Item::kOffsetColumn:
      return kKeyed + 1 + 2 + 4 + data[3] * load_u16(data + 4);
    case Item::kName:
      return 2u + data[1];
    case Item::kTraceState:
      return 3 + load_u16(data + 1);
    case Item::kLosses:
      return 2u + 9u * data[1];
    case Item::kNumbers:
      return kKeyed + 1 + 8u * data[3];
    case Item::kStrings:
      return strings_end(data, size, kKeyed + 1, data[3]);
    case Item::kException:
      return strings_end(data, size, 1, 2);
    case Item::kLink:
      return 1 + sizeof(TraceId) + sizeof(uint64_t);
    default:
      return 0;
  }
}

// Bytes that must be there before an item's length can be read.
constexpr uint32_t kHeaderOf[] = {1, 3, 3, 3, 4, 13, 3, 20, 9, 6, 2, 3, 2, 4, 4, 2, 1, 6};

uint32_t plain_item_bytes(const uint8_t* data, uint32_t size) noexcept {
  if (size == 0 || data[0] >= sizeof kHeaderOf / sizeof kHeaderOf[0] || size < kHeaderOf[data[0]]) return 0;
  const uint32_t bytes = unchecked_bytes(static_cast<Item>(data[0]), data, size);
  return bytes <= size ? bytes : 0;
}

}  // namespace

uint32_t item_bytes(const uint8_t* data, uint32_t size) noexcept {
  if (size == 0 || data[0] != static_cast<uint8_t>(Item::kEvent)) return plain_item_bytes(data, size);
  constexpr uint32_t kEventHeader = 13;
  if (size < kEventHeader) return 0;
  uint32_t at = kEventHeader;
  for (uint32_t n = data[kEventHeader - 1]; n != 0; --n) {
    const uint32_t bytes = plain_item_bytes(data + at, size - at);
    if (bytes == 0) return 0;
    at += bytes;
  }
  return at;
}

uint32_t fitting_prefix(Payload payload, uint32_t room) noexcept {
  if (payload.size <= room) return payload.size;
  uint32_t at = 0;
  for (;;) {
    const uint32_t bytes = item_bytes(payload.data + at, payload.size - at);
    if (bytes == 0 || bytes > room - at) return at;
    at += bytes;
  }
}

uint16_t BlockPool::take() noexcept {
  --available_;
  if (free_ == kNone) return used_++;
  const uint16_t block = free_;
  free_ = blocks_[block].next;
  return block;
}

void BlockPool::append(PayloadChain& chain, const uint8_t* data, uint32_t size) noexcept {
  while (size != 0) {
    const uint32_t offset = chain.bytes % kBlockBytes;
    if (offset == 0) {
      const uint16_t block = take();
      blocks_[block].next = kNone;
      if (chain.bytes == 0) {
        chain.head = block;
      } else {
        blocks_[chain.tail].next = block;
      }
      chain.tail = block;
    }
    const uint32_t part = size < kBlockBytes - offset ? size : kBlockBytes - offset;
    std::memcpy(blocks_[chain.tail].bytes + offset, data, part);
    chain.bytes = static_cast<uint16_t>(chain.bytes + part);
    data += part;
    size -= part;
  }
}

void BlockPool::copy(const PayloadChain& chain, ContinuationWriter& into) const noexcept {
  uint32_t left = chain.bytes;
  for (uint16_t block = chain.head; left != 0; block = blocks_[block].next) {
    const uint32_t part = left < kBlockBytes ? left : kBlockBytes;
    into.append(blocks_[block].bytes, part);
    left -= part;
  }
}

uint32_t BlockPool::release(PayloadChain& chain) noexcept {
  const uint32_t blocks = blocks_for(chain.bytes);
  if (blocks != 0) {
    blocks_[chain.tail].next = free_;
    free_ = chain.head;
    available_ += blocks;
  }
  chain = kEmptyChain;
  return blocks;
}

}  // namespace gpuspan
