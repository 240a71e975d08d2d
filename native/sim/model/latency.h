// SPDX-License-Identifier: Apache-2.0
//
// A delay that varies: fixed, shifted exponential, shifted lognormal or one of two values.
#ifndef GPUSPAN_SIM_MODEL_LATENCY_H_
#define GPUSPAN_SIM_MODEL_LATENCY_H_

#include <cmath>
#include <cstdint>

#include "random.h"

namespace gpuspan::sim {

struct Latency {
  enum class Family : uint8_t { kFixed, kExponential, kLognormal, kBimodal };

  Family family = Family::kFixed;
  int64_t base_ns = 0;   // the least it takes
  int64_t scale_ns = 0;  // mean of the exponential, median of the lognormal, what the slow case adds
  double sigma = 0;      // shape of the lognormal, probability of the slow case

  int64_t draw(Random& random) const {
    const double scale = static_cast<double>(scale_ns);
    switch (family) {
      case Family::kFixed:
        return base_ns;
      case Family::kExponential:
        return base_ns + static_cast<int64_t>(random.exponential(scale));
      case Family::kLognormal:
        return base_ns + static_cast<int64_t>(scale * std::exp(sigma * random.normal()));
      case Family::kBimodal:
        return base_ns + (random.chance(sigma) ? scale_ns : 0);
    }
    return base_ns;
  }
};

}  // namespace gpuspan::sim

#endif  // GPUSPAN_SIM_MODEL_LATENCY_H_
