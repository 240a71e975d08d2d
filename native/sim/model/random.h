// SPDX-License-Identifier: Apache-2.0
//
// The simulation's random numbers: small, seeded, the same on every machine with IEEE doubles. Each device and each
// purpose has its own, so that drawing for one does not shift another.
#ifndef GPUSPAN_SIM_MODEL_RANDOM_H_
#define GPUSPAN_SIM_MODEL_RANDOM_H_

#include <cmath>
#include <cstdint>

namespace gpuspan::sim {

class Random {
 public:
  explicit Random(uint64_t seed = 0) : state_(seed) {}

  // A Weyl sequence whose values are mixed: every seed is good, also 0 and its neighbours.
  uint64_t next() {
    state_ += 0x9e3779b97f4a7c15;
    uint64_t mixed = state_;
    mixed = (mixed ^ (mixed >> 30)) * 0xbf58476d1ce4e5b9;
    mixed = (mixed ^ (mixed >> 27)) * 0x94d049bb133111eb;
    return mixed ^ (mixed >> 31);
  }

  // In [0, 1).
  double uniform() { return static_cast<double>(next() >> 11) * 0x1p-53; }

  bool chance(double probability) { return probability > 0 && uniform() < probability; }

  double exponential(double mean) { return -mean * std::log1p(-uniform()); }

  // Mean 0, deviation 1 (Box and Muller's transform, of which one half is thrown away).
  double normal() {
    const double radius = std::sqrt(-2 * std::log1p(-uniform()));
    return radius * std::cos(6.283185307179586 * uniform());
  }

 private:
  uint64_t state_;
};

}  // namespace gpuspan::sim

#endif  // GPUSPAN_SIM_MODEL_RANDOM_H_
