// SPDX-License-Identifier: Apache-2.0
//
// The device's library fails: at any call, once or for good. Slices become losses with a reason, everything reserved
// comes back, and a device that keeps failing is left alone.
#include "native/gpu/gpu_state.h"
#include "native/test/gpu/gpu_fixture.h"

namespace gpuspan {
namespace {

class FailureTest : public GpuTest {
 protected:
  void SetUp() override {
    lines = 0;
    make_segment(256);
  }
  static void log(const char* line) {
    ++lines;
    last_line = line;
  }
  static std::atomic<int> lines;
  static std::string last_line;  // read after the settle or stop that follows the write
};
std::atomic<int> FailureTest::lines{0};
std::string FailureTest::last_line;

std::string name_of(const testing::TestParamInfo<Call>& call) {
  constexpr const char* kNames[] = {"Begin", "End", "Poll", "Read"};
  return kNames[static_cast<size_t>(call.param)];
}

class FailureAt : public FailureTest, public testing::WithParamInterface<Call> {};

TEST_P(FailureAt, LosesOneSliceWhicheverCallItIsAndNothingElse) {
  for (uint64_t nth = 1; nth <= 12; ++nth) {
    make_segment(256);
    ScriptedTimer* script = use_scripted(log);
    Producer producer(*segment_, *gpu_);
    Stream* streams[] = {&stream(0x10), &stream(0x20)};
    const size_t room = capacity(producer, *streams[0]);
    const uint64_t written_before = written();
    const uint64_t refused_before = producer.lost(Loss::kGpuDevice);

    script->fail(GetParam(), nth);
    uint64_t launched = 0, asked = 0;
    for (uint64_t i = 0; i < 2 * nth + 2; ++i) {
      launched += launch(producer, *streams[i % 2]) ? 1 : 0;
      ++asked;
      EXPECT_TRUE(gpu_->settle(kPatienceMillis));
      drain();
    }
    const uint64_t refused = producer.lost(Loss::kGpuDevice) - refused_before;
    EXPECT_EQ(launched + refused, asked);
    EXPECT_EQ(written() - written_before + resolver_lost(Loss::kGpuDevice), launched);
    EXPECT_EQ(refused + resolver_lost(Loss::kGpuDevice), 1u) << "call " << nth;
    EXPECT_EQ(script->events_out(), 0);
    script->fail(GetParam(), ScriptedTimer::kNever);
    EXPECT_EQ(capacity(producer, *streams[0]), room);
    EXPECT_EQ(gpu_->failure(), nullptr);
    producer.end_thread();
    gpu_.reset();
  }
  EXPECT_EQ(lines.load(), 0);
}

INSTANTIATE_TEST_SUITE_P(Calls, FailureAt, testing::Values(Call::kBegin, Call::kEnd, Call::kPoll, Call::kRead),
                         name_of);

class DeadAfter : public FailureTest, public testing::WithParamInterface<Call> {};

TEST_P(DeadAfter, RepeatedFailuresTheDeviceIsLeftAloneAndEverySliceCounted) {
  ScriptedTimer* script = use_scripted(log);
  Producer producer(*segment_, *gpu_);
  Stream& on = stream(0x10);
  script->fail(GetParam(), ScriptedTimer::kAlways);
  uint64_t launched = 0;
  for (uint32_t i = 0; i < 3 * kFailuresUntilDead; ++i) {
    launched += launch(producer, on) ? 1 : 0;
    EXPECT_TRUE(gpu_->settle(kPatienceMillis));
  }
  ASSERT_NE(gpu_->failure(), nullptr);
  EXPECT_EQ(lines.load(), 1);
  EXPECT_NE(last_line.find("a call returned -1"), std::string::npos) << last_line;
  EXPECT_EQ(last_line, gpu_->failure());
  EXPECT_EQ(last_line.find("GPU slices"), 0u) << last_line;  // whoever prints it says whose line it is
  EXPECT_EQ(producer.lost(Loss::kGpuDevice) + launched, 3u * kFailuresUntilDead);
  EXPECT_EQ(resolver_lost(Loss::kGpuDevice), launched);
  EXPECT_EQ(written(), 0u);
  // Not asked again, even where it would answer now.
  script->fail(GetParam(), ScriptedTimer::kNever);
  const uint64_t begun = script->calls(Call::kBegin);
  for (int i = 0; i < 5; ++i) EXPECT_FALSE(launch(producer, on));
  EXPECT_EQ(script->calls(Call::kBegin), begun);
}

INSTANTIATE_TEST_SUITE_P(Calls, DeadAfter, testing::Values(Call::kBegin, Call::kEnd, Call::kPoll, Call::kRead),
                         name_of);

TEST_F(FailureTest, EverythingOutstandingIsLostWhenTheDeviceDies) {
  make_segment(4096);
  ScriptedTimer* script = use_scripted(log);
  Producer producer(*segment_, *gpu_);
  Stream& on = stream(0x10);
  script->hold_after(0x10, 0);
  for (int i = 0; i < 60; ++i) EXPECT_TRUE(launch(producer, on));
  const Token open = producer.launcher->begin(producer.request, stage_, on);
  EXPECT_NE(open, 0u);
  script->fail(Call::kPoll, ScriptedTimer::kAlways);
  EXPECT_TRUE(gpu_->settle(kPatienceMillis));
  EXPECT_EQ(resolver_lost(Loss::kGpuDevice), 60u);
  producer.launcher->end(open);
  EXPECT_TRUE(gpu_->settle(kPatienceMillis));
  EXPECT_EQ(resolver_lost(Loss::kGpuDevice), 61u);
}

TEST_F(FailureTest, TellsThatTheDeviceDiedThoughTheProcessStopsBeforeTheNextPoll) {
  make_segment(4096);
  ScriptedTimer* script = use_scripted(log);
  Producer producer(*segment_, *gpu_);
  Stream& on = stream(0x10);
  script->hold_after(0x10, 0);
  EXPECT_TRUE(launch(producer, on));
  const int told = lines.load();
  script->fail(Call::kBegin, ScriptedTimer::kAlways);
  for (uint32_t i = 0; i < kFailuresUntilDead; ++i) EXPECT_FALSE(launch(producer, on));
  gpu_->stop(0);
  EXPECT_NE(gpu_->failure(), nullptr);
  EXPECT_EQ(lines.load(), told + 1);
  EXPECT_EQ(resolver_lost(Loss::kGpuDevice), 1u);
  EXPECT_EQ(resolver_lost(Loss::kGpuShutdown), 0u);
}

TEST_F(FailureTest, ARefusalOfTheStreamNeverKillsTheDevice) {
  ScriptedTimer* script = use_scripted(log);
  Producer producer(*segment_, *gpu_);
  Stream& on = stream(0x10);
  script->fail_begin_with(Loss::kGpuCapture);
  script->fail(Call::kBegin, ScriptedTimer::kAlways);
  for (uint32_t i = 0; i < 4 * kFailuresUntilDead; ++i) EXPECT_FALSE(launch(producer, on));
  EXPECT_EQ(producer.lost(Loss::kGpuCapture), 4u * kFailuresUntilDead);
  script->fail(Call::kBegin, ScriptedTimer::kNever);
  EXPECT_TRUE(launch(producer, on));
  EXPECT_TRUE(gpu_->settle(kPatienceMillis));
  EXPECT_EQ(written(), 1u);
}

}  // namespace
}  // namespace gpuspan
