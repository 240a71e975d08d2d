// SPDX-License-Identifier: Apache-2.0
//
// An application of the simulated CUDA driver (contexts, streams, kernels, captures) and a Gpu that times it, whole or
// by hand: `Gpu` with its resolver thread in real time, or a bare device timer on virtual time.
#ifndef GPUSPAN_TEST_CUDA_CUDA_FIXTURE_H_
#define GPUSPAN_TEST_CUDA_CUDA_FIXTURE_H_

#include <cstdlib>
#include <memory>
#include <string>
#include <vector>

#include "native/gpu/cuda/cuda_timer.h"
#include "native/test/cuda/sim_driver.h"
#include "native/test/gpu/gpu_fixture.h"

namespace gpuspan {

inline uint64_t handle_of(cuda::Stream stream) { return reinterpret_cast<uint64_t>(stream); }

class CudaTest : public GpuTest {
 protected:
  explicit CudaTest(const char* library = GPUSPAN_SIM_LIBRARY) : sim(library), library_(library) {}

  void SetUp() override {
    make_segment(4096);
    start_sim(real_time());
  }
  void TearDown() override {
    gpu_.reset();
    if (checks_manners_) expect_manners();
  }

  gpuspan_sim_config real_time() const {
    gpuspan_sim_config config;
    sim.zero(&config);
    config.virtual_time = 0;
    config.devices = 2;
    config.log_capacity = 1 << 12;
    return config;
  }

  // A new simulation, with one context on device 0 current on this thread.
  void start_sim(const gpuspan_sim_config& config) {
    gpu_.reset();
    ASSERT_EQ(sim.configure(&config), 0);
    const AsApplication application(sim.application);
    ASSERT_EQ(sim.init(0), cuda::kSuccess);
    context = new_context(0);
    cuda::Module module = nullptr;
    ASSERT_EQ(sim.module_load_data(&module, "kernels"), cuda::kSuccess);
    ASSERT_EQ(sim.module_get_function(&kernel, module, "work"), cuda::kSuccess);
  }

  // Current afterwards.
  cuda::Context new_context(int device) {
    const AsApplication application(sim.application);
    cuda::Context made = nullptr;
    expect_success(sim.ctx_create(&made, 0, device));
    return made;
  }
  void make_current(cuda::Context which) {
    const AsApplication application(sim.application);
    expect_success(sim.ctx_set_current(which));
  }
  cuda::Stream new_stream(unsigned flags = cuda::kStreamNonBlocking) {
    const AsApplication application(sim.application);
    cuda::Stream made = nullptr;
    expect_success(sim.stream_create(&made, flags));
    return made;
  }
  void run_kernel(cuda::Stream on, int64_t ns = 10'000) {
    const AsApplication application(sim.application);
    sim.next_kernel_ns(ns);
    expect_success(sim.launch_kernel(kernel, 1, 1, 1, 1, 1, 1, 0, on, nullptr, nullptr));
  }

  std::unique_ptr<DeviceTimer> new_timer(const HostClock& host = {}) {
    std::string reason;
    auto timer = make_cuda_timer(&reason, library_, host);
    EXPECT_NE(timer, nullptr) << reason;
    return timer;
  }
  void use_cuda(GpuLog log = nullptr) { use(new_timer(), log); }

  // One GPU slice around a kernel; true if it was launched.
  bool slice(Producer& producer, Stream& on, int64_t kernel_ns = 10'000) {
    const Token token = producer.launcher->begin(producer.request, stage_, on);
    run_kernel(reinterpret_cast<cuda::Stream>(on.handle), kernel_ns);
    producer.launcher->end(token);
    return token != 0;
  }

  // Law: the GPU belongs to the application. Counted by the simulator for every call that is not the application's.
  void expect_manners() {
    const gpuspan_sim_violations found = sim.violations();
    EXPECT_EQ(found.after_deinitialize, 0u);
    EXPECT_EQ(found.after_fork, 0u);
    EXPECT_EQ(found.use_after_destroy, 0u);
    EXPECT_EQ(found.captures_broken, 0u);
    EXPECT_EQ(found.contexts_created, 0u);
    EXPECT_EQ(found.synchronise_calls, 0u);
  }

  void expect_success(cuda::Result result) const {
    if (!application_fails_) {
      EXPECT_EQ(result, cuda::kSuccess);
    }
  }

  SimDriver sim;
  cuda::Context context = nullptr;
  cuda::Function kernel = nullptr;
  bool checks_manners_ = true;
  bool application_fails_ = false;  // the application's own calls may, after a fault that is not only ours

 private:
  const char* library_;
};

}  // namespace gpuspan

#endif  // GPUSPAN_TEST_CUDA_CUDA_FIXTURE_H_
