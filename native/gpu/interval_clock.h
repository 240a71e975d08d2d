// SPDX-License-Identifier: Apache-2.0
//
// Places stamps of a device's clock on the host's CLOCK_MONOTONIC. Nothing here talks to a device: the device timer
// brings anchors (intervals of host time that contain one device stamp) and asks where another stamp lies. The
// answer is an interval that contains the truth as long as the two clocks wander apart less than the stated rate.
// Resolver thread. The reasoning is in docs/design/device-timers.md.
#ifndef GPUSPAN_GPU_INTERVAL_CLOCK_H_
#define GPUSPAN_GPU_INTERVAL_CLOCK_H_

#include <array>
#include <cstddef>
#include <cstdint>

#include "device_timer.h"

namespace gpuspan {

// Signed, so that differences across an anchor need no care; 2^63 ns are 292 years.
struct HostInterval {
  int64_t low = 0;
  int64_t high = 0;
  bool empty() const noexcept { return high < low; }
  int64_t width() const noexcept { return high - low; }
};

struct Anchor {
  int64_t device_ns = 0;
  HostInterval host;
};

struct IntervalClockOptions {
  // How far apart the clocks may run. 500 ppm is the most that ntpd slews CLOCK_MONOTONIC by.
  int64_t wander_ppm = 500;
  // The device's stamps are multiples of this: each may be this much too early.
  int64_t tick_ns = 1;
  // An anchor is kept for later slices if it is no wider than this and than kWidthFactor times the best one kept...
  int64_t widest_ns = 50'000;
  // ...or nothing was kept for this long, so that an anchor of the last second always exists while slices flow.
  int64_t renew_ns = 1'000'000'000;
};

class IntervalClock {
 public:
  static constexpr size_t kWindow = 32;
  static constexpr int64_t kWidthFactor = 3;

  explicit IntervalClock(IntervalClockOptions options = {}) : options_(options) {}

  // Offers an anchor to the window; false if it is too wide to be worth keeping.
  bool add(const Anchor& anchor) noexcept;

  // Where a stamp lies, by the window and by `own`, anchors the caller has at hand whatever their width. Anywhere, if
  // there is no anchor at all. Where anchors contradict each other the narrowest answer is taken at twice its width,
  // those it contradicts are forgotten, and `inconsistencies` grows.
  HostInterval locate(int64_t device_ns, const Anchor* own, size_t own_count) noexcept;

  // How far off `elapsed_ns` of device time may be in host time: wander and one tick at each end.
  int64_t slack(int64_t elapsed_ns) const noexcept;

  uint64_t inconsistencies() const noexcept { return inconsistencies_; }
  size_t anchors() const noexcept { return count_; }

 private:
  HostInterval project(const Anchor& anchor, int64_t device_ns) const noexcept;
  void forget_contradicting(const HostInterval& truth, int64_t device_ns) noexcept;

  IntervalClockOptions options_;
  std::array<Anchor, kWindow> window_{};  // the newest at (next_ - 1) % kWindow
  size_t next_ = 0;
  size_t count_ = 0;
  uint64_t inconsistencies_ = 0;
};

// What is known of one slice: its two device stamps, its own anchors, and the host times that limit it by causality.
struct SliceStamps {
  int64_t start_device_ns = 0;
  int64_t end_device_ns = 0;
  Anchor own[2];
  size_t own_count = 2;
  int64_t launched_ns = 0;      // the stream cannot have reached begin before this
  int64_t end_launched_ns = 0;  // nor passed end before this
  int64_t seen_ns = 0;          // and has passed end by now
};

// Both ends on the host's clock. The duration is the device's own; the bound holds for each end. Causality narrows
// the intervals; a slice that contradicts it is moved to the nearest possible time, `clamped` is set and the bound
// still covers what the device said.
StreamInterval place(IntervalClock& clock, const SliceStamps& stamps) noexcept;

}  // namespace gpuspan

#endif  // GPUSPAN_GPU_INTERVAL_CLOCK_H_
