// SPDX-License-Identifier: Apache-2.0
//
// Projection, rejection, and what happens when the anchors contradict each other. Integer ns throughout; every input
// is checked to be within 2^60 ns first, so that no sum below overflows.
#include "interval_clock.h"

#include <algorithm>
#include <cstdlib>

namespace gpuspan {
namespace {

constexpr int64_t kMinuteNs = 60'000'000'000;
constexpr int64_t kRecentNs = 10'000'000'000;
constexpr int64_t kWidthFactor = 3;
// About two cadences of anchors.
constexpr int64_t kNearNs = 1'000'000'000;
// A mark takes its time to execute and to be seen: the truth is not near an anchor's ends, and one that needs it there
// is taken for a contradiction. This part of the narrowest anchor is what "near" means.
constexpr int64_t kMarginPart = 4;
// Each contradiction doubles the wander for a minute, up to this many times what is stated.
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

int64_t IntervalClock::narrowest_width() const noexcept {
  int64_t narrowest = INT64_MAX / kWidthFactor;
  for (const Anchor& kept : window_) narrowest = std::min(narrowest, kept.host.width());
  return narrowest;
}

bool IntervalClock::too_wide(const Anchor& anchor) const noexcept {
  if (window_.empty()) return false;
  if (anchor.host.low - window_.newest().host.high >= options_.renew_ns) return false;
  const int64_t widest = std::max(narrowest_width() * kWidthFactor, options_.tick_ns);
  return anchor.host.width() > std::min(options_.widest_ns, widest);
}

// No rate explains the new anchor together with the old ones: the host's clock is slewed, or the device's stepped.
// Nothing from before is of use, and for a minute less is trusted.
void IntervalClock::start_over(int64_t host_ns) noexcept {
  ++inconsistencies_;
  raise_wander(2 * raise_, host_ns);
  forget_all();
}

void IntervalClock::forget_all() noexcept {
  window_.clear();
  telling_count_ = 0;
  rate_.reset();
}

bool IntervalClock::add(const Anchor& anchor) noexcept {
  if (!usable(anchor) || too_wide(anchor)) {
    ++rejections_;
    return false;
  }
  // Pauses are when nobody sees the host's clock being slewed.
  if (!window_.empty() && anchor.host.low - window_.newest().host.high > kRecentNs) forget_all();
  const bool lowers = raise_ > 1 && anchor.host.low > raised_until_ns_;
  if (lowers) raise_ = 1;
  // What was only held to more wander may contradict less of it.
  window_.forget_before(anchor.host.low - (lowers ? kRecentNs : kMinuteNs));
  if (!window_.empty()) rate_.age(anchor.device.ns - window_.newest().device.ns, wander_ppb());
  const int64_t margin = std::min(narrowest_width(), anchor.host.width()) / kMarginPart;
  if (!rate_.narrow(anchor, window_, {wander_ppb(), options_.tick_ns, margin})) start_over(anchor.host.high);
  window_.insert(anchor);
  rate_.fit(window_);
  choose_telling();
  return true;
}

void IntervalClock::begin_epoch() noexcept {
  ++epoch_;
  if (epoch_ == UINT32_MAX) epoch_ = 1;  // the two numbers that are never a clock's, see place.h
  forget_all();
  raise_ = 1;
  raised_until_ns_ = 0;
}

// The host time of a stretch whose ends are `distance_ns` from now in the mean; either sign.
HostInterval IntervalClock::host_time(int64_t device_ns, int64_t distance_ns) const noexcept {
  const int64_t wander = wander_over(distance_ns, wander_ppb());
  const int64_t slow = at_rate(device_ns, rate_.range().low_ppb - wander);
  const int64_t fast = at_rate(device_ns, rate_.range().high_ppb + wander);
  return {std::min(slow, fast) - 1, std::max(slow, fast) + 1};
}

HostInterval IntervalClock::host_duration(int64_t device_ns) const noexcept {
  const int64_t length = within_reach(device_ns);
  return host_time(length, std::abs(length));
}

HostInterval IntervalClock::project(const Anchor& anchor, const DeviceStamp& stamp) const noexcept {
  const int64_t now = window_.empty() ? anchor.device.ns : window_.newest().device.ns;
  const int64_t distance = std::abs(now - anchor.device.ns) / 2 + std::abs(now - stamp.ns) / 2;
  const HostInterval passed = host_time(stamp.ns - anchor.device.ns, distance);
  const int64_t slack = stamps_slack(anchor.device, stamp, options_.tick_ns);
  return {within_reach(anchor.host.low + passed.low - slack), within_reach(anchor.host.high + passed.high + slack)};
}

bool IntervalClock::near_newest(const DeviceStamp& stamp) const noexcept {
  return telling_count_ != 0 && std::abs(stamp.ns - window_.newest().device.ns) <= kNearNs;
}

// Most slices are resolved soon after they were: for stamps around the newest anchor, a few anchors say all that the
// whole window would. Those are the ones that limit it now and a little before and after, from either side.
void IntervalClock::choose_telling() noexcept {
  telling_count_ = 0;
  if (window_.empty()) return;
  const auto choose = [&](const Anchor& anchor) {
    for (size_t i = 0; i < telling_count_; ++i) {
      if (telling_[i].device.ns == anchor.device.ns) return;
    }
    telling_[telling_count_++] = anchor;
  };
  choose(window_.newest());
  for (const int64_t offset : {-kNearNs / 2, int64_t{0}, kNearNs / 2}) {
    DeviceStamp stamp = window_.newest().device;
    stamp.ns += offset;
    const Anchor* latest_low = nullptr;
    const Anchor* earliest_high = nullptr;
    HostInterval limits = kAnytime;
    for (const Anchor& anchor : window_) {
      const HostInterval here = project(anchor, stamp);
      if (here.low > limits.low) latest_low = &anchor;
      if (here.high < limits.high) earliest_high = &anchor;
      limits = {std::max(limits.low, here.low), std::min(limits.high, here.high)};
    }
    if (latest_low != nullptr) choose(*latest_low);
    if (earliest_high != nullptr) choose(*earliest_high);
  }
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
  if (near_newest(stamp)) {
    for (size_t i = 0; i < telling_count_; ++i) consider(telling_[i]);
  } else {
    for (const Anchor& anchor : window_) consider(anchor);
  }
  if (!all.empty()) return all;

  ++inconsistencies_;
  window_.forget_if([&](const Anchor& anchor) { return intersect(project(anchor, stamp), narrowest).empty(); });
  raise_wander(2 * raise_, narrowest.high);
  choose_telling();
  const int64_t half = narrowest.width() / 2 + 1;
  return {within_reach(narrowest.low - half), within_reach(narrowest.high + half)};
}

}  // namespace gpuspan
