// SPDX-License-Identifier: Apache-2.0
//
// What a GPU slice on CUDA costs the resolver's thread beside the driver, over the simulated one without latencies: its
// processor time at 10,000 slices a second, less the driver's part, and once it is idle. Prints JSON; bench/cuda.mjs
// makes the rows. Argument: how many seconds.
#include <dirent.h>
#include <sys/types.h>
#include <time.h>
#include <unistd.h>

#include <cstdio>
#include <cstring>
#include <string>
#include <vector>

#include "../gpu/cuda/cuda_timer.h"
#include "../gpu/gpu.h"
#include "bench_producer.h"
#include "sim_cuda.h"

namespace {

using gpuspan::BenchProducer;
using gpuspan::SimCuda;

constexpr uint32_t kRingSlots = 65536;
constexpr uint64_t kSecondNs = 1'000'000'000;
constexpr uint64_t kPaceNs = 100'000;  // 10,000 slices a second

struct Bench {
  BenchProducer& producer;
  SimCuda& sim;
  gpuspan::Gpu& gpu;
  gpuspan::Launcher& launcher;
  gpuspan::Stream& stream;
  uint16_t stage;
};

void sleep_until(uint64_t ns) {
  const timespec until{static_cast<time_t>(ns / kSecondNs), static_cast<long>(ns % kSecondNs)};
  clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &until, nullptr);
}

void one_slice(Bench& bench) {
  bench.launcher.end(bench.launcher.begin(bench.producer.owner(), bench.stage, bench.stream));
}

void print(const char* id, const std::vector<double>& own, const std::vector<double>& other) {
  const auto list = [](const std::vector<double>& values) {
    for (size_t i = 0; i < values.size(); ++i) std::printf("%s%.3f", i == 0 ? "" : ",", values[i]);
  };
  std::printf("\"%s\":{\"own\":[", id);
  list(own);
  std::printf("],\"other\":[");
  list(other);
  std::printf("]},\n");
}

// The processor-time clock of this process's thread of that name; ends the program when there is none.
clockid_t thread_clock(const char* name) {
  DIR* const tasks = opendir("/proc/self/task");
  while (const dirent* task = tasks == nullptr ? nullptr : readdir(tasks)) {
    char text[32] = "";
    const std::string path = std::string("/proc/self/task/") + task->d_name + "/comm";
    if (FILE* const file = std::fopen(path.c_str(), "r")) {
      if (std::fgets(text, sizeof text, file) == nullptr) text[0] = 0;
      std::fclose(file);
    }
    if (std::strncmp(text, name, std::strlen(name)) != 0) continue;
    const int tid = std::atoi(task->d_name);
    closedir(tasks);
    return static_cast<clockid_t>((~static_cast<unsigned>(tid) << 3) | 6u);  // the kernel's CPUCLOCK_SCHED of a thread
  }
  std::fprintf(stderr, "bench: no thread is called %s\n", name);
  std::exit(1);
}

// Ns that a call takes by itself.
template <typename Call>
double cost_of(Call call) {
  constexpr int kCalls = 20'000;
  const uint64_t started = gpuspan::monotonic_ns();
  for (int i = 0; i < kCalls; ++i) call();
  return static_cast<double>(gpuspan::monotonic_ns() - started) / kCalls;
}

struct DriverCalls {
  const char* name;
  double cost_ns;
  uint64_t before;
};

std::vector<DriverCalls> driver_calls(const SimCuda& sim) {
  gpuspan::cuda::Event events[2];
  for (auto& event : events) {
    sim.take<gpuspan::cuda::EventCreateFunction>("cuEventCreate")(&event, gpuspan::cuda::kEventDefault);
    sim.take<gpuspan::cuda::EventRecordFunction>("cuEventRecord")(event, sim.stream());
  }
  const auto query = sim.take<gpuspan::cuda::EventQueryFunction>("cuEventQuery");
  const auto elapsed = sim.take<gpuspan::cuda::EventElapsedTimeFunction>("cuEventElapsedTime_v2");
  float milliseconds;
  std::vector<DriverCalls> calls{
      {"cuEventQuery", cost_of([&] { query(events[1]); }), 0},
      {"cuEventElapsedTime_v2", cost_of([&] { elapsed(&milliseconds, events[0], events[1]); }), 0}};
  for (DriverCalls& call : calls) call.before = sim.calls(call.name);
  return calls;
}

// Samples of a second each. Anchors' records are not subtracted: they are the timer's own doing.
void measure_resolver(Bench& bench, int seconds) {
  const clockid_t clock = thread_clock("gpuspan-gpu");
  std::vector<double> outside, total;
  for (int second = -1; second < seconds; ++second) {
    std::vector<DriverCalls> calls = driver_calls(bench.sim);
    const uint64_t cpu = gpuspan::read_clock_ns(clock);
    uint64_t next = gpuspan::monotonic_ns();
    int made = 0;
    // Ten slices each ms: a sleep of 0.1 ms would not be one.
    for (; made < 10'000; next += 10 * kPaceNs) {
      sleep_until(next);
      for (int i = 0; i < 10; ++i, ++made) one_slice(bench);
      if (made % 1'000 == 0) bench.producer.drain();
    }
    bench.gpu.settle(1000);
    const double used = static_cast<double>(gpuspan::read_clock_ns(clock) - cpu) / made;
    double driver = 0;
    for (const DriverCalls& call : calls) {
      driver += call.cost_ns * static_cast<double>(bench.sim.calls(call.name) - call.before) / made;
    }
    bench.producer.drain();
    if (second < 0) continue;
    outside.push_back(used - driver);
    total.push_back(used);
  }
  print("resolver", outside, total);
}

void measure_idle(Bench& bench) {
  const clockid_t clock = thread_clock("gpuspan-gpu");
  one_slice(bench);
  const uint64_t last = gpuspan::monotonic_ns();
  bench.gpu.settle(1000);
  sleep_until(last + 2 * kSecondNs);
  const uint64_t before = gpuspan::read_clock_ns(clock);
  sleep_until(last + 4 * kSecondNs);
  std::printf("\"idle\":%llu}\n", static_cast<unsigned long long>(gpuspan::read_clock_ns(clock) - before));
}

}  // namespace

int main(int argc, char** argv) {
  const int seconds = argc > 1 ? std::atoi(argv[1]) : 5;
  BenchProducer producer(kRingSlots);
  SimCuda sim;
  std::string error;
  auto gpu = gpuspan::Gpu::create(producer.segment(), gpuspan::make_cuda_timer(&error, GPUSPAN_SIM_LIBRARY), error);
  auto launcher = gpu->make_launcher(producer.recorder());
  gpuspan::Stream* const stream = gpu->stream(sim.handle(), &error);
  if (stream == nullptr) {
    std::fprintf(stderr, "bench: %s\n", error.c_str());
    return 1;
  }
  Bench bench{producer, sim, *gpu, *launcher, *stream, producer.intern_stage("gpu")};
  std::printf("{");
  measure_resolver(bench, seconds);
  measure_idle(bench);
  launcher->close();
  gpu->stop(1000);
  return 0;
}
