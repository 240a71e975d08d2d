// SPDX-License-Identifier: Apache-2.0
//
// One number for the whole byte layout: written into the header by Segment::create, checked by whoever opens a
// segment that another build made. docs/design/segment.md lists its parts.
#ifndef GPUSPAN_CORE_LAYOUT_SIGNATURE_H_
#define GPUSPAN_CORE_LAYOUT_SIGNATURE_H_

#include <cstdint>

#include "layout.h"
#include "layout_tables.h"

namespace gpuspan {

// FNV-1a over the sizes and constants of the layout, each as four little-endian bytes: what SegmentHeader::signature
// holds. A reader that computes another value was built for another layout.
constexpr uint32_t layout_signature() noexcept {
  constexpr uint32_t kParts[] = {
      kLayoutVersion,
      sizeof(SegmentHeader),
      sizeof(LaneHeader),
      sizeof(Slot),
      sizeof(OpenSlice),
      sizeof(OpenRequest),
      sizeof(OpenBatch),
      sizeof(MemberChunk),
      sizeof(Block),
      sizeof(BatchMember),
      sizeof(DictionaryEntry),
      sizeof(Snapshot),
      kMaxSliceContinuations,
      kMaxOwnerContinuations,
      kTokenIndexBits,
      kTokenGenerationBits,
      kChunkMembers,
      kMaxStringBytes,
      kLossCount,
      kBatchFlag,
  };
  uint32_t hash = 0x811c9dc5;
  for (const uint32_t part : kParts) {
    for (uint32_t shift = 0; shift < 32; shift += 8) hash = (hash ^ (part >> shift & 0xff)) * 0x01000193;
  }
  return hash;
}

}  // namespace gpuspan

#endif  // GPUSPAN_CORE_LAYOUT_SIGNATURE_H_
