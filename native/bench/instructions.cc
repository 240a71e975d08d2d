// SPDX-License-Identifier: Apache-2.0
//
// Loops whose instructions are counted under callgrind by scripts/count-instructions.mjs, which runs each with two
// counts and takes the difference. Arguments: which loop, how many iterations.
//   empty  the loop alone
//   off    with a disabled begin and end of gpuspan.h around the work, the token in a register
//   slice  with a recorded one; the ring holds them all
#include <cstdlib>
#include <cstring>

#include "bench_producer.h"

namespace {

constexpr uint32_t kRingSlots = 1u << 16;

gpuspan_stage g_stage = GPUSPAN_STAGE("bench", "host", 1);

// Stands for the work of a slice: the compiler may not move the calls across it, nor keep the stage's level.
inline void work() { asm volatile("" ::: "memory"); }

[[gnu::noinline]] void run_empty(uint64_t count) {
  for (uint64_t i = 0; i < count; ++i) work();
}

[[gnu::noinline]] void run_slices(uint64_t count, gpuspan_request request) {
  for (uint64_t i = 0; i < count; ++i) {
    const gpuspan_token token = gpuspan_begin(&g_stage, request);
    work();
    gpuspan_end(token);
  }
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 3) return 2;
  const uint64_t count = std::strtoull(argv[2], nullptr, 10);
  if (std::strcmp(argv[1], "empty") == 0) run_empty(count);
  if (std::strcmp(argv[1], "off") == 0) run_slices(count, 0);
  if (std::strcmp(argv[1], "slice") == 0) {
    gpuspan::BenchProducer bench(kRingSlots);
    run_slices(count, bench.request());
    bench.require_recorded(count);
  }
  return 0;
}
