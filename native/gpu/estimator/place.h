// SPDX-License-Identifier: Apache-2.0
//
// From the device stamps of one slice to its stream interval: both ends located by the clock, narrowed by causality and
// by the device's own duration. Resolver thread.
#ifndef GPUSPAN_GPU_ESTIMATOR_PLACE_H_
#define GPUSPAN_GPU_ESTIMATOR_PLACE_H_

#include <cstddef>
#include <cstdint>

#include "../device_timer.h"
#include "interval_clock.h"

namespace gpuspan {

inline constexpr uint32_t kNoEpoch = 0;                // stamps of no epoch: never the clock's
inline constexpr uint32_t kCurrentEpoch = UINT32_MAX;  // whichever the clock is in

// What is known of one slice: its two device stamps, its own anchors, and the host times that limit it by causality.
struct SliceStamps {
  DeviceStamp start;
  DeviceStamp end;
  int64_t duration_ns = 0;  // by the device: straight from elapsed(start, end) where the device can say
  int64_t duration_slack_ns = 0;
  // The epoch of both stamps and of `own`. If it is not the clock's, the slice is placed by causality and its duration;
  // kNoEpoch, for a slice that may span two, by causality alone.
  uint32_t epoch = kCurrentEpoch;
  Anchor own[2];
  size_t own_count = 0;
  // CLOCK_MONOTONIC ns: the stream cannot have reached begin before launched_ns, nor passed end before
  // end_launched_ns, and has passed end by seen_ns.
  int64_t launched_ns = 0;
  int64_t end_launched_ns = 0;
  int64_t seen_ns = 0;
};

// Both ends on the host's clock; the bound holds for each. Causality narrows the intervals; a slice that contradicts it
// is moved to the nearest possible time, `clamped` is set and the bound still covers what the device said.
StreamInterval place(IntervalClock& clock, const SliceStamps& stamps) noexcept;

}  // namespace gpuspan

#endif  // GPUSPAN_GPU_ESTIMATOR_PLACE_H_
