// SPDX-License-Identifier: Apache-2.0
//
// `npm run test:gpu`: measures, on a real NVIDIA GPU, what gpuspan's CUDA timing rests on: what event calls cost the
// host, how narrow anchors are, how the event clock drifts against CLOCK_MONOTONIC, and whether events agree with the
// %globaltimer stamps that kernels take themselves. Prints one JSON object; exits 1 when an event contradicts a kernel.
// The timed calls are the driver's own, loaded as gpuspan loads them.
#include <cuda.h>
#include <cuda_runtime.h>
#include <dlfcn.h>
#include <time.h>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <vector>

namespace {

constexpr int kCalls = 20'000;            // of each kind whose cost is measured
constexpr int kAnchors = 2'000;           // for the widths
constexpr int kBurst = 4;                 // anchors a cadence, of which the narrowest counts
constexpr int kSeconds = 20;              // of drift measurement
constexpr int kKernels = 2'000;           // that stamp themselves
constexpr unsigned kSpinNanos = 100'000;  // each kernel's length

int64_t now_ns() {
  timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return static_cast<int64_t>(t.tv_sec) * 1'000'000'000 + t.tv_nsec;
}

void check(int result, const char* what) {
  if (result == 0) return;
  std::fprintf(stderr, "gpu_report: %s returned %d\n", what, result);
  std::exit(2);
}

struct Driver {
  decltype(&cuEventRecord) record;
  decltype(&cuEventQuery) query;
  CUresult (*elapsed)(float*, CUevent, CUevent);
  bool second_elapsed;  // cuEventElapsedTime_v2 was there

  Driver() {
    void* library = dlopen("libcuda.so.1", RTLD_NOW);
    if (library == nullptr) check(1, "dlopen of libcuda.so.1");
    record = reinterpret_cast<decltype(record)>(dlsym(library, "cuEventRecord"));
    query = reinterpret_cast<decltype(query)>(dlsym(library, "cuEventQuery"));
    elapsed = reinterpret_cast<decltype(elapsed)>(dlsym(library, "cuEventElapsedTime_v2"));
    second_elapsed = elapsed != nullptr;
    if (!second_elapsed) elapsed = reinterpret_cast<decltype(elapsed)>(dlsym(library, "cuEventElapsedTime"));
    if (record == nullptr || query == nullptr || elapsed == nullptr) check(1, "dlsym of the event calls");
  }
};

// Event handles of the runtime and of the driver are the same.
CUevent make_event(unsigned flags) {
  cudaEvent_t event;
  check(cudaEventCreateWithFlags(&event, flags), "cudaEventCreateWithFlags");
  return event;
}

int64_t elapsed_ns(const Driver& driver, CUevent from, CUevent to) {
  float millis = 0;
  check(driver.elapsed(&millis, from, to), "cuEventElapsedTime");
  return std::llround(static_cast<double>(millis) * 1e6);
}

struct Spread {
  int64_t least, median, p99;
};

Spread spread(std::vector<int64_t> values) {
  std::sort(values.begin(), values.end());
  return {values.front(), values[values.size() / 2], values[values.size() * 99 / 100]};
}

void print(const char* name, const Spread& s) {
  std::printf("  \"%s\": {\"min\": %lld, \"p50\": %lld, \"p99\": %lld},\n", name, static_cast<long long>(s.least),
              static_cast<long long>(s.median), static_cast<long long>(s.p99));
}

template <typename Call>
Spread cost_of(int calls, Call call) {
  std::vector<int64_t> costs;
  costs.reserve(calls);
  for (int i = 0; i < calls; ++i) {
    const int64_t before = now_ns();
    call(i);
    costs.push_back(now_ns() - before);
  }
  return spread(std::move(costs));
}

Spread record_cost(const Driver& driver, cudaStream_t stream, unsigned flags) {
  std::vector<CUevent> events(256);
  for (CUevent& event : events) event = make_event(flags);
  const Spread cost = cost_of(kCalls, [&](int i) {
    if (i % 256 == 0) cudaStreamSynchronize(stream);  // a full launch queue would be what is measured
    check(driver.record(events[i % 256], stream), "cuEventRecord");
  });
  check(cudaStreamSynchronize(stream), "cudaStreamSynchronize");
  for (CUevent event : events) cudaEventDestroy(event);
  return cost;
}

// Host times around an event: the moment it stands for lies between.
struct Anchor {
  CUevent event;
  int64_t before, after;
  int64_t width() const { return after - before; }
};

Anchor take_anchor(const Driver& driver, cudaStream_t stream, CUevent event) {
  const int64_t before = now_ns();
  check(driver.record(event, stream), "cuEventRecord");
  while (driver.query(event) == CUDA_ERROR_NOT_READY) {
  }
  return {event, before, now_ns()};
}

Anchor take_burst(const Driver& driver, cudaStream_t stream, int anchors) {
  Anchor best{nullptr, 0, INT64_MAX};
  for (int i = 0; i < anchors; ++i) {
    const Anchor anchor = take_anchor(driver, stream, make_event(cudaEventDefault));
    Anchor worse = anchor;
    if (anchor.width() < best.width()) std::swap(best, worse);
    if (worse.event != nullptr) cudaEventDestroy(worse.event);
  }
  return best;
}

// Slope of device time against host time, in ppm, by least squares over chained anchors a quarter of a second apart;
// `residual` is the largest distance of an anchor's middle from the line, in ns.
double drift_ppm(const Driver& driver, cudaStream_t stream, double* residual) {
  std::vector<double> host, device;
  const Anchor first = take_burst(driver, stream, kBurst);
  const double origin = (first.before + first.after) / 2.0;
  Anchor last = first;
  int64_t chained = 0;
  for (int i = 0; i < kSeconds * 4; ++i) {
    timespec pause{0, 250'000'000};
    nanosleep(&pause, nullptr);
    const Anchor anchor = take_burst(driver, stream, kBurst);
    chained += elapsed_ns(driver, last.event, anchor.event);
    cudaEventDestroy(last.event);
    last = anchor;
    const double middle = anchor.before - origin + anchor.width() / 2.0;
    host.push_back(middle);
    device.push_back(chained - middle);
  }
  double sum_h = 0, sum_d = 0, sum_hh = 0, sum_hd = 0;
  for (size_t i = 0; i < host.size(); ++i) {
    sum_h += host[i];
    sum_d += device[i];
    sum_hh += host[i] * host[i];
    sum_hd += host[i] * device[i];
  }
  const double n = static_cast<double>(host.size());
  const double slope = (n * sum_hd - sum_h * sum_d) / (n * sum_hh - sum_h * sum_h);
  *residual = 0;
  for (size_t i = 0; i < host.size(); ++i) {
    *residual = std::max(*residual, std::fabs(device[i] - (sum_d - slope * sum_h) / n - slope * host[i]));
  }
  return slope * 1e6;
}

__device__ uint64_t global_timer() {
  uint64_t value;
  asm volatile("mov.u64 %0, %globaltimer;" : "=l"(value));
  return value;
}

// Spins and leaves its first and last stamp.
__global__ void stamp(uint64_t* stamps, unsigned nanos) {
  const uint64_t first = global_timer();
  uint64_t last = first;
  while (last - first < nanos) last = global_timer();
  stamps[0] = first;
  stamps[1] = last;
}

// The smallest step between two different stamps.
__global__ void tick(uint64_t* result) {
  uint64_t smallest = ~0ull;
  uint64_t last = global_timer();
  for (int i = 0; i < 100'000; ++i) {
    const uint64_t current = global_timer();
    if (current != last && current - last < smallest) smallest = current - last;
    last = current;
  }
  *result = smallest;
}

// How long the events around a kernel say it was, less what it says itself: never negative beyond the ticks.
Spread event_excess(const Driver& driver, cudaStream_t stream, uint64_t* stamps) {
  std::vector<int64_t> excess;
  const CUevent begin = make_event(cudaEventDefault), end = make_event(cudaEventDefault);
  for (int i = 0; i < kKernels; ++i) {
    check(driver.record(begin, stream), "cuEventRecord");
    stamp<<<1, 1, 0, stream>>>(stamps, kSpinNanos);
    check(driver.record(end, stream), "cuEventRecord");
    check(cudaStreamSynchronize(stream), "cudaStreamSynchronize");
    excess.push_back(elapsed_ns(driver, begin, end) - static_cast<int64_t>(stamps[1] - stamps[0]));
  }
  return spread(std::move(excess));
}

}  // namespace

int main() {
  int devices = 0;
  check(cudaGetDeviceCount(&devices), "cudaGetDeviceCount");
  cudaDeviceProp device;
  check(cudaGetDeviceProperties(&device, 0), "cudaGetDeviceProperties");
  int version = 0;
  check(cudaDriverGetVersion(&version), "cudaDriverGetVersion");
  const Driver driver;
  cudaStream_t stream;
  check(cudaStreamCreateWithFlags(&stream, cudaStreamNonBlocking), "cudaStreamCreateWithFlags");
  uint64_t* stamps = nullptr;
  check(cudaMallocManaged(&stamps, 2 * sizeof *stamps), "cudaMallocManaged");
  tick<<<1, 1, 0, stream>>>(stamps);
  check(cudaStreamSynchronize(stream), "cudaStreamSynchronize");
  const uint64_t globaltimer_tick = stamps[0];

  std::printf("{\n  \"device\": \"%s\", \"devices\": %d, \"driver\": %d, \"elapsed\": \"%s\",\n", device.name, devices,
              version, driver.second_elapsed ? "cuEventElapsedTime_v2" : "cuEventElapsedTime");
  print("record_ns", record_cost(driver, stream, cudaEventDefault));
  print("record_without_timing_ns", record_cost(driver, stream, cudaEventDisableTiming));
  const CUevent first = take_anchor(driver, stream, make_event(cudaEventDefault)).event;
  const CUevent second = take_anchor(driver, stream, make_event(cudaEventDefault)).event;
  print("query_ns", cost_of(kCalls, [&](int) { driver.query(second); }));
  print("elapsed_ns", cost_of(kCalls, [&](int) { elapsed_ns(driver, first, second); }));
  std::vector<int64_t> single, burst;
  for (int i = 0; i < kAnchors; ++i) single.push_back(take_anchor(driver, stream, first).width());
  for (int i = 0; i < kAnchors / kBurst; ++i) {
    const Anchor best = take_burst(driver, stream, kBurst);
    burst.push_back(best.width());
    cudaEventDestroy(best.event);
  }
  print("anchor_width_ns", spread(std::move(single)));
  print("anchor_width_best_of_4_ns", spread(std::move(burst)));
  double residual = 0;
  const double drift = drift_ppm(driver, stream, &residual);
  std::printf("  \"drift_ppm\": %.3f, \"drift_seconds\": %d, \"drift_residual_ns\": %.0f,\n", drift, kSeconds,
              residual);
  const Spread excess = event_excess(driver, stream, stamps);
  print("event_minus_globaltimer_ns", excess);
  std::printf("  \"globaltimer_tick_ns\": %llu\n}\n", static_cast<unsigned long long>(globaltimer_tick));
  // One tick of each clock may be missing on either side.
  const int64_t allowed = static_cast<int64_t>(globaltimer_tick) + 1'000;
  if (excess.least >= -allowed) return 0;
  std::fprintf(stderr, "gpu_report: a kernel took longer than the events around it, by %lld ns\n",
               static_cast<long long>(-excess.least));
  return 1;
}
