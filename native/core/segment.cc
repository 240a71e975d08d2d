// SPDX-License-Identifier: Apache-2.0
//
// Makes a segment: checks the options, computes the layout, fills the header. Runs once a process, on the thread
// that starts tracing.
#include "segment.h"

#include <time.h>

#include <bit>
#include <new>

#include "layout_signature.h"
#include "process_identity.h"

namespace gpuspan {
namespace {

constexpr uint64_t kPage = 4096;
constexpr uint32_t kMinRingSlots = 64;
constexpr uint32_t kMaxRingSlots = 1u << 24;

constexpr uint64_t round_up(uint64_t value, uint64_t unit) noexcept { return (value + unit - 1) / unit * unit; }

bool check(const SegmentOptions& options, std::string* error) {
  if (options.lanes < 2 || options.lanes > kMaxLanes) {
    *error = "lanes is " + std::to_string(options.lanes) + "; set GPUSPAN_LANES to a number from 2 to " +
             std::to_string(kMaxLanes) + ".";
    return false;
  }
  if (options.ring_slots < kMinRingSlots || options.ring_slots > kMaxRingSlots ||
      !std::has_single_bit(options.ring_slots)) {
    *error = "ringSlots is " + std::to_string(options.ring_slots) + "; set GPUSPAN_RING_SLOTS to a power of two from " +
             std::to_string(kMinRingSlots) + " to " + std::to_string(kMaxRingSlots) + ".";
    return false;
  }
  return true;
}

// Where everything lies, from sizes alone. `header` starts zeroed.
void lay_out(const SegmentOptions& options, SegmentHeader* header) noexcept {
  header->lanes = options.lanes;
  header->ring_slots = options.ring_slots;
  header->slice_capacity = kSliceCapacity;
  header->request_capacity = kRequestCapacity;
  header->batch_capacity = kBatchCapacity;
  header->block_capacity = kBlockCapacity;
  header->chunk_capacity = kChunkCapacity;
  header->dictionary_capacity = kDictionaryCapacity;
  header->dictionary_offset = kHeaderBytes;
  header->snapshot_capacity = kSnapshotCapacity;
  header->snapshot_offset = round_up(header->dictionary_offset + kDictionaryCapacity * sizeof(DictionaryEntry), kPage);
  header->lanes_offset = round_up(header->snapshot_offset + kSnapshotCapacity * sizeof(Snapshot), kPage);
  uint64_t at = round_up(sizeof(LaneHeader), kPage);
  const auto place = [&at](uint64_t bytes) {
    const uint64_t here = at;
    at = round_up(at + bytes, kPage);
    return static_cast<uint32_t>(here);
  };
  header->slices_offset = place(kSliceCapacity * sizeof(OpenSlice));
  header->requests_offset = place(kRequestCapacity * sizeof(OpenRequest));
  header->batches_offset = place(kBatchCapacity * sizeof(OpenBatch));
  header->blocks_offset = place(kBlockCapacity * sizeof(Block));
  header->chunks_offset = place(kChunkCapacity * sizeof(MemberChunk));
  header->ring_offset = place(uint64_t{options.ring_slots} * sizeof(Slot));
  header->lane_stride = at;
  header->total_bytes = header->lanes_offset + options.lanes * header->lane_stride;
}

// Ticks per second over a short stretch: a first estimate for humans and for stamps with one snapshot around.
uint64_t measure_hz(const Clock& clock) noexcept {
  if (clock.kind() == ClockKind::kMonotonic) return 1'000'000'000;
  const Snapshot first = clock.snapshot();
  const timespec stretch = {0, 2'000'000};
  nanosleep(&stretch, nullptr);
  const Snapshot last = clock.snapshot();
  const uint64_t ns = last.monotonic_ns - first.monotonic_ns;
  if (ns == 0) return 1'000'000'000;
  return static_cast<uint64_t>(static_cast<double>(last.ticks - first.ticks) * 1e9 / static_cast<double>(ns));
}

}  // namespace

std::unique_ptr<Segment> Segment::create(const SegmentOptions& options, std::string* error) {
  if (!check(options, error)) return nullptr;
  SegmentHeader plan{};
  lay_out(options, &plan);
  std::unique_ptr<Segment> segment(new Segment);
  if (!map_segment_memory(options.directory, plan.total_bytes, &segment->memory_, error)) return nullptr;
  segment->base_ = segment->memory_.base;
  segment->size_ = plan.total_bytes;
  segment->first_position_ = options.first_position;
  if (!allocate_range(segment->memory_, 0, plan.lanes_offset, error)) {
    unmap_segment_memory(&segment->memory_, plan.total_bytes, true);
    segment->base_ = nullptr;
    return nullptr;
  }
  segment->use_ = std::make_unique<LaneUse[]>(options.lanes);
  const char* reason;
  segment->clock_ = Clock::choose(options.clock, &reason);
  // The mapping is zeroed and every field of a header is valid as zeros, so this starts its life where it is.
  segment->header_ = std::launder(reinterpret_cast<SegmentHeader*>(segment->base_));
  lay_out(options, segment->header_);
  segment->fill_header();
  segment->request_ttl_ = segment->header_->clock_hz / 1000 * options.request_ttl_millis;
  segment->fork_guard_.watch(segment->base_, segment->size_, &segment->forked_);
  return segment;
}

void Segment::fill_header() noexcept {
  header_->version = kLayoutVersion;
  header_->signature = layout_signature();
  header_->clock = static_cast<uint32_t>(clock_.kind());
  header_->clock_hz = measure_hz(clock_);
  identify_process(header_);
  dictionary_.attach(header_, reinterpret_cast<DictionaryEntry*>(base_ + header_->dictionary_offset));
  take_snapshot();
  // Last, and released: a file whose magic is there is complete up to here.
  __atomic_store_n(&header_->magic, kSegmentMagic, __ATOMIC_RELEASE);
}

Segment::~Segment() {
  if (base_ != nullptr) unmap_segment_memory(&memory_, size_, false);
}

LaneMemory Segment::lane(uint32_t index) noexcept {
  uint8_t* const start = base_ + header_->lanes_offset + index * header_->lane_stride;
  LaneMemory lane;
  lane.index = index;
  lane.header = reinterpret_cast<LaneHeader*>(start);
  lane.slices = reinterpret_cast<OpenSlice*>(start + header_->slices_offset);
  lane.requests = reinterpret_cast<OpenRequest*>(start + header_->requests_offset);
  lane.batches = reinterpret_cast<OpenBatch*>(start + header_->batches_offset);
  lane.blocks = reinterpret_cast<Block*>(start + header_->blocks_offset);
  lane.chunks = reinterpret_cast<MemberChunk*>(start + header_->chunks_offset);
  lane.ring = reinterpret_cast<Slot*>(start + header_->ring_offset);
  lane.ring_slots = header_->ring_slots;
  return lane;
}

Snapshot Segment::take_snapshot() noexcept {
  const Snapshot snapshot = clock_.snapshot();
  // The child's zeros have no history: its offset is that of the header, its capacity 0.
  if (forked()) return snapshot;
  auto* const history = reinterpret_cast<Snapshot*>(base_ + header_->snapshot_offset);
  const uint64_t taken = header_->snapshots.load(std::memory_order_relaxed);
  history[taken % header_->snapshot_capacity] = snapshot;
  header_->snapshots.store(taken + 1, std::memory_order_release);  // pairs with the acquire in Segment::read
  return snapshot;
}

}  // namespace gpuspan
