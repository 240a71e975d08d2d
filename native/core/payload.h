// SPDX-License-Identifier: Apache-2.0
//
// Payloads: encoded items (layout.h, Item) on their way into a lane, and the 64-byte blocks that hold those of
// open slices and owners until their record is written. Used by Recorder and GpuLane; producer's thread only.
#ifndef GPUSPAN_CORE_PAYLOAD_H_
#define GPUSPAN_CORE_PAYLOAD_H_

#include <cstdint>

#include "layout.h"
#include "layout_tables.h"

namespace gpuspan {

struct Payload {
  const uint8_t* data = nullptr;
  uint32_t size = 0;
  uint8_t flags = 0;  // slot flags earned while encoding: kFlagTruncated, kFlagDropped
};

// A kGpu item: its type, launch, source, device, stream, UUID and sampling.
inline constexpr uint32_t kGpuItemBytes = 1 + 8 + 1 + 2 + 8 + 2 + 2;

inline constexpr uint32_t kBlockBytes = sizeof(Block::bytes);
inline constexpr PayloadChain kEmptyChain = {kNone, kNone, 0, 0};

// Blocks that `bytes` of payload take in a chain, and slots that they take in the ring. A block holds two bytes
// less than a slot, so the slots reserved with the blocks always suffice for the count byte as well.
constexpr uint32_t blocks_for(uint32_t bytes) noexcept { return (bytes + kBlockBytes - 1) / kBlockBytes; }
constexpr uint32_t continuations_for(uint32_t bytes) noexcept {
  return bytes == 0 ? 0 : (bytes + 1 + kSlotBytes - 1) / kSlotBytes;
}
static_assert(continuations_for(kMaxSlicePayload) == kMaxSliceContinuations);
static_assert(continuations_for(kMaxOwnerPayload) == kMaxOwnerContinuations);

// Bytes of the item at `data`, an event with its attributes counting as one; 0 if it is malformed or the end.
uint32_t item_bytes(const uint8_t* data, uint32_t size) noexcept;

// The longest run of whole items from the start of `payload` that takes at most `room` bytes.
uint32_t fitting_prefix(Payload payload, uint32_t room) noexcept;

class ContinuationWriter;

// A lane's payload blocks. Its free list runs through Block::next.
class BlockPool {
 public:
  explicit BlockPool(Block* blocks) noexcept : blocks_(blocks) {}

  uint32_t available() const noexcept { return available_; }
  // The caller has checked `available` and reserved the ring slots.
  void append(PayloadChain& chain, const uint8_t* data, uint32_t size) noexcept;
  void copy(const PayloadChain& chain, ContinuationWriter& into) const noexcept;
  // Takes the blocks back and empties the chain. Returns how many ring slots were reserved with them.
  uint32_t release(PayloadChain& chain) noexcept;

 private:
  uint16_t take() noexcept;

  Block* blocks_;
  uint32_t available_ = kBlockCapacity;
  uint16_t free_ = kNone;
  uint16_t used_ = 0;  // blocks from here on were never taken
};

}  // namespace gpuspan

#endif  // GPUSPAN_CORE_PAYLOAD_H_
