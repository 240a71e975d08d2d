// SPDX-License-Identifier: Apache-2.0
//
// Asks the driver for a slice's stamps, on the resolver's thread, right before the OpenCL device timer does.
#include "stamp_tap.h"

#include "opencl_device.h"

namespace gpuspan::truth {

Read StampTap::read(InFlight& slice, uint64_t seen_ns, StreamInterval* interval) noexcept {
  DeviceSlice seen;
  seen.span_id = slice.origin.span_id;
  seen.begin = read_marker(reinterpret_cast<cl_event>(slice.events.begin));
  seen.end = read_marker(reinterpret_cast<cl_event>(slice.events.end));
  seen.times = slice.times;
  const Read answer = inner_->read(slice, seen_ns, interval);
  if (answer == Read::kPlaced) slices_.push_back(seen);
  return answer;
}

}  // namespace gpuspan::truth
