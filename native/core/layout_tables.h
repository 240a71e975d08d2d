// SPDX-License-Identifier: Apache-2.0
//
// The byte layout of a lane's tables: open slices, requests and batches, and the blocks and chunks they are
// made of. Part of the contract of layout.h. The producer writes them; a reader looks up the members of batches
// and, after a crash, what was open. Fields that others look at while the producer lives are stored as
// shared_field.h says.
#ifndef GPUSPAN_CORE_LAYOUT_TABLES_H_
#define GPUSPAN_CORE_LAYOUT_TABLES_H_

#include <atomic>
#include <cstddef>
#include <cstdint>

#include "layout.h"

namespace gpuspan {

// A chain of payload blocks that belongs to an open slice or owner; each block has a ring slot reserved.
struct PayloadChain {
  uint16_t head;  // block index or kNone
  uint16_t tail;
  uint16_t bytes;  // payload bytes in the chain
  uint16_t flags;  // slot flags the payload earned (kFlagDropped, kFlagTruncated)
};
static_assert(sizeof(PayloadChain) == 8);

struct alignas(64) OpenSlice {
  uint32_t token;  // 0: free. Otherwise generation << 14 | index, below 2^31
  uint16_t owner;  // request index, or batch index | kBatchFlag
  uint16_t stage;
  uint64_t start;  // ticks
  uint64_t span_id;
  uint64_t parent_span_id;
  uint64_t previous;  // span id of the previous first-level slice, 0 if none
  uint16_t outer;     // what was open when this began (kNone: nothing); also the free list's link
  uint16_t inner;     // what began while this was open
  uint8_t level;
  uint8_t flags;  // slot flags collected so far
  uint16_t reserved;
  PayloadChain payload;
  uint32_t last_token;  // producer only: the generation survives in it while the entry is free
  uint32_t reserved2;
};
static_assert(sizeof(OpenSlice) == 64);
static_assert(offsetof(OpenSlice, owner) == 4 && offsetof(OpenSlice, start) == 8);
static_assert(offsetof(OpenSlice, span_id) == 16 && offsetof(OpenSlice, parent_span_id) == 24);
static_assert(offsetof(OpenSlice, outer) == 40 && offsetof(OpenSlice, payload) == 48);
static_assert(offsetof(OpenSlice, last_token) == 56);

inline constexpr uint32_t kTokenIndexBits = 14;
inline constexpr uint32_t kTokenGenerationBits = 17;
static_assert(kSliceCapacity <= 1u << kTokenIndexBits);

// `state` of requests and batches; moved by the producer only.
//   requests: free --start, adopt--> open --leave of an own root--> left --finish--> free
//                                    open --leave, finish--> free
//   batches:  free --define, adopt--> open --end--> closed --readers have passed it--> free
inline constexpr uint8_t kStateFree = 0;
inline constexpr uint8_t kStateOpen = 1;
inline constexpr uint8_t kStateLeft = 2;    // requests: only the root span is still to be written
inline constexpr uint8_t kStateClosed = 2;  // batches: kept for readers

struct alignas(128) OpenRequest {
  uint32_t generation;  // 28 bits, never 0 once used
  uint8_t state;        // kStateFree, kStateOpen, kStateLeft
  uint8_t level;        // 1..4 as bound at the start
  uint8_t owns_root;    // 1: this lane writes the root span (request started here)
  uint8_t root_flags;   // kFlagRemoteParent
  TraceId trace_id;
  uint64_t root_span_id;
  uint64_t root_parent;  // span id of the caller's span, 0 if none
  uint64_t root_start;   // ticks
  uint64_t worker_span_id;
  uint64_t worker_start;  // ticks; 0: no slice yet, the worker span is not open
  uint64_t previous;      // last completed first-level slice
  uint16_t top;           // most recently begun slice still open, or kNone
  uint16_t bottom;        // outermost slice still open, or kNone
  uint16_t batches;       // open batches it is a member of
  uint16_t shares;        // gpuspan_adopt calls on the owning thread itself, each to be left
  PayloadChain root_payload;
  PayloadChain worker_payload;
  uint16_t next_free;
  uint8_t by_index;  // producer only: its holder knows it by index alone, not by a handle (HeldBy)
  uint8_t reserved0;
  uint32_t batch_mark;  // producer only: finds a member that is named twice while a batch is defined
  uint64_t seen;        // producer only: ticks of the last sign of life that left no open slice (expiry.cc)
  uint32_t launched;    // producer only: GPU slices
  uint32_t launched_seen;
  uint64_t reserved;
};
static_assert(sizeof(OpenRequest) == 128);
static_assert(offsetof(OpenRequest, trace_id) == 8 && offsetof(OpenRequest, root_span_id) == 24);
static_assert(offsetof(OpenRequest, root_start) == 40 && offsetof(OpenRequest, worker_start) == 56);
static_assert(offsetof(OpenRequest, worker_span_id) == 48 && offsetof(OpenRequest, top) == 72);
static_assert(offsetof(OpenRequest, root_payload) == 80 && offsetof(OpenRequest, worker_payload) == 88);

struct alignas(8) BatchMember {
  TraceId trace_id;
  uint64_t worker_span_id;  // a member's slice id is mix(slice id, this)
  uint64_t parent_span_id;  // what the member had open at definition, else its worker span
  uint64_t left_at;         // ticks when it left or finished; 0: still a member
  uint8_t level;            // 0: never expanded (unsampled)
  uint8_t reserved;
  uint16_t request;  // index in this lane's request table
  uint32_t generation;
};
static_assert(sizeof(BatchMember) == 48);
static_assert(offsetof(BatchMember, left_at) == 32 && offsetof(BatchMember, request) == 42);

struct MemberChunk {
  uint16_t next;  // chunk index or kNone
  uint16_t reserved[7];
  BatchMember members[kChunkMembers];
};
static_assert(sizeof(MemberChunk) == 16 + 48 * kChunkMembers);

struct alignas(128) OpenBatch {
  uint32_t generation;
  uint8_t state;        // kStateFree, kStateOpen, kStateClosed: kept until the reader has passed `retire_position`
  uint8_t level;        // highest level of a member
  uint8_t alias;        // 1: copied from another lane by gpuspan_adopt; writes no batch span
  uint8_t left_behind;  // producer only: 1: closed otherwise than by its holder, who knows it by index
  TraceId trace_id;     // a trace of its own
  uint64_t span_id;
  uint64_t start;  // ticks
  uint32_t members;
  uint32_t live;  // members that have not left
  uint16_t first_chunk;
  uint16_t top;  // open slices of the batch, as in OpenRequest
  uint16_t bottom;
  uint16_t next_free;  // also the link of the retired list
  PayloadChain payload;
  uint64_t retire_position;            // this lane's ring position after the batch's last record
  std::atomic<uint32_t> gpu_launched;  // producer
  std::atomic<uint32_t> gpu_written;   // resolver
  std::atomic<uint64_t> gpu_position;  // resolver's ring position after the batch's last GPU record
  uint16_t shares;                     // as in OpenRequest
  uint16_t reserved3[3];
  uint64_t seen;  // as in OpenRequest
  uint32_t launched_seen;
  uint32_t reserved4;
};
static_assert(sizeof(OpenBatch) == 128);
static_assert(offsetof(OpenBatch, trace_id) == 8 && offsetof(OpenBatch, span_id) == 24);
static_assert(offsetof(OpenBatch, start) == 32);
static_assert(offsetof(OpenBatch, members) == 40 && offsetof(OpenBatch, first_chunk) == 48);
static_assert(offsetof(OpenBatch, payload) == 56 && offsetof(OpenBatch, gpu_position) == 80);

struct alignas(64) Block {
  uint8_t bytes[62];
  uint16_t next;  // block index or kNone; also the free list's link
};
static_assert(sizeof(Block) == 64);

}  // namespace gpuspan

#endif  // GPUSPAN_CORE_LAYOUT_TABLES_H_
