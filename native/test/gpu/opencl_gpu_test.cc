// SPDX-License-Identifier: Apache-2.0
//
// GPU slices from launch to ring on a real OpenCL driver.
#include "native/test/gpu/gpu_fixture.h"
#include "native/test/gpu/opencl_fixture.h"

namespace gpuspan {
namespace {

class OpenClGpuTest : public OpenClTest {
 protected:
  void SetUp() override {
    OpenClTest::SetUp();
    if (timer_ == nullptr) return;
    SegmentOptions options;
    options.lanes = 4;
    std::string error;
    segment_ = Segment::create(options, &error);
    ASSERT_NE(segment_, nullptr) << error;
    const uint16_t module = segment_->dictionary().intern(EntryKind::kModule, 0, 0, "test").id;
    stage_ = segment_->dictionary().intern(EntryKind::kStage, module, 1, "gpu_forward").id;
    gpu_ = Gpu::create(*segment_, std::move(timer_), "");
  }
  void TearDown() override {
    gpu_.reset();
    OpenClTest::TearDown();
  }
  std::unique_ptr<Segment> segment_;
  std::unique_ptr<Gpu> gpu_;
  uint16_t stage_ = 0;
};

TEST_F(OpenClGpuTest, EverySliceReachesTheRingWithinItsHostTimes) {
  Producer producer(*segment_, *gpu_);
  cl_command_queue queue = make_queue();
  std::string error;
  Stream* stream = gpu_->stream(number(queue), &error);
  ASSERT_NE(stream, nullptr) << error;
  std::vector<std::pair<uint64_t, uint64_t>> host;
  for (int i = 0; i < 100; ++i) {
    const uint64_t before = monotonic_ns();
    const Token token = producer.launcher->begin(producer.request, stage_, *stream);
    ASSERT_NE(token, 0u);
    enqueue_work(queue, 1'000);
    producer.launcher->end(token);
    clFinish(queue);
    host.emplace_back(before, monotonic_ns());
  }
  EXPECT_TRUE(gpu_->settle(kPatienceMillis));
  const LaneHeader* lane = segment_->resolver_lane();
  ASSERT_EQ(lane->recorded.load(), 100u);
  uint32_t index = 0;
  while (segment_->lane(index).header != lane) ++index;
  const LaneMemory resolver = segment_->lane(index);
  size_t found = 0;
  for (uint64_t at = 0; at < lane->written.load(); ++found) {
    const Slot& slot = resolver.ring[at];
    ASSERT_LT(found, host.size());
    EXPECT_GE(slot.start + slot.gpu.bound_ns, host[found].first);
    EXPECT_LE(slot.end, host[found].second + slot.gpu.bound_ns);
    EXPECT_FALSE(slot.flags & kFlagClamped);
    at += 1 + reinterpret_cast<const uint8_t*>(&resolver.ring[at + 1])[0];
  }
  EXPECT_EQ(found, 100u);
}

TEST_F(OpenClGpuTest, AutoChoosesOpenCl) {
  std::string reason;
  const auto timer = open_device({}, &reason);
  ASSERT_NE(timer, nullptr) << reason;
  EXPECT_EQ(timer->source(), GpuSource::kOpenCl);
  EXPECT_EQ(timer->description().rfind("OpenCL, ", 0), 0u) << timer->description();
}

TEST_F(OpenClGpuTest, StopsWithWorkStillRunning) {
  Producer producer(*segment_, *gpu_);
  cl_command_queue queue = make_queue();
  std::string error;
  Stream* stream = gpu_->stream(number(queue), &error);
  ASSERT_NE(stream, nullptr) << error;
  const Token token = producer.launcher->begin(producer.request, stage_, *stream);
  enqueue_work(queue, 30'000'000);
  producer.launcher->end(token);
  gpu_->stop(0);
  const auto& lost = segment_->resolver_lane()->lost[static_cast<size_t>(Loss::kGpuShutdown)];
  EXPECT_EQ(lost.load(), 1u);
  clFinish(queue);
}

}  // namespace
}  // namespace gpuspan
