// SPDX-License-Identifier: Apache-2.0
//
// Where the CUDA timer reads the host's time: the system's clocks, or in tests those of a simulated host, on which a
// day passes in seconds.
#ifndef GPUSPAN_GPU_CUDA_HOST_CLOCK_H_
#define GPUSPAN_GPU_CUDA_HOST_CLOCK_H_

#include <cstdint>

#include "../../core/clock.h"

namespace gpuspan {

struct HostClock {
  uint64_t (*monotonic)() = &monotonic_ns;  // CLOCK_MONOTONIC, ns
  // CLOCK_MONOTONIC_RAW, ns: as CLOCK_MONOTONIC, but never slewed.
  uint64_t (*monotonic_raw)() = [] { return read_clock_ns(CLOCK_MONOTONIC_RAW); };
  // CLOCK_BOOTTIME, ns: runs on while the machine is suspended, so its lead over CLOCK_MONOTONIC tells of suspends.
  uint64_t (*boottime)() = [] { return read_clock_ns(CLOCK_BOOTTIME); };
};

}  // namespace gpuspan

#endif  // GPUSPAN_GPU_CUDA_HOST_CLOCK_H_
