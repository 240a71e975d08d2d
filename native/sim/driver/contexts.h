// SPDX-License-Identifier: Apache-2.0
//
// The life of a context's contents.
#ifndef GPUSPAN_SIM_DRIVER_CONTEXTS_H_
#define GPUSPAN_SIM_DRIVER_CONTEXTS_H_

#include "state.h"

namespace gpuspan::sim {

// The context is destroyed or reset: it is inactive, and streams and events made in it are gone for good; their handles
// are never handed out again.
void end_context(State& state, ContextObject& context);

}  // namespace gpuspan::sim

#endif  // GPUSPAN_SIM_DRIVER_CONTEXTS_H_
