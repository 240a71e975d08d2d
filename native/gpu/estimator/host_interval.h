// SPDX-License-Identifier: Apache-2.0
//
// An interval of the host's CLOCK_MONOTONIC, in ns: what the estimator knows of a time is always one of these, never
// a point. Signed, so that differences across an anchor need no care; 2^63 ns are 292 years.
#ifndef GPUSPAN_GPU_ESTIMATOR_HOST_INTERVAL_H_
#define GPUSPAN_GPU_ESTIMATOR_HOST_INTERVAL_H_

#include <algorithm>
#include <cstdint>

namespace gpuspan {

// 36 years. A time beyond it is garbage rather than far away; all sums of a few such times stay far from overflow.
inline constexpr int64_t kFarthestNs = int64_t{1} << 60;

inline constexpr int64_t within_reach(int64_t ns) noexcept { return std::clamp(ns, -kFarthestNs, kFarthestNs); }

struct HostInterval {
  int64_t low = 0;
  int64_t high = 0;

  bool empty() const noexcept { return high < low; }
  // Ns. Of ends within +-kFarthestNs.
  int64_t width() const noexcept { return high - low; }
  int64_t middle() const noexcept { return low + width() / 2; }
  // The farther end's distance from `from`.
  int64_t reach(int64_t from) const noexcept { return std::max(from - low, high - from); }
};

inline constexpr HostInterval kAnytime{-kFarthestNs, kFarthestNs};

inline HostInterval intersect(const HostInterval& a, const HostInterval& b) noexcept {
  return {std::max(a.low, b.low), std::min(a.high, b.high)};
}

}  // namespace gpuspan

#endif  // GPUSPAN_GPU_ESTIMATOR_HOST_INTERVAL_H_
