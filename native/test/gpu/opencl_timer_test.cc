// SPDX-License-Identifier: Apache-2.0
//
// The OpenCL device timer on a real driver (PoCL in CI): times within what the host knows, and every handle that is
// not a usable queue refused in words.
#include <sys/mman.h>

#include <algorithm>
#include <thread>

#include "native/core/clock.h"
#include "opencl_fixture.h"

namespace gpuspan {
namespace {

class OpenClTimerTest : public OpenClTest {
 protected:
  std::unique_ptr<Stream> open(const void* handle) {
    std::string error;
    auto stream = timer_->open_stream(number(handle), &error);
    EXPECT_NE(stream, nullptr) << error;
    return stream;
  }

  std::string refusal(uint64_t handle) {
    std::string error;
    EXPECT_EQ(timer_->open_stream(handle, &error), nullptr);
    return error;
  }

  StreamInterval resolve(InFlight& slice) {
    while (timer_->poll(slice) == Poll::kPending) std::this_thread::yield();
    StreamInterval interval;
    EXPECT_EQ(timer_->read(slice, monotonic_ns(), &interval), Read::kPlaced);
    timer_->release(slice);
    return interval;
  }
};

// What the host knows of a slice: launched after `earliest`, over before `latest`.
void expect_within(const StreamInterval& interval, uint64_t earliest, uint64_t latest) {
  EXPECT_GE(interval.start_ns + interval.bound_ns, earliest);
  EXPECT_LE(interval.end_ns, latest + interval.bound_ns);
  EXPECT_GE(interval.end_ns, interval.start_ns);
  EXPECT_FALSE(interval.clamped);
}

TEST_F(OpenClTimerTest, PlacesASliceBetweenItsLaunchAndTheReturnOfFinish) {
  cl_command_queue queue = make_queue();
  const auto stream = open(queue);
  for (int i = 0; i < 20; ++i) {
    InFlight slice;
    slice.stream = stream.get();
    const uint64_t earliest = monotonic_ns();
    ASSERT_EQ(timer_->begin(slice), Loss::kCount);
    enqueue_work(queue, 500'000);
    ASSERT_EQ(timer_->end(slice), Loss::kCount);
    clFinish(queue);
    const uint64_t latest = monotonic_ns();
    const StreamInterval interval = resolve(slice);
    expect_within(interval, earliest, latest);
    EXPECT_LE(interval.end_ns - interval.start_ns, latest - earliest + 2 * interval.bound_ns);
  }
}

TEST_F(OpenClTimerTest, ContainsTheKernelsOwnTimesUpToTheBound) {
  cl_command_queue queue = make_queue();
  const auto stream = open(queue);
  InFlight slice;
  slice.stream = stream.get();
  ASSERT_EQ(timer_->begin(slice), Loss::kCount);
  cl_event kernel;
  const size_t items = kItems;
  const cl_int rounds = 3'000'000;
  clSetKernelArg(kernel_, 0, sizeof buffer_, &buffer_);
  clSetKernelArg(kernel_, 1, sizeof rounds, &rounds);
  ASSERT_EQ(clEnqueueNDRangeKernel(queue, kernel_, 1, nullptr, &items, nullptr, 0, nullptr, &kernel), CL_SUCCESS);
  ASSERT_EQ(timer_->end(slice), Loss::kCount);
  clFinish(queue);
  cl_ulong start = 0, end = 0;
  clGetEventProfilingInfo(kernel, CL_PROFILING_COMMAND_START, sizeof start, &start, nullptr);
  clGetEventProfilingInfo(kernel, CL_PROFILING_COMMAND_END, sizeof end, &end, nullptr);
  clReleaseEvent(kernel);
  const StreamInterval interval = resolve(slice);
  EXPECT_GE(interval.end_ns - interval.start_ns + 2 * interval.bound_ns, end - start);
}

TEST_F(OpenClTimerTest, PlacesAThousandSlicesLaunchedWithoutWaiting) {
  cl_command_queue queue = make_queue();
  const auto stream = open(queue);
  std::vector<InFlight> slices(1000);
  const uint64_t earliest = monotonic_ns();
  for (InFlight& slice : slices) {
    slice.stream = stream.get();
    ASSERT_EQ(timer_->begin(slice), Loss::kCount);
    enqueue_work(queue, 100);
    ASSERT_EQ(timer_->end(slice), Loss::kCount);
  }
  clFinish(queue);
  const uint64_t latest = monotonic_ns();
  std::vector<uint64_t> bounds;
  uint64_t before = 0;
  for (InFlight& slice : slices) {
    const StreamInterval interval = resolve(slice);
    expect_within(interval, earliest, latest);
    EXPECT_GE(interval.end_ns + interval.bound_ns, before);  // one stream: in order
    before = interval.end_ns - std::min(interval.end_ns, interval.bound_ns);
    bounds.push_back(interval.bound_ns);
  }
  std::sort(bounds.begin(), bounds.end());
  RecordProperty("bound_p50_ns", std::to_string(bounds[bounds.size() / 2]));
  RecordProperty("bound_max_ns", std::to_string(bounds.back()));
  std::printf("bounds of 1,000 slices: p50 %llu ns, max %llu ns\n",
              static_cast<unsigned long long>(bounds[bounds.size() / 2]),
              static_cast<unsigned long long>(bounds.back()));
}

TEST_F(OpenClTimerTest, TimesTwoQueuesSideBySide) {
  cl_command_queue first = make_queue(), second = make_queue();
  const auto first_stream = open(first), second_stream = open(second);
  InFlight on_first, on_second;
  on_first.stream = first_stream.get();
  on_second.stream = second_stream.get();
  const uint64_t earliest = monotonic_ns();
  ASSERT_EQ(timer_->begin(on_first), Loss::kCount);
  ASSERT_EQ(timer_->begin(on_second), Loss::kCount);
  enqueue_work(first, 400'000);
  enqueue_work(second, 400'000);
  ASSERT_EQ(timer_->end(on_second), Loss::kCount);
  ASSERT_EQ(timer_->end(on_first), Loss::kCount);
  clFinish(first);
  clFinish(second);
  const uint64_t latest = monotonic_ns();
  expect_within(resolve(on_first), earliest, latest);
  expect_within(resolve(on_second), earliest, latest);
}

TEST_F(OpenClTimerTest, CompletesASliceThatNobodyFlushes) {
  cl_command_queue queue = make_queue();
  const auto stream = open(queue);
  InFlight slice;
  slice.stream = stream.get();
  ASSERT_EQ(timer_->begin(slice), Loss::kCount);
  ASSERT_EQ(timer_->end(slice), Loss::kCount);
  const uint64_t patience = monotonic_ns() + 10'000'000'000;
  while (timer_->poll(slice) == Poll::kPending && monotonic_ns() < patience) timer_->tend(monotonic_ns());
  EXPECT_EQ(timer_->poll(slice), Poll::kDone);
  timer_->release(slice);
}

TEST_F(OpenClTimerTest, KeepsAQueueThatTheApplicationReleased) {
  cl_int status;
  cl_command_queue queue = clCreateCommandQueue(context_, device_, CL_QUEUE_PROFILING_ENABLE, &status);
  const auto stream = open(queue);
  clReleaseCommandQueue(queue);
  InFlight slice;
  slice.stream = stream.get();
  ASSERT_EQ(timer_->begin(slice), Loss::kCount);
  ASSERT_EQ(timer_->end(slice), Loss::kCount);
  resolve(slice);
}

TEST_F(OpenClTimerTest, ReleasesASliceThatIsStillPending) {
  cl_command_queue queue = make_queue();
  const auto stream = open(queue);
  InFlight slice;
  slice.stream = stream.get();
  enqueue_work(queue, 3'000'000);
  ASSERT_EQ(timer_->begin(slice), Loss::kCount);
  timer_->release(slice);  // begun, never ended
  clFinish(queue);
  EXPECT_EQ(slice.events.begin, 0u);
}

TEST_F(OpenClTimerTest, RefusesAQueueWithoutProfilingAndSaysHowToMakeOne) {
  const uint64_t handle = number(make_queue(0));
  const std::string error = refusal(handle);
  char hex[24];
  std::snprintf(hex, sizeof hex, "0x%llx", static_cast<unsigned long long>(handle));
  EXPECT_NE(error.find(hex), std::string::npos) << error;
  EXPECT_NE(error.find("create the queue with CL_QUEUE_PROFILING_ENABLE"), std::string::npos) << error;
}

TEST_F(OpenClTimerTest, RefusesAnOutOfOrderQueue) {
  cl_int status;
  cl_command_queue queue = clCreateCommandQueue(
      context_, device_, CL_QUEUE_PROFILING_ENABLE | CL_QUEUE_OUT_OF_ORDER_EXEC_MODE_ENABLE, &status);
  if (status != CL_SUCCESS) GTEST_SKIP() << "this driver has no out-of-order queues";
  queues_.push_back(queue);
  EXPECT_NE(refusal(number(queue)).find("out-of-order"), std::string::npos);
}

TEST_F(OpenClTimerTest, RefusesOtherObjectsOfTheSameDriver) {
  cl_platform_id platform;
  clGetPlatformIDs(1, &platform, nullptr);
  for (const void* object :
       {static_cast<const void*>(context_), static_cast<const void*>(buffer_), static_cast<const void*>(kernel_),
        static_cast<const void*>(program_), static_cast<const void*>(device_), static_cast<const void*>(platform)}) {
    EXPECT_NE(refusal(number(object)).find("is not a command queue"), std::string::npos);
  }
}

TEST_F(OpenClTimerTest, RefusesNumbersThatAreNoAddress) {
  EXPECT_NE(refusal(0).find("null"), std::string::npos);
  for (const uint64_t handle : {uint64_t{8}, uint64_t{0xdeadbee0}, uint64_t{0x7fffffffffffffff}, ~uint64_t{0},
                                ~uint64_t{7}, number(context_) + 1, uint64_t{0xffff800000000000}}) {
    EXPECT_NE(refusal(handle).find("is not an address"), std::string::npos) << handle;
  }
}

TEST_F(OpenClTimerTest, RefusesMemoryThatIsNoOpenClObject) {
  alignas(64) char stack[256] = "not a queue";
  const std::vector<uint64_t> zeros(64, 0), ones(64, ~uint64_t{0});
  for (const void* memory : {static_cast<const void*>(stack), static_cast<const void*>(zeros.data()),
                             static_cast<const void*>(ones.data()), reinterpret_cast<const void*>(&std::getenv)}) {
    EXPECT_FALSE(refusal(number(memory) & ~uint64_t{7}).empty());
  }
}

TEST_F(OpenClTimerTest, RefusesMemoryThatCannotBeRead) {
  char* const pages =
      static_cast<char*>(mmap(nullptr, 8192, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
  ASSERT_NE(pages, MAP_FAILED);
  mprotect(pages + 4096, 4096, PROT_NONE);
  EXPECT_NE(refusal(number(pages + 4096)).find("is not an address"), std::string::npos);
  EXPECT_NE(refusal(number(pages + 4096 - 8)).find("is not an address"), std::string::npos);  // ends too early
  munmap(pages, 8192);
}

TEST(OpenClLibrary, IsNamedWhenItIsMissing) {
  std::string reason;
  EXPECT_EQ(make_opencl_timer(&reason, "libNoSuchOpenCL.so.1"), nullptr);
  EXPECT_NE(reason.find("libNoSuchOpenCL.so.1"), std::string::npos) << reason;
}

TEST(OpenClLibrary, IsRefusedWhenItLacksAFunction) {
  std::string reason;
  EXPECT_EQ(make_opencl_timer(&reason, "libm.so.6"), nullptr);
  EXPECT_NE(reason.find("clGetPlatformIDs"), std::string::npos) << reason;
}

}  // namespace
}  // namespace gpuspan
