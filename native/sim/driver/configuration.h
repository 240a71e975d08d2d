// SPDX-License-Identifier: Apache-2.0
//
// Whether a configuration makes sense, and what a program starts with that sets none.
#ifndef GPUSPAN_SIM_DRIVER_CONFIGURATION_H_
#define GPUSPAN_SIM_DRIVER_CONFIGURATION_H_

#include "../include/gpuspan_sim.h"

namespace gpuspan::sim {

bool is_valid(const gpuspan_sim_config& config);

// The defaults, changed by GPUSPAN_SIM. What is wrong in it is told on stderr and ends the process: a test that
// believes in a configuration it did not get is worth nothing.
gpuspan_sim_config configuration_of_environment();

}  // namespace gpuspan::sim

#endif  // GPUSPAN_SIM_DRIVER_CONFIGURATION_H_
