// SPDX-License-Identifier: Apache-2.0
//
// Every GPU slice that was begun is written or lost, once, whatever order streams complete in and however many
// threads launch; entries, reservations and device events all come back.
#include <cstring>
#include <thread>

#include "native/test/gpu/gpu_fixture.h"

namespace gpuspan {
namespace {

using AccountingTest = GpuTest;

TEST_F(AccountingTest, ResolvesAStreamWhileAnotherIsStuck) {
  ScriptedTimer* script = use_scripted();
  Producer producer(*segment_, *gpu_);
  Stream& stuck = stream(0x10);
  Stream& free = stream(0x20);
  script->hold_after(0x10, 0);
  for (int i = 0; i < 20; ++i) {
    EXPECT_TRUE(launch(producer, stuck));
    EXPECT_TRUE(launch(producer, free));
  }
  // What is stuck keeps settle from returning, what is free arrives meanwhile.
  EXPECT_FALSE(gpu_->settle(200));
  EXPECT_EQ(written(), 20u);
  for (const Slot& slot : records()) EXPECT_EQ(slot.gpu.stream, free.index);
  script->let_pass(0x10);
  EXPECT_TRUE(gpu_->settle(kPatienceMillis));
  EXPECT_EQ(written(), 40u);
  EXPECT_EQ(script->events_out(), 0);
}

TEST_F(AccountingTest, ResolvesAStreamPieceByPieceInItsOrder) {
  ScriptedTimer* script = use_scripted();
  Producer producer(*segment_, *gpu_);
  Stream& on = stream(0x10);
  script->hold_after(0x10, 0);
  for (int i = 0; i < 50; ++i) EXPECT_TRUE(launch(producer, on));
  for (uint64_t passed : {1u, 2u, 17u, 49u, 50u}) {
    script->hold_after(0x10, passed);
    const uint64_t patience = monotonic_ns() + kPatienceMillis * uint64_t{1'000'000};
    while (written() < passed && monotonic_ns() < patience) std::this_thread::yield();
    EXPECT_EQ(written(), passed);
  }
  const std::vector<Slot> found = records();
  for (size_t i = 1; i < found.size(); ++i) EXPECT_GE(found[i].start, found[i - 1].start);
}

TEST_F(AccountingTest, WritesTheDevicesUuidAndOfHowManySlicesOneIs) {
  constexpr char kUuid[] = "GPU-01234567-89ab-cdef-0123-456789abcdef";
  ScriptedTimer* script = use_scripted();
  script->tell_uuid(kUuid);
  script->sample(8);
  Producer producer(*segment_, *gpu_);
  EXPECT_TRUE(launch(producer, stream(0x10)));
  EXPECT_TRUE(gpu_->settle(kPatienceMillis));
  const uint8_t* const item = continuation(resolver_lane().header->read.load() + 1) + 1;
  uint16_t uuid, sampling;
  std::memcpy(&uuid, item + 20, sizeof uuid);
  std::memcpy(&sampling, item + 22, sizeof sampling);
  EXPECT_EQ(sampling, 8u);
  const DictionaryEntry* const name = segment_->dictionary().entry(uuid);
  ASSERT_NE(name, nullptr);
  EXPECT_EQ(std::string(name->text, name->word.load() >> 16), kUuid);
  EXPECT_EQ(stream(0x20).device_uuid, uuid);
}

TEST_F(AccountingTest, LosesWhatDoesNotFitTheTableAsPoolLoss) {
  make_segment(65536);
  ScriptedTimer* script = use_scripted();
  Producer producer(*segment_, *gpu_);
  Stream& on = stream(0x10);
  script->hold_after(0x10, 0);
  int launched = 0;
  for (int i = 0; i < 1500; ++i) launched += launch(producer, on) ? 1 : 0;
  EXPECT_EQ(launched, 1024);
  EXPECT_EQ(producer.lost(Loss::kGpuPool), 476u);
  script->let_pass(0x10);
  EXPECT_TRUE(gpu_->settle(kPatienceMillis));
  EXPECT_EQ(written(), 1024u);
  EXPECT_TRUE(launch(producer, on));
}

TEST_F(AccountingTest, LosesWhatDoesNotFitTheResolversRingBeforeTouchingTheDevice) {
  make_segment(128);
  ScriptedTimer* script = use_scripted();
  Producer producer(*segment_, *gpu_);
  Stream& on = stream(0x10);
  const size_t room = capacity(producer, on);
  EXPECT_GE(room, 2u);
  const uint64_t before = script->calls(Call::kBegin);
  const uint64_t lost = producer.lost(Loss::kRing);
  std::vector<Token> tokens;
  for (size_t i = 0; i < room + 10; ++i) tokens.push_back(producer.launcher->begin(producer.request, stage_, on));
  EXPECT_EQ(script->calls(Call::kBegin) - before, room);
  EXPECT_EQ(producer.lost(Loss::kRing) - lost, 10u);
  for (const Token token : tokens) producer.launcher->end(token);
  EXPECT_TRUE(gpu_->settle(kPatienceMillis));
  EXPECT_EQ(capacity(producer, on), room);
}

TEST_F(AccountingTest, HoldsForSeveralThreadsOnSharedStreams) {
  make_segment(65536);
  ScriptedTimer* script = use_scripted();
  Stream* streams[] = {&stream(0x10), &stream(0x20), &stream(0x30)};
  constexpr int kThreads = 4, kRounds = 2000;
  std::atomic<uint64_t> launched{0}, refused{0};
  std::vector<std::thread> threads;
  for (int t = 0; t < kThreads; ++t) {
    threads.emplace_back([&, t] {
      Producer producer(*segment_, *gpu_);
      for (int i = 0; i < kRounds; ++i) {
        (launch(producer, *streams[(i + t) % 3]) ? launched : refused).fetch_add(1);
      }
      EXPECT_EQ(producer.lost(Loss::kGpuPool) + producer.lost(Loss::kRing), producer.lane.header->recorded.load());
    });
  }
  // The reader's side, concurrently.
  while (launched.load() + refused.load() < uint64_t{kThreads} * kRounds) drain();
  for (std::thread& thread : threads) thread.join();
  EXPECT_TRUE(gpu_->settle(kPatienceMillis));
  EXPECT_EQ(written(), launched.load());
  EXPECT_EQ(resolver_lost(), 0u);
  EXPECT_EQ(script->events_out(), 0);
}

TEST_F(AccountingTest, SettleAnswersOnceWhatWasLaunchedIsResolved) {
  ScriptedTimer* script = use_scripted();
  Producer producer(*segment_, *gpu_);
  Stream& first = stream(0x10);
  Stream& later = stream(0x20);
  EXPECT_TRUE(launch(producer, first));
  EXPECT_TRUE(gpu_->settle(kPatienceMillis));
  EXPECT_EQ(written(), 1u);
  script->hold_after(0x20, 0);
  EXPECT_TRUE(launch(producer, later));
  EXPECT_FALSE(gpu_->settle(20));
  script->let_pass(0x20);
  EXPECT_TRUE(gpu_->settle(kPatienceMillis));
}

TEST_F(AccountingTest, TendsTheDeviceWhileSlicesArePending) {
  ScriptedTimer* script = use_scripted();
  Producer producer(*segment_, *gpu_);
  EXPECT_TRUE(launch(producer, stream(0x10)));
  EXPECT_TRUE(gpu_->settle(kPatienceMillis));
  EXPECT_GE(script->tended(), 1u);
}

}  // namespace
}  // namespace gpuspan
