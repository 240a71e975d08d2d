// SPDX-License-Identifier: Apache-2.0
//
// A histogram of durations with buckets a quarter of a power of two wide, so that a quantile is at most 25 % too high.
// One thread adds, any thread asks; nothing locks or allocates.
#ifndef GPUSPAN_GPU_DURATION_HISTOGRAM_H_
#define GPUSPAN_GPU_DURATION_HISTOGRAM_H_

#include <algorithm>
#include <array>
#include <atomic>
#include <bit>
#include <cmath>
#include <cstddef>
#include <cstdint>

namespace gpuspan {

class DurationHistogram {
 public:
  // The one writer.
  void add(uint64_t nanos) noexcept {
    bump(buckets_[bucket_of(nanos)]);
    if (nanos > longest_.load(std::memory_order_relaxed)) longest_.store(nanos, std::memory_order_relaxed);
    bump(count_);
  }

  uint64_t count() const noexcept { return count_.load(std::memory_order_relaxed); }
  uint64_t longest() const noexcept { return longest_.load(std::memory_order_relaxed); }

  // Ns that at least `share` (0 to 1) of the durations did not exceed; 0 when there are none.
  uint64_t quantile(double share) const noexcept {
    const auto wanted = static_cast<uint64_t>(std::ceil(share * static_cast<double>(count())));
    if (wanted == 0) return 0;
    uint64_t passed = 0;
    for (size_t i = 0; i < kBuckets; ++i) {
      passed += buckets_[i].load(std::memory_order_relaxed);
      if (passed >= wanted) return std::min(highest_in(i), longest());
    }
    return longest();
  }

  // By powers of two: [i] took less than 2^i ns, and 2^(i - 1) at least; the last one also what was longer.
  static constexpr size_t kPowers = 40;
  std::array<uint64_t, kPowers> powers() const noexcept {
    std::array<uint64_t, kPowers> counts{};
    for (size_t i = 0; i < kBuckets; ++i) {
      const size_t power = static_cast<size_t>(std::bit_width(highest_in(i)));
      counts[std::min(power, kPowers - 1)] += buckets_[i].load(std::memory_order_relaxed);
    }
    return counts;
  }

 private:
  static constexpr unsigned kPartBits = 2;  // parts of a power of two: 4
  static constexpr uint64_t kParts = 1u << kPartBits;
  static constexpr size_t kBuckets = (64 - kPartBits + 1) * kParts;

  static size_t bucket_of(uint64_t nanos) noexcept {
    if (nanos < kParts) return static_cast<size_t>(nanos);
    const unsigned shift = static_cast<unsigned>(std::bit_width(nanos)) - 1 - kPartBits;
    return (shift + 1) * kParts + static_cast<size_t>((nanos >> shift) - kParts);
  }
  static uint64_t highest_in(size_t bucket) noexcept {
    if (bucket < kParts) return bucket;
    const unsigned shift = static_cast<unsigned>(bucket / kParts) - 1;
    return ((kParts + bucket % kParts) << shift) + ((uint64_t{1} << shift) - 1);
  }
  // One writer, so a load and a store do.
  static void bump(std::atomic<uint64_t>& value) noexcept {
    value.store(value.load(std::memory_order_relaxed) + 1, std::memory_order_relaxed);
  }

  std::array<std::atomic<uint64_t>, kBuckets> buckets_{};
  std::atomic<uint64_t> count_{0};
  std::atomic<uint64_t> longest_{0};
};

}  // namespace gpuspan

#endif  // GPUSPAN_GPU_DURATION_HISTOGRAM_H_
