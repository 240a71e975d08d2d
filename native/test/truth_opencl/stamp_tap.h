// SPDX-License-Identifier: Apache-2.0
//
// A device timer around the OpenCL one that notes what the driver itself says of each slice's two markers, before the
// slice is placed. Everything else is passed through.
#ifndef GPUSPAN_TEST_TRUTH_OPENCL_STAMP_TAP_H_
#define GPUSPAN_TEST_TRUTH_OPENCL_STAMP_TAP_H_

#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "native/gpu/device_timer.h"

namespace gpuspan::truth {

// One marker, ns of the device's clock.
struct MarkerStamps {
  int64_t queued_ns = 0;
  int64_t end_ns = 0;
};

// A slice as the device saw it.
struct DeviceSlice {
  uint64_t span_id = 0;
  MarkerStamps begin, end;
  LaunchTimes times;  // the launching thread's reads of CLOCK_MONOTONIC around the calls that enqueued the markers
};

class StampTap final : public DeviceTimer {
 public:
  explicit StampTap(std::unique_ptr<DeviceTimer> inner) : inner_(std::move(inner)) {}

  GpuSource source() const noexcept override { return inner_->source(); }
  std::string description() const override { return inner_->description(); }
  std::unique_ptr<Stream> open_stream(uint64_t handle, std::string* error) override {
    return inner_->open_stream(handle, error);
  }
  Loss begin(InFlight& slice) noexcept override { return inner_->begin(slice); }
  Loss end(InFlight& slice) noexcept override { return inner_->end(slice); }
  Poll poll(InFlight& slice) noexcept override { return inner_->poll(slice); }
  Read read(InFlight& slice, uint64_t seen_ns, StreamInterval* interval) noexcept override;
  void release(InFlight& slice) noexcept override { inner_->release(slice); }
  void tend(uint64_t now_ns) noexcept override { inner_->tend(now_ns); }
  std::string last_error() const override { return inner_->last_error(); }

  // Every slice that was read, in order. Only after Gpu::stop: the resolver's thread fills it.
  const std::vector<DeviceSlice>& slices() const noexcept { return slices_; }

 private:
  std::unique_ptr<DeviceTimer> inner_;
  std::vector<DeviceSlice> slices_;
};

}  // namespace gpuspan::truth

#endif  // GPUSPAN_TEST_TRUTH_OPENCL_STAMP_TAP_H_
