// SPDX-License-Identifier: Apache-2.0
//
// The C function table behind native/include/gpuspan.h: its exported getter, and how other modules find it.
#ifndef GPUSPAN_PROCESS_C_API_H_
#define GPUSPAN_PROCESS_C_API_H_

#include "../include/gpuspan.h"

extern "C" __attribute__((visibility("default"))) const gpuspan_api* gpuspan_get_api_v1(void);

namespace gpuspan {

// Node loads addons with RTLD_LOCAL, which hides the getter from other modules' dlsym. Puts this library into the
// global scope; once a process, at load. Only three symbols become visible, and the library never goes.
void promote_to_global_scope() noexcept;

}  // namespace gpuspan

#endif  // GPUSPAN_PROCESS_C_API_H_
