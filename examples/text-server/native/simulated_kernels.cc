// SPDX-License-Identifier: Apache-2.0
//
// What the kernels of forward.cu compute, as host functions for the simulated CUDA driver, whose device memory is the
// host's. It calls them when a kernel is launched, on the launching thread. Results are the CPU reference's; only times
// are simulated.
#include "simulated_kernels.h"

#include <algorithm>

#include "device.h"

namespace text_server {
namespace {

// Parameter `index` of a launch.
template <typename Value>
Value parameter(void** parameters, size_t index) {
  return *static_cast<const Value*>(parameters[index]);
}

void score(void** parameters, const unsigned grid[3], const unsigned*) {
  const auto* weights = parameter<const int8_t*>(parameters, 0);
  const auto* noise = parameter<const int32_t*>(parameters, 1);
  const auto* hidden = parameter<const int8_t*>(parameters, 2);
  const auto* seeds = parameter<const uint32_t*>(parameters, 3);
  const auto rows = parameter<uint32_t>(parameters, 4);
  auto* scores = parameter<int32_t*>(parameters, 5);
  for (uint32_t member = 0; member < grid[1]; member++) {
    for (uint32_t row = 0; row < rows; row++) {
      scores[member * rows + row] = score_of(weights + size_t{row} * kDimensions, hidden + size_t{member} * kDimensions,
                                             noise, seeds[member], row);
    }
  }
}

void pick(void** parameters, const unsigned grid[3], const unsigned*) {
  const auto* scores = parameter<const int32_t*>(parameters, 0);
  const auto rows = parameter<uint32_t>(parameters, 1);
  auto* picks = parameter<int32_t*>(parameters, 2);
  for (uint32_t member = 0; member < grid[0]; member++) {
    const int32_t* own = scores + size_t{member} * rows;
    picks[member] = static_cast<int32_t>(std::max_element(own, own + rows) - own);  // the first of equals
  }
}

}  // namespace

void register_simulated_kernels(const cuda::Library& library) {
  library.gpuspan_sim_register_kernel("score", score);
  library.gpuspan_sim_register_kernel("pick", pick);
}

}  // namespace text_server
