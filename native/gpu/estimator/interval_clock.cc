// SPDX-License-Identifier: Apache-2.0
//
// Projection, rejection, and what happens when the anchors contradict each other. Integer ns throughout; every input
// is checked to be within 2^60 ns first, so that no sum below overflows.
#include "interval_clock.h"

#include <algorithm>

namespace gpuspan {
namespace {

constexpr int64_t kMinuteNs = 60'000'000'000;
constexpr int64_t kWidthFactor = 3;
// Up to this many times the stated wander the rate is taken to wander more than thought; beyond, to have stepped.
constexpr int64_t kMostRaise = 16;

bool reachable(int64_t ns) noexcept { return ns == within_reach(ns); }

bool usable(const DeviceStamp& stamp) noexcept {
  return reachable(stamp.ns) && stamp.slack_ns >= 0 && stamp.known() && stamp.chain_ns >= 0 &&
         reachable(stamp.chain_ns);
}

bool usable(const Anchor& anchor) noexcept {
  return usable(anchor.device) && reachable(anchor.host.low) && reachable(anchor.host.high) && !anchor.host.empty();
}

}  // namespace

IntervalClock::IntervalClock(IntervalClockOptions options) noexcept
    : options_(options), rate_(options.widest_drift_ppb) {}

int64_t IntervalClock::wander_ppb() const noexcept { return options_.wander_ppb * raise_; }

void IntervalClock::raise_wander(int64_t factor, int64_t host_ns) noexcept {
  raise_ = std::min(factor, kMostRaise);
  raised_until_ns_ = host_ns + kMinuteNs;
}

bool IntervalClock::too_wide(const Anchor& anchor) const noexcept {
  if (window_.empty()) return false;
  if (anchor.host.low - window_.newest().host.high >= options_.renew_ns) return false;
  int64_t best = INT64_MAX / kWidthFactor;
  for (const Anchor& kept : window_) best = std::min(best, kept.host.width());
  return anchor.host.width() > std::min(options_.widest_ns, std::max(best * kWidthFactor, options_.tick_ns));
}

bool IntervalClock::add(const Anchor& anchor) noexcept {
  if (!usable(anchor) || too_wide(anchor)) {
    ++rejections_;
    return false;
  }
  if (anchor.host.low > raised_until_ns_) raise_ = 1;
  window_.forget_before(anchor.host.low - kMinuteNs);
  if (!window_.empty()) rate_.age(anchor.device.ns - window_.newest().device.ns, wander_ppb());
  if (!rate_.narrow(anchor, window_, wander_ppb(), options_.tick_ns)) reconcile(anchor);
  window_.insert(anchor);
  rate_.fit(window_);
  return true;
}

// No rate explains the new anchor together with the old ones. Either the rate wanders more than stated: the least
// multiple that explains all is taken for a minute. Or it stepped, or the device's clock did: then only what comes
// from now on is of use.
void IntervalClock::reconcile(const Anchor& anchor) noexcept {
  ++inconsistencies_;
  for (int64_t raise = 2 * raise_; raise <= kMostRaise; raise *= 2) {
    RateFit fresh(options_.widest_drift_ppb);
    if (!explains_all(&fresh, anchor, options_.wander_ppb * raise)) continue;
    rate_ = fresh;
    raise_wander(raise, anchor.host.high);
    return;
  }
  window_.clear();
  rate_.reset();
}

bool IntervalClock::explains_all(RateFit* rate, const Anchor& anchor, int64_t wander_ppb) const noexcept {
  AnchorWindow earlier;
  for (const Anchor& kept : window_) {
    if (!rate->narrow(kept, earlier, wander_ppb, options_.tick_ns)) return false;
    earlier.insert(kept);
  }
  return rate->narrow(anchor, earlier, wander_ppb, options_.tick_ns);
}

void IntervalClock::begin_epoch() noexcept {
  ++epoch_;
  if (epoch_ == UINT32_MAX) epoch_ = 1;  // the two numbers that are never a clock's, see place.h
  window_.clear();
  rate_.reset();
  raise_ = 1;
  raised_until_ns_ = 0;
}

HostInterval IntervalClock::host_duration(int64_t device_ns) const noexcept {
  const int64_t half = (wander_ppb() + 1) / 2;
  const int64_t slow = at_rate(within_reach(device_ns), rate_.range().low_ppb - half);
  const int64_t fast = at_rate(within_reach(device_ns), rate_.range().high_ppb + half);
  return {std::min(slow, fast), std::max(slow, fast) + 1};
}

HostInterval IntervalClock::project(const Anchor& anchor, const DeviceStamp& stamp) const noexcept {
  const HostInterval passed = host_duration(stamp.ns - anchor.device.ns);
  const int64_t slack = stamps_slack(anchor.device, stamp, options_.tick_ns);
  return {within_reach(anchor.host.low + passed.low - slack), within_reach(anchor.host.high + passed.high + slack)};
}

HostInterval IntervalClock::locate(const DeviceStamp& stamp, const Anchor* own, size_t own_count) noexcept {
  if (!usable(stamp)) return kAnytime;
  HostInterval all = kAnytime;
  HostInterval narrowest = kAnytime;
  const auto consider = [&](const Anchor& anchor) {
    const HostInterval here = project(anchor, stamp);
    all = intersect(all, here);
    if (here.width() < narrowest.width()) narrowest = here;
  };
  for (size_t i = 0; i < own_count; ++i) {
    if (usable(own[i])) consider(own[i]);
  }
  for (const Anchor& anchor : window_) consider(anchor);
  if (!all.empty()) return all;

  ++inconsistencies_;
  window_.forget_if([&](const Anchor& anchor) { return intersect(project(anchor, stamp), narrowest).empty(); });
  raise_wander(2 * raise_, narrowest.high);
  const int64_t half = narrowest.width() / 2 + 1;
  return {within_reach(narrowest.low - half), within_reach(narrowest.high + half)};
}

}  // namespace gpuspan
