// SPDX-License-Identifier: Apache-2.0
//
// Where a segment's bytes come from: a sealed memfd, or a named file that survives the process. Also makes
// parts of it real before they are used, so that a full disk is an error here and never a signal later.
// Called at set-up by Segment, any thread.
#ifndef GPUSPAN_CORE_SEGMENT_MEMORY_H_
#define GPUSPAN_CORE_SEGMENT_MEMORY_H_

#include <cstdint>
#include <string>

namespace gpuspan {

struct SegmentMemory {
  int fd = -1;
  uint8_t* base = nullptr;
  std::string path;  // empty: a memfd
};

// Zeroed memory of `size` bytes, sparse. An empty directory means a memfd. On failure `error` is a sentence that
// names the call or path and the remedy, and nothing is left behind.
bool map_segment_memory(const std::string& directory, uint64_t size, SegmentMemory* memory, std::string* error);

// Undoes it: unmaps, closes, and removes the file if `remove` (a segment that never came to life).
void unmap_segment_memory(SegmentMemory* memory, uint64_t size, bool remove);

// Allocates [offset, offset + length) in the file behind `fd` and its page table entries in the mapping.
// Only for memory that is still all zero.
bool allocate_range(const SegmentMemory& memory, uint64_t offset, uint64_t length, std::string* error);

}  // namespace gpuspan

#endif  // GPUSPAN_CORE_SEGMENT_MEMORY_H_
