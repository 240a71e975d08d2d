// SPDX-License-Identifier: Apache-2.0
//
// Finished GPU slices: reserved for by launching threads, written by the resolver. One per process.
#include "gpu_lane.h"

#include <cstring>

#include "payload.h"
#include "shared_field.h"

namespace gpuspan {
namespace {

constexpr uint32_t kBatchRefBytes = 1 + 2 + 2 + 4;
constexpr uint32_t kSlotsPerSlice = 1 + continuations_for(kGpuItemBytes + kBatchRefBytes + kMaxGpuAttributes);
static_assert(kSlotsPerSlice - 1 <= kMaxSliceContinuations);

void add_one(std::atomic<uint64_t>& counter) noexcept {
  counter.store(counter.load(std::memory_order_relaxed) + 1, std::memory_order_relaxed);
}

template <typename T>
uint8_t* put(uint8_t* at, T value) noexcept {
  std::memcpy(at, &value, sizeof value);
  return at + sizeof value;
}

// The kGpu item and, for a batch, the kBatchRef item. Returns their size.
uint32_t encode(const GpuRecord& record, uint8_t* buffer) noexcept {
  uint8_t* at = put(buffer, Item::kGpu);
  at = put(at, record.launch_ns);
  at = put(at, record.source);
  at = put(at, record.device);
  at = put(at, record.stream_handle);
  at = put(at, record.device_uuid);
  at = put(at, record.sampling);
  if (record.origin.batch != kNone) {
    at = put(at, Item::kBatchRef);
    at = put(at, record.launching_lane);
    at = put(at, record.origin.batch);
    at = put(at, record.origin.batch_generation);
  }
  return static_cast<uint32_t>(at - buffer);
}

}  // namespace

GpuLane::GpuLane(Segment& segment, const LaneMemory& lane) noexcept : segment_(segment), lane_(lane), ring_(lane) {
  segment.set_resolver_lane(lane.header);
}

bool GpuLane::reserve() noexcept {
  // Acquire pairs with the release in `settle`: what left `reserved_` is in `written` by then, so nothing is missed.
  const uint64_t before = reserved_.fetch_add(kSlotsPerSlice, std::memory_order_acq_rel);
  // `read` first: the other way round a reader that advances in between would make `used` negative.
  const uint64_t read = lane_.header->read.load(std::memory_order_acquire);
  const uint64_t used = lane_.header->written.load(std::memory_order_acquire) - read;
  if (used + before + kSlotsPerSlice <= leaf_slots(lane_.ring_slots)) return true;
  unreserve();
  return false;
}

void GpuLane::unreserve() noexcept { reserved_.fetch_sub(kSlotsPerSlice, std::memory_order_acq_rel); }

void GpuLane::write(const GpuRecord& record) noexcept {
  Slot head{};
  const bool batch = record.origin.batch != kNone;
  head.kind = static_cast<uint8_t>(batch ? Kind::kBatchGpuSlice : Kind::kGpuSlice);
  head.flags = static_cast<uint8_t>(record.flags | record.attributes.flags | kFlagMonotonic | kFlagContinued);
  head.stage = record.stage;
  head.start = record.start_ns;
  head.end = record.end_ns;
  if (record.end_ns < record.start_ns) {
    head.end = record.start_ns;
    head.flags |= kFlagClamped;
  }
  head.trace_id = record.origin.trace_id;
  head.span_id = record.origin.span_id;
  head.parent_span_id = record.origin.parent_span_id;
  head.gpu = {static_cast<uint32_t>(record.bound_ns < UINT32_MAX ? record.bound_ns : UINT32_MAX), record.stream,
              record.launching_lane};
  uint8_t items[kGpuItemBytes + kBatchRefBytes];
  const uint32_t size = encode(record, items);
  const uint32_t attributes = fitting_prefix(record.attributes, kMaxGpuAttributes);
  if (attributes < record.attributes.size) head.flags |= kFlagDropped;

  // Room was reserved, so this never looks at the reader's line.
  head.sequence = ring_.settle_slice();
  const uint32_t continuations = continuations_for(size + attributes);
  ring_.slot() = head;
  ContinuationWriter writer(ring_, continuations);
  writer.append(items, size);
  writer.append(record.attributes.data, attributes);
  writer.finish();
  ring_.publish(1 + continuations);
  sample_high_water();
  settle(record.origin, record.launching_lane);
}

void GpuLane::lose(const GpuOrigin& origin, uint16_t launching_lane, Loss reason) noexcept {
  add_one(lane_.header->lost[static_cast<uint32_t>(reason)]);
  ring_.settle_slice();
  settle(origin, launching_lane);
}

void GpuLane::sample_high_water() noexcept {
  uint64_t used = ring_.written() - lane_.header->read.load(std::memory_order_relaxed) +
                  reserved_.load(std::memory_order_relaxed) - kSlotsPerSlice;
  // Launches that are just being refused are in `reserved_` for a moment; what is granted never exceeds this.
  if (used > leaf_slots(lane_.ring_slots)) used = leaf_slots(lane_.ring_slots);
  if (used > lane_.header->high_water.load(std::memory_order_relaxed)) {
    lane_.header->high_water.store(used, std::memory_order_relaxed);
  }
}

// One launched slice is done, written or lost: its reservation ends, and who waits for it may go on.
void GpuLane::settle(const GpuOrigin& origin, uint16_t launching_lane) noexcept {
  const bool known = launching_lane < segment_.header().lanes;
  if (known) segment_.note_gpu_position(launching_lane, ring_.written());
  if (known && origin.batch < kBatchCapacity) {
    OpenBatch& batch = segment_.lane(launching_lane).batches[origin.batch];
    if (load_acquire(batch.generation) == origin.batch_generation) {
      batch.gpu_position.store(ring_.written(), std::memory_order_relaxed);
      batch.gpu_written.fetch_add(1, std::memory_order_release);  // pairs with Recorder::may_reuse
    }
  }
  unreserve();
}

}  // namespace gpuspan
