// SPDX-License-Identifier: Apache-2.0
//
// The order of streams, and the launch queue that is full.
#include "sim_fixture.h"

namespace gpuspan::sim {
namespace {

class Streams : public SimTest {};

TEST_F(Streams, WorkOfAStreamRunsInOrder) {
  const Stream stream = new_stream();
  const int64_t start = gpuspan_sim_now_ns();
  run(stream, 1000);
  run(stream, 500);
  EXPECT_EQ(reached(record(stream)), start + 1500);
}

TEST_F(Streams, OtherStreamsRunAtTheSameTime) {
  const Stream busy = new_stream(kStreamDefault);
  const int64_t start = gpuspan_sim_now_ns();
  run(busy, 1000);
  EXPECT_EQ(reached(record(new_stream(kStreamDefault))), start);
}

TEST_F(Streams, TheLegacyStreamWaitsForBlockingStreamsAndTheyForIt) {
  const Stream blocking = new_stream(kStreamDefault);
  const int64_t start = gpuspan_sim_now_ns();
  run(blocking, 1000);
  EXPECT_EQ(reached(record(nullptr)), start + 1000);
  run(kLegacy, 500);
  EXPECT_EQ(reached(record(blocking)), start + 1500);
  EXPECT_EQ(reached(record(kPerThread)), start + 1500);
}

TEST_F(Streams, ANonBlockingStreamIgnoresTheLegacyStream) {
  const Stream free = new_stream(kStreamNonBlocking);
  const int64_t start = gpuspan_sim_now_ns();
  run(kLegacy, 1000);
  EXPECT_EQ(reached(record(free)), start);
  run(free, 5000);
  EXPECT_EQ(reached(record(kLegacy)), start + 1000);
}

TEST_F(Streams, HandleZeroMeansWhatTheEntryPointSays) {
  const int64_t start = gpuspan_sim_now_ns();
  const Stream blocking = new_stream(kStreamDefault);
  run(blocking, 1000);
  const Event on_legacy = record(nullptr);
  const Event on_own = new_event();
  ASSERT_EQ(cuEventRecord_ptsz(on_own, nullptr), kSuccess);
  EXPECT_EQ(reached(on_legacy), start + 1000);
  EXPECT_NE(truth(on_legacy).stream_id, truth(on_own).stream_id);
  unsigned long long id = 0;
  ASSERT_EQ(cuStreamGetId(kPerThread, &id), kSuccess);
  EXPECT_EQ(truth(on_own).stream_id, id);
}

TEST_F(Streams, EachThreadHasItsOwnDefaultStream) {
  unsigned long long here = 0;
  unsigned long long there = 0;
  ASSERT_EQ(cuStreamGetId(kPerThread, &here), kSuccess);
  in_other_thread([&] {
    EXPECT_EQ(cuStreamGetId(kPerThread, &there), kInvalidContext);  // nothing is current yet
    EXPECT_EQ(cuCtxSetCurrent(context), kSuccess);
    EXPECT_EQ(cuStreamGetId(kPerThread, &there), kSuccess);
  });
  EXPECT_NE(here, there);
}

TEST_F(Streams, WaitingForAnEventOrdersStreams) {
  const Stream first = new_stream();
  const Stream second = new_stream();
  const int64_t start = gpuspan_sim_now_ns();
  run(first, 1000);
  const Event done = record(first);
  ASSERT_EQ(cuStreamWaitEvent(second, done, 0), kSuccess);
  run(first, 1000);  // later work of the first is not waited for
  EXPECT_EQ(reached(record(second)), start + 1000);
  EXPECT_EQ(cuStreamWaitEvent(second, new_event(), 0), kSuccess);  // never recorded: nothing to wait for
}

TEST_F(Streams, AQueryIsNotReadyUntilTheWorkIsVisible) {
  config.complete.base_ns = 300;
  start();
  const Stream stream = new_stream();
  EXPECT_EQ(cuStreamQuery(stream), kSuccess);
  run(stream, 1000);
  gpuspan_sim_advance_ns(1100);
  EXPECT_EQ(cuStreamQuery(stream), kNotReady);
  gpuspan_sim_advance_ns(200);
  EXPECT_EQ(cuStreamQuery(stream), kSuccess);
  EXPECT_EQ(cuStreamQuery(kLegacy), kSuccess);
}

TEST_F(Streams, SynchronisingTheLegacyStreamWaitsForBlockingStreams) {
  const int64_t start = gpuspan_sim_now_ns();
  run(new_stream(kStreamNonBlocking), 9000);
  run(new_stream(kStreamDefault), 1000);
  ASSERT_EQ(cuStreamSynchronize(kLegacy), kSuccess);
  EXPECT_EQ(gpuspan_sim_now_ns(), start + 1000);
  ASSERT_EQ(cuCtxSynchronize(), kSuccess);
  EXPECT_EQ(gpuspan_sim_now_ns(), start + 9000);
}

TEST_F(Streams, TheQueueHoldsItsDepthAndThenBlocks) {
  const Stream stream = new_stream();
  const Function function = kernel();
  const int64_t start = gpuspan_sim_now_ns();
  const auto launch_one = [&] {
    gpuspan_sim_next_kernel_ns(1000);
    ASSERT_EQ(cuLaunchKernel(function, 1, 1, 1, 1, 1, 1, 0, stream, nullptr, nullptr), kSuccess);
  };
  for (int i = 0; i < 1024; ++i) launch_one();
  EXPECT_EQ(gpuspan_sim_now_ns(), start);
  EXPECT_EQ(violations().queue_blocked, 0U);
  launch_one();
  EXPECT_EQ(gpuspan_sim_now_ns(), start + 1000);  // until the first is done
  ASSERT_EQ(cuEventRecord(new_event(), stream), kSuccess);
  EXPECT_EQ(gpuspan_sim_now_ns(), start + 2000);  // a record blocks as well
  EXPECT_EQ(violations().queue_blocked, 2U);
}

TEST_F(Streams, SubmitLatencyShowsOnAnIdleStreamOnly) {
  config.submit.base_ns = 700;
  start();
  const Stream stream = new_stream();
  const int64_t start = gpuspan_sim_now_ns();
  EXPECT_EQ(reached(record(stream)), start + 700);
  run(stream, 10'000);
  EXPECT_EQ(reached(record(stream)), start + 10'700);
}

TEST_F(Streams, ATimeSliceGapDelaysTheCommand) {
  config.slice_probability = 1;
  config.slice_gap_ns = 2'000'000;
  start();
  const int64_t start = gpuspan_sim_now_ns();
  const int64_t delay = reached(record(new_stream())) - start;
  EXPECT_GE(delay, 2'000'000);
  EXPECT_LE(delay, 2'200'000);
}

TEST_F(Streams, ACopyTakesTimeAndMovesBytes) {
  config.copy_bytes_per_us = 1000;
  start();
  DevicePointer memory = 0;
  ASSERT_EQ(cuMemAlloc_v2(&memory, 4000), kSuccess);
  const int64_t start = gpuspan_sim_now_ns();
  const char sent[] = "bytes";
  char received[sizeof sent] = {};
  ASSERT_EQ(cuMemcpyHtoD_v2(memory, sent, sizeof sent), kSuccess);
  ASSERT_EQ(cuMemcpyDtoH_v2(received, memory, sizeof received), kSuccess);
  EXPECT_STREQ(received, sent);
  EXPECT_EQ(gpuspan_sim_now_ns(), start + 12);
  EXPECT_EQ(cuMemcpyHtoD_v2(memory + 3999, sent, sizeof sent), kInvalidValue);
  EXPECT_EQ(cuMemFree_v2(memory), kSuccess);
  EXPECT_EQ(cuMemFree_v2(memory), kInvalidValue);
}

TEST_F(Streams, HostMemoryIsFreedOnceAndCountsUntilThen) {
  start();
  const auto live = [] {
    gpuspan_sim_objects objects;
    gpuspan_sim_live_objects(&objects);
    return objects.allocations;
  };
  void* memory = nullptr;
  ASSERT_EQ(cuMemHostAlloc(&memory, 64, 0), kSuccess);
  EXPECT_EQ(live(), 1);
  EXPECT_EQ(cuMemFreeHost(memory), kSuccess);
  EXPECT_EQ(live(), 0);
  EXPECT_EQ(cuMemFreeHost(memory), kInvalidValue);
  EXPECT_EQ(cuMemHostAlloc(&memory, 0, 0), kInvalidValue);
}

TEST_F(Streams, AKernelRunsItsRegisteredFunction) {
  gpuspan_sim_register_kernel("kernel", [](void** parameters, const unsigned grid[3], const unsigned block[3]) {
    *static_cast<unsigned*>(parameters[0]) = grid[0] * block[0];
  });
  unsigned threads = 0;
  void* parameters[] = {&threads};
  ASSERT_EQ(cuLaunchKernel(kernel(), 3, 1, 1, 32, 1, 1, 0, new_stream(), parameters, nullptr), kSuccess);
  EXPECT_EQ(threads, 96U);
}

TEST_F(Streams, AModuleThatIsTextHasOnlyTheNamesInIt) {
  Module module = nullptr;
  Function function = nullptr;
  ASSERT_EQ(cuModuleLoadData(&module, "// .visible .entry spin"), kSuccess);
  EXPECT_EQ(cuModuleGetFunction(&function, module, "spin"), kSuccess);
  EXPECT_EQ(cuModuleGetFunction(&function, module, "walk"), kNotFound);
}

}  // namespace
}  // namespace gpuspan::sim
