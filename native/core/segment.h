// SPDX-License-Identifier: Apache-2.0
//
// Creates and owns the mapping of one process's segment, hands out lanes, and holds the reader's lease.
// Nothing here is on the record path. A Segment is made once a process and never unmapped: native threads
// may still hold lanes when the last JavaScript environment goes.
#ifndef GPUSPAN_CORE_SEGMENT_H_
#define GPUSPAN_CORE_SEGMENT_H_

#include <atomic>
#include <cstdint>
#include <memory>
#include <mutex>
#include <string>

#include "clock.h"
#include "dictionary.h"
#include "fork_guard.h"
#include "layout.h"
#include "layout_tables.h"
#include "segment_memory.h"

namespace gpuspan {

struct SegmentOptions {
  uint32_t lanes = 256;         // 2..kMaxLanes
  uint32_t ring_slots = 65536;  // power of two, 64..2^24
  ClockChoice clock = ClockChoice::kAuto;
  std::string directory;  // empty: a sealed memfd; else a file gpuspan-<pid>.segment there, 0600, O_EXCL|O_NOFOLLOW
  uint32_t request_ttl_millis = 0;  // requests without a sign of life for so long are closed; 0: never
  uint64_t first_position = 0;      // tests start rings near 2^32 and 2^64
};

// Who claims a lane; copied into the lane's header.
struct LaneIdentity {
  uint16_t kind = 0;  // 0 JavaScript, 1 native thread, 2 resolver
  int32_t worker_threads_id = -1;
  uint16_t label = 0;
  int16_t tp_rank = -1, pp_rank = -1, dp_rank = -1, ep_rank = -1;
  uint32_t gpu_index = ~0u;
  uint16_t gpu_uuid = 0;  // dictionary id
};

// A lane's parts in the mapping.
struct LaneMemory {
  uint32_t index = 0;
  LaneHeader* header = nullptr;
  OpenSlice* slices = nullptr;
  OpenRequest* requests = nullptr;
  OpenBatch* batches = nullptr;
  Block* blocks = nullptr;
  MemberChunk* chunks = nullptr;
  Slot* ring = nullptr;
  uint32_t ring_slots = 0;
};

class Segment {
 public:
  // Null with `error` set (a sentence naming the path or call and the remedy) when it cannot be made.
  static std::unique_ptr<Segment> create(const SegmentOptions& options, std::string* error);
  ~Segment();  // unmaps; only tests do this
  Segment(const Segment&) = delete;
  Segment& operator=(const Segment&) = delete;

  SegmentHeader& header() noexcept { return *header_; }
  const uint8_t* base() const noexcept { return base_; }
  uint64_t size() const noexcept { return size_; }
  const Clock& clock() const noexcept { return clock_; }
  // SegmentOptions::request_ttl_millis in ticks of the clock.
  uint64_t request_ttl() const noexcept { return request_ttl_; }
  Dictionary& dictionary() noexcept { return dictionary_; }
  LaneMemory lane(uint32_t index) noexcept;
  // Lanes below it were claimed at least once. The memory of the others is a hole in the file, which on a full file
  // system may not even be read: that raises SIGBUS. Any thread; 0 in a forked child.
  uint32_t used_lanes() const noexcept { return forked() ? 0 : used_lanes_.load(std::memory_order_acquire); }

  // Claims a free or drained orphaned lane for the calling thread (orphans first), preallocates and populates
  // its memory and zeroes its tables. False with `error` when there is none or the memory cannot be had.
  // An orphan whose GPU slices are still in flight is not handed out (`set_busy`).
  bool claim_lane(const LaneIdentity& identity, LaneMemory* lane, std::string* error);
  // The owner (or its environment's cleanup) gives the lane up; what is in its ring stays for the reader.
  void orphan_lane(uint32_t index) noexcept;
  void set_busy(uint32_t index, bool busy) noexcept;
  // Who holds a used lane, or held it last, and that thread's OS id. Any thread, not on the record path: a claim that
  // is being made is waited for.
  LaneIdentity identity(uint32_t index, uint32_t* tid);

  // Takes a snapshot and appends it to the history; a forked child has none. Only the lease holder (and create) calls
  // it.
  Snapshot take_snapshot() noexcept;

  // The reader's lease: compare-and-swap on an environment id (never 0). Acquiring what one holds succeeds.
  bool acquire_lease(uint64_t environment) noexcept;
  bool transfer_lease(uint64_t from, uint64_t to) noexcept;
  void release_lease(uint64_t environment) noexcept;  // no-op unless it is the holder
  uint64_t lease_holder() const noexcept;

  // Reader side, bounds-checked: copies [offset, offset + length) with acquire semantics. False when outside,
  // which lanes are that were never claimed.
  bool read(uint64_t offset, void* into, uint64_t length) const noexcept;
  // Moves lane's read position forward to `position` (must lie in [read, written]) and adds to its counts.
  bool advance(uint32_t lane, uint64_t position, uint64_t slices, uint64_t owners) noexcept;

  // Flush hand-shake: see docs/design/delivery.md. `request_flush` returns the ticket to wait for.
  uint32_t request_flush() noexcept;
  uint32_t flush_requested() const noexcept;
  void flush_done(uint32_t ticket) noexcept;
  bool wait_flushed(uint32_t ticket, uint32_t timeout_millis) noexcept;

  // Counts a slice that had no lane to be counted in.
  void lost_without_lane() noexcept { header_->lost_without_lane.fetch_add(1, std::memory_order_relaxed); }

  // True in a child made by fork(2): its mapping was replaced by private zeros, so nothing it does is recorded.
  bool forked() const noexcept { return forked_.load(std::memory_order_relaxed); }

  // For GpuLane and Recorder: the lane that holds finished GPU slices; null until there is one.
  const LaneHeader* resolver_lane() const noexcept { return resolver_lane_.load(std::memory_order_acquire); }
  void set_resolver_lane(const LaneHeader* lane) noexcept { resolver_lane_.store(lane, std::memory_order_release); }
  // The resolver's ring position after the last GPU slice that `lane` launched. The lane is not reused before the
  // reader has passed it: readers look launching lanes and batches up by index.
  void note_gpu_position(uint32_t lane, uint64_t position) noexcept;

 private:
  // What outlives a claim but belongs to this process only.
  struct LaneUse {
    std::atomic<bool> busy{false};
    std::atomic<bool> launched{false};
    std::atomic<uint64_t> gpu_position{0};
  };

  Segment() = default;
  void fill_header() noexcept;
  bool reusable(uint32_t index) noexcept;
  bool allocate_lane(uint32_t index, std::string* error);
  void reset_tables(const LaneMemory& lane) noexcept;

  SegmentHeader* header_ = nullptr;
  uint8_t* base_ = nullptr;
  uint64_t size_ = 0;
  uint64_t first_position_ = 0;
  uint64_t request_ttl_ = 0;
  SegmentMemory memory_;
  Clock clock_;
  Dictionary dictionary_;
  std::unique_ptr<LaneUse[]> use_;
  std::atomic<const LaneHeader*> resolver_lane_{nullptr};
  std::atomic<bool> forked_{false};
  std::mutex claims_;                    // claims only: never taken on the record path
  std::atomic<uint32_t> used_lanes_{0};  // lanes from here on were never claimed; written under claims_
  ForkGuard fork_guard_;
};

}  // namespace gpuspan

#endif  // GPUSPAN_CORE_SEGMENT_H_
