// SPDX-License-Identifier: Apache-2.0
//
// The resolver's lane. Finished GPU slices are written here by the resolver thread only; room for them is
// reserved by the launching threads, before they touch the device, with one atomic counter.
#ifndef GPUSPAN_CORE_GPU_LANE_H_
#define GPUSPAN_CORE_GPU_LANE_H_

#include <atomic>
#include <cstdint>

#include "layout.h"
#include "recorder.h"
#include "ring.h"
#include "segment.h"

namespace gpuspan {

// A finished GPU slice. Times are CLOCK_MONOTONIC ns.
struct GpuRecord {
  GpuOrigin origin;
  uint16_t launching_lane = 0;
  uint16_t stage = 0;
  uint8_t flags = 0;  // kFlagClamped, kFlagDropped...
  uint64_t start_ns = 0;
  uint64_t end_ns = 0;
  uint64_t bound_ns = 0;
  uint64_t launch_ns = 0;
  GpuSource source = GpuSource::kNone;
  uint16_t device = 0;
  uint16_t device_uuid = 0;  // dictionary id of its UUID; 0: unknown
  uint16_t stream = 0;       // index
  uint64_t stream_handle = 0;
  uint16_t sampling = 1;  // slices that this one stands for; 1: all were recorded
  Payload attributes;     // at most kMaxGpuAttributes bytes
};

// Slots reserved for each GPU slice: the record, its kGpu and kBatchRef items and this much of attributes.
inline constexpr uint32_t kMaxGpuAttributes = 896;

class GpuLane {
 public:
  GpuLane(Segment& segment, const LaneMemory& lane) noexcept;

  // Launching threads. False when the ring could not take one more GPU slice (count Loss::kRing on your lane).
  bool reserve() noexcept;
  void unreserve() noexcept;

  // Resolver thread: writes into what was reserved, and settles the batch's counters if it has one.
  void write(const GpuRecord& record) noexcept;
  // Resolver thread: a launched slice that ends as a loss; gives its reservation back.
  void lose(const GpuOrigin& origin, uint16_t launching_lane, Loss reason) noexcept;

  const LaneMemory& lane() const noexcept { return lane_; }

 private:
  void settle(const GpuOrigin& origin, uint16_t launching_lane) noexcept;
  void sample_high_water() noexcept;

  Segment& segment_;
  LaneMemory lane_;
  RingProducer ring_;                  // resolver thread only; its own reservation is not used
  std::atomic<uint64_t> reserved_{0};  // slots, by launching threads
};

}  // namespace gpuspan

#endif  // GPUSPAN_CORE_GPU_LANE_H_
