// SPDX-License-Identifier: Apache-2.0
//
// Threads that end with GPU slices in flight, and the end of the process.
#include <sys/wait.h>
#include <unistd.h>

#include <thread>

#include "native/test/gpu/gpu_fixture.h"

namespace gpuspan {
namespace {

using ShutdownTest = GpuTest;

TEST_F(ShutdownTest, ResolvesWhatAThreadLeftInFlight) {
  ScriptedTimer* script = use_scripted();
  Stream& on = stream(0x10);
  script->hold_after(0x10, 0);
  std::thread([&] {
    Producer producer(*segment_, *gpu_);
    for (int i = 0; i < 10; ++i) EXPECT_TRUE(launch(producer, on));
  }).join();
  EXPECT_FALSE(gpu_->settle(50));
  script->let_pass(0x10);
  EXPECT_TRUE(gpu_->settle(kPatienceMillis));
  EXPECT_EQ(written(), 10u);
  EXPECT_EQ(script->events_out(), 0);
}

TEST_F(ShutdownTest, GivesUpSlicesThatAThreadNeverEnded) {
  ScriptedTimer* script = use_scripted();
  Stream& on = stream(0x10);
  Producer producer(*segment_, *gpu_);
  for (int i = 0; i < 3; ++i) EXPECT_NE(producer.launcher->begin(producer.request, stage_, on), 0u);
  EXPECT_TRUE(launch(producer, on));
  producer.launcher->close();
  producer.launcher->close();
  EXPECT_EQ(producer.launcher->begin(producer.request, stage_, on), 0u);
  EXPECT_EQ(producer.lost(Loss::kClosed), 1u);
  EXPECT_TRUE(gpu_->settle(kPatienceMillis));
  EXPECT_EQ(resolver_lost(Loss::kGpuShutdown), 3u);
  EXPECT_EQ(written(), 1u);
  EXPECT_EQ(script->events_out(), 0);
}

TEST_F(ShutdownTest, KeepsTheLaneOfAnEndedThreadUntilItsSlicesAreWritten) {
  ScriptedTimer* script = use_scripted();
  Stream& on = stream(0x10);
  script->hold_after(0x10, 0);
  uint32_t ended = 0;
  {
    Producer producer(*segment_, *gpu_);
    ended = producer.lane.index;
    EXPECT_TRUE(launch(producer, on));
  }
  const LaneMemory lane = segment_->lane(ended);
  EXPECT_TRUE(segment_->advance(ended, lane.header->written.load(), 0, lane.header->owners.load()));
  EXPECT_FALSE(gpu_->settle(20));
  {
    Producer next(*segment_, *gpu_);
    EXPECT_NE(next.lane.index, ended);
  }
  script->let_pass(0x10);
  EXPECT_TRUE(gpu_->settle(kPatienceMillis));
  drain();
  // The resolver forgets the table in the round that emptied it or the next one.
  EXPECT_TRUE(gpu_->settle(kPatienceMillis));
  Producer after(*segment_, *gpu_);
  EXPECT_EQ(after.lane.index, ended);
}

TEST_F(ShutdownTest, StopWaitsForWhatIsInFlight) {
  ScriptedTimer* script = use_scripted();
  Producer producer(*segment_, *gpu_);
  Stream& on = stream(0x10);
  script->hold_after(0x10, 0);
  for (int i = 0; i < 10; ++i) EXPECT_TRUE(launch(producer, on));
  std::thread later([&] { script->let_pass(0x10); });
  gpu_->stop(kPatienceMillis);
  later.join();
  EXPECT_EQ(written(), 10u);
  EXPECT_EQ(script->events_out(), 0);
}

TEST_F(ShutdownTest, StopCountsTheRestWhenItsTimeIsUp) {
  ScriptedTimer* script = use_scripted();
  Producer producer(*segment_, *gpu_);
  Stream& on = stream(0x10);
  script->hold_after(0x10, 4);
  for (int i = 0; i < 10; ++i) EXPECT_TRUE(launch(producer, on));
  const Token open = producer.launcher->begin(producer.request, stage_, on);
  EXPECT_NE(open, 0u);
  gpu_->stop(30);
  EXPECT_EQ(written(), 4u);
  EXPECT_EQ(resolver_lost(Loss::kGpuShutdown), 7u);
  EXPECT_EQ(script->events_out(), 0);

  producer.launcher->end(open);  // counted already
  EXPECT_EQ(producer.launcher->begin(producer.request, stage_, on), 0u);
  EXPECT_EQ(producer.lost(Loss::kClosed), 1u);
  EXPECT_EQ(producer.lost(Loss::kStale), 0u);
  gpu_->stop(30);  // again: nothing
  EXPECT_EQ(resolver_lost(), 7u);
}

TEST_F(ShutdownTest, StopsBesideThreadsThatKeepLaunching) {
  ScriptedTimer* script = use_scripted();
  Stream& on = stream(0x10);
  std::atomic<uint64_t> launched{0}, started{0};
  std::vector<std::thread> threads;
  for (int t = 0; t < 3; ++t) {
    threads.emplace_back([&] {
      Producer producer(*segment_, *gpu_);
      started.fetch_add(1);
      // Ends each slice after beginning the next, so that some are always open.
      Token before = 0;
      while (producer.lost(Loss::kClosed) == 0) {
        const Token token = producer.launcher->begin(producer.request, stage_, on);
        launched.fetch_add(token != 0 ? 1 : 0);
        producer.launcher->end(before);
        before = token;
        std::this_thread::yield();
      }
      producer.launcher->end(before);
    });
  }
  while (launched.load() < 300) drain();
  gpu_->stop(kPatienceMillis);
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(started.load(), 3u);
  EXPECT_EQ(written() + resolver_lost(), launched.load());
  EXPECT_EQ(script->events_out(), 0);
}

TEST_F(ShutdownTest, StopReturnsWhileALauncherHangsInTheDevicesLibrary) {
  ScriptedTimer* script = use_scripted();
  Stream& on = stream(0x10);
  script->block_begin(true);
  std::atomic<bool> inside{false};
  std::thread hanging([&] {
    Producer producer(*segment_, *gpu_);
    inside.store(true);
    producer.launcher->end(producer.launcher->begin(producer.request, stage_, on));
  });
  while (!inside.load() || script->calls(Call::kPoll) != 0) std::this_thread::yield();
  gpu_->stop(10);
  script->block_begin(false);
  hanging.join();
  EXPECT_EQ(written(), 0u);
}

TEST_F(ShutdownTest, StopCountsASliceThatIsHandedOverAfterItsLastRound) {
  ScriptedTimer* script = use_scripted();
  Stream& slow = stream(0x10);
  Producer producer(*segment_, *gpu_);  // its open slice is given up, which is when the other thread goes on
  EXPECT_NE(producer.launcher->begin(producer.request, stage_, stream(0x20)), 0u);
  std::atomic<bool> handed_over{false};
  script->on_release([&] {
    script->block_end(0x10, false);
    while (!handed_over.load()) std::this_thread::yield();
  });
  script->block_end(0x10, true);
  std::thread hanging([&] {
    Producer late(*segment_, *gpu_);
    EXPECT_TRUE(launch(late, slow));
    handed_over.store(true);
  });
  while (script->ending() == 0) std::this_thread::yield();
  gpu_->stop(10);
  hanging.join();
  EXPECT_EQ(resolver_lost(Loss::kGpuShutdown), 2u);
  EXPECT_EQ(script->events_out(), 0);
}

TEST_F(ShutdownTest, AForkedChildTouchesNothing) {
  ScriptedTimer* script = use_scripted();
  Producer producer(*segment_, *gpu_);
  Stream& on = stream(0x10);
  EXPECT_TRUE(launch(producer, on));
  const Token open = producer.launcher->begin(producer.request, stage_, on);
  EXPECT_TRUE(gpu_->settle(kPatienceMillis));
  const pid_t child = fork();
  if (child == 0) {
    const uint64_t before = script->calls(Call::kBegin) + script->calls(Call::kEnd);
    producer.launcher->end(open);
    const Token token = producer.launcher->begin(producer.request, stage_, on);
    gpu_->stop(1000);
    producer.launcher->close();
    const bool quiet =
        token == 0 && !gpu_->settle(0) && script->calls(Call::kBegin) + script->calls(Call::kEnd) == before;
    _exit(quiet ? 0 : 1);
  }
  int status = 0;
  ASSERT_EQ(waitpid(child, &status, 0), child);
  EXPECT_TRUE(WIFEXITED(status) && WEXITSTATUS(status) == 0);
  producer.launcher->end(open);
  EXPECT_TRUE(gpu_->settle(kPatienceMillis));
  EXPECT_EQ(written(), 2u);
}

TEST_F(ShutdownTest, TheResolverBlocksSignalsAndCarriesItsName) {
  use_scripted();
  const uint32_t tid = resolver_lane().header->tid;
  std::string path = "/proc/self/task/" + std::to_string(tid) + "/status";
  FILE* file = std::fopen(path.c_str(), "r");
  ASSERT_NE(file, nullptr);
  std::string status(8192, '\0');
  status.resize(std::fread(status.data(), 1, status.size(), file));
  std::fclose(file);
  EXPECT_NE(status.find("Name:\tgpuspan-gpu"), std::string::npos) << status;
  const size_t blocked = status.find("SigBlk:\t");
  ASSERT_NE(blocked, std::string::npos);
  const unsigned long long mask = std::strtoull(status.c_str() + blocked + 8, nullptr, 16);
  for (int signal : {1, 2, 10, 15, 17}) EXPECT_TRUE(mask >> (signal - 1) & 1) << signal;
}

TEST_F(ShutdownTest, SaysWhyItCannotRecordWithoutALane) {
  SegmentOptions options;
  options.lanes = 2;
  options.ring_slots = 64;
  std::string error;
  auto tiny = Segment::create(options, &error);
  ASSERT_NE(tiny, nullptr) << error;
  LaneMemory lane;
  while (tiny->claim_lane({}, &lane, &error)) {
  }
  auto gpu = Gpu::create(*tiny, std::make_unique<ScriptedTimer>(), "");
  EXPECT_EQ(gpu->timer(), nullptr);
  EXPECT_NE(gpu->reason().find("lane"), std::string::npos) << gpu->reason();
}

}  // namespace
}  // namespace gpuspan
