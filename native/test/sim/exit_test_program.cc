// SPDX-License-Identifier: Apache-2.0
//
// The driver is deinitialised at exit: an exit handler registered before cuInit runs after the driver's own, as a
// static object's destructor does, and must be told DEINITIALIZED. Exit status 0 when all is as said.
#include <unistd.h>

#include <cstdio>
#include <cstdlib>

#include "native/sim/driver/entry_points.h"
#include "native/sim/include/gpuspan_sim.h"

namespace {

[[noreturn]] void at_exit() {
  int count = 0;
  const int result = gpuspan::sim::cuDeviceGetCount(&count);
  gpuspan_sim_violations violations;
  gpuspan_sim_get_violations(&violations);
  const bool refused = result == gpuspan::cuda::kDeinitialized && violations.after_deinitialize == 1;
  if (!refused) std::fprintf(stderr, "at exit cuDeviceGetCount returned %d, not DEINITIALIZED\n", result);
  _exit(refused ? 0 : 1);
}

}  // namespace

int main() {
  if (std::atexit(at_exit) != 0) return 2;
  if (gpuspan::sim::cuInit(0) != gpuspan::cuda::kSuccess) _exit(3);
  int count = 0;
  if (gpuspan::sim::cuDeviceGetCount(&count) != gpuspan::cuda::kSuccess || count != 1) _exit(4);
  return 5;  // at_exit decides
}
