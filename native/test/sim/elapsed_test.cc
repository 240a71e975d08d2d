// SPDX-License-Identifier: Apache-2.0
//
// What events answer: queries and elapsed times, as cuda.h documents them.
#include <cmath>

#include "sim_fixture.h"

namespace gpuspan::sim {
namespace {

class Elapsed : public SimTest {
 protected:
  // Milliseconds between two marks with a kernel of `ns` between them.
  float of_kernel(int64_t ns) {
    const Stream stream = new_stream();
    const Event start = record(stream);
    run(stream, ns);
    const Event end = record(stream);
    gpuspan_sim_advance_ns(ns);
    float milliseconds = -1;
    EXPECT_EQ(cuEventElapsedTime(&milliseconds, start, end), kSuccess);
    return milliseconds;
  }
};

TEST_F(Elapsed, IsTheNearestFloatOfTheMilliseconds) {
  EXPECT_EQ(of_kernel(1'000'000), 1.0F);
  EXPECT_EQ(of_kernel(1'234'567), 1.234567F);
  // Above 2^14 ms floats are 2^-10 ms apart: 977 ns. This one lies between two and is off by more than 400 ns.
  const int64_t ns = 20'000'000'450;
  const double told = double{of_kernel(ns)} * 1e6;
  EXPECT_EQ(static_cast<float>(told / 1e6), 20'000.00045F);
  EXPECT_GT(std::abs(told - static_cast<double>(ns)), 400);
  EXPECT_LE(std::abs(told - static_cast<double>(ns)), 489);
}

TEST_F(Elapsed, CountsWholeTicks) {
  for (const int64_t tick : {32, 64, 500, 1024}) {
    config.clock[0].tick_ns = tick;
    config.clock[0].offset_ns = 77;
    start();
    const double ns = double{of_kernel(10'007)} * 1e6;
    EXPECT_NEAR(ns / static_cast<double>(tick), std::round(ns / static_cast<double>(tick)), 1e-3) << tick;
    EXPECT_NEAR(ns, 10'007, static_cast<double>(tick)) << tick;
  }
}

TEST_F(Elapsed, IsNegativeBackwards) {
  const Stream stream = new_stream();
  const Event first = record(stream);
  run(stream, 2'000'000);
  const Event second = record(stream);
  gpuspan_sim_advance_ns(2'000'000);
  float milliseconds = 0;
  EXPECT_EQ(cuEventElapsedTime_v2(&milliseconds, second, first), kSuccess);
  EXPECT_EQ(milliseconds, -2.0F);
}

TEST_F(Elapsed, FollowsTheDeviceClocksRate) {
  config.clock[0].drift_ppb = -24'000;
  start();
  EXPECT_NEAR(of_kernel(1'000'000'000), 999.976, 0.0001);
}

TEST_F(Elapsed, ANeverRecordedEventIsCompleteButHasNoTime) {
  const Event never = new_event();
  const Event recorded = record(new_stream());
  EXPECT_EQ(cuEventQuery(never), kSuccess);
  EXPECT_EQ(cuEventSynchronize(never), kSuccess);
  float milliseconds = 0;
  EXPECT_EQ(cuEventElapsedTime(&milliseconds, never, recorded), kInvalidHandle);
  EXPECT_EQ(cuEventElapsedTime(&milliseconds, recorded, never), kInvalidHandle);
}

TEST_F(Elapsed, AnIncompleteEventIsNotReady) {
  const Stream stream = new_stream();
  const Event start = record(stream);
  run(stream, 1'000'000);
  const Event end = record(stream);
  float milliseconds = 0;
  EXPECT_EQ(cuEventQuery(start), kSuccess);
  EXPECT_EQ(cuEventQuery(end), kNotReady);
  EXPECT_EQ(cuEventElapsedTime(&milliseconds, start, end), kNotReady);
  EXPECT_EQ(cuEventSynchronize(end), kSuccess);
  EXPECT_EQ(cuEventQuery(end), kSuccess);
  EXPECT_EQ(violations().synchronise_calls, 1U);
}

TEST_F(Elapsed, AnEventWithoutTimingHasNone) {
  const Stream stream = new_stream();
  const Event untimed = new_event(kEventDisableTiming);
  EXPECT_EQ(cuEventRecord(untimed, stream), kSuccess);
  const Event timed = record(stream);
  float milliseconds = 0;
  EXPECT_EQ(cuEventElapsedTime(&milliseconds, untimed, timed), kInvalidHandle);
  Event event = nullptr;
  EXPECT_EQ(cuEventCreate(&event, kEventInterprocess), kInvalidValue);
}

TEST_F(Elapsed, RecordingAgainReplacesTheTime) {
  const Stream stream = new_stream();
  const Event start = record(stream);
  const Event again = record(stream);
  gpuspan_sim_advance_ns(5'000'000);
  EXPECT_EQ(cuEventRecord(again, stream), kSuccess);
  float milliseconds = 0;
  EXPECT_EQ(cuEventElapsedTime(&milliseconds, start, again), kSuccess);
  EXPECT_EQ(milliseconds, 5.0F);
}

TEST_F(Elapsed, NeedsOneContextAndACurrentOne) {
  config.devices = 2;
  start();
  const Event here = record(new_stream());
  Context other = nullptr;
  ASSERT_EQ(cuDevicePrimaryCtxRetain(&other, 1), kSuccess);
  ASSERT_EQ(cuCtxPushCurrent_v2(other), kSuccess);
  const Event there = record(new_stream());
  float milliseconds = 0;
  EXPECT_EQ(cuEventElapsedTime(&milliseconds, here, there), kInvalidHandle);
  ASSERT_EQ(cuCtxPopCurrent_v2(&other), kSuccess);
  ASSERT_EQ(cuCtxSetCurrent(nullptr), kSuccess);
  EXPECT_EQ(cuEventElapsedTime(&milliseconds, here, here), kInvalidContext);
}

}  // namespace
}  // namespace gpuspan::sim
