// SPDX-License-Identifier: Apache-2.0
//
// Names of the loss reasons: the tail of `gpuspan.lost.<name>` and the keys of `tracer.stats().lost`.
#ifndef GPUSPAN_CORE_LOSS_H_
#define GPUSPAN_CORE_LOSS_H_

#include "layout.h"

namespace gpuspan {

inline constexpr const char* kLossNames[kLossCount] = {
    "ring",     "slices",     "request",     "lane",        "stale",        "time",      "closed",  "batch",
    "gpu_pool", "gpu_device", "gpu_capture", "gpu_context", "gpu_shutdown", "no_reader", "invalid", "",
};

}  // namespace gpuspan

#endif  // GPUSPAN_CORE_LOSS_H_
