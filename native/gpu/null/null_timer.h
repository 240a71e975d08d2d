// SPDX-License-Identifier: Apache-2.0
//
// A device timer without a device: marks complete at once, at the host's time. For benches (what does our own code
// of a GPU slice cost?) and tests. Never chosen by GPUSPAN_DEVICE.
#ifndef GPUSPAN_GPU_NULL_NULL_TIMER_H_
#define GPUSPAN_GPU_NULL_NULL_TIMER_H_

#include <memory>

#include "../device_timer.h"

namespace gpuspan {

// Any handle but 0 is a stream.
std::unique_ptr<DeviceTimer> make_null_timer();

}  // namespace gpuspan

#endif  // GPUSPAN_GPU_NULL_NULL_TIMER_H_
