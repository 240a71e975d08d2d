// SPDX-License-Identifier: Apache-2.0
//
// Everything the simulated driver knows; see state.h.
#include "state.h"

#include <pthread.h>

#include <atomic>
#include <cstdlib>

#include "configuration.h"

namespace gpuspan::sim {
namespace {

Latency latency_of(const gpuspan_sim_latency& latency) {
  return {static_cast<Latency::Family>(latency.family), latency.base_ns, latency.scale_ns, latency.sigma};
}

// CUDA does not survive a fork: in the child of an initialised process every call is refused.
void lock_before_fork() { state().mutex.lock(); }
void unlock_in_parent() { state().mutex.unlock(); }
void unlock_in_child() {
  state().forked = state().initialised;
  state().mutex.unlock();
}

}  // namespace

State::State() {
  reset(configuration_of_environment());
  pthread_atfork(lock_before_fork, unlock_in_parent, unlock_in_child);
}

void State::reset(const gpuspan_sim_config& next) {
  config = next;
  ++epoch;
  initialised = deinitialised = false;
  clock = HostClock(next.virtual_time != 0);
  submit = latency_of(next.submit);
  complete = latency_of(next.complete);
  kernel = latency_of(next.kernel);
  Random seeds(next.seed);
  for (int i = 0; i < GPUSPAN_SIM_MAX_DEVICES; ++i) {
    const gpuspan_sim_clock& from = next.clock[i];
    const DeviceClock::Settings settings{from.offset_ns, from.drift_ppb, from.wander_ppb, from.wander_period_ns,
                                         from.tick_ns};
    devices[i] = {DeviceClock(settings, clock.true_ns()), Random(seeds.next()), nullptr};
  }
  captures.clear();
  graph_execs.clear();
  graphs.clear();
  functions.clear();
  modules.clear();
  events.clear();
  streams.clear();
  contexts.clear();
  streams.set_reuse(next.reuse_handles != 0);
  events.set_reuse(next.reuse_handles != 0);
  for (const auto& [address, size] : allocations) std::free(reinterpret_cast<void*>(address));
  allocations.clear();
  for (void* memory : host_allocations) std::free(memory);
  host_allocations.clear();
  kernels.clear();
  next_id = records = 0;
  for (EntryState& entry : entries) entry = {};
  poison = cuda::kSuccess;
  fail_probability = 0;
  violations = {};
  log.clear();
}

State& state() {
  static State* const only = new State;
  return *only;
}

ThreadState& thread_state(State& state) {
  static std::atomic<uint64_t> threads{0};
  thread_local ThreadState thread;
  if (thread.number == 0) thread.number = threads.fetch_add(1, std::memory_order_relaxed) + 1;
  if (thread.epoch != state.epoch) {
    thread.epoch = state.epoch;
    thread.depth = 0;
    thread.mode = cuda::kCaptureGlobal;
    thread.next_kernel_ns = -1;
  }
  return thread;
}

}  // namespace gpuspan::sim
