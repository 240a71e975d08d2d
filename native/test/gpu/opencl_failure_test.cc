// SPDX-License-Identifier: Apache-2.0
//
// The OpenCL device timer over a library that fails at any call, holds markers back, or lies: the process runs on and
// every slice is accounted for. The library is fake_opencl.cc, opened by the dlopen that opens the real one.
#include <dlfcn.h>

#include <thread>

#include "native/gpu/opencl/opencl_timer.h"
#include "native/test/gpu/fake_opencl.h"
#include "native/test/gpu/gpu_fixture.h"

namespace gpuspan {
namespace {

class OpenClFailureTest : public GpuTest {
 protected:
  void SetUp() override {
    GpuTest::SetUp();
    void* library = dlopen(GPUSPAN_FAKE_OPENCL, RTLD_NOW | RTLD_LOCAL);
    ASSERT_NE(library, nullptr) << dlerror();
    fake_ = reinterpret_cast<GetFakeOpenCl>(dlsym(library, "fake_opencl"))();
    reset();
  }
  void TearDown() override {
    fake_->failing.store(0);
    gpu_.reset();
    EXPECT_EQ(fake_->queue_references.load(), 0);
  }
  void reset() {
    fake_->calls.store(0);
    fake_->failing.store(0);
    fake_->platforms.store(1);
    fake_->devices.store(1);
    fake_->version.store("OpenCL 1.2 fake");
    fake_->marker_status.store(0);
    fake_->no_stamps.store(false);
    fake_->collect.store(false);
    fake_->clock_offset_ns.store(0);
    fake_->clock_tick_ns.store(1);
    fake_->flushes.store(0);
    fake_->events_alive.store(0);
    fake_->queue_references.store(0);
  }

  std::unique_ptr<DeviceTimer> open(std::string* reason) { return make_opencl_timer(reason, GPUSPAN_FAKE_OPENCL); }
  std::unique_ptr<DeviceTimer> open() {
    std::string reason;
    auto timer = open(&reason);
    EXPECT_NE(timer, nullptr) << reason;
    return timer;
  }
  uint64_t make_queue(uint64_t properties = opencl::kQueueProfiling) { return fake_->make_queue(properties); }

  FakeOpenCl* fake_ = nullptr;
};

TEST_F(OpenClFailureTest, SurvivesTheFailureOfAnyOneCall) {
  // From loading to shutdown, the n-th call of the library fails, for every n there is.
  uint64_t calls = 0;
  for (uint64_t nth = 1; calls == 0 || nth <= calls; ++nth) {
    reset();
    make_segment(4096);
    fake_->failing.store(nth);
    std::string reason;
    auto timer = open(&reason);
    if (timer == nullptr) {
      EXPECT_FALSE(reason.empty());
      continue;
    }
    use(std::move(timer));
    Stream* const stream = gpu_->stream(make_queue(), &reason);
    if (stream != nullptr) {
      Producer producer(*segment_, *gpu_);
      uint64_t launched = 0;
      for (int i = 0; i < 5; ++i) {
        launched += launch(producer, *stream) ? 1 : 0;
        EXPECT_TRUE(gpu_->settle(kPatienceMillis));
      }
      EXPECT_EQ(launched + producer.lost(Loss::kGpuDevice), 5u);
      EXPECT_EQ(written() + resolver_lost(), launched);
      EXPECT_GE(written(), 4u);
      EXPECT_EQ(fake_->events_alive.load(), 0);
    } else {
      EXPECT_FALSE(reason.empty());
    }
    gpu_.reset();
    if (stream != nullptr) calls = std::max(calls, fake_->calls.load());
  }
  EXPECT_GT(calls, 30u);
}

TEST_F(OpenClFailureTest, SaysThatThereIsNoDriverOrNoDevice) {
  std::string reason;
  fake_->platforms.store(0);
  EXPECT_EQ(open(&reason), nullptr);
  EXPECT_NE(reason.find("no driver"), std::string::npos) << reason;
  fake_->platforms.store(1);
  fake_->devices.store(0);
  EXPECT_EQ(open(&reason), nullptr);
  EXPECT_NE(reason.find("no device"), std::string::npos) << reason;
}

TEST_F(OpenClFailureTest, RefusesADeviceWithoutMarkers) {
  fake_->version.store("OpenCL 1.1 fake");
  const auto timer = open();
  std::string error;
  EXPECT_EQ(timer->open_stream(make_queue(), &error), nullptr);
  EXPECT_NE(error.find("OpenCL 1.2"), std::string::npos) << error;
}

TEST_F(OpenClFailureTest, TakesAQueueOnASubdeviceAsOneOfItsDevice) {
  const auto timer = open();
  std::string error;
  const auto stream = timer->open_stream(fake_->make_queue_on_subdevice(opencl::kQueueProfiling), &error);
  ASSERT_NE(stream, nullptr) << error;
  EXPECT_EQ(stream->device, 0u);
}

TEST_F(OpenClFailureTest, CountsFailedCommandsAndGivesTheDeviceUpInTheEnd) {
  use(open());
  Producer producer(*segment_, *gpu_);
  Stream& on = stream(make_queue());
  fake_->marker_status.store(-5);
  uint64_t launched = 0;
  for (int i = 0; i < 30; ++i) {
    launched += launch(producer, on) ? 1 : 0;
    EXPECT_TRUE(gpu_->settle(kPatienceMillis));
  }
  EXPECT_EQ(launched, 16u);
  EXPECT_EQ(resolver_lost(Loss::kGpuDevice), launched);
  EXPECT_EQ(producer.lost(Loss::kGpuDevice), 30 - launched);
  ASSERT_NE(gpu_->failure(), nullptr);
  EXPECT_NE(std::string(gpu_->failure()).find("-5"), std::string::npos) << gpu_->failure();
}

TEST_F(OpenClFailureTest, LosesSlicesWhoseStampsAreMissing) {
  use(open());
  Producer producer(*segment_, *gpu_);
  Stream& on = stream(make_queue());
  fake_->no_stamps.store(true);
  EXPECT_TRUE(launch(producer, on));
  EXPECT_TRUE(gpu_->settle(kPatienceMillis));
  EXPECT_EQ(resolver_lost(Loss::kGpuDevice), 1u);
  fake_->no_stamps.store(false);
  EXPECT_TRUE(launch(producer, on));
  EXPECT_TRUE(gpu_->settle(kPatienceMillis));
  EXPECT_EQ(written(), 1u);
}

TEST_F(OpenClFailureTest, FlushesAQueueThatIsNeglectedForASecondAndNoSooner) {
  const auto timer = open();
  std::string error;
  const auto on = timer->open_stream(make_queue(), &error);
  fake_->collect.store(true);
  InFlight slice;
  slice.stream = on.get();
  ASSERT_EQ(timer->begin(slice), Loss::kCount);
  ASSERT_EQ(timer->end(slice), Loss::kCount);
  const uint64_t ended = slice.times.end_after;
  timer->tend(ended + 900'000'000);
  EXPECT_EQ(timer->poll(slice), Poll::kPending);
  EXPECT_EQ(fake_->flushes.load(), 0u);
  timer->tend(ended + 1'000'000'000);
  EXPECT_EQ(timer->poll(slice), Poll::kPending);
  EXPECT_EQ(fake_->flushes.load(), 1u);
  EXPECT_EQ(timer->poll(slice), Poll::kDone);
  timer->release(slice);
}

TEST_F(OpenClFailureTest, BoundContainsTheTruthWhateverTheDeviceClock) {
  for (const int64_t offset : {int64_t{0}, int64_t{-1'000'000'000}, int64_t{1'700'000'000'000'000'000}}) {
    for (const int64_t tick : {1, 80, 1000, 20'000}) {
      fake_->clock_offset_ns.store(offset);
      fake_->clock_tick_ns.store(tick);
      const auto timer = open();
      std::string error;
      const auto on = timer->open_stream(make_queue(), &error);
      for (int i = 0; i < 50; ++i) {
        InFlight slice;
        slice.stream = on.get();
        ASSERT_EQ(timer->begin(slice), Loss::kCount);
        ASSERT_EQ(timer->end(slice), Loss::kCount);
        StreamInterval interval;
        ASSERT_EQ(timer->read(slice, monotonic_ns(), &interval), Read::kPlaced);
        timer->release(slice);
        // The fake completes a marker inside the call that enqueues it.
        EXPECT_GE(interval.start_ns + interval.bound_ns, slice.times.begin_before);
        EXPECT_LE(interval.start_ns, slice.times.begin_after + interval.bound_ns);
        EXPECT_GE(interval.end_ns + interval.bound_ns, slice.times.end_before);
        EXPECT_LE(interval.end_ns, slice.times.end_after + interval.bound_ns);
        EXPECT_FALSE(interval.clamped);
      }
    }
  }
}

}  // namespace
}  // namespace gpuspan
