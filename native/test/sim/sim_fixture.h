// SPDX-License-Identifier: Apache-2.0
//
// What the tests of the simulated driver share: a simulation in virtual time without latencies, cuInit called, and the
// primary context of device 0 current. Linked with the driver itself; the old one is opened by old_driver_test.cc.
#ifndef GPUSPAN_TEST_SIM_SIM_FIXTURE_H_
#define GPUSPAN_TEST_SIM_SIM_FIXTURE_H_

#include <gtest/gtest.h>

#include <functional>
#include <thread>

#include "native/sim/driver/entry_points.h"
#include "native/sim/include/gpuspan_sim.h"

namespace gpuspan::sim {

using namespace cuda;

inline const Stream kLegacy = reinterpret_cast<Stream>(kStreamLegacy);
inline const Stream kPerThread = reinterpret_cast<Stream>(kStreamPerThread);

class SimTest : public ::testing::Test {
 protected:
  void SetUp() override {
    gpuspan_sim_zero(&config);
    start();
  }
  void TearDown() override {
    gpuspan_sim_zero(&config);
    gpuspan_sim_configure(&config);
  }

  // Starts anew with `config`.
  void start() {
    ASSERT_EQ(gpuspan_sim_configure(&config), 0);
    ASSERT_EQ(cuInit(0), kSuccess);
    if (config.devices == 0) return;
    ASSERT_EQ(cuDevicePrimaryCtxRetain(&context, 0), kSuccess);
    ASSERT_EQ(cuCtxSetCurrent(context), kSuccess);
    gpuspan_sim_clear_counts();
  }

  Stream new_stream(unsigned flags = kStreamNonBlocking) {
    Stream stream = nullptr;
    EXPECT_EQ(cuStreamCreate(&stream, flags), kSuccess);
    return stream;
  }
  Event new_event(unsigned flags = kEventDefault) {
    Event event = nullptr;
    EXPECT_EQ(cuEventCreate(&event, flags), kSuccess);
    return event;
  }
  Event record(Stream stream) {
    const Event event = new_event();
    EXPECT_EQ(cuEventRecord(event, stream), kSuccess);
    return event;
  }
  // A kernel of that duration.
  void run(Stream stream, int64_t ns) {
    gpuspan_sim_next_kernel_ns(ns);
    EXPECT_EQ(launch(stream), kSuccess);
  }
  Result launch(Stream stream) { return cuLaunchKernel(kernel(), 1, 1, 1, 1, 1, 1, 0, stream, nullptr, nullptr); }
  Function kernel() {
    Module module = nullptr;
    Function function = nullptr;
    EXPECT_EQ(cuModuleLoadData(&module, "\x7f"), kSuccess);
    EXPECT_EQ(cuModuleGetFunction(&function, module, "kernel"), kSuccess);
    return function;
  }

  static gpuspan_sim_truth truth(Event event) {
    gpuspan_sim_truth truth{};
    EXPECT_EQ(gpuspan_sim_event_truth(event, &truth), 0);
    return truth;
  }
  // When the stream reached the event, MONOTONIC ns.
  static int64_t reached(Event event) { return truth(event).host_ns; }
  static gpuspan_sim_violations violations() {
    gpuspan_sim_violations violations;
    gpuspan_sim_get_violations(&violations);
    return violations;
  }
  static void in_other_thread(const std::function<void()>& body) { std::thread(body).join(); }

  gpuspan_sim_config config;
  Context context = nullptr;
};

}  // namespace gpuspan::sim

#endif  // GPUSPAN_TEST_SIM_SIM_FIXTURE_H_
