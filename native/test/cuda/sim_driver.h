// SPDX-License-Identifier: Apache-2.0
//
// The simulated CUDA driver as a test sees it: loaded by the path that the timer is given, so that both have the same
// one; its control functions, and the CUDA calls of an application, which are marked as such: never failed on purpose,
// never counted.
#ifndef GPUSPAN_TEST_CUDA_SIM_DRIVER_H_
#define GPUSPAN_TEST_CUDA_SIM_DRIVER_H_

#include <dlfcn.h>
#include <gtest/gtest.h>

#include "native/gpu/cuda/cuda_types.h"
#include "native/gpu/cuda/host_clock.h"
#include "native/sim/include/gpuspan_sim.h"

namespace gpuspan {

// What the product may do on its own is counted; what happens inside such a scope is the application's.
class AsApplication {
 public:
  explicit AsApplication(void (*mark)(int)) : mark_(mark) { mark_(1); }
  ~AsApplication() { mark_(0); }
  AsApplication(const AsApplication&) = delete;
  AsApplication& operator=(const AsApplication&) = delete;

 private:
  void (*mark_)(int);
};

struct SimDriver {
  explicit SimDriver(const char* path) : library(dlopen(path, RTLD_NOW | RTLD_LOCAL)) {
    if (library == nullptr) {
      ADD_FAILURE() << dlerror();
      return;
    }
    load_control();
    load_cuda();
  }

  template <typename Function>
  void take(const char* name, Function* function) {
    *function = reinterpret_cast<Function>(dlsym(library, name));
    EXPECT_NE(*function, nullptr) << name;
  }

  void load_control() {
    take("gpuspan_sim_defaults", &defaults);
    take("gpuspan_sim_zero", &zero);
    take("gpuspan_sim_configure", &configure);
    take("gpuspan_sim_now_ns", &now_ns);
    take("gpuspan_sim_boottime_ns", &boottime_ns);
    take("gpuspan_sim_monotonic_raw_ns", &monotonic_raw_ns);
    take("gpuspan_sim_advance_ns", &advance_ns);
    take("gpuspan_sim_slew", &slew);
    take("gpuspan_sim_suspend", &suspend);
    take("gpuspan_sim_fail", &fail);
    take("gpuspan_sim_fail_randomly", &fail_randomly);
    take("gpuspan_sim_slow", &slow);
    take("gpuspan_sim_hide", &hide);
    take("gpuspan_sim_kill_context", &kill_context);
    take("gpuspan_sim_reset_device", &reset_device);
    take("gpuspan_sim_deinitialize", &deinitialize);
    take("gpuspan_sim_application", &application);
    take("gpuspan_sim_next_kernel_ns", &next_kernel_ns);
    take("gpuspan_sim_entry_point", &entry_point);
    take("gpuspan_sim_calls", &calls);
    take("gpuspan_sim_clear_counts", &clear_counts);
    take("gpuspan_sim_get_violations", &get_violations);
    take("gpuspan_sim_live_objects", &live_objects);
    take("gpuspan_sim_event_truth", &event_truth);
    take("gpuspan_sim_log", &log);
  }
  void load_cuda() {
    take("cuInit", &init);
    take("cuCtxCreate_v2", &ctx_create);
    take("cuCtxDestroy_v2", &ctx_destroy);
    take("cuCtxSetCurrent", &ctx_set_current);
    take("cuCtxGetCurrent", &ctx_get_current);
    take("cuDevicePrimaryCtxRetain", &primary_retain);
    take("cuStreamCreate", &stream_create);
    take("cuStreamDestroy_v2", &stream_destroy);
    take("cuStreamSynchronize", &stream_synchronize);
    take("cuStreamBeginCapture_v2", &begin_capture);
    take("cuStreamEndCapture", &end_capture);
    take("cuThreadExchangeStreamCaptureMode", &exchange_capture_mode);
    // Younger than the old driver.
    graph_instantiate =
        reinterpret_cast<cuda::GraphInstantiateWithFlagsFunction>(dlsym(library, "cuGraphInstantiateWithFlags"));
    take("cuGraphLaunch", &graph_launch);
    take("cuModuleLoadData", &module_load_data);
    take("cuModuleGetFunction", &module_get_function);
    take("cuLaunchKernel", &launch_kernel);
  }

  gpuspan_sim_violations violations() const {
    gpuspan_sim_violations found;
    get_violations(&found);
    return found;
  }
  // The simulated host's clocks, for a timer that lives on virtual time.
  HostClock host() const { return {unsigned_now, unsigned_raw, unsigned_boottime}; }

  void* library;
  decltype(&gpuspan_sim_defaults) defaults;
  decltype(&gpuspan_sim_zero) zero;
  decltype(&gpuspan_sim_configure) configure;
  decltype(&gpuspan_sim_now_ns) now_ns;
  decltype(&gpuspan_sim_boottime_ns) boottime_ns;
  decltype(&gpuspan_sim_monotonic_raw_ns) monotonic_raw_ns;
  decltype(&gpuspan_sim_advance_ns) advance_ns;
  decltype(&gpuspan_sim_slew) slew;
  decltype(&gpuspan_sim_suspend) suspend;
  decltype(&gpuspan_sim_fail) fail;
  decltype(&gpuspan_sim_fail_randomly) fail_randomly;
  decltype(&gpuspan_sim_slow) slow;
  decltype(&gpuspan_sim_hide) hide;
  decltype(&gpuspan_sim_kill_context) kill_context;
  decltype(&gpuspan_sim_reset_device) reset_device;
  decltype(&gpuspan_sim_deinitialize) deinitialize;
  decltype(&gpuspan_sim_application) application;
  decltype(&gpuspan_sim_next_kernel_ns) next_kernel_ns;
  decltype(&gpuspan_sim_entry_point) entry_point;
  decltype(&gpuspan_sim_calls) calls;
  decltype(&gpuspan_sim_clear_counts) clear_counts;
  decltype(&gpuspan_sim_get_violations) get_violations;
  decltype(&gpuspan_sim_live_objects) live_objects;
  decltype(&gpuspan_sim_event_truth) event_truth;
  decltype(&gpuspan_sim_log) log;

  cuda::InitFunction init;
  cuda::CtxCreateV2Function ctx_create;
  cuda::CtxDestroyV2Function ctx_destroy;
  cuda::CtxSetCurrentFunction ctx_set_current;
  cuda::CtxGetCurrentFunction ctx_get_current;
  cuda::DevicePrimaryCtxRetainFunction primary_retain;
  cuda::StreamCreateFunction stream_create;
  cuda::StreamDestroyV2Function stream_destroy;
  cuda::StreamSynchronizeFunction stream_synchronize;
  cuda::StreamBeginCaptureV2Function begin_capture;
  cuda::StreamEndCaptureFunction end_capture;
  cuda::ThreadExchangeStreamCaptureModeFunction exchange_capture_mode;
  cuda::GraphInstantiateWithFlagsFunction graph_instantiate;
  cuda::GraphLaunchFunction graph_launch;
  cuda::ModuleLoadDataFunction module_load_data;
  cuda::ModuleGetFunctionFunction module_get_function;
  cuda::LaunchKernelFunction launch_kernel;

 private:
  // A HostClock's functions know no object; there is one simulated driver a process.
  static inline int64_t (*now_)() = nullptr;
  static inline int64_t (*raw_)() = nullptr;
  static inline int64_t (*boottime_)() = nullptr;
  static uint64_t unsigned_now() { return static_cast<uint64_t>(now_()); }
  static uint64_t unsigned_raw() { return static_cast<uint64_t>(raw_()); }
  static uint64_t unsigned_boottime() { return static_cast<uint64_t>(boottime_()); }

 public:
  void use_clock() const {
    now_ = now_ns;
    raw_ = monotonic_raw_ns;
    boottime_ = boottime_ns;
  }
};

}  // namespace gpuspan

#endif  // GPUSPAN_TEST_CUDA_SIM_DRIVER_H_
