// SPDX-License-Identifier: Apache-2.0
//
// What a GPU slice on CUDA costs the launching thread beside the driver and the clock: a slice on a driver that does
// nothing (idle_driver.cc) against the same calls and clock reads made bare. Prints JSON; bench/cuda.mjs makes the row.
// Argument: how many samples.
#include <dlfcn.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <vector>

#include "../gpu/cuda/cuda_timer.h"
#include "../gpu/gpu.h"
#include "bench_producer.h"

namespace {

using gpuspan::BenchProducer;

constexpr uint32_t kRingSlots = 65536;
constexpr int kSlices = 32;  // in a turn; with all turns few enough that the pool of events does not sample
constexpr int kWarmUp = 100;
constexpr int kTurns = 8;

// What the timer calls for one mark, and nothing else.
struct BareMark {
  gpuspan::cuda::StreamIsCapturingFunction is_capturing;
  gpuspan::cuda::EventRecordFunction record;

  void operator()() const {
    uint64_t before = gpuspan::monotonic_ns();
    gpuspan::cuda::CaptureStatus status;
    is_capturing(nullptr, &status);
    record(nullptr, nullptr);
    uint64_t after = gpuspan::monotonic_ns();
    asm volatile("" : "+r"(before), "+r"(after));
  }
};

template <typename Function>
Function take(void* library, const char* name) {
  void* const found = library == nullptr ? nullptr : dlsym(library, name);
  if (found == nullptr) {
    std::fprintf(stderr, "bench: the idle CUDA driver has no %s\n", name);
    std::exit(1);
  }
  return reinterpret_cast<Function>(found);
}

template <typename Loop>
double nanos_each(Loop loop) {
  const uint64_t started = gpuspan::monotonic_ns();
  for (int i = 0; i < kSlices; ++i) loop();
  return static_cast<double>(gpuspan::monotonic_ns() - started) / kSlices;
}

double median(std::vector<double> values) {
  const auto middle = values.begin() + static_cast<ptrdiff_t>(values.size() / 2);
  std::nth_element(values.begin(), middle, values.end());
  return *middle;
}

void print(const char* name, const std::vector<double>& values) {
  std::printf("\"%s\":[", name);
  for (size_t i = 0; i < values.size(); ++i) std::printf("%s%.3f", i == 0 ? "" : ",", values[i]);
  std::printf("]");
}

}  // namespace

int main(int argc, char** argv) {
  const int count = argc > 1 ? std::atoi(argv[1]) : 400;
  BenchProducer producer(kRingSlots);
  void* const library = dlopen(GPUSPAN_IDLE_LIBRARY, RTLD_NOW | RTLD_LOCAL);
  const BareMark mark{take<gpuspan::cuda::StreamIsCapturingFunction>(library, "cuStreamIsCapturing"),
                      take<gpuspan::cuda::EventRecordFunction>(library, "cuEventRecord")};
  std::string error;
  auto gpu = gpuspan::Gpu::create(producer.segment(), gpuspan::make_cuda_timer(&error, GPUSPAN_IDLE_LIBRARY), error);
  auto launcher = gpu->make_launcher(producer.recorder());
  gpuspan::cuda::Stream stream = nullptr;
  take<gpuspan::cuda::StreamCreateWithPriorityFunction>(library, "cuStreamCreateWithPriority")(&stream, 0, 0);
  gpuspan::Stream* const named = gpu->stream(reinterpret_cast<uint64_t>(stream), &error);
  if (named == nullptr) {
    std::fprintf(stderr, "bench: %s\n", error.c_str());
    return 1;
  }
  const uint16_t stage = producer.intern_stage("gpu");
  gpuspan::Recorder& recorder = producer.recorder();
  std::vector<double> own, host;
  for (int i = -kWarmUp; i < count; ++i) {
    // In turns, so that all meet the same state of the machine; the median leaves out what disturbs one of them.
    std::vector<double> slices, bare, host_slices;
    for (int turn = 0; turn < kTurns; ++turn) {
      slices.push_back(nanos_each([&] { launcher->end(launcher->begin(producer.owner(), stage, *named)); }));
      bare.push_back(nanos_each([&] {
        mark();
        mark();
      }));
      host_slices.push_back(nanos_each([&] { recorder.end(recorder.begin(producer.owner(), stage)); }));
    }
    gpu->settle(1000);
    producer.drain();
    if (i < 0) continue;
    own.push_back(median(slices) - median(bare));
    host.push_back(median(host_slices));
  }
  std::printf("{");
  print("own", own);
  std::printf(",");
  print("other", host);
  std::printf("}\n");
  launcher->close();
  gpu->stop(1000);
  return 0;
}
