// SPDX-License-Identifier: Apache-2.0
//
// float32 milliseconds to integer ns. The product below is exact: 24 bits of float times 20 bits of 10^6 fit a double.
#include "device_timeline.h"

#include <cmath>
#include <limits>

namespace gpuspan {
namespace {

constexpr double kNsPerMs = 1e6;

bool reachable(int64_t ns) noexcept { return ns == within_reach(ns); }

DeviceStamp unknown_stamp() noexcept { return {0, kFarthestNs, 0}; }

}  // namespace

Elapsed elapsed_of(float milliseconds) noexcept {
  const double ns = static_cast<double>(milliseconds) * kNsPerMs;
  // Written so that NaN fails too.
  if (!(std::fabs(ns) <= static_cast<double>(kFarthestNs))) return {0, kFarthestNs, false};
  const float magnitude = std::fabs(milliseconds);
  const double ulp = static_cast<double>(std::nextafter(magnitude, std::numeric_limits<float>::infinity())) - magnitude;
  // The other half is for rounding to whole ns here.
  const auto slack = static_cast<int64_t>(std::ceil(ulp * kNsPerMs / 2 + 0.5));
  return {static_cast<int64_t>(std::llround(ns)), slack, true};
}

DeviceStamp Link::stamp_of(float ms_since_this) const noexcept {
  const Elapsed elapsed = elapsed_of(ms_since_this);
  if (!stamp_.known() || !elapsed.valid || !reachable(stamp_.ns + elapsed.ns)) return unknown_stamp();
  return {stamp_.ns + elapsed.ns, elapsed.slack_ns, stamp_.chain_ns};
}

Link Link::next(float ms_since_this) const noexcept {
  Link link;
  link.stamp_ = stamp_of(ms_since_this);
  if (!link.stamp_.known()) return link;
  link.stamp_.chain_ns = within_reach(link.stamp_.chain_ns + link.stamp_.slack_ns);
  link.stamp_.slack_ns = 0;
  return link;
}

}  // namespace gpuspan
