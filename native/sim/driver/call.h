// SPDX-License-Identifier: Apache-2.0
//
// A driver call from entry to return: it is counted, may be slowed or made to fail, costs virtual time, and runs under
// the lock.
#ifndef GPUSPAN_SIM_DRIVER_CALL_H_
#define GPUSPAN_SIM_DRIVER_CALL_H_

#include <mutex>

#include "state.h"

namespace gpuspan::sim {

class Call {
 public:
  explicit Call(EntryPointIndex which);

  // What the call must return without doing anything; kSuccess: go on.
  cuda::Result admit();
  // The call's second half, in which only time passes. Returns its argument.
  cuda::Result leave(cuda::Result result);

  State& state() { return state_; }
  ThreadState& thread() { return thread_; }
  bool per_thread() const { return kEntryPoints[which_].variant == Variant::kPerThread; }
  // Null when the application made the call, which is not watched.
  gpuspan_sim_violations* violations() { return thread_.application ? nullptr : &state_.violations; }
  int64_t now() const { return state_.clock.true_ns(); }

  // The host waits; the lock is given up in real time, so what was looked up before must be looked up again.
  void wait_until(int64_t true_ns);

  // The lock is given up while `body` runs.
  template <typename Body>
  void unlocked(Body body) {
    lock_.unlock();
    body();
    lock_.lock();
  }

  // kSuccess, or why the context cannot be worked with.
  cuda::Result usable(const ContextObject* context);

  // Objects behind handles: kSuccess, or what the call returns.
  cuda::Result find_context(cuda::Context handle, ContextObject** context);
  cuda::Result find_stream(cuda::Stream handle, StreamObject** stream);
  cuda::Result find_event(cuda::Event handle, EventObject** event);
  // The current context, usable.
  cuda::Result find_current(ContextObject** context);
  template <typename Object>
  cuda::Result find(const Pool<Object>& pool, const void* handle, Object** object) {
    return count_handle(pool.find(handle, object));
  }

 private:
  cuda::Result count_handle(Found found);
  cuda::Result injected();
  cuda::Result default_stream(bool legacy, StreamObject** stream);
  int64_t cost_ns() const;
  void pass(int64_t ns);

  EntryPointIndex which_;
  State& state_;
  std::unique_lock<std::mutex> lock_;
  ThreadState& thread_;
};

// The body of an entry point, a function of Call&.
template <typename Body>
cuda::Result enter(EntryPointIndex which, Body body) {
  Call call(which);
  cuda::Result result = call.admit();
  if (result == cuda::kSuccess) result = body(call);
  return call.leave(result);
}

}  // namespace gpuspan::sim

#endif  // GPUSPAN_SIM_DRIVER_CALL_H_
