// SPDX-License-Identifier: Apache-2.0
//
// The model's two kernels for NVIDIA GPUs of compute capability 7.5 and newer. setup.mjs compiles them where there is
// nvcc; cuda_device.cc loads what came of it. On the simulated driver simulated_kernels.cc takes their place.
#include "device.h"

using text_server::kDimensions;
using text_server::kNoise;
using text_server::kPickThreads;

// One thread for each row of weights and member of the batch. Weights and hidden vectors come in words of four numbers.
extern "C" __global__ void score(const int* weights, const int* noise, const int* hidden, const uint32_t* seeds,
                                 uint32_t rows, int* scores) {
  constexpr uint32_t kWords = kDimensions / 4;
  const uint32_t row = blockIdx.x * blockDim.x + threadIdx.x, member = blockIdx.y;
  if (row >= rows) return;
  int sum = noise[text_server::mix(seeds[member] + row) % kNoise];
  for (uint32_t k = 0; k < kWords; k++) sum = __dp4a(weights[row * kWords + k], hidden[member * kWords + k], sum);
  scores[member * rows + row] = sum;
}

// One block for each member: the row with the highest score, the first of equals.
extern "C" __global__ void pick(const int* scores, uint32_t rows, int* picks) {
  __shared__ uint32_t best[kPickThreads];
  const uint32_t member = blockIdx.x, self = threadIdx.x;
  const int* own = scores + member * rows;
  uint32_t found = self < rows ? self : 0;
  for (uint32_t row = self; row < rows; row += kPickThreads)
    if (own[row] > own[found]) found = row;
  best[self] = found;
  __syncthreads();
  if (self != 0) return;
  for (uint32_t i = 1; i < kPickThreads; i++)
    if (own[best[i]] > own[found] || (own[best[i]] == own[found] && best[i] < found)) found = best[i];
  picks[member] = static_cast<int>(found);
}
