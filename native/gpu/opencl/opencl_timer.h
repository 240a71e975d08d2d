// SPDX-License-Identifier: Apache-2.0
//
// The OpenCL device timer: profiling markers around what the caller enqueues on an in-order command queue.
#ifndef GPUSPAN_GPU_OPENCL_OPENCL_TIMER_H_
#define GPUSPAN_GPU_OPENCL_OPENCL_TIMER_H_

#include <memory>
#include <string>

#include "../device_timer.h"
#include "opencl_api.h"

namespace gpuspan {

// Null with `reason` when the library, a driver or a device is missing.
std::unique_ptr<DeviceTimer> make_opencl_timer(std::string* reason, const char* library = opencl::kLibrary);

}  // namespace gpuspan

#endif  // GPUSPAN_GPU_OPENCL_OPENCL_TIMER_H_
