// SPDX-License-Identifier: Apache-2.0
//
// The range is what pairs of anchors prove, given how far the rate may wander; the fit only chooses within it.
#include "rate_fit.h"

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <limits>

namespace gpuspan {
namespace {

constexpr int64_t kSecond = 1'000'000'000;
constexpr int64_t kMinute = 60 * kSecond;
constexpr double kPerSecond = 1e9;
constexpr size_t kFewestToFit = 4;
// A rate no pair of clocks has; a slope beyond it says nothing.
constexpr double kSteepest = 1e15;

RateRange everything() noexcept { return {-static_cast<int64_t>(kSteepest), static_cast<int64_t>(kSteepest)}; }

// The rate wanders by half of what is stated in this time.
constexpr int64_t kSlowNs = 10 * kSecond;
constexpr int64_t kExactNs = int64_t{1} << 50;

}  // namespace

int64_t stamps_slack(const DeviceStamp& a, const DeviceStamp& b, int64_t tick_ns) noexcept {
  return within_reach(tick_ns + a.slack_ns + b.slack_ns + std::abs(a.chain_ns - b.chain_ns));
}

int64_t wander_over(int64_t distance_ns, int64_t wander_ppb) noexcept {
  const auto distance = static_cast<double>(distance_ns);
  const double near = std::min(1.0, distance / static_cast<double>(kSlowNs));
  const double far = std::max(1.0, distance / static_cast<double>(kMinute));
  return static_cast<int64_t>(std::ceil(static_cast<double>(wander_ppb) / 2 * near * far));
}

RateRange rate_between(const Anchor& earlier, const Anchor& later, int64_t slack_ns) noexcept {
  const int64_t span = later.device.ns - earlier.device.ns;
  if (span / 2 <= std::abs(slack_ns)) return everything();
  const auto least = static_cast<double>(later.host.low - earlier.host.high - span - slack_ns);
  const auto most = static_cast<double>(later.host.high - earlier.host.low - span + slack_ns);
  // The span itself is only known to the slack; the divisor that leaves more room is right.
  const auto rate = [&](double gained, bool lower) {
    const bool shorter = (gained < 0) == lower;
    return gained * kPerSecond / static_cast<double>(shorter ? span - slack_ns : span + slack_ns);
  };
  return {static_cast<int64_t>(std::clamp(std::floor(rate(least, true)), -kSteepest, kSteepest)),
          static_cast<int64_t>(std::clamp(std::ceil(rate(most, false)), -kSteepest, kSteepest))};
}

int64_t at_rate(int64_t device_ns, int64_t rate) noexcept {
  const int64_t rate_ppb = std::clamp(rate, -kSecond, kSecond);  // no clock stands still or runs twice as fast
  // Up to 12 days the product of a double is exact to far below 1 ns, and ten times as fast as the divisions.
  if (std::abs(device_ns) <= kExactNs) {
    return device_ns +
           static_cast<int64_t>(std::floor(static_cast<double>(device_ns) * 1e-9 * static_cast<double>(rate_ppb)));
  }
  const int64_t rest = device_ns % kSecond * rate_ppb;
  const int64_t whole = rest / kSecond - static_cast<int64_t>(rest % kSecond < 0);
  return device_ns + device_ns / kSecond * rate_ppb + whole;
}

void RateFit::reset() noexcept {
  range_ = {-widest_ppb_, widest_ppb_};
  best_ppb_ = 0;
  unaged_ns_ = 0;
}

void RateFit::age(int64_t elapsed_ns, int64_t wander_ppb) noexcept {
  // 11 days; the range is as wide as it gets long before, and the product below stays small.
  constexpr int64_t kLongest = 1'000'000 * kSecond;
  unaged_ns_ = std::min(unaged_ns_ + std::clamp<int64_t>(elapsed_ns, 0, kLongest), kLongest);
  const int64_t aged_ppb = unaged_ns_ / 1'000 * wander_ppb / (2 * kSlowNs / 1'000);
  if (aged_ppb == 0) return;  // what has passed is kept until it makes up one
  unaged_ns_ = 0;
  range_ = {std::max(range_.low_ppb - aged_ppb, -widest_ppb_), std::min(range_.high_ppb + aged_ppb, widest_ppb_)};
}

bool RateFit::narrow(const Anchor& anchor, const AnchorWindow& window, const Narrowing& narrowing) noexcept {
  RateRange range = range_;
  RateRange strict = range_;
  const int64_t now = window.empty() ? anchor.device.ns : std::max(anchor.device.ns, window.newest().device.ns);
  for (const Anchor& other : window) {
    const bool is_later = anchor.device.ns >= other.device.ns;
    const Anchor& first = is_later ? other : anchor;
    const Anchor& second = is_later ? anchor : other;
    const int64_t slack = stamps_slack(first.device, second.device, narrowing.tick_ns);
    const int64_t distance = (now - first.device.ns) / 2 + (now - second.device.ns) / 2;
    const int64_t wander = wander_over(distance, narrowing.wander_ppb);
    range.narrow(rate_between(first, second, slack), wander);
    strict.narrow(rate_between(first, second, slack - 2 * narrowing.margin_ns), wander);
  }
  if (range.empty() || strict.empty()) return false;
  range_ = range;
  return true;
}

void RateFit::fit(const AnchorWindow& window) noexcept {
  best_ppb_ = range_.low_ppb + (range_.high_ppb - range_.low_ppb) / 2;
  if (window.size() < kFewestToFit) return;
  const Anchor& newest = window.newest();
  if (newest.device.ns - window[0].device.ns < kSecond) return;
  double weights = 0, mean_x = 0, mean_y = 0, spread = 0, together = 0;
  for (const Anchor& anchor : window) {
    // In s and ns before the newest anchor: small numbers, so that doubles are exact enough.
    const double x = static_cast<double>(anchor.device.ns - newest.device.ns) / kPerSecond;
    const int64_t gained = anchor.host.middle() - newest.host.middle() - (anchor.device.ns - newest.device.ns);
    const auto width = static_cast<double>(anchor.host.width() + 1);
    const double weight = 1 / (width * width);
    weights += weight;
    const double from_x = x - mean_x;
    const double from_y = static_cast<double>(gained) - mean_y;
    mean_x += from_x * weight / weights;
    mean_y += from_y * weight / weights;
    spread += weight * from_x * (x - mean_x);
    together += weight * from_x * (static_cast<double>(gained) - mean_y);
  }
  if (!(spread > 0)) return;
  const double slope = std::clamp(together / spread, -kSteepest, kSteepest);
  best_ppb_ = std::clamp(static_cast<int64_t>(std::llround(slope)), range_.low_ppb, range_.high_ppb);
}

}  // namespace gpuspan
