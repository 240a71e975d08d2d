// SPDX-License-Identifier: Apache-2.0
//
// The driver as the timer's parts share it: its entry points, whether it is still there, and the last failure. Any
// thread.
#ifndef GPUSPAN_GPU_CUDA_DRIVER_H_
#define GPUSPAN_GPU_CUDA_DRIVER_H_

#include <atomic>
#include <string>

#include "cuda_api.h"
#include "host_clock.h"
#include "results.h"
#include "timed_context.h"

namespace gpuspan::cuda {

struct Driver {
  explicit Driver(const HostClock& clock) : host(clock) {}

  // The driver has shut down, as it does when the process ends: no call may be made any more.
  bool gone() const noexcept { return gone_.load(std::memory_order_relaxed); }

  // What the result of `call` means, and its consequences: the context is lost, the driver is gone.
  Verdict judge(const char* call, Result result, TimedContext* context) noexcept {
    const Verdict meaning = verdict(result);
    if (meaning == Verdict::kOk || meaning == Verdict::kNotReady || meaning == Verdict::kCapture) return meaning;
    failed_result_.store(result, std::memory_order_relaxed);
    failed_call_.store(call, std::memory_order_relaxed);
    if (meaning == Verdict::kContext && context != nullptr) context->lose();
    if (meaning == Verdict::kDriver) gone_.store(true, std::memory_order_relaxed);
    return meaning;
  }

  // The context that is current on this thread; null: none, or the driver is gone.
  Context current_context() noexcept {
    Context current = nullptr;
    if (gone()) return nullptr;
    return judge("cuCtxGetCurrent", api.ctx_get_current(&current), nullptr) == Verdict::kOk ? current : nullptr;
  }

  // "cuEventQuery returned 719", or "".
  std::string last_error() const {
    const char* call = failed_call_.load(std::memory_order_relaxed);
    if (call == nullptr) return {};
    return std::string(call) + " returned " + std::to_string(failed_result_.load(std::memory_order_relaxed));
  }

  Api api;  // constant once loaded
  const HostClock host;

 private:
  std::atomic<bool> gone_{false};
  std::atomic<const char*> failed_call_{nullptr};
  std::atomic<Result> failed_result_{kSuccess};
};

}  // namespace gpuspan::cuda

#endif  // GPUSPAN_GPU_CUDA_DRIVER_H_
