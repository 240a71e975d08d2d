// SPDX-License-Identifier: Apache-2.0
//
// What every driver call goes through; see call.h.
#include "call.h"

#include <sched.h>
#include <time.h>

namespace gpuspan::sim {
namespace {

// A poll loop must get somewhere even where a call costs no virtual time.
constexpr int64_t kLeastPollNs = 50;
// Within this of the end of a wait in real time, spin.
constexpr int64_t kSpinNs = 100'000;

// Callers hold no lock.
void wait_in_real_time(const HostClock& clock, int64_t until_ns) {
  for (int64_t left; (left = until_ns - clock.true_ns()) > 0;) {
    if (left < kSpinNs) {
      sched_yield();
      continue;
    }
    const int64_t doze = left - kSpinNs;
    const timespec time{static_cast<time_t>(doze / 1'000'000'000), static_cast<long>(doze % 1'000'000'000)};
    nanosleep(&time, nullptr);
  }
}

bool is_capture_error(cuda::Result result) {
  return result >= cuda::kStreamCaptureUnsupported && result <= cuda::kStreamCaptureWrongThread;
}

}  // namespace

Call::Call(EntryPointIndex which)
    : which_(which), state_(sim::state()), lock_(state_.mutex), thread_(thread_state(state_)) {}

cuda::Result Call::admit() {
  const CallKind kind = kEntryPoints[which_].kind;
  EntryState& entry = state_.entries[which_];
  if (!thread_.application) ++entry.calls;
  if (kind == CallKind::kName) return injected();
  if (state_.forked && kind != CallKind::kBare) {
    if (violations()) ++violations()->after_fork;
    return cuda::kNotInitialized;
  }
  if (state_.deinitialised) {
    if (violations()) ++violations()->after_deinitialize;
    return cuda::kDeinitialized;
  }
  pass(cost_ns() / 2 + (thread_.application ? 0 : entry.slow_ns));
  if (const cuda::Result result = injected()) return result;
  if (kind == CallKind::kBare) return cuda::kSuccess;
  if (!state_.initialised) return cuda::kNotInitialized;
  if (state_.poison != cuda::kSuccess && kind != CallKind::kDevice) {
    if (violations()) ++violations()->after_sticky;
    return state_.poison;
  }
  return cuda::kSuccess;
}

cuda::Result Call::leave(cuda::Result result) {
  int64_t rest = cost_ns() - cost_ns() / 2;
  if (result == cuda::kNotReady && rest < kLeastPollNs) rest = kLeastPollNs;
  pass(state_.clock.is_virtual() ? rest : 0);
  if (is_capture_error(result) && violations()) ++violations()->capture_refused;
  return result;
}

cuda::Result Call::injected() {
  if (thread_.application) return cuda::kSuccess;
  EntryState& entry = state_.entries[which_];
  if (entry.fail_in > 0 && --entry.fail_in == 0) {
    if (entry.fail_sticky) state_.poison = entry.fail_with;
    return entry.fail_with;
  }
  if (kEntryPoints[which_].kind <= CallKind::kBare || !state_.failures.chance(state_.fail_probability)) {
    return cuda::kSuccess;
  }
  if (state_.fail_randomly_with != cuda::kSuccess) return state_.fail_randomly_with;
  constexpr cuda::Result kAny[] = {cuda::kInvalidValue, cuda::kOutOfMemory, cuda::kInvalidHandle, cuda::kNotSupported};
  return kAny[state_.failures.next() % 4];
}

int64_t Call::cost_ns() const {
  if (!state_.clock.is_virtual()) return 0;
  switch (kEntryPoints[which_].kind) {
    case CallKind::kRecord:
      return state_.config.record_ns;
    case CallKind::kQuery:
      return state_.config.query_ns;
    default:
      return state_.config.call_ns;
  }
}

void Call::pass(int64_t ns) {
  if (ns <= 0) return;
  if (state_.clock.is_virtual()) {
    state_.clock.advance(ns);
  } else {
    wait_until(now() + ns);
  }
}

void Call::wait_until(int64_t true_ns) {
  if (state_.clock.is_virtual()) {
    state_.clock.advance_to(true_ns);
  } else if (true_ns > now()) {
    unlocked([&] { wait_in_real_time(state_.clock, true_ns); });
  }
}

cuda::Result Call::usable(const ContextObject* context) {
  if (!context->active) {
    if (violations()) ++violations()->dead_context;
    return cuda::kContextIsDestroyed;
  }
  if (context->sticky != cuda::kSuccess && violations()) ++violations()->after_sticky;
  return context->sticky;
}

cuda::Result Call::count_handle(Found found) {
  if (found == Found::kLive) return cuda::kSuccess;
  if (violations()) ++(found == Found::kDestroyed ? violations()->use_after_destroy : violations()->unknown_handles);
  return cuda::kInvalidHandle;
}

cuda::Result Call::find_context(cuda::Context handle, ContextObject** context) {
  const cuda::Result result = find(state_.contexts, handle, context);
  return result == cuda::kInvalidHandle ? cuda::kInvalidContext : result;
}

cuda::Result Call::find_current(ContextObject** context) {
  *context = thread_.current();
  return *context == nullptr ? cuda::kInvalidContext : usable(*context);
}

// Of an object made in an earlier life of its context, that context is what is gone.
template <typename Object>
static cuda::Result check_life(Call& call, const Object& object) {
  if (object.incarnation == object.context->incarnation) return call.usable(object.context);
  if (call.violations()) ++call.violations()->dead_context;
  return cuda::kContextIsDestroyed;
}

cuda::Result Call::find_event(cuda::Event handle, EventObject** event) {
  const cuda::Result result = find(state_.events, handle, event);
  return result == cuda::kSuccess ? check_life(*this, **event) : result;
}

cuda::Result Call::find_stream(cuda::Stream handle, StreamObject** stream) {
  const uintptr_t number = reinterpret_cast<uintptr_t>(handle);
  if (number == 0) return default_stream(!per_thread(), stream);
  if (number == cuda::kStreamLegacy) return default_stream(true, stream);
  if (number == cuda::kStreamPerThread) return default_stream(false, stream);
  const cuda::Result result = find(state_.streams, handle, stream);
  return result == cuda::kSuccess ? check_life(*this, **stream) : result;
}

cuda::Result Call::default_stream(bool legacy, StreamObject** stream) {
  ContextObject* context = nullptr;
  if (const cuda::Result result = find_current(&context)) return result;
  StreamObject** place = &context->legacy;
  if (!legacy) {
    place = nullptr;
    for (auto& [thread, own] : context->per_thread) {
      if (thread == thread_.number) place = &own;
    }
    if (place == nullptr) place = &context->per_thread.emplace_back(thread_.number, nullptr).second;
  }
  if (*place == nullptr) {
    const StreamKind kind = legacy ? StreamKind::kLegacy : StreamKind::kBlocking;
    const size_t depth = static_cast<size_t>(state_.config.queue_depth);
    *place = state_.streams.create(context, ++state_.next_id, kind, cuda::kStreamDefault, 0, depth);
  }
  *stream = *place;
  return *stream == nullptr ? cuda::kOutOfMemory : cuda::kSuccess;
}

}  // namespace gpuspan::sim
