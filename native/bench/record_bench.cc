// SPDX-License-Identifier: Apache-2.0
//
// What a slice costs native code: a host slice through gpuspan.h against two reads of the same clock, and a GPU slice
// on the null device timer against a host slice. Prints the samples as JSON, ns an operation, in pairs that were
// taken one after the other; bench/native.mjs makes the rows. Argument: how many samples.
#include <cstdio>
#include <cstdlib>
#include <functional>
#include <vector>

#include "../gpu/gpu.h"
#include "../gpu/null/null_timer.h"
#include "bench_producer.h"

namespace {

using gpuspan::BenchProducer;

constexpr uint32_t kRingSlots = 65536;
constexpr int kOperations = 4096;
// Within what a launching thread may have in flight, so that no launch is refused.
constexpr int kGpuOperations = 128;
constexpr int kWarmUp = 20;

gpuspan_stage g_stage = GPUSPAN_STAGE("bench", "host", 1);

struct Samples {
  std::vector<double> own, other;
};

double time_per_operation(const std::function<void()>& loop, int operations) {
  const uint64_t started = gpuspan::monotonic_ns();
  loop();
  return static_cast<double>(gpuspan::monotonic_ns() - started) / operations;
}

void print(const char* id, const Samples& samples, const char* end) {
  const auto list = [](const std::vector<double>& values) {
    for (size_t i = 0; i < values.size(); ++i) std::printf("%s%.3f", i == 0 ? "" : ",", values[i]);
  };
  std::printf("\"%s\":{\"own\":[", id);
  list(samples.own);
  std::printf("],\"other\":[");
  list(samples.other);
  std::printf("]}%s", end);
}

Samples measure_host_slice(BenchProducer& bench, int count) {
  const gpuspan_request request = bench.request();
  const gpuspan::Clock clock = bench.segment().clock();
  const auto slices = [&] {
    for (int i = 0; i < kOperations; ++i) gpuspan_end(gpuspan_begin(&g_stage, request));
  };
  const auto reads = [&] {
    for (int i = 0; i < kOperations; ++i) {
      uint64_t begin = clock.now(), end = clock.now();
      asm volatile("" : "+r"(begin), "+r"(end));
    }
  };
  Samples samples;
  for (int i = -kWarmUp; i < count; ++i) {
    const double own = time_per_operation(slices, kOperations);
    bench.drain();
    const double other = time_per_operation(reads, kOperations);
    if (i < 0) continue;
    samples.own.push_back(own);
    samples.other.push_back(other);
  }
  bench.require_recorded(static_cast<uint64_t>(count + kWarmUp) * kOperations);
  return samples;
}

Samples measure_gpu_slice(BenchProducer& bench, int count) {
  auto gpu = gpuspan::Gpu::create(bench.segment(), gpuspan::make_null_timer(), "");
  auto launcher = gpu->make_launcher(bench.recorder());
  std::string error;
  gpuspan::Stream* stream = gpu->stream(1, &error);
  const uint16_t stage = bench.intern_stage("gpu");
  gpuspan::Recorder& recorder = bench.recorder();
  const auto gpu_slices = [&] {
    for (int i = 0; i < kGpuOperations; ++i) launcher->end(launcher->begin(bench.owner(), stage, *stream));
  };
  const auto host_slices = [&] {
    for (int i = 0; i < kGpuOperations; ++i) recorder.end(recorder.begin(bench.owner(), stage));
  };
  Samples samples;
  for (int i = -kWarmUp; i < count; ++i) {
    const double own = time_per_operation(gpu_slices, kGpuOperations);
    gpu->settle(1000);
    bench.drain();
    const double other = time_per_operation(host_slices, kGpuOperations);
    bench.drain();
    if (i < 0) continue;
    samples.own.push_back(own);
    samples.other.push_back(other);
  }
  launcher->close();
  gpu->stop(1000);
  return samples;
}

}  // namespace

int main(int argc, char** argv) {
  const int count = argc > 1 ? std::atoi(argv[1]) : 200;
  BenchProducer bench(kRingSlots);
  const bool ticks = bench.segment().clock().kind() != gpuspan::ClockKind::kMonotonic;
  std::printf("{\"clock\":\"%s\",", ticks ? "counter" : "monotonic");
  print("slice.c", measure_host_slice(bench, count), ",");
  print("gpu.own", measure_gpu_slice(bench, count), "}\n");
  return 0;
}
