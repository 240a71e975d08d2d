// SPDX-License-Identifier: Apache-2.0
//
// The first, simple estimator: no rate is fitted, every anchor is widened by the stated wander times its distance.
// Integer nanoseconds throughout.
#include "interval_clock.h"

#include <algorithm>
#include <cstdlib>

namespace gpuspan {
namespace {

constexpr int64_t kMillion = 1'000'000;
// Beyond this a stamp is garbage rather than far away; keeps all sums below far from overflow.
constexpr int64_t kFarthest = int64_t{1} << 60;

HostInterval intersect(const HostInterval& a, const HostInterval& b) noexcept {
  return {std::max(a.low, b.low), std::min(a.high, b.high)};
}

int64_t middle(const HostInterval& interval) noexcept { return interval.low + interval.width() / 2; }

int64_t farthest_end(const HostInterval& interval, int64_t from) noexcept {
  return std::max(std::abs(from - interval.low), std::abs(interval.high - from));
}

// Narrows `device` by what causality allows; moved there as a whole, and flagged, when the two contradict.
HostInterval limit(const HostInterval& device, const HostInterval& possible, bool* clamped) noexcept {
  const HostInterval both = intersect(device, possible);
  if (!both.empty()) return both;
  *clamped = true;
  const int64_t nearest = device.high < possible.low ? possible.low : possible.high;
  return {nearest, nearest};
}

}  // namespace

int64_t IntervalClock::slack(int64_t elapsed_ns) const noexcept {
  const int64_t distance = std::abs(elapsed_ns);
  const int64_t wander =
      distance / kMillion * options_.wander_ppm + (distance % kMillion * options_.wander_ppm + kMillion - 1) / kMillion;
  return wander + options_.tick_ns;
}

HostInterval IntervalClock::project(const Anchor& anchor, int64_t device_ns) const noexcept {
  const int64_t elapsed = std::clamp(device_ns - anchor.device_ns, -kFarthest, kFarthest);
  const int64_t extra = slack(elapsed);
  return {anchor.host.low + elapsed - extra, anchor.host.high + elapsed + extra};
}

bool IntervalClock::add(const Anchor& anchor) noexcept {
  bool keep = count_ == 0;
  if (!keep) {
    int64_t best = INT64_MAX;
    for (size_t i = 0; i < count_; ++i) best = std::min(best, window_[i].host.width());
    const int64_t widest = std::min(options_.widest_ns, std::max(best * kWidthFactor, options_.tick_ns));
    const Anchor& newest = window_[(next_ + kWindow - 1) % kWindow];
    keep = anchor.host.width() <= widest || anchor.host.low - newest.host.high >= options_.renew_ns;
  }
  if (!keep) return false;
  window_[next_] = anchor;
  next_ = (next_ + 1) % kWindow;
  count_ = std::min(count_ + 1, kWindow);
  return true;
}

HostInterval IntervalClock::locate(int64_t device_ns, const Anchor* own, size_t own_count) noexcept {
  HostInterval all{-kFarthest, kFarthest};
  HostInterval narrowest = all;
  const auto consider = [&](const Anchor& anchor) {
    const HostInterval here = project(anchor, device_ns);
    all = intersect(all, here);
    if (here.width() < narrowest.width()) narrowest = here;
  };
  for (size_t i = 0; i < own_count; ++i) consider(own[i]);
  for (size_t i = 0; i < count_; ++i) consider(window_[i]);
  if (!all.empty()) return all;

  ++inconsistencies_;
  forget_contradicting(narrowest, device_ns);
  const int64_t half = narrowest.width() / 2 + 1;
  return {narrowest.low - half, narrowest.high + half};
}

// The clock was reset or stepped, or an anchor lied: what disagrees with the best answer is of no further use.
void IntervalClock::forget_contradicting(const HostInterval& truth, int64_t device_ns) noexcept {
  std::array<Anchor, kWindow> kept;
  size_t kept_count = 0;
  for (size_t i = 0; i < count_; ++i) {
    const Anchor& anchor = window_[(next_ + kWindow - count_ + i) % kWindow];  // oldest first
    if (!intersect(project(anchor, device_ns), truth).empty()) kept[kept_count++] = anchor;
  }
  window_ = kept;
  count_ = kept_count;
  next_ = kept_count % kWindow;
}

StreamInterval place(IntervalClock& clock, const SliceStamps& stamps) noexcept {
  StreamInterval placed;
  const HostInterval start_said = clock.locate(stamps.start_device_ns, stamps.own, stamps.own_count);
  const HostInterval end_said = clock.locate(stamps.end_device_ns, stamps.own, stamps.own_count);
  HostInterval start = limit(start_said, {stamps.launched_ns, stamps.seen_ns}, &placed.clamped);
  HostInterval end = limit(end_said, {stamps.end_launched_ns, stamps.seen_ns}, &placed.clamped);

  // Each end also says where the other is: the device knows the time between them best.
  const int64_t duration = std::max<int64_t>(stamps.end_device_ns - stamps.start_device_ns, 0);
  if (stamps.end_device_ns < stamps.start_device_ns) placed.clamped = true;
  const int64_t slack = clock.slack(duration);
  if (!placed.clamped) {
    const HostInterval by_end{end.low - duration - slack, end.high - duration + slack};
    const HostInterval by_start{start.low + duration - slack, start.high + duration + slack};
    if (!intersect(start, by_end).empty()) start = intersect(start, by_end);
    if (!intersect(end, by_start).empty()) end = intersect(end, by_start);
  }
  const int64_t start_ns = middle(start);
  const int64_t end_ns = std::max(start_ns, std::clamp(start_ns + duration, end.low, end.high));

  int64_t bound = std::max(farthest_end(start, start_ns), farthest_end(end, end_ns));
  if (placed.clamped) bound = std::max({bound, farthest_end(start_said, start_ns), farthest_end(end_said, end_ns)});
  placed.start_ns = static_cast<uint64_t>(start_ns);
  placed.end_ns = static_cast<uint64_t>(end_ns);
  placed.bound_ns = static_cast<uint64_t>(bound);
  return placed;
}

}  // namespace gpuspan
