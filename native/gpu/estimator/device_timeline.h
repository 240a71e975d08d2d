// SPDX-License-Identifier: Apache-2.0
//
// A device that only tells differences of two events, as float32 milliseconds, gets an integer timeline here: a chain
// of anchors, each told from the one before, and stamps told from the nearest link. One base event would not do: the
// float rounds to 125 us after an hour. Device timers whose stamps are integers already fill DeviceStamp themselves.
#ifndef GPUSPAN_GPU_ESTIMATOR_DEVICE_TIMELINE_H_
#define GPUSPAN_GPU_ESTIMATOR_DEVICE_TIMELINE_H_

#include <cstdint>

#include "host_interval.h"

namespace gpuspan {

// A time on a device's timeline, whose origin and rate are the device's own. Ticks come on top; the clock knows them.
struct DeviceStamp {
  int64_t ns = 0;
  // This stamp's own rounding: how far off it may be from the link it was told from. kFarthestNs: not known at all.
  int64_t slack_ns = 0;
  // Sum of the rounding along the chain up to that link. Two stamps of one chain are off from each other by at most
  // the difference of their chain_ns and both slacks, so a chain of days does no harm to stamps told from its end.
  int64_t chain_ns = 0;

  bool known() const noexcept { return slack_ns < kFarthestNs; }
};

// A difference of two events in integer ns. `slack_ns`: half a unit in the last place of the float, rounded up.
struct Elapsed {
  int64_t ns = 0;
  int64_t slack_ns = 0;
  // False for NaN, an infinity, or more than 2^60 ns: `ns` is 0 then, and `slack_ns` kFarthestNs.
  bool valid = true;
};

// What cuEventElapsedTime gave, in milliseconds; negative when the second event came first. Never undefined.
Elapsed elapsed_of(float milliseconds) noexcept;

// One anchor of the chain. Immutable; a default-made one starts a timeline at 0.
class Link {
 public:
  Link() = default;

  // Where this anchor is.
  DeviceStamp stamp() const noexcept { return stamp_; }
  // The next anchor, told from this one. After an invalid difference its stamp is not known(), and nothing told from
  // it is: start over with a fresh Link and IntervalClock::begin_epoch.
  Link next(float ms_since_this) const noexcept;
  // An event told from this anchor; not known() after an invalid difference.
  DeviceStamp stamp_of(float ms_since_this) const noexcept;

 private:
  DeviceStamp stamp_;
};

}  // namespace gpuspan

#endif  // GPUSPAN_GPU_ESTIMATOR_DEVICE_TIMELINE_H_
