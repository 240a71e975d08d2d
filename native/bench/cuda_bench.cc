// SPDX-License-Identifier: Apache-2.0
//
// What a GPU slice on CUDA costs beside the driver, over the simulated one without latencies: on the launching thread,
// against the same driver calls and clock reads made bare; on the resolver's thread, by its processor time at 10,000
// slices a second, less the driver's part; and on an idle resolver. Prints JSON; bench/cuda.mjs makes the rows.
// Argument: how many samples.
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
// Few enough that the pool of events need not sample.
constexpr int kSlices = 64;
constexpr int kColdSlices = 24;  // untimed, after a pause: caches are cold and the processor is slow
constexpr int kWarmUp = 2;
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

// What the timer calls for one mark, and nothing else.
struct BareMark {
  gpuspan::cuda::StreamIsCapturingFunction is_capturing;
  gpuspan::cuda::EventRecordFunction record;
  gpuspan::cuda::Event event;
  gpuspan::cuda::Stream stream;

  void operator()() const {
    uint64_t before = gpuspan::monotonic_ns();
    gpuspan::cuda::CaptureStatus status;
    is_capturing(stream, &status);
    record(event, stream);
    uint64_t after = gpuspan::monotonic_ns();
    asm volatile("" : "+r"(before), "+r"(after));
  }
};

template <typename Loop>
double nanos_each(Loop loop) {
  const uint64_t started = gpuspan::monotonic_ns();
  for (int i = 0; i < kSlices; ++i) loop();
  return static_cast<double>(gpuspan::monotonic_ns() - started) / kSlices;
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

void measure_launch(Bench& bench, int count) {
  BareMark mark{bench.sim.take<gpuspan::cuda::StreamIsCapturingFunction>("cuStreamIsCapturing"),
                bench.sim.take<gpuspan::cuda::EventRecordFunction>("cuEventRecord"), nullptr, bench.sim.stream()};
  bench.sim.take<gpuspan::cuda::EventCreateFunction>("cuEventCreate")(&mark.event, gpuspan::cuda::kEventDefault);
  std::vector<double> own, host;
  for (int i = -kWarmUp; i < count; ++i) {
    // The simulated driver serves one caller at a time: the resolver shall not be the other.
    while (!bench.gpu.dozing()) sleep_until(gpuspan::monotonic_ns() + kPaceNs);
    for (int k = 0; k < kColdSlices; ++k) one_slice(bench);
    const double slice = nanos_each([&] { one_slice(bench); });
    bench.gpu.settle(1000);
    bench.producer.drain();
    const double bare = nanos_each([&] {
      mark();
      mark();
    });
    gpuspan::Recorder& recorder = bench.producer.recorder();
    const double host_slice = nanos_each([&] { recorder.end(recorder.begin(bench.producer.owner(), bench.stage)); });
    bench.producer.drain();
    if (i < 0) continue;
    own.push_back(slice - bare);
    host.push_back(host_slice);
  }
  print("gpu.cuda.own", own, host);
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
  print("gpu.cuda.resolver", outside, total);
}

void measure_idle(Bench& bench) {
  const clockid_t clock = thread_clock("gpuspan-gpu");
  one_slice(bench);
  const uint64_t last = gpuspan::monotonic_ns();
  bench.gpu.settle(1000);
  sleep_until(last + 2 * kSecondNs);
  const uint64_t before = gpuspan::read_clock_ns(clock);
  sleep_until(last + 4 * kSecondNs);
  std::printf("\"gpu.cuda.idle\":%llu}\n", static_cast<unsigned long long>(gpuspan::read_clock_ns(clock) - before));
}

}  // namespace

int main(int argc, char** argv) {
  const int count = argc > 1 ? std::atoi(argv[1]) : 200;
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
  measure_launch(bench, count);
  measure_resolver(bench, count >= 200 ? 5 : 2);
  measure_idle(bench);
  launcher->close();
  gpu->stop(1000);
  return 0;
}
