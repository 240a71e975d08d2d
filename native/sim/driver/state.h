// SPDX-License-Identifier: Apache-2.0
//
// Everything the simulated driver knows, under one lock: it serves tests, not throughput. Made at first use and never
// freed, because a driver's memory outlives exit handlers.
#ifndef GPUSPAN_SIM_DRIVER_STATE_H_
#define GPUSPAN_SIM_DRIVER_STATE_H_

#include <map>
#include <memory>
#include <mutex>
#include <set>
#include <string>
#include <vector>

#include "../model/device_clock.h"
#include "../model/host_clock.h"
#include "../model/latency.h"
#include "entry_points.h"
#include "objects.h"
#include "pool.h"

namespace gpuspan::sim {

struct DeviceState {
  DeviceClock clock;
  Random random;
  ContextObject* primary = nullptr;
};

// What is counted of an entry point and done to its calls.
struct EntryState {
  uint64_t calls = 0;
  uint64_t fail_in = 0;  // the how manyth call from now fails; 0: none
  cuda::Result fail_with = cuda::kSuccess;
  bool fail_sticky = false;
  int64_t slow_ns = 0;
  int hidden = GPUSPAN_SIM_SHOWN;
};

struct State {
  State();
  // Starts anew; the configuration has been checked.
  void reset(const gpuspan_sim_config& next);

  std::mutex mutex;
  gpuspan_sim_config config;
  uint64_t epoch = 0;  // rises with each reset, so that threads forget what they knew
  bool initialised = false;
  bool deinitialised = false;
  bool forked = false;
  HostClock clock{false};
  Latency submit, complete, kernel;
  DeviceState devices[GPUSPAN_SIM_MAX_DEVICES];

  Pool<ContextObject> contexts{1 << 10};
  Pool<StreamObject> streams{1 << 14};
  Pool<EventObject> events{1 << 18};
  Pool<ModuleObject> modules{1 << 12};
  Pool<FunctionObject> functions{1 << 14};
  Pool<GraphObject> graphs{1 << 14};
  Pool<GraphExecObject> graph_execs{1 << 14};
  std::map<uintptr_t, size_t> allocations;  // address to size
  std::set<void*> host_allocations;         // of cuMemHostAlloc
  std::vector<std::unique_ptr<Capture>> captures;
  std::map<std::string, gpuspan_sim_kernel> kernels;
  uint64_t next_id = 0;  // of contexts, streams and captures

  EntryState entries[kEntryPointCount];
  cuda::Result poison = cuda::kSuccess;  // a sticky injected failure
  double fail_probability = 0;
  cuda::Result fail_randomly_with = cuda::kSuccess;
  Random failures;

  gpuspan_sim_violations violations{};
  uint64_t records = 0;
  std::vector<Record> log;  // ring, by sequence
};

State& state();

// What the driver keeps for each thread.
struct ThreadState {
  static constexpr int kStack = 32;

  uint64_t number = 0;
  uint64_t epoch = 0;
  ContextObject* contexts[kStack] = {};
  int depth = 0;
  cuda::CaptureMode mode = cuda::kCaptureGlobal;
  bool application = false;
  int64_t next_kernel_ns = -1;  // negative: not told

  ContextObject* current() const { return depth == 0 ? nullptr : contexts[depth - 1]; }
};

// The calling thread's; the lock is held.
ThreadState& thread_state(State& state);

}  // namespace gpuspan::sim

#endif  // GPUSPAN_SIM_DRIVER_STATE_H_
