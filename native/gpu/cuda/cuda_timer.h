// SPDX-License-Identifier: Apache-2.0
//
// The CUDA device timer: pairs of timing events around what the caller puts on a stream, placed on the host's clock by
// anchors. What each pitfall of CUDA's does to it is listed in docs/cuda.md.
#ifndef GPUSPAN_GPU_CUDA_CUDA_TIMER_H_
#define GPUSPAN_GPU_CUDA_CUDA_TIMER_H_

#include <memory>
#include <string>

#include "../device_timer.h"
#include "cuda_api.h"
#include "host_clock.h"

namespace gpuspan {

// Null with `reason` when the library, a driver or a device is missing. Creates no context.
std::unique_ptr<DeviceTimer> make_cuda_timer(std::string* reason, const char* library = cuda::kLibrary,
                                             const HostClock& host = {});

}  // namespace gpuspan

#endif  // GPUSPAN_GPU_CUDA_CUDA_TIMER_H_
