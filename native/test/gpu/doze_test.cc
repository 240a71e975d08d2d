// SPDX-License-Identifier: Apache-2.0
//
// An idle resolver sleeps: it uses no processor time until whoever reads the segment passes on that there is work.
#include <thread>

#include "native/test/gpu/gpu_fixture.h"

namespace gpuspan {
namespace {

class DozeTest : public GpuTest {
 protected:
  void wait_for_doze() {
    while (!gpu_->dozing()) std::this_thread::yield();
  }
};

TEST_F(DozeTest, WhatWasLaunchedMeanwhileIsResolvedOnceTheReaderNudges) {
  use_scripted();
  Producer producer(*segment_, *gpu_);
  Stream& on = stream(0x10);
  for (int i = 0; i < 3; ++i) {
    wait_for_doze();
    EXPECT_TRUE(launch(producer, on));
    EXPECT_TRUE(gpu_->dozing());
    gpu_->nudge();
    while (written() != static_cast<uint64_t>(i + 1)) std::this_thread::yield();
  }
}

TEST_F(DozeTest, ANudgeWithoutWorkWakesNobody) {
  use_scripted();
  wait_for_doze();
  for (int i = 0; i < 1'000; ++i) gpu_->nudge();
  EXPECT_TRUE(gpu_->dozing());
}

TEST_F(DozeTest, SettlingStoppingAndOpeningStreamsWakeIt) {
  use_scripted();
  Producer producer(*segment_, *gpu_);
  wait_for_doze();
  Stream& on = stream(0x10);
  wait_for_doze();
  EXPECT_TRUE(launch(producer, on));
  EXPECT_TRUE(gpu_->settle(kPatienceMillis));
  EXPECT_EQ(written(), 1u);
  wait_for_doze();
  EXPECT_TRUE(launch(producer, on));
  gpu_->stop(kPatienceMillis);
  EXPECT_EQ(written(), 2u);
}

// A launcher inside a call when the resolver goes to sleep must be seen by one of the two.
TEST_F(DozeTest, NoSliceIsForgottenHoweverItMeetsTheDoze) {
  ScriptedTimer* script = use_scripted();
  Stream& on = stream(0x10);
  std::thread launcher([&] {
    Producer producer(*segment_, *gpu_);
    script->block_end(0x10, true);
    std::thread release([&] {
      while (script->ending() == 0) std::this_thread::yield();
      script->block_end(0x10, false);
    });
    EXPECT_TRUE(launch(producer, on));
    release.join();
    while (written() != 1) {
      gpu_->nudge();
      std::this_thread::yield();
    }
  });
  launcher.join();
}

}  // namespace
}  // namespace gpuspan
