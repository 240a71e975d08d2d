// SPDX-License-Identifier: Apache-2.0
//
// What a stream handle means: created streams, the default streams of whichever context is current, several contexts
// and devices, handles that come again, numbers that are no streams.
#include "native/core/gpu_lane.h"
#include "native/test/cuda/cuda_fixture.h"

namespace gpuspan {
namespace {

class StreamsTest : public CudaTest {};

TEST_F(StreamsTest, ASliceOnACreatedStreamIsTimedAndLabelledSimulated) {
  use_cuda();
  EXPECT_EQ(gpu_->timer()->source(), GpuSource::kSimulated);
  EXPECT_EQ(gpu_->timer()->description().find("simulated CUDA driver"), 0u) << gpu_->timer()->description();
  Producer producer(*segment_, *gpu_);
  Stream& on = stream(handle_of(new_stream()));
  EXPECT_TRUE(slice(producer, on, 2'000'000));
  EXPECT_TRUE(gpu_->settle(kPatienceMillis));
  ASSERT_EQ(written(), 1u);
  const Slot record = records().front();
  EXPECT_GE(record.end - record.start, 1'900'000u);
}

TEST_F(StreamsTest, ZeroAndOneAreTheSameLegacyStreamAndTwoIsAnother) {
  use_cuda();
  EXPECT_EQ(&stream(0), &stream(1));
  EXPECT_NE(&stream(0), &stream(2));
}

TEST_F(StreamsTest, ADefaultStreamBelongsToTheContextThatIsCurrent) {
  use_cuda();
  Producer producer(*segment_, *gpu_);
  Stream& first = stream(0);
  const cuda::Context other = new_context(1);
  Stream& second = stream(0);
  EXPECT_NE(&first, &second);
  EXPECT_EQ(first.device, 0u);
  EXPECT_EQ(second.device, 1u);
  producer.launcher->remember(&first);
  producer.launcher->remember(&second);
  EXPECT_EQ(producer.launcher->find(0), &second);
  EXPECT_TRUE(slice(producer, second));
  // The first one's context is not current here: marking "stream 0" now would mark the other's.
  EXPECT_EQ(producer.launcher->begin(producer.request, stage_, first), 0u);
  EXPECT_EQ(producer.lost(Loss::kGpuContext), 1u);
  make_current(context);
  EXPECT_EQ(producer.launcher->find(0), &first);
  EXPECT_TRUE(slice(producer, first));
  EXPECT_TRUE(gpu_->settle(kPatienceMillis));
  EXPECT_EQ(written(), 2u);
  make_current(other);
}

TEST_F(StreamsTest, ADefaultStreamWithoutAContextIsRefused) {
  use_cuda();
  make_current(nullptr);
  std::string error;
  EXPECT_EQ(gpu_->stream(0, &error), nullptr);
  EXPECT_NE(error.find("no CUDA context is current"), std::string::npos) << error;
}

TEST_F(StreamsTest, StreamsOfSeveralContextsAndDevicesAreTimedTogether) {
  use_cuda();
  Producer producer(*segment_, *gpu_);
  std::vector<Stream*> streams;
  for (const int device : {0, 1, 0, 1}) {
    new_context(device);
    streams.push_back(&stream(handle_of(new_stream())));
    EXPECT_EQ(streams.back()->device, device);
  }
  make_current(nullptr);  // a created stream needs no current context of ours
  for (int i = 0; i < 40; ++i) {
    Stream& on = *streams[static_cast<size_t>(i) % streams.size()];
    const Token token = producer.launcher->begin(producer.request, stage_, on);
    EXPECT_NE(token, 0u);
    producer.launcher->end(token);
  }
  EXPECT_TRUE(gpu_->settle(kPatienceMillis));
  EXPECT_EQ(written(), 40u);
  make_current(context);
}

TEST_F(StreamsTest, TheApplicationsCurrentContextIsLeftAlone) {
  use_cuda();
  Stream& other = stream(handle_of(new_stream()));
  const cuda::Context second = new_context(1);
  Producer producer(*segment_, *gpu_);
  const Token token = producer.launcher->begin(producer.request, stage_, other);
  producer.launcher->end(token);
  EXPECT_TRUE(gpu_->settle(kPatienceMillis));
  cuda::Context now = nullptr;
  EXPECT_EQ(sim.ctx_get_current(&now), cuda::kSuccess);
  EXPECT_EQ(now, second);
}

TEST_F(StreamsTest, NumbersThatAreNoStreamsAreRefusedWithTheNumber) {
  use_cuda();
  alignas(64) static const uint64_t kNotAStream[16] = {};
  for (const uint64_t handle : {uint64_t{3}, uint64_t{0x1001}, uint64_t{0xdead0000}, ~uint64_t{0} - 7,
                                reinterpret_cast<uint64_t>(&kNotAStream)}) {
    std::string error;
    EXPECT_EQ(gpu_->stream(handle, &error), nullptr);
    EXPECT_EQ(error.find("stream 0x"), 0u) << error;
  }
}

TEST_F(StreamsTest, AHandleThatCameAgainIsAnotherStream) {
  gpuspan_sim_config config = real_time();
  config.reuse_handles = 1;
  start_sim(config);
  use_cuda();
  const cuda::Stream first = new_stream();
  Stream& opened = stream(handle_of(first));
  {
    const AsApplication application(sim.application);
    ASSERT_EQ(sim.stream_destroy(first), cuda::kSuccess);
  }
  const cuda::Stream second = new_stream();
  ASSERT_EQ(first, second) << "the simulator was to reuse the handle";
  EXPECT_NE(stream(handle_of(second)).index, opened.index);
  EXPECT_EQ(&stream(handle_of(second)), &stream(handle_of(second)));
}

TEST_F(StreamsTest, EachDeviceHasItsUuid) {
  use_cuda();
  const std::string first = gpu_->timer()->device_uuid(0);
  EXPECT_EQ(first.find("GPU-"), 0u) << first;
  EXPECT_EQ(first.size(), std::string("GPU-01234567-0123-0123-0123-0123456789ab").size());
  EXPECT_NE(first, gpu_->timer()->device_uuid(1));
  EXPECT_EQ(gpu_->timer()->device_uuid(2), "");
}

}  // namespace
}  // namespace gpuspan
