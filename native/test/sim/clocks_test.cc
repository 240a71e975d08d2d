// SPDX-License-Identifier: Apache-2.0
//
// Host and device clocks, the truth and its log, determinism, a virtual day, and real time.
#include <algorithm>
#include <cmath>
#include <vector>

#include "native/sim/model/device_clock.h"
#include "native/sim/model/latency.h"
#include "sim_fixture.h"

namespace gpuspan::sim {
namespace {

constexpr int64_t kSecond = 1'000'000'000;

class Clocks : public SimTest {};

TEST_F(Clocks, OnlyAdvancingAndCallsMoveVirtualTime) {
  config.call_ns = 100;
  config.record_ns = 600;
  start();
  const Event event = new_event();
  const Stream stream = new_stream();
  const int64_t start = gpuspan_sim_now_ns();
  EXPECT_EQ(gpuspan_sim_now_ns(), start);
  ASSERT_EQ(cuEventRecord(event, stream), kSuccess);
  EXPECT_EQ(gpuspan_sim_now_ns(), start + 600);
  EXPECT_EQ(truth(event).submitted_ns, start + 300);  // half way through the call
  EXPECT_EQ(gpuspan_sim_advance_ns(50), 0);
  EXPECT_EQ(gpuspan_sim_now_ns(), start + 650);
  EXPECT_EQ(gpuspan_sim_advance_ns(-1), -1);
}

TEST_F(Clocks, APollLoopEndsEvenIfCallsCostNothing) {
  const Stream stream = new_stream();
  run(stream, 1000);
  const Event event = record(stream);
  int polls = 0;
  while (cuEventQuery(event) == kNotReady) ++polls;
  EXPECT_EQ(polls, 20);
}

TEST_F(Clocks, AStepMovesRealtimeOnly) {
  const int64_t monotonic = gpuspan_sim_now_ns();
  const int64_t boottime = gpuspan_sim_boottime_ns();
  const int64_t realtime = gpuspan_sim_realtime_ns();
  const Event before = record(new_stream());
  gpuspan_sim_advance_ns(10);
  ASSERT_EQ(gpuspan_sim_step_realtime(-5 * kSecond), 0);
  EXPECT_EQ(gpuspan_sim_realtime_ns(), realtime - 5 * kSecond + 10);
  EXPECT_EQ(gpuspan_sim_now_ns(), monotonic + 10);
  EXPECT_EQ(gpuspan_sim_boottime_ns(), boottime + 10);
  EXPECT_EQ(truth(before).realtime_ns, realtime);  // what the clock then showed
}

TEST_F(Clocks, ASlewChangesMonotonicsRateFromNowOn) {
  const int64_t start = gpuspan_sim_now_ns();
  const Event before = record(new_stream());
  ASSERT_EQ(gpuspan_sim_slew(500'000), 0);
  gpuspan_sim_advance_ns(kSecond);
  EXPECT_EQ(gpuspan_sim_now_ns(), start + kSecond + 500'000);
  ASSERT_EQ(gpuspan_sim_slew(0), 0);
  gpuspan_sim_advance_ns(kSecond);
  EXPECT_EQ(gpuspan_sim_now_ns(), start + 2 * kSecond + 500'000);
  EXPECT_EQ(reached(before), start);
}

TEST_F(Clocks, ASuspendStopsMonotonicAndTheWorkAndUnsettlesTheDevice) {
  const Stream stream = new_stream();
  const Event before = record(stream);
  run(stream, kSecond);
  const Event after = record(stream);
  const int64_t monotonic = gpuspan_sim_now_ns();
  const int64_t boottime = gpuspan_sim_boottime_ns();
  const int64_t realtime = gpuspan_sim_realtime_ns();
  gpuspan_sim_advance_ns(kSecond / 2);
  ASSERT_EQ(gpuspan_sim_suspend(100 * kSecond), 0);
  EXPECT_EQ(gpuspan_sim_now_ns(), monotonic + kSecond / 2);
  EXPECT_EQ(gpuspan_sim_boottime_ns(), boottime + 100 * kSecond + kSecond / 2);
  EXPECT_EQ(gpuspan_sim_realtime_ns(), realtime + 100 * kSecond + kSecond / 2);
  EXPECT_EQ(cuEventQuery(after), kNotReady);  // half of the kernel is still to do
  gpuspan_sim_advance_ns(kSecond / 2);
  EXPECT_EQ(cuEventQuery(after), kSuccess);
  EXPECT_EQ(reached(after) - reached(before), kSecond);
  const int64_t device = truth(after).device_ns - truth(before).device_ns;
  EXPECT_GT(device, kSecond);
  EXPECT_LT(device, 101 * kSecond);
}

TEST_F(Clocks, RealTimeIsNotToBeMoved) {
  gpuspan_sim_defaults(&config);
  start();
  EXPECT_EQ(gpuspan_sim_advance_ns(1), -1);
  EXPECT_EQ(gpuspan_sim_step_realtime(1), -1);
  EXPECT_EQ(gpuspan_sim_slew(1), -1);
  EXPECT_EQ(gpuspan_sim_suspend(1), -1);
}

TEST_F(Clocks, InRealTimeAnEventIsCompleteWhenMonotonicSaysSo) {
  gpuspan_sim_defaults(&config);
  start();
  const Stream stream = new_stream();
  const int64_t before = gpuspan_sim_now_ns();
  run(stream, 300'000);
  const Event event = record(stream);
  while (cuEventQuery(event) == kNotReady) {
  }
  const int64_t seen = gpuspan_sim_now_ns();
  EXPECT_GE(reached(event), before + 300'000);
  EXPECT_GE(seen, truth(event).visible_ns);
  run(stream, 300'000);
  const Event next = record(stream);
  ASSERT_EQ(cuEventSynchronize(next), kSuccess);
  EXPECT_GE(gpuspan_sim_now_ns(), truth(next).visible_ns);
}

TEST_F(Clocks, TheDevicesTickRoundsDown) {
  DeviceClock clock({.offset_ns = 0, .drift_ppb = 0, .wander_ppb = 0, .wander_period_ns = 0, .tick_ns = 500}, 0);
  EXPECT_EQ(clock.to_tick(499), 0);
  EXPECT_EQ(clock.to_tick(500), 500);
  EXPECT_EQ(clock.to_tick(-1), -500);
}

TEST_F(Clocks, WanderSwingsTheRateByItsAmplitude) {
  const DeviceClock clock(
      {.offset_ns = 0, .drift_ppb = 0, .wander_ppb = 300, .wander_period_ns = 60 * kSecond, .tick_ns = 1}, 0);
  // A quarter into the period the rate is at its most; after a whole one the clock is right again.
  EXPECT_NEAR(double(clock.at(15 * kSecond + kSecond / 2) - clock.at(15 * kSecond - kSecond / 2)), 1e9 + 300, 2);
  EXPECT_NEAR(double(clock.at(60 * kSecond)), 60e9, 2);
}

TEST_F(Clocks, LatenciesHaveTheirFamilysShape) {
  Random random(1);
  const auto draw = [&](const Latency& latency) {
    std::vector<int64_t> drawn(20'000);
    for (int64_t& value : drawn) value = latency.draw(random);
    std::sort(drawn.begin(), drawn.end());
    return drawn;
  };
  const auto exponential = draw({Latency::Family::kExponential, 2500, 1500, 0});
  EXPECT_GE(exponential.front(), 2500);
  EXPECT_NEAR(double(exponential[10'000]), 2500 + 1500 * std::log(2), 50);
  const auto lognormal = draw({Latency::Family::kLognormal, 0, 2000, 0.5});
  EXPECT_NEAR(double(lognormal[10'000]), 2000, 50);
  EXPECT_NEAR(double(lognormal[16'827]), 2000 * std::exp(0.5), 100);  // one deviation above
  const auto bimodal = draw({Latency::Family::kBimodal, 100, 2'000'000, 0.25});
  EXPECT_NEAR(double(std::count(bimodal.begin(), bimodal.end(), 100)), 15'000, 300);
  EXPECT_EQ(bimodal.back(), 2'000'100);
}

TEST_F(Clocks, TheLogHasEveryRecordAndKeepsTheNewest) {
  config.log_capacity = 3;
  start();
  const Stream stream = new_stream();
  std::vector<Event> events;
  for (int i = 0; i < 5; ++i) events.push_back(record(stream));
  gpuspan_sim_truth log[8];
  ASSERT_EQ(gpuspan_sim_log(0, log, 8), 3U);
  EXPECT_EQ(log[0].sequence, 3U);
  EXPECT_EQ(log[2].sequence, 5U);
  EXPECT_EQ(log[2].event, events[4]);
  EXPECT_EQ(log[2].stream, stream);
  ASSERT_EQ(gpuspan_sim_log(4, log, 8), 1U);
  EXPECT_EQ(log[0].sequence, 5U);
  EXPECT_EQ(gpuspan_sim_log(5, log, 8), 0U);
}

// Everything that can be seen of a run with random latencies, in one list.
std::vector<int64_t> trace(uint64_t seed) {
  gpuspan_sim_config config;
  gpuspan_sim_defaults(&config);
  config.virtual_time = 1;
  config.seed = seed;
  config.slice_probability = 0.1;
  EXPECT_EQ(gpuspan_sim_configure(&config), 0);
  Context context = nullptr;
  Stream stream = nullptr;
  EXPECT_EQ(cuInit(0) + cuDevicePrimaryCtxRetain(&context, 0) + cuCtxSetCurrent(context), kSuccess);
  EXPECT_EQ(cuStreamCreate(&stream, kStreamNonBlocking), kSuccess);
  std::vector<int64_t> seen;
  for (int i = 0; i < 100; ++i) {
    Event event = nullptr;
    EXPECT_EQ(cuEventCreate(&event, 0) + cuEventRecord(event, stream), kSuccess);
    while (cuEventQuery(event) == kNotReady) {
    }
    gpuspan_sim_truth truth;
    EXPECT_EQ(gpuspan_sim_event_truth(event, &truth), 0);
    seen.insert(seen.end(), {gpuspan_sim_now_ns(), truth.host_ns, truth.visible_ns, truth.device_tick_ns});
  }
  return seen;
}

TEST_F(Clocks, ASeedDeterminesTheRun) {
  const std::vector<int64_t> first = trace(7);
  EXPECT_EQ(trace(7), first);
  EXPECT_NE(trace(8), first);
}

TEST_F(Clocks, AVirtualDayStaysExact) {
  gpuspan_sim_defaults(&config);
  config.virtual_time = 1;
  config.log_capacity = 0;
  start();
  const Stream stream = new_stream();
  const Event first = record(stream);
  const gpuspan_sim_truth origin = truth(first);
  const Event event = new_event();
  for (int second = 0; second < 24 * 3600; ++second) {
    ASSERT_EQ(cuEventRecord(event, stream), kSuccess);
    gpuspan_sim_advance_ns(kSecond);
    ASSERT_EQ(cuEventQuery(event), kSuccess);
  }
  const gpuspan_sim_truth last = truth(event);
  const int64_t host = last.host_ns - origin.host_ns;
  EXPECT_GT(host, int64_t{24 * 3600 - 1} * kSecond);
  // -24 ppm of a day is 2.07 s; the wander adds 300 ppb * 60 s / pi at most.
  const double drift = double(last.device_ns - origin.device_ns - host);
  EXPECT_NEAR(drift, -24e-6 * double(host), 6'000);
}

}  // namespace
}  // namespace gpuspan::sim
