// SPDX-License-Identifier: Apache-2.0
//
// The producer's side of a lane: requests, slices, events, batches. One Recorder belongs to one thread and
// only that thread calls it. Every function is noexcept, takes no lock, allocates nothing and makes no system
// call; what cannot be recorded becomes a counted loss. Owners are request indices, or batch indices with
// kBatchFlag. Payloads are encoded items (layout.h, Item) that the caller guarantees to be well-formed.
#ifndef GPUSPAN_CORE_RECORDER_H_
#define GPUSPAN_CORE_RECORDER_H_

#include <cstdint>

#include "clock.h"
#include "handle.h"
#include "ids.h"
#include "layout.h"
#include "payload.h"
#include "ring.h"
#include "segment.h"

namespace gpuspan {

// What a request starts from, here or in an adopting thread.
struct RequestOrigin {
  TraceId trace_id{};         // all zero: make a new one
  uint64_t parent = 0;        // parent span of a new root; 0 none
  bool remote_parent = true;  // `parent` is a span of another process
  uint64_t root_span_id = 0;  // adopted requests: the root written elsewhere; 0: start a root here
  uint64_t previous = 0;      // adopted requests: the slice that first-level slices link to
  uint8_t level = 2;          // 1..4
};

// Where a GPU slice hangs in its trace: taken at launch, kept in the in-flight entry.
struct GpuOrigin {
  TraceId trace_id{};
  uint64_t span_id = 0;
  uint64_t parent_span_id = 0;
  uint16_t batch = kNone;  // batch index in the launching lane, or kNone
  uint32_t batch_generation = 0;
};

// Where and when an event happened, if not in the innermost open slice and now.
struct EventPlace {
  Token slice = 0;     // an open slice of the event's owner
  bool timed = false;  // at time_ns, CLOCK_MONOTONIC
  uint64_t time_ns = 0;
};

// What the holder of an owner calls it by. A handle has a generation; JavaScript has the index alone, and ends what it
// has of an entry when it takes that entry again (lib/holders.ts). So an entry that was closed behind its back may
// only be taken again by index.
enum class HeldBy : uint8_t { kHandle, kIndex };

// Not copied: its free lists and reservations would be owned twice.
class Recorder {
 public:
  Recorder(Segment& segment, const LaneMemory& lane) noexcept;
  Recorder(const Recorder&) = delete;
  Recorder& operator=(const Recorder&) = delete;

  const LaneMemory& lane() const noexcept { return lane_; }
  uint32_t index() const noexcept { return lane_.index; }

  // Requests. kNone when the records of the request could not be reserved (Loss::kRequest). Held by index.
  uint16_t start_request(const RequestOrigin& origin, Payload attributes) noexcept;
  // A request of another lane in this process, or from a carrier (root_span_id set). Opens no root.
  uint16_t adopt_request(const RequestOrigin& origin, HeldBy held_by = HeldBy::kHandle) noexcept;
  // Copies what adopt_request needs out of any lane's table; false if the handle is stale. Any thread.
  static bool read_request(Segment& segment, Handle handle, RequestOrigin* origin) noexcept;
  // Closes this stay: open slices are closed and flagged, then the worker span is written.
  void leave(uint16_t request, Payload worker) noexcept;
  // leave, then the root span if it was started here. A second finish or leave is a counted loss, no more.
  void finish(uint16_t request, Payload root) noexcept;
  Handle handle(uint16_t owner) const noexcept;
  // The owner a handle names on this lane, or kNone if it is another lane's or stale.
  uint16_t resolve(Handle handle) const noexcept;
  const OpenRequest& request(uint16_t request) const noexcept { return lane_.requests[request]; }
  // What a carrier takes along: the outermost open slice, else the last completed first-level slice, else 0.
  uint64_t link_for_carrier(uint16_t request) const noexcept;

  // The span that spans of other libraries are children of: the named slice if the request has it open, else its
  // innermost open one, else the worker span once that is sure to be written, else 0.
  uint64_t position(uint16_t request, Token named) const noexcept;

  // Slices. 0: nothing was opened (and the loss counted).
  Token begin(uint16_t owner, uint16_t stage, Token parent = 0) noexcept;
  void end(Token token, Payload payload = {}) noexcept;
  Token next(Token token, uint16_t stage, Payload payload = {}) noexcept;  // one clock read
  // Retroactive, CLOCK_MONOTONIC ns. The parent is what the request has open now.
  void record(uint16_t owner, uint16_t stage, uint64_t start_ns, uint64_t end_ns, Payload payload) noexcept;

  // Adds items to an open slice, to a request's root or worker span, or to a batch. What does not fit is dropped
  // and the record flagged. `root` on a request that was adopted goes to the worker span.
  void annotate(Token token, Payload payload) noexcept;
  void annotate_root(uint16_t request, Payload payload) noexcept;
  void annotate_worker(uint16_t owner, Payload payload) noexcept;  // batch: the batch span
  // An instant owned by the innermost open slice of the owner, else by its worker span. `attributes` holds `n` items.
  // `place` names another slice or time; a slice that is not open, or another owner's, is a loss (Loss::kStale).
  void event(uint16_t owner, uint16_t event, Payload attributes, uint8_t n, const EventPlace& place = {}) noexcept;

  // Batches, held by index if defined here, by handle if adopted. `members` are request indices of this lane. kNone: no
  // room (Loss::kBatch) or invalid members (kInvalid).
  uint16_t define_batch(const uint16_t* members, uint32_t count, Payload attributes) noexcept;
  // A batch of another lane, copied. Writes no batch span of its own.
  uint16_t adopt_batch(Segment& segment, Handle handle) noexcept;
  void end_batch(uint16_t batch, Payload payload = {}) noexcept;  // batch index without kBatchFlag

  // gpuspan_adopt on the owning thread itself: counted, so that the matching leave does not close the stay.
  void share(uint16_t owner) noexcept;
  bool unshare(uint16_t owner) noexcept;  // false if nothing was shared

  // GPU slices. Called before the device is touched; opens the worker span if it is not open. False: the owner is
  // closed, and the loss was counted. Written in place: a copy would load what was only just stored in other widths.
  bool gpu_origin(uint16_t owner, uint8_t stage_level, GpuOrigin* origin) noexcept;
  void batch_launched(uint16_t batch) noexcept;
  // A GPU slice that could not be launched.
  void lose(Loss reason) noexcept;
  // A request or a batch that its caller refused: counted apart from slices, told by the worker spans all the same.
  void lose_owner(Loss reason) noexcept;

  // Closes requests and batches without a sign of life for the segment's TTL; see expiry.cc. Cheap while none is due.
  void expire() noexcept { expire(clock_.now()); }
  void expire(uint64_t now) noexcept;

  // Closes everything open on the lane, flagged as unfinished: thread end, termination, exit.
  void close_all() noexcept;

  IdGenerator& ids() noexcept { return ids_; }
  uint64_t now() const noexcept { return clock_.now(); }

 private:
  // Where a new slice of a request hangs.
  struct Parent {
    uint64_t span_id;
    bool first_level;
  };

  // recorder.cc
  void count_owner() noexcept;
  uint8_t stage_level(uint16_t stage) const noexcept;
  Payload losses_so_far(uint8_t* buffer) const noexcept;
  bool reserve_blocks(RingShare share, const PayloadChain& chain, uint32_t size) noexcept;
  void append_items(RingShare share, PayloadChain& chain, uint32_t limit, Payload items) noexcept;
  void append_event(RingShare share, PayloadChain& chain, uint32_t limit, const uint8_t* header,
                    Payload items) noexcept;
  void drop_chain(PayloadChain& chain) noexcept;
  void write_record(RingShare share, const Slot& head, PayloadChain& chain, uint32_t max_continuations,
                    const Payload* pieces, uint32_t count) noexcept;

  // slices.cc
  uint16_t take_slice() noexcept;
  OpenSlice* find_slice(Token token) const noexcept;
  Parent request_parent(const OpenRequest& request, uint16_t owner, Token named) const noexcept;
  uint64_t batch_parent(const OpenBatch& batch, uint16_t owner, uint8_t level, Token named) const noexcept;
  uint64_t batch_parent_from(const OpenBatch& batch, uint16_t at, uint8_t level) const noexcept;
  Token begin_on_batch(uint16_t owner, uint16_t stage, Token parent) noexcept;
  Token next_on_batch(const OpenSlice& ended, uint16_t stage, uint64_t now) noexcept;
  template <class Owner>
  Token open_slice(Owner& owner, uint16_t index, uint16_t stage, uint16_t owner_index, uint64_t parent,
                   uint64_t previous, uint8_t level, uint8_t flags) noexcept;
  Token begin_slowly(uint16_t owner, uint16_t stage, Token parent) noexcept;
  Token open_child(OpenRequest& request, uint16_t index, uint16_t stage, uint16_t owner, Token named) noexcept;
  void start_slice(OpenRequest& request, uint16_t index, uint64_t now) noexcept;
  void end_slowly(Token token, Payload payload, uint64_t now) noexcept;
  Token next_slowly(Token token, uint16_t stage, Payload payload, uint64_t now) noexcept;
  Token succeed(OpenSlice& slice, const OpenRequest& request, uint16_t stage, uint64_t now) noexcept;
  void end_plain(const OpenSlice& slice, uint64_t now, uint8_t flags) noexcept;
  template <class Owner>
  void free_slice(OpenSlice& slice, Owner& owner, uint64_t now) noexcept;
  void fill_head(Slot& slot, const OpenSlice& slice, uint64_t end, uint8_t flags) noexcept;
  bool write_attributes(const OpenSlice& slice, uint64_t now, uint8_t flags, const Payload& payload) noexcept;
  void write_with_payload(OpenSlice& slice, uint64_t now, uint8_t flags, const Payload& payload) noexcept;
  void end_at(OpenSlice& slice, uint64_t now, uint8_t flags, Payload payload) noexcept;
  void close_slices(uint16_t top, uint64_t now) noexcept;

  // requests.cc
  uint16_t take_request(uint32_t slots, HeldBy held_by) noexcept;
  uint16_t start_entry(const RequestOrigin& origin, bool owns_root, HeldBy held_by) noexcept;
  OpenRequest* find_request(uint16_t request) const noexcept;
  void open_worker(OpenRequest& request, uint64_t now) noexcept;
  void close_stay(uint16_t index, uint64_t now, uint8_t flags, Payload payload) noexcept;
  void close_request(uint16_t index, uint64_t now, uint8_t flags) noexcept;
  void write_worker(OpenRequest& request, uint64_t now, uint8_t flags, Payload payload) noexcept;
  void write_root(OpenRequest& request, uint64_t now, uint8_t flags, Payload payload) noexcept;
  void free_request(uint16_t index, uint16_t* list) noexcept;

  // expiry.cc
  template <class Owner>
  bool due(Owner& owner, uint32_t launched, uint64_t now, uint64_t* oldest) noexcept;
  void expire_batches(uint64_t now, uint64_t* oldest) noexcept;
  void expire_requests(uint64_t now, uint64_t* oldest) noexcept;

  // batches.cc
  OpenBatch* find_batch(uint16_t owner) const noexcept;
  bool has_batch(uint32_t chunks, HeldBy held_by) const noexcept;
  uint16_t take_batch(uint32_t chunks, uint32_t slots, HeldBy held_by) noexcept;
  void start_batch(OpenBatch& batch) noexcept;
  void close_batch(uint16_t index, uint64_t now, uint8_t flags, Payload payload) noexcept;
  void write_batch(OpenBatch& batch, uint16_t index, uint64_t now, uint8_t flags, Payload payload) noexcept;
  void retire_batch(uint16_t index) noexcept;
  void reap_batches(bool all) noexcept;
  bool may_reuse(const OpenBatch& batch) const noexcept;
  void free_batch(uint16_t index) noexcept;

  // batch_members.cc
  Loss check_members(const uint16_t* members, uint32_t count) noexcept;
  void fill_members(OpenBatch& batch, const uint16_t* members, uint32_t count) noexcept;
  bool copy_members(Segment& segment, Handle handle, OpenBatch& batch) noexcept;
  uint16_t take_chunk(OpenBatch& batch, uint16_t last) noexcept;
  void forget_members(OpenBatch& batch) noexcept;
  void leave_batch(uint16_t index, uint16_t request, uint64_t now) noexcept;
  void leave_batches(uint16_t request, uint64_t now) noexcept;

  Segment* segment_;
  LaneMemory lane_;
  Clock clock_;
  IdGenerator ids_;
  // From here: state only the producer needs, so not in the segment.
  RingProducer ring_;
  BlockPool blocks_;
  const DictionaryEntry* names_;
  // Free lists run through the tables; entries from `*_used_` on were never taken.
  uint16_t free_slice_ = kNone, slices_used_ = 0;
  uint16_t free_request_ = kNone, left_request_ = kNone, requests_used_ = 0;  // left: to be taken by index alone
  uint16_t free_batch_ = kNone, left_batch_ = kNone, batches_used_ = 0;
  uint16_t free_chunk_ = kNone, chunks_used_ = 0;
  uint32_t chunks_free_ = kChunkCapacity;
  uint16_t retired_first_ = kNone, retired_last_ = kNone;  // closed batches, oldest first
  uint64_t open_batches_[kBatchCapacity / 64] = {};        // bit per batch of this lane, aliases excluded
  uint32_t batch_mark_ = 0;
  uint64_t next_expiry_ = 0;  // ticks before which nothing can be due
  bool closed_ = false;
  bool lost_any_ = false;
};

// Null unless the token is that of an open slice. A made-up one fails the bound or the comparison.
inline OpenSlice* Recorder::find_slice(Token token) const noexcept {
  const uint32_t index = token_index(token);
  if (token == 0 || index >= kSliceCapacity || lane_.slices[index].token != token) [[unlikely]]
    return nullptr;
  return &lane_.slices[index];
}

}  // namespace gpuspan

#endif  // GPUSPAN_CORE_RECORDER_H_
