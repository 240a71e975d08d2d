// SPDX-License-Identifier: Apache-2.0
//
// Loops whose instructions are counted under callgrind by scripts/count-instructions.mjs, which runs each with two
// counts and takes the difference. Arguments: which loop, how many iterations.
//   empty  the loop alone
//   off    with a disabled begin and end of gpuspan.h around the work, the token in a register
//   slice  with a recorded one; the ring holds them all
//   next   with a recorded one that follows another at once
//   kernel as slice, where ticks are the kernel's CLOCK_MONOTONIC
//   gpu    with a GPU slice on the simulated CUDA driver
// Of the last two, scripts/instructions.mjs counts this program's part.
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <string>

#include "../gpu/cuda/cuda_timer.h"
#include "../gpu/gpu.h"
#include "bench_producer.h"
#include "sim_cuda.h"

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

[[gnu::noinline]] void run_chain(uint64_t count, gpuspan_request request) {
  gpuspan_token token = gpuspan_begin(&g_stage, request);
  for (uint64_t i = 1; i < count; ++i) {
    work();
    token = gpuspan_next(token, &g_stage, request);
  }
  gpuspan_end(token);
}

void record(void (*run)(uint64_t, gpuspan_request), uint64_t count, gpuspan::ClockChoice clock) {
  gpuspan::BenchProducer bench(kRingSlots, clock);
  run(count, bench.request());
  bench.require_recorded(count);
}

// Few enough that the pool of events does not sample.
[[gnu::noinline]] uint64_t run_gpu_slices(uint64_t count, const gpuspan::BenchProducer& bench,
                                          gpuspan::Launcher& launcher, gpuspan::Stream& stream, uint16_t stage) {
  uint64_t recorded = 0;
  for (uint64_t i = 0; i < count; ++i) {
    const gpuspan::Token token = launcher.begin(bench.owner(), stage, stream);
    work();
    launcher.end(token);
    recorded += token == 0 ? 0 : 1;
  }
  return recorded;
}

int count_gpu_slices(uint64_t count) {
  gpuspan::BenchProducer bench(kRingSlots);
  const gpuspan::SimCuda sim;
  std::string error;
  const auto gpu = gpuspan::Gpu::create(bench.segment(), gpuspan::make_cuda_timer(&error, GPUSPAN_SIM_LIBRARY), error);
  const auto launcher = gpu->make_launcher(bench.recorder());
  gpuspan::Stream* const stream = gpu->stream(sim.handle(), &error);
  if (stream == nullptr) {
    std::fprintf(stderr, "bench: %s\n", error.c_str());
    return 1;
  }
  const uint64_t recorded = run_gpu_slices(count, bench, *launcher, *stream, bench.intern_stage("gpu"));
  launcher->close();
  gpu->stop(10'000);
  if (recorded == count) return 0;
  std::fprintf(stderr, "bench: recorded %llu GPU slices\n", static_cast<unsigned long long>(recorded));
  return 1;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 3) return 2;
  const uint64_t count = std::strtoull(argv[2], nullptr, 10);
  if (std::strcmp(argv[1], "empty") == 0) run_empty(count);
  if (std::strcmp(argv[1], "off") == 0) run_slices(count, 0);
  if (std::strcmp(argv[1], "slice") == 0) record(run_slices, count, gpuspan::ClockChoice::kAuto);
  if (std::strcmp(argv[1], "next") == 0) record(run_chain, count, gpuspan::ClockChoice::kAuto);
  if (std::strcmp(argv[1], "kernel") == 0) record(run_slices, count, gpuspan::ClockChoice::kMonotonic);
  return std::strcmp(argv[1], "gpu") == 0 ? count_gpu_slices(count) : 0;
}
