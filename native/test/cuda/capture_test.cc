// SPDX-License-Identifier: Apache-2.0
//
// Stream capture and graphs: a slice on a capturing stream is a counted loss and nothing else, nobody's capture is ever
// broken by us, and a slice around a graph launch times the graph.
#include <thread>

#include "native/test/cuda/cuda_fixture.h"

namespace gpuspan {
namespace {

class CaptureTest : public CudaTest {
 protected:
  void SetUp() override {
    CudaTest::SetUp();
    use_cuda();
  }
  void begin_capture(cuda::Stream on, cuda::CaptureMode mode = cuda::kCaptureGlobal) {
    const AsApplication application(sim.application);
    ASSERT_EQ(sim.begin_capture(on, mode), cuda::kSuccess);
  }
  cuda::GraphExec end_capture(cuda::Stream on) {
    const AsApplication application(sim.application);
    cuda::Graph graph = nullptr;
    cuda::GraphExec exec = nullptr;
    EXPECT_EQ(sim.end_capture(on, &graph), cuda::kSuccess) << "the capture was broken";
    EXPECT_EQ(sim.graph_instantiate(&exec, graph, 0), cuda::kSuccess);
    return exec;
  }
};

TEST_F(CaptureTest, ASliceOnACapturingStreamIsLostAndTheCaptureIsNot) {
  Producer producer(*segment_, *gpu_);
  const cuda::Stream on = new_stream();
  Stream& opened = stream(handle_of(on));
  begin_capture(on);
  EXPECT_FALSE(slice(producer, opened));
  EXPECT_EQ(producer.lost(Loss::kGpuCapture), 1u);
  end_capture(on);
  EXPECT_TRUE(slice(producer, opened));
  EXPECT_TRUE(gpu_->settle(kPatienceMillis));
  EXPECT_EQ(written(), 1u);
}

TEST_F(CaptureTest, ACaptureThatBeginsInsideASliceEndsItAsLost) {
  Producer producer(*segment_, *gpu_);
  const cuda::Stream on = new_stream();
  Stream& opened = stream(handle_of(on));
  const Token token = producer.launcher->begin(producer.request, stage_, opened);
  begin_capture(on);
  producer.launcher->end(token);
  end_capture(on);
  EXPECT_TRUE(gpu_->settle(kPatienceMillis));
  EXPECT_EQ(resolver_lost(Loss::kGpuCapture), 1u);
  EXPECT_EQ(written(), 0u);
}

TEST_F(CaptureTest, PollingAnchorsAndGrowingBreakNoCaptureOfAnotherThread) {
  Producer producer(*segment_, *gpu_);
  Stream& busy = stream(handle_of(new_stream()));
  const cuda::Stream captured = new_stream();
  begin_capture(captured);
  // Enough to make the pool grow, with anchors and polls in between.
  std::vector<Token> tokens;
  for (int round = 0; round < 8; ++round) {
    tokens.clear();
    for (int i = 0; i < 100; ++i) tokens.push_back(producer.launcher->begin(producer.request, stage_, busy));
    for (const Token token : tokens) producer.launcher->end(token);
    EXPECT_TRUE(gpu_->settle(kPatienceMillis));
    drain();
  }
  end_capture(captured);
  EXPECT_GT(written(), 400u);
}

TEST_F(CaptureTest, OpeningAStreamDuringACaptureBreaksNothing) {
  const cuda::Stream captured = new_stream();
  const cuda::Stream other = new_stream();
  begin_capture(captured);
  Stream& opened = stream(handle_of(other));
  Producer producer(*segment_, *gpu_);
  EXPECT_TRUE(producer.launcher->begin(producer.request, stage_, opened) != 0);
  end_capture(captured);
}

// CUDA forbids the legacy stream while a stream that waits for it captures.
TEST_F(CaptureTest, TheLegacyStreamIsLeftAloneWhileABlockingStreamCaptures) {
  Producer producer(*segment_, *gpu_);
  Stream& legacy = stream(0);
  const cuda::Stream blocking = new_stream(cuda::kStreamDefault);
  begin_capture(blocking);
  EXPECT_EQ(producer.launcher->begin(producer.request, stage_, legacy), 0u);
  EXPECT_EQ(producer.lost(Loss::kGpuCapture), 1u);
  end_capture(blocking);
  EXPECT_TRUE(slice(producer, legacy));
  EXPECT_TRUE(gpu_->settle(kPatienceMillis));
  EXPECT_EQ(written(), 1u);
}

TEST_F(CaptureTest, ASliceAroundAGraphLaunchTimesTheGraph) {
  Producer producer(*segment_, *gpu_);
  const cuda::Stream on = new_stream();
  Stream& opened = stream(handle_of(on));
  begin_capture(on);
  run_kernel(on, 1'500'000);
  run_kernel(on, 500'000);
  const cuda::GraphExec graph = end_capture(on);
  for (int i = 0; i < 2; ++i) {
    const Token token = producer.launcher->begin(producer.request, stage_, opened);
    {
      const AsApplication application(sim.application);
      EXPECT_EQ(sim.graph_launch(graph, on), cuda::kSuccess);
    }
    producer.launcher->end(token);
  }
  EXPECT_TRUE(gpu_->settle(kPatienceMillis));
  const std::vector<Slot> found = records();
  ASSERT_EQ(found.size(), 2u);
  // Both kernels; more where the launching thread waited between the mark and the launch.
  for (const Slot& record : found) EXPECT_GE(record.end - record.start, 1'990'000u);
}

TEST_F(CaptureTest, AnApplicationThreadsCaptureModeIsNeverTouched) {
  Producer producer(*segment_, *gpu_);
  Stream& on = stream(handle_of(new_stream()));
  EXPECT_TRUE(slice(producer, on));
  cuda::CaptureMode mode = cuda::kCaptureGlobal;
  const AsApplication application(sim.application);
  ASSERT_EQ(sim.exchange_capture_mode(&mode), cuda::kSuccess);
  EXPECT_EQ(mode, cuda::kCaptureGlobal);
}

// Where the resolver's thread cannot leave GLOBAL mode, asking anything might break a capture: so it asks nothing.
TEST_F(CaptureTest, WithoutRelaxedModeNoStreamIsTimed) {
  ASSERT_EQ(sim.fail("cuThreadExchangeStreamCaptureMode", 1, cuda::kNotSupported, 0), 0);
  std::string error;
  EXPECT_EQ(gpu_->stream(handle_of(new_stream()), &error), nullptr);
  EXPECT_NE(error.find("cuThreadExchangeStreamCaptureMode returned 801"), std::string::npos) << error;
  EXPECT_EQ(sim.calls("cuEventQuery"), 0u);
}

}  // namespace
}  // namespace gpuspan
