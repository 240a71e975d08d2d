// SPDX-License-Identifier: Apache-2.0
//
// Contexts and drivers that go away: device faults, resets, a driver that has shut down, fork, exit. Each outstanding
// slice is counted once, what is gone is not called again, and the rest goes on.
#include <sys/wait.h>
#include <unistd.h>

#include "native/test/cuda/cuda_fixture.h"

namespace gpuspan {
namespace {

constexpr int64_t kLongKernelNs = 3'600'000'000'000;

class TeardownTest : public CudaTest {
 protected:
  void SetUp() override {
    CudaTest::SetUp();
    use_cuda();
  }
  uint64_t accounted() { return written() + resolver_lost(); }
};

TEST_F(TeardownTest, AFaultLosesWhatIsOutstandingInThatContextAndNothingElsewhere) {
  Producer producer(*segment_, *gpu_);
  Stream& dying = stream(handle_of(new_stream()));
  new_context(1);
  Stream& healthy = stream(handle_of(new_stream()));
  for (int i = 0; i < 30; ++i) {
    const Token token = producer.launcher->begin(producer.request, stage_, dying);
    EXPECT_NE(token, 0u);
    producer.launcher->end(token);
  }
  EXPECT_TRUE(gpu_->settle(kPatienceMillis));
  EXPECT_EQ(written(), 30u);
  make_current(context);
  run_kernel(reinterpret_cast<cuda::Stream>(dying.handle), kLongKernelNs);
  for (int i = 0; i < 20; ++i) {
    const Token token = producer.launcher->begin(producer.request, stage_, dying);
    producer.launcher->end(token);
  }
  ASSERT_EQ(sim.kill_context(context, cuda::kLaunchFailed), 0);
  EXPECT_TRUE(gpu_->settle(kPatienceMillis));
  EXPECT_EQ(resolver_lost(Loss::kGpuContext), 20u);
  // One question learns of it; one thread may have been inside another.
  EXPECT_LE(sim.violations().after_sticky, 2u);
  for (int i = 0; i < 5; ++i) {
    EXPECT_EQ(producer.launcher->begin(producer.request, stage_, dying), 0u);
    EXPECT_TRUE([&] {
      const Token token = producer.launcher->begin(producer.request, stage_, healthy);
      producer.launcher->end(token);
      return token != 0;
    }());
  }
  EXPECT_TRUE(gpu_->settle(kPatienceMillis));
  EXPECT_EQ(producer.lost(Loss::kGpuContext), 5u);
  EXPECT_EQ(written(), 35u);
  EXPECT_LE(sim.violations().after_sticky, 2u);
  EXPECT_EQ(gpu_->failure(), nullptr);
}

TEST_F(TeardownTest, AfterAResetTheSameDeviceIsTimedAgainOnceAStreamIsNamedAnew) {
  Producer producer(*segment_, *gpu_);
  cuda::Context primary = nullptr;
  {
    const AsApplication application(sim.application);
    ASSERT_EQ(sim.primary_retain(&primary, 0), cuda::kSuccess);
  }
  make_current(primary);
  Stream& before = stream(handle_of(new_stream()));
  const Token token = producer.launcher->begin(producer.request, stage_, before);
  run_kernel(reinterpret_cast<cuda::Stream>(before.handle), kLongKernelNs);
  producer.launcher->end(token);
  ASSERT_EQ(sim.reset_device(0), 0);
  EXPECT_TRUE(gpu_->settle(kPatienceMillis));
  EXPECT_EQ(resolver_lost(Loss::kGpuContext), 1u);
  EXPECT_EQ(producer.launcher->begin(producer.request, stage_, before), 0u);

  {
    const AsApplication application(sim.application);
    ASSERT_EQ(sim.primary_retain(&primary, 0), cuda::kSuccess);
  }
  make_current(primary);
  Stream& after = stream(handle_of(new_stream()));
  EXPECT_NE(&after, &before);
  EXPECT_TRUE(slice(producer, after));
  EXPECT_TRUE(gpu_->settle(kPatienceMillis));
  EXPECT_EQ(written(), 1u);
}

// Nothing is outstanding at the reset, and the context comes back with its old handle: the first slice tells.
TEST_F(TeardownTest, AResetWhileIdleCostsOneSliceAndTheStreamNamedAnewIsTimed) {
  Producer producer(*segment_, *gpu_);
  cuda::Context primary = nullptr;
  {
    const AsApplication application(sim.application);
    ASSERT_EQ(sim.primary_retain(&primary, 0), cuda::kSuccess);
  }
  make_current(primary);
  Stream& before = stream(0);
  EXPECT_TRUE(slice(producer, before));
  EXPECT_TRUE(gpu_->settle(kPatienceMillis));
  ASSERT_EQ(sim.reset_device(0), 0);
  cuda::Context again = nullptr;
  {
    const AsApplication application(sim.application);
    ASSERT_EQ(sim.primary_retain(&again, 0), cuda::kSuccess);
  }
  ASSERT_EQ(again, primary);
  make_current(again);
  EXPECT_FALSE(slice(producer, before));
  EXPECT_EQ(producer.lost(Loss::kGpuContext), 1u);
  Stream& after = stream(0);
  EXPECT_NE(&after, &before);
  EXPECT_TRUE(slice(producer, after));
  EXPECT_TRUE(gpu_->settle(kPatienceMillis));
  EXPECT_EQ(written(), 2u);
  EXPECT_LE(sim.violations().use_after_destroy, 1u);  // the mark that learned of it
  checks_manners_ = false;
}

TEST_F(TeardownTest, AContextThatTheApplicationDestroysTakesItsSlicesWithIt) {
  Producer producer(*segment_, *gpu_);
  const cuda::Context doomed = new_context(0);
  Stream& on = stream(handle_of(new_stream()));
  run_kernel(reinterpret_cast<cuda::Stream>(on.handle), kLongKernelNs);
  for (int i = 0; i < 3; ++i) {
    const Token token = producer.launcher->begin(producer.request, stage_, on);
    producer.launcher->end(token);
  }
  {
    const AsApplication application(sim.application);
    ASSERT_EQ(sim.ctx_destroy(doomed), cuda::kSuccess);
  }
  EXPECT_TRUE(gpu_->settle(kPatienceMillis));
  EXPECT_EQ(resolver_lost(Loss::kGpuContext), 3u);
  EXPECT_EQ(gpu_->failure(), nullptr);
  checks_manners_ = false;  // events of a context that was destroyed under us: one call had to learn of it
  EXPECT_LE(sim.violations().use_after_destroy + sim.violations().dead_context, 2u);
  make_current(context);
}

TEST_F(TeardownTest, ADriverThatHasShutDownIsNotCalledAgain) {
  Producer producer(*segment_, *gpu_);
  Stream& on = stream(handle_of(new_stream()));
  run_kernel(reinterpret_cast<cuda::Stream>(on.handle), kLongKernelNs);
  for (int i = 0; i < 5; ++i) {
    const Token token = producer.launcher->begin(producer.request, stage_, on);
    producer.launcher->end(token);
  }
  sim.deinitialize();
  EXPECT_TRUE(gpu_->settle(kPatienceMillis));
  EXPECT_EQ(resolver_lost(Loss::kGpuContext), 5u);
  sim.clear_counts();
  for (int i = 0; i < 5; ++i) EXPECT_EQ(producer.launcher->begin(producer.request, stage_, on), 0u);
  std::string error;
  EXPECT_EQ(gpu_->stream(on.handle, &error), nullptr);
  EXPECT_NE(error.find("has shut down"), std::string::npos) << error;
  producer.end_thread();
  gpu_->stop(0);
  gpu_.reset();
  EXPECT_EQ(sim.calls(nullptr), 0u);
  checks_manners_ = false;
}

TEST_F(TeardownTest, ADriverThatHasShutDownIsAskedForTheCurrentContextOnce) {
  Producer producer(*segment_, *gpu_);
  Stream& on = stream(0);
  EXPECT_TRUE(slice(producer, on));
  EXPECT_TRUE(gpu_->settle(kPatienceMillis));
  sim.deinitialize();
  sim.clear_counts();
  for (int i = 0; i < 5; ++i) {
    EXPECT_EQ(producer.launcher->find(0), nullptr);
    EXPECT_EQ(producer.launcher->begin(producer.request, stage_, on), 0u);
  }
  EXPECT_EQ(sim.calls(nullptr), 1u);
  EXPECT_EQ(producer.lost(Loss::kGpuContext), 5u);
  checks_manners_ = false;
}

TEST_F(TeardownTest, StoppingGivesUpWhatTheStreamHasNotPassed) {
  Producer producer(*segment_, *gpu_);
  Stream& on = stream(handle_of(new_stream()));
  EXPECT_TRUE(slice(producer, on));
  EXPECT_TRUE(gpu_->settle(kPatienceMillis));
  run_kernel(reinterpret_cast<cuda::Stream>(on.handle), kLongKernelNs);
  for (int i = 0; i < 4; ++i) {
    const Token token = producer.launcher->begin(producer.request, stage_, on);
    producer.launcher->end(token);
  }
  gpu_->stop(1);
  EXPECT_EQ(written(), 1u);
  EXPECT_EQ(resolver_lost(Loss::kGpuShutdown), 4u);
}

TEST_F(TeardownTest, WhatWeMadeInAContextIsDestroyedWithTheTimer) {
  gpuspan_sim_objects before, after;
  const cuda::Stream on = new_stream();
  sim.live_objects(&before);
  {
    Producer producer(*segment_, *gpu_);
    EXPECT_TRUE(slice(producer, stream(handle_of(on))));
    EXPECT_TRUE(gpu_->settle(kPatienceMillis));
  }
  gpu_.reset();
  sim.live_objects(&after);
  EXPECT_EQ(after.events, before.events);
  EXPECT_EQ(after.streams, before.streams);
}

TEST_F(TeardownTest, AForkedChildRecordsNothingAndCallsNoDriver) {
  Producer producer(*segment_, *gpu_);
  Stream& on = stream(handle_of(new_stream()));
  EXPECT_TRUE(slice(producer, on));
  EXPECT_TRUE(gpu_->settle(kPatienceMillis));
  producer.launcher->remember(&stream(0));
  const pid_t child = fork();
  ASSERT_GE(child, 0);
  if (child == 0) {
    sim.clear_counts();
    gpu_->nudge();
    const bool launched =
        producer.launcher->find(0) != nullptr || producer.launcher->begin(producer.request, stage_, on) != 0;
    std::string error;
    const bool opened = gpu_->stream(on.handle, &error) != nullptr;
    gpu_->stop(0);
    _exit(launched || opened || sim.calls(nullptr) != 0 ? 1 : 0);
  }
  int status = -1;
  ASSERT_EQ(waitpid(child, &status, 0), child);
  EXPECT_TRUE(WIFEXITED(status) && WEXITSTATUS(status) == 0) << status;
}

}  // namespace
}  // namespace gpuspan
