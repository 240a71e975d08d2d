// SPDX-License-Identifier: Apache-2.0
//
// The byte layout of a segment: the contract between the threads that record and whoever reads, be it
// the export thread of this process, an inline drain, or a recovery tool after a crash. The same facts in
// prose are in docs/design/segment.md. Every field is little-endian and of fixed width; zeroed memory is
// a valid empty segment. Change anything here and kLayoutVersion changes with it.
//
// The tables of a lane are in layout_tables.h.
//
// Who writes what: "producer" is the one thread that owns a lane, "reader" the holder of the lease.
#ifndef GPUSPAN_CORE_LAYOUT_H_
#define GPUSPAN_CORE_LAYOUT_H_

#include <atomic>
#include <cstddef>
#include <cstdint>

namespace gpuspan {

inline constexpr uint64_t kSegmentMagic = 0x314e415053555047;  // "GPUSPAN1" in memory order
inline constexpr uint32_t kLayoutVersion = 2;

inline constexpr uint32_t kSlotBytes = 64;
inline constexpr uint32_t kMaxStringBytes = 255;
// Continuation slots: the first one starts with its count, so the payload is one byte shorter.
inline constexpr uint32_t kMaxSliceContinuations = 15;
inline constexpr uint32_t kMaxOwnerContinuations = 64;
inline constexpr uint32_t kMaxSlicePayload = kMaxSliceContinuations * kSlotBytes - 1;
inline constexpr uint32_t kMaxOwnerPayload = kMaxOwnerContinuations * kSlotBytes - 1;

// Table sizes of a lane. Indices fit 16 bits; kNone marks "no entry".
inline constexpr uint16_t kNone = 0xffff;
inline constexpr uint32_t kSliceCapacity = 4096;
inline constexpr uint32_t kRequestCapacity = 4096;
inline constexpr uint32_t kBatchCapacity = 1024;
inline constexpr uint32_t kBlockCapacity = 4096;  // 64-byte payload blocks of open slices and owners
inline constexpr uint32_t kChunkCapacity = 1024;  // 16-member chunks of open batches
inline constexpr uint32_t kChunkMembers = 16;
inline constexpr uint32_t kMaxBatchMembers = 4096;

inline constexpr uint32_t kDictionaryCapacity = 4096;  // entry 0 is the name `other`
inline constexpr uint32_t kSnapshotCapacity = 8192;
inline constexpr uint32_t kMaxLanes = 4095;  // a handle has 12 bits for the lane

// An owner index names a request (< kBatchFlag) or, with the flag, a batch.
inline constexpr uint16_t kBatchFlag = 0x8000;

enum class ClockKind : uint32_t { kMonotonic = 1, kTsc = 2, kCntvct = 3 };

enum class Kind : uint8_t {
  kNothing = 0,
  kHostSlice = 1,
  kGpuSlice = 2,
  kRoot = 3,           // a request's root span
  kWorker = 4,         // a worker span
  kBatch = 5,          // a batch span
  kBatchSlice = 6,     // a host slice of a batch
  kBatchGpuSlice = 7,  // a GPU slice of a batch
};

// Slot flags.
inline constexpr uint8_t kFlagContinued = 1 << 0;     // continuation slots follow
inline constexpr uint8_t kFlagMonotonic = 1 << 1;     // start and end are CLOCK_MONOTONIC ns, not ticks
inline constexpr uint8_t kFlagDropped = 1 << 2;       // attributes or events did not fit
inline constexpr uint8_t kFlagUnfinished = 1 << 3;    // closed by its owner's end, not by its own
inline constexpr uint8_t kFlagTruncated = 1 << 4;     // a string was cut to kMaxStringBytes
inline constexpr uint8_t kFlagRemoteParent = 1 << 5;  // root: the parent lives in another process
inline constexpr uint8_t kFlagClamped = 1 << 6;       // GPU slice: a time was clamped by causality
inline constexpr uint8_t kFlagExpired = 1 << 6;       // root, worker, batch: closed because its program forgot it
inline constexpr uint8_t kFlagFirstLevel = 1 << 7;    // host slice directly under its worker span

// Loss reasons: stable numbers, exported as `gpuspan.lost.<name>`. loss.h has the names.
enum class Loss : uint8_t {
  kRing = 0,          // no room in the ring
  kSlices = 1,        // no free entry in the table of open slices
  kRequest = 2,       // the records of a request could not be reserved
  kLane = 3,          // the thread has no lane
  kStale = 4,         // a token or handle that is stale, doubled or made up
  kTime = 5,          // the end lies before the start
  kClosed = 6,        // after finish, leave or shutdown
  kBatch = 7,         // no room for a batch or its members
  kGpuPool = 8,       // no in-flight entry or device events left
  kGpuDevice = 9,     // no device, or a call of the device's library failed
  kGpuCapture = 10,   // the stream is being captured
  kGpuContext = 11,   // the device context is gone
  kGpuShutdown = 12,  // not completed when the process stopped waiting
  kNoReader = 13,     // never read
  kInvalid = 14,      // an argument the record path cannot take
  kCount = 16,
};
inline constexpr uint32_t kLossCount = static_cast<uint32_t>(Loss::kCount);

// Payload items: what continuation slots hold, one after another, ended by kEnd or by the last byte.
enum class Item : uint8_t {
  kEnd = 0,
  kInt = 1,     // key u16, value i64
  kDouble = 2,  // key u16, value f64
  kBool = 3,    // key u16, value u8
  kString = 4,  // key u16, length u8, UTF-8 bytes
  // event u16, time u64 (ticks, or CLOCK_MONOTONIC ns if flags bit 0), flags u8, n u8; then n attribute items
  kEvent = 5,
  kStatus = 6,  // code u8 (1 ok, 2 error), length u8, message
  // launch u64 (CLOCK_MONOTONIC ns), source u8 (GpuSource), device u16, stream u64 (the caller's handle), device's UUID
  // u16 (dictionary id; 0 unknown), sampling u16 (slices that this one stands for; 1: all were recorded)
  kGpu = 7,
  kBatchRef = 8,       // lane u16, batch u16, generation u32: where the members of a batch slice are
  kColumn = 9,         // key u16, width u8 (1 i8, 2 i16, 4 i32, 8 f64), count u16, values: one per member of the batch
  kName = 10,          // length u8, bytes: the name of a root span
  kTraceState = 11,    // length u16, bytes
  kLosses = 12,        // n u8, n times (reason u8, count u64)
  kStrings = 13,       // key u16, n u8, n times (length u8, bytes)
  kNumbers = 14,       // key u16, n u8, n f64
  kException = 15,     // type length u8, type, message length u8, message
  kLink = 16,          // trace id 16 bytes, span id 8 bytes: a span of another trace that led to this one
  kOffsetColumn = 17,  // as kColumn with width 1 u8 or 2 u16; between count and values base i32, to be added to each
};

enum class GpuSource : uint8_t { kNone = 0, kCudaEvent = 1, kOpenCl = 2, kSimulated = 3, kNull = 4 };

// ---- records -------------------------------------------------------------------------------------

// Trace and span ids are opaque bytes; their hex form lists them in memory order.
struct TraceId {
  uint8_t bytes[16];
};

struct alignas(kSlotBytes) Slot {
  uint8_t kind;  // Kind
  uint8_t flags;
  uint16_t stage;     // dictionary id; 0 for root, worker and batch spans
  uint32_t sequence;  // low half of the lane's `recorded` (slices) when written; a gap is a loss
  uint64_t start;     // ticks, or CLOCK_MONOTONIC ns with kFlagMonotonic
  uint64_t end;
  TraceId trace_id;
  uint64_t span_id;
  uint64_t parent_span_id;  // 0: none
  union {
    uint64_t previous;    // host slice, first level: span id of the request's previous first-level slice
    struct {              // GPU slice, batch GPU slice
      uint32_t bound_ns;  // saturates at 2^32-1
      uint16_t stream;    // index of the stream in its device timer
      uint16_t lane;      // the lane that launched it
    } gpu;
    struct {           // batch span, batch slice
      uint16_t lane;   // where the batch's entry is
      uint16_t batch;  // its index
      uint32_t generation;
    } batch;
    struct {  // root, worker span
      uint16_t lane;
      uint8_t level;
      uint8_t reserved[5];
    } owner;
  };
};
static_assert(sizeof(Slot) == kSlotBytes);
static_assert(offsetof(Slot, stage) == 2 && offsetof(Slot, sequence) == 4);
static_assert(offsetof(Slot, start) == 8 && offsetof(Slot, end) == 16);
static_assert(offsetof(Slot, trace_id) == 24 && offsetof(Slot, span_id) == 40);
static_assert(offsetof(Slot, parent_span_id) == 48 && offsetof(Slot, previous) == 56);

// ---- lane ------------------------------------------------------------------------------------------

//   kFree --claim (any thread)--> kClaimed --thread ends (producer)--> kOrphaned
//     ^                                                                    |
//     +------------- drained: read == written (the next claimer) ----------+
// Who looks at the identity without having records pending there copies it, then checks that the state is not kFree,
// in which a claim may be writing it, and that the generation has not moved: one word holds both.
enum class LaneState : uint32_t { kFree = 0, kClaimed = 1, kOrphaned = 2 };

struct alignas(128) LaneHeader {
  // Producer's line.
  std::atomic<uint64_t> written;     // ring position after the last published slot
  std::atomic<uint64_t> recorded;    // slices asked for and settled: in the ring or lost
  std::atomic<uint64_t> owners;      // root, worker and batch records written
  std::atomic<uint64_t> high_water;  // most slots in use (written + reserved - read)
  uint8_t pad0[96];
  // Reader's line.
  alignas(128) std::atomic<uint64_t> read;  // slots before it may be overwritten
  std::atomic<uint64_t> consumed;           // slices read
  std::atomic<uint64_t> consumed_owners;
  uint8_t pad1[104];
  // Losses of slices by reason, producer-written.
  alignas(128) std::atomic<uint64_t> lost[kLossCount];
  // Identity, written at claim between `state` kFree and the release of `generation`.
  alignas(128) std::atomic<uint32_t> state;    // LaneState
  std::atomic<uint32_t> generation;            // +1 at each claim
  uint32_t tid;                                // OS thread id
  int32_t worker_threads_id;                   // Node's threadId; -1 for native threads
  uint16_t label;                              // dictionary id; 0 if unnamed
  int16_t tp_rank, pp_rank, dp_rank, ep_rank;  // -1: not given
  uint16_t kind;                               // 0 JavaScript, 1 native thread, 2 resolver
  uint32_t gpu_index;                          // ~0: not given
  uint16_t gpu_uuid;  // dictionary id; 0: unknown. The producer may set it later, once: its first stream's device
  uint8_t pad2[90];
  alignas(128) std::atomic<uint64_t> lost_owners[kLossCount];  // requests, batches: apart from slices
};
static_assert(sizeof(LaneHeader) == 640);
static_assert(offsetof(LaneHeader, read) == 128 && offsetof(LaneHeader, lost) == 256);
static_assert(offsetof(LaneHeader, gpu_index) == 412 && offsetof(LaneHeader, gpu_uuid) == 416);
static_assert(offsetof(LaneHeader, state) == 384 && offsetof(LaneHeader, lost_owners) == 512);

// ---- segment ---------------------------------------------------------------------------------------

struct DictionaryEntry {
  std::atomic<uint32_t> word;  // released last: kind | level << 8 | length << 16; 0: empty
  uint16_t module;             // dictionary id of the module (stages and events), else 0
  uint8_t gate;                // stages and events: level, or 255 when the module is off
  uint8_t reserved;
  char text[264];  // UTF-8, not terminated
};
static_assert(sizeof(DictionaryEntry) == 272);
enum class EntryKind : uint8_t { kModule = 1, kStage = 2, kEvent = 3, kKey = 4, kString = 5 };

// One bracketed reading: `ticks` between two reads of the other clocks, see clock.h.
struct Snapshot {
  uint64_t ticks;
  uint64_t monotonic_ns;
  int64_t realtime_ns;
  uint64_t bracket_ns;         // width of the bracket they were read in
  int64_t boottime_offset_ns;  // CLOCK_BOOTTIME - CLOCK_MONOTONIC: grows by what the machine was suspended
};
static_assert(sizeof(Snapshot) == 40);
static_assert(offsetof(Snapshot, realtime_ns) == 16 && offsetof(Snapshot, boottime_offset_ns) == 32);

// What the reader did with what it consumed; published by the lease holder for `tracer.stats()`.
struct ReaderAccount {
  std::atomic<uint64_t> delivered;
  std::atomic<uint64_t> held;
  std::atomic<uint64_t> owners_delivered;
  std::atomic<uint64_t> lost[16];  // by ReaderLoss, see docs/design/delivery.md
  std::atomic<uint64_t> owners_lost;
};

struct SegmentHeader {
  uint64_t magic;
  uint32_t version;
  uint32_t signature;  // layout_signature(): sizes and constants folded together
  uint64_t total_bytes;
  uint32_t pid;
  uint32_t clock;  // ClockKind
  uint8_t boot_id[16];
  uint64_t process_start;  // field 22 of /proc/self/stat; 0 if unknown
  uint32_t lanes;
  uint32_t ring_slots;  // power of two
  uint32_t slice_capacity, request_capacity, batch_capacity, block_capacity, chunk_capacity;
  uint32_t dictionary_capacity;
  uint64_t dictionary_offset;
  uint32_t snapshot_capacity;
  uint32_t reserved0;
  uint64_t snapshot_offset;
  uint64_t lanes_offset;
  uint64_t lane_stride;
  // Within a lane, from its start.
  uint32_t slices_offset, requests_offset, batches_offset, blocks_offset, chunks_offset, ring_offset;
  uint64_t clock_hz;  // ticks per second as first measured; 1e9 for CLOCK_MONOTONIC
  // Changing state from here.
  alignas(1024) std::atomic<uint32_t> dictionary_count;  // entries taken, may exceed the capacity
  std::atomic<uint32_t> dictionary_overflow;             // names that became `other`
  std::atomic<uint64_t> snapshots;                       // snapshots ever taken; the newest is at (n - 1) % capacity
  std::atomic<uint64_t> lease;                           // id of the environment that reads; 0: free
  std::atomic<uint32_t> flush_requested;                 // futex words: see docs/design/delivery.md
  std::atomic<uint32_t> flush_done;
  std::atomic<uint64_t> lost_without_lane;  // Loss::kLane, which has no lane to be counted in
  std::atomic<uint64_t> no_reader;          // Loss::kNoReader, counted at process end
  alignas(256) ReaderAccount reader;
};
static_assert(offsetof(SegmentHeader, total_bytes) == 16 && offsetof(SegmentHeader, boot_id) == 32);
static_assert(offsetof(SegmentHeader, lanes) == 56 && offsetof(SegmentHeader, slice_capacity) == 64);
static_assert(offsetof(SegmentHeader, dictionary_capacity) == 84);
static_assert(offsetof(SegmentHeader, dictionary_offset) == 88 && offsetof(SegmentHeader, snapshot_capacity) == 96);
static_assert(offsetof(SegmentHeader, snapshot_offset) == 104 && offsetof(SegmentHeader, lanes_offset) == 112);
static_assert(offsetof(SegmentHeader, lane_stride) == 120 && offsetof(SegmentHeader, slices_offset) == 128);
static_assert(offsetof(SegmentHeader, ring_offset) == 148 && offsetof(SegmentHeader, clock_hz) == 152);
static_assert(offsetof(SegmentHeader, dictionary_count) == 1024 && offsetof(SegmentHeader, snapshots) == 1032);
static_assert(offsetof(SegmentHeader, lease) == 1040 && offsetof(SegmentHeader, flush_requested) == 1048);
static_assert(offsetof(SegmentHeader, lost_without_lane) == 1056 && offsetof(SegmentHeader, reader) == 1280);
inline constexpr uint32_t kHeaderBytes = 4096;
static_assert(sizeof(SegmentHeader) <= kHeaderBytes);
static_assert(std::atomic<uint64_t>::is_always_lock_free && sizeof(std::atomic<uint64_t>) == 8);

}  // namespace gpuspan

#endif  // GPUSPAN_CORE_LAYOUT_H_
