// SPDX-License-Identifier: Apache-2.0
//
// The control interface; see ../include/gpuspan_sim.h.
#include <cstring>
#include <mutex>

#include "../include/gpuspan_sim.h"
#include "configuration.h"
#include "contexts.h"
#include "state.h"
#include "submit.h"

namespace gpuspan::sim {
namespace {

using Guard = std::lock_guard<std::mutex>;

EntryState* find_entry(State& state, const char* symbol) {
  for (size_t i = 0; symbol != nullptr && i < kEntryPointCount; ++i) {
    if (std::strcmp(kEntryPoints[i].symbol, symbol) == 0) return &state.entries[i];
  }
  return nullptr;
}

// Runs `change` on the host clock; virtual time only.
template <typename Change>
int change_clock(Change change) {
  State& all = state();
  const Guard guard(all.mutex);
  if (!all.clock.is_virtual()) return -1;
  change(all);
  return 0;
}

void suspend(State& all, int64_t ns) {
  const int64_t now = all.clock.true_ns();
  all.clock.suspend(ns);
  for (DeviceState& device : all.devices) {
    device.clock.jump(now, static_cast<int64_t>(device.random.uniform() * static_cast<double>(ns)));
  }
}

// Live objects of contexts that live.
template <typename Object>
uint64_t count_alive(Pool<Object>& pool) {
  uint64_t count = 0;
  pool.for_each([&](const Object& object) { count += object.incarnation == object.context->incarnation ? 1 : 0; });
  return count;
}

}  // namespace
}  // namespace gpuspan::sim

using gpuspan::sim::find_entry;
using gpuspan::sim::Guard;
using gpuspan::sim::State;
using gpuspan::sim::state;

extern "C" {

const char gpuspan_simulated_driver[] = "gpuspan simulated CUDA driver";

int gpuspan_sim_configure(const gpuspan_sim_config* config) {
  const gpuspan_sim_config next = config == nullptr ? gpuspan::sim::configuration_of_environment() : *config;
  if (!gpuspan::sim::is_valid(next)) return -1;
  State& all = state();
  const Guard guard(all.mutex);
  all.reset(next);
  return 0;
}

int64_t gpuspan_sim_now_ns(void) {
  State& all = state();
  const Guard guard(all.mutex);
  return all.clock.monotonic_at(all.clock.true_ns());
}

int64_t gpuspan_sim_monotonic_raw_ns(void) {
  State& all = state();
  const Guard guard(all.mutex);
  return all.clock.true_ns();
}

int64_t gpuspan_sim_boottime_ns(void) {
  State& all = state();
  const Guard guard(all.mutex);
  return all.clock.boottime_at(all.clock.true_ns());
}

int64_t gpuspan_sim_realtime_ns(void) {
  State& all = state();
  const Guard guard(all.mutex);
  return all.clock.realtime_at(all.clock.true_ns());
}

int gpuspan_sim_advance_ns(int64_t ns) {
  if (ns < 0) return -1;
  return gpuspan::sim::change_clock([&](State& all) { all.clock.advance(ns); });
}

int gpuspan_sim_step_realtime(int64_t ns) {
  return gpuspan::sim::change_clock([&](State& all) { all.clock.step_realtime(ns); });
}

int gpuspan_sim_slew(int64_t ppb) {
  return gpuspan::sim::change_clock([&](State& all) { all.clock.slew(ppb); });
}

int gpuspan_sim_suspend(int64_t ns) {
  if (ns < 0) return -1;
  return gpuspan::sim::change_clock([&](State& all) { gpuspan::sim::suspend(all, ns); });
}

int gpuspan_sim_fail(const char* entry_point, uint64_t nth, int result, int sticky) {
  State& all = state();
  const Guard guard(all.mutex);
  gpuspan::sim::EntryState* entry = find_entry(all, entry_point);
  if (entry == nullptr) return -1;
  entry->fail_in = nth;
  entry->fail_with = result;
  entry->fail_sticky = sticky != 0;
  return 0;
}

void gpuspan_sim_fail_randomly(double probability, int result, uint64_t seed) {
  State& all = state();
  const Guard guard(all.mutex);
  all.fail_probability = probability;
  all.fail_randomly_with = result;
  all.failures = gpuspan::sim::Random(seed);
}

int gpuspan_sim_slow(const char* entry_point, int64_t ns) {
  State& all = state();
  const Guard guard(all.mutex);
  gpuspan::sim::EntryState* entry = find_entry(all, entry_point);
  if (entry == nullptr || ns < 0) return -1;
  entry->slow_ns = ns;
  return 0;
}

int gpuspan_sim_hide(const char* entry_point, int how) {
  State& all = state();
  const Guard guard(all.mutex);
  gpuspan::sim::EntryState* entry = find_entry(all, entry_point);
  if (entry == nullptr || how < GPUSPAN_SIM_SHOWN || how > GPUSPAN_SIM_NULL) return -1;
  entry->hidden = how;
  return 0;
}

int gpuspan_sim_kill_context(void* context, int result) {
  State& all = state();
  const Guard guard(all.mutex);
  gpuspan::sim::ContextObject* found = nullptr;
  if (all.contexts.find(context, &found) != gpuspan::sim::Found::kLive) return -1;
  found->sticky = result;
  return 0;
}

int gpuspan_sim_reset_device(int device) {
  State& all = state();
  const Guard guard(all.mutex);
  if (device < 0 || device >= all.config.devices) return -1;
  gpuspan::sim::ContextObject* primary = all.devices[device].primary;
  if (primary != nullptr && primary->active) end_context(all, *primary);
  return 0;
}

void gpuspan_sim_deinitialize(void) {
  State& all = state();
  const Guard guard(all.mutex);
  all.deinitialised = true;
}

void gpuspan_sim_application(int on) {
  State& all = state();
  const Guard guard(all.mutex);
  thread_state(all).application = on != 0;
}

void gpuspan_sim_next_kernel_ns(int64_t ns) {
  State& all = state();
  const Guard guard(all.mutex);
  thread_state(all).next_kernel_ns = ns;
}

void gpuspan_sim_register_kernel(const char* name, gpuspan_sim_kernel function) {
  State& all = state();
  const Guard guard(all.mutex);
  if (function == nullptr) {
    all.kernels.erase(name);
  } else {
    all.kernels[name] = function;
  }
}

const char* gpuspan_sim_entry_point(size_t index) {
  return index < gpuspan::sim::kEntryPointCount ? gpuspan::sim::kEntryPoints[index].symbol : nullptr;
}

uint64_t gpuspan_sim_calls(const char* entry_point) {
  State& all = state();
  const Guard guard(all.mutex);
  if (entry_point != nullptr) {
    const gpuspan::sim::EntryState* entry = find_entry(all, entry_point);
    return entry == nullptr ? 0 : entry->calls;
  }
  uint64_t sum = 0;
  for (const gpuspan::sim::EntryState& entry : all.entries) sum += entry.calls;
  return sum;
}

void gpuspan_sim_clear_counts(void) {
  State& all = state();
  const Guard guard(all.mutex);
  for (gpuspan::sim::EntryState& entry : all.entries) entry.calls = 0;
  all.violations = {};
}

void gpuspan_sim_get_violations(gpuspan_sim_violations* violations) {
  State& all = state();
  const Guard guard(all.mutex);
  *violations = all.violations;
}

void gpuspan_sim_live_objects(gpuspan_sim_objects* objects) {
  State& all = state();
  const Guard guard(all.mutex);
  *objects = {};
  all.contexts.for_each([&](const gpuspan::sim::ContextObject& context) { objects->contexts += context.active; });
  objects->streams = gpuspan::sim::count_alive(all.streams);
  objects->events = gpuspan::sim::count_alive(all.events);
  objects->modules = all.modules.live();
  objects->graphs = all.graphs.live();
  objects->graph_execs = all.graph_execs.live();
  objects->allocations = all.allocations.size() + all.host_allocations.size();
}

int gpuspan_sim_event_truth(void* event, gpuspan_sim_truth* truth) {
  State& all = state();
  const Guard guard(all.mutex);
  gpuspan::sim::EventObject* found = nullptr;
  if (all.events.find(event, &found) != gpuspan::sim::Found::kLive) return -1;
  if (found->state != gpuspan::sim::EventObject::State::kRecorded) return -1;
  *truth = truth_of(all, found->record);
  return 0;
}

size_t gpuspan_sim_log(uint64_t after, gpuspan_sim_truth* records, size_t capacity) {
  State& all = state();
  const Guard guard(all.mutex);
  const uint64_t kept = all.log.size();
  uint64_t next = std::max(after, all.records - kept);  // the sequence before the first that is copied
  size_t copied = 0;
  for (; copied < capacity && next < all.records; ++next) records[copied++] = truth_of(all, all.log[next % kept]);
  return copied;
}

}  // extern "C"
