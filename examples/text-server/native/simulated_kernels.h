// SPDX-License-Identifier: Apache-2.0
//
// The kernels of forward.cu for the simulated CUDA driver. Called by cuda_device.cc, before the first launch.
#ifndef TEXT_SERVER_SIMULATED_KERNELS_H_
#define TEXT_SERVER_SIMULATED_KERNELS_H_

#include "cuda_library.h"

namespace text_server {

void register_simulated_kernels(const cuda::Library& library);

}  // namespace text_server

#endif  // TEXT_SERVER_SIMULATED_KERNELS_H_
