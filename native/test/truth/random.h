// SPDX-License-Identifier: Apache-2.0
//
// Reproducible random numbers for the simulated worlds: the same seed gives the same world on every machine's run.
#ifndef GPUSPAN_TEST_TRUTH_RANDOM_H_
#define GPUSPAN_TEST_TRUTH_RANDOM_H_

#include <cmath>
#include <cstddef>
#include <cstdint>

#include "native/core/ids.h"

namespace gpuspan::truth {

class Random {
 public:
  explicit Random(uint64_t seed) : bits_(seed) {}
  // A stream of its own, so that one part of a world can draw more without changing the others.
  Random fork() { return Random(bits_.next()); }

  double unit() { return static_cast<double>(bits_.next() >> 11) * 0x1p-53; }  // [0, 1)
  double uniform(double low, double high) { return low + (high - low) * unit(); }
  // Each factor between the two is as likely as any other.
  double log_uniform(double low, double high) { return low * std::exp(std::log(high / low) * unit()); }
  double exponential(double mean) { return -mean * std::log1p(-unit()); }
  double normal() { return std::sqrt(-2 * std::log1p(-unit())) * std::cos(6.283185307179586 * unit()); }
  bool chance(double probability) { return unit() < probability; }
  template <typename T, size_t N>
  const T& one_of(const T (&values)[N]) {
    return values[bits_.next() % N];
  }

 private:
  IdGenerator bits_;
};

}  // namespace gpuspan::truth

#endif  // GPUSPAN_TEST_TRUTH_RANDOM_H_
