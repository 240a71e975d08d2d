// SPDX-License-Identifier: Apache-2.0
//
// The simulated CUDA driver for a bench: latencies and costs zero, real time, one context with one stream. What the
// driver's functions take is the simulator's own time; a bench subtracts it and says nothing about a real driver.
#ifndef GPUSPAN_BENCH_SIM_CUDA_H_
#define GPUSPAN_BENCH_SIM_CUDA_H_

#include <dlfcn.h>

#include <cstdint>
#include <cstdio>
#include <cstdlib>

#include "../gpu/cuda/cuda_types.h"
#include "../sim/include/gpuspan_sim.h"

namespace gpuspan {

class SimCuda {
 public:
  // Ends the program with a message when the simulator cannot be had.
  SimCuda() : library_(dlopen(GPUSPAN_SIM_LIBRARY, RTLD_NOW | RTLD_LOCAL)) {
    if (library_ == nullptr) fail(dlerror());
    gpuspan_sim_config config;
    take<decltype(&gpuspan_sim_zero)>("gpuspan_sim_zero")(&config);
    config.virtual_time = 0;
    take<decltype(&gpuspan_sim_configure)>("gpuspan_sim_configure")(&config);
    calls_ = take<decltype(calls_)>("gpuspan_sim_calls");
    take<cuda::InitFunction>("cuInit")(0);
    cuda::Context context = nullptr;
    take<cuda::CtxCreateV2Function>("cuCtxCreate_v2")(&context, 0, 0);
    take<cuda::StreamCreateFunction>("cuStreamCreate")(&stream_, cuda::kStreamNonBlocking);
  }

  cuda::Stream stream() const { return stream_; }
  uint64_t handle() const { return reinterpret_cast<uint64_t>(stream_); }
  uint64_t calls(const char* entry_point) const { return calls_(entry_point); }

  template <typename Function>
  Function take(const char* name) const {
    void* const found = dlsym(library_, name);
    if (found == nullptr) fail(name);
    return reinterpret_cast<Function>(found);
  }

 private:
  [[noreturn]] static void fail(const char* what) {
    std::fprintf(stderr, "bench: the simulated CUDA driver: %s\n", what);
    std::exit(1);
  }

  void* library_;
  cuda::Stream stream_ = nullptr;
  uint64_t (*calls_)(const char*) = nullptr;
};

}  // namespace gpuspan

#endif  // GPUSPAN_BENCH_SIM_CUDA_H_
