// SPDX-License-Identifier: Apache-2.0
//
// One slice: what the clock says of each end, what causality allows, and the device's own time between the two.
#include "place.h"

#include <algorithm>

namespace gpuspan {
namespace {

// Narrows `device` by what causality allows; moved there as a whole, and flagged, when the two contradict.
HostInterval limit(const HostInterval& device, const HostInterval& possible, bool* clamped) noexcept {
  const HostInterval both = intersect(device, possible);
  if (!both.empty()) return both;
  *clamped = true;
  const int64_t nearest = device.high < possible.low ? possible.low : possible.high;
  return {nearest, nearest};
}

struct Ends {
  HostInterval start;
  HostInterval end;
};

Ends ask_clock(IntervalClock& clock, const SliceStamps& stamps) noexcept {
  if (stamps.epoch != kCurrentEpoch && stamps.epoch != clock.epoch()) return {kAnytime, kAnytime};
  return {clock.locate(stamps.start, stamps.own, stamps.own_count),
          clock.locate(stamps.end, stamps.own, stamps.own_count)};
}

// Each end also says where the other is: the device knows the time between them best.
void limit_each_other(Ends& ends, const HostInterval& passed) noexcept {
  const HostInterval by_end{ends.end.low - passed.high, ends.end.high - passed.low};
  const HostInterval by_start{ends.start.low + passed.low, ends.start.high + passed.high};
  const HostInterval start = intersect(ends.start, by_end);
  const HostInterval end = intersect(ends.end, by_start);
  if (!start.empty()) ends.start = start;
  if (!end.empty()) ends.end = end;
}

// In host time, both stamps' ticks included.
HostInterval time_between(const IntervalClock& clock, const SliceStamps& stamps) noexcept {
  const HostInterval passed = clock.host_duration(std::max<int64_t>(stamps.duration_ns, 0));
  const int64_t slack = within_reach(std::max<int64_t>(stamps.duration_slack_ns, 0)) + clock.tick_ns();
  return {std::max<int64_t>(passed.low - slack, 0), within_reach(passed.high + slack)};
}

}  // namespace

StreamInterval place(IntervalClock& clock, const SliceStamps& stamps) noexcept {
  StreamInterval placed;
  const Ends said = ask_clock(clock, stamps);
  const int64_t seen = within_reach(stamps.seen_ns);
  Ends ends;
  ends.start = limit(said.start, {within_reach(stamps.launched_ns), seen}, &placed.clamped);
  ends.end = limit(said.end, {within_reach(stamps.end_launched_ns), seen}, &placed.clamped);
  const bool has_duration = stamps.epoch != kNoEpoch && stamps.duration_slack_ns < kFarthestNs;
  const int64_t duration = std::max<int64_t>(stamps.duration_ns, 0);
  if (has_duration && stamps.duration_ns < 0) placed.clamped = true;

  if (has_duration && !placed.clamped) limit_each_other(ends, time_between(clock, stamps));
  const int64_t start_ns = std::max<int64_t>(ends.start.middle(), 0);
  const int64_t wanted = has_duration ? start_ns + clock.best_duration(duration) : ends.end.middle();
  const int64_t end_ns = std::max(start_ns, std::clamp(wanted, ends.end.low, ends.end.high));

  int64_t bound = std::max(ends.start.reach(start_ns), ends.end.reach(end_ns));
  if (placed.clamped) bound = std::max({bound, said.start.reach(start_ns), said.end.reach(end_ns)});
  placed.start_ns = static_cast<uint64_t>(start_ns);
  placed.end_ns = static_cast<uint64_t>(end_ns);
  placed.bound_ns = static_cast<uint64_t>(bound);
  placed.duration_ns = has_duration ? duration : end_ns - start_ns;
  return placed;
}

}  // namespace gpuspan
