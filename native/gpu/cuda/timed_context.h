// SPDX-License-Identifier: Apache-2.0
//
// What gpuspan has in one CUDA context of the application's: timing events, anchors, and whether the context still
// works. Contexts are never made, entered or left on an application's thread; they are met through the streams that
// the application names.
#ifndef GPUSPAN_GPU_CUDA_TIMED_CONTEXT_H_
#define GPUSPAN_GPU_CUDA_TIMED_CONTEXT_H_

#include <atomic>
#include <cstdint>
#include <string>

#include "anchors.h"
#include "cuda_api.h"
#include "event_pool.h"

namespace gpuspan::cuda {

class TimedContext {
 public:
  // `id` by cuCtxGetId; 0 where the driver has none. A context that was reset may come back at the same address.
  TimedContext(const Api& api, const HostClock& host, Context handle, uint64_t id);

  Context handle() const noexcept { return handle_; }
  uint64_t id() const noexcept { return id_; }
  EventPool& pool() noexcept { return pool_; }
  Anchors& anchors() noexcept { return anchors_; }
  Device device() const noexcept { return device_; }

  // Any thread: no call may name this context, its streams or its events any more. For good.
  bool lost() const noexcept { return lost_.load(std::memory_order_relaxed); }
  void lose() noexcept { lost_.store(true, std::memory_order_relaxed); }

  // Any thread: the epoch of the device's clock as the resolver last knew it.
  uint32_t epoch() const noexcept { return epoch_.load(std::memory_order_relaxed); }

  // The rest: resolver thread, with the context current. Each returns the first result that is not kSuccess.

  // Once, before the first slice: the first events and anchors.
  Result open() noexcept;
  bool opened() const noexcept { return opened_; }
  // Anchors that are due, and more events where they run low.
  Result keep_up(uint64_t now_ns) noexcept;
  // Destroys all of it; only while the context works.
  void close() noexcept;

  // Whether a slice of this context was asked about since the last `keep_up`: anchors are due while some are pending.
  bool pending = false;

 private:
  Result grow(uint32_t pairs) noexcept;

  const Api& api_;
  const HostClock& host_;
  const Context handle_;
  const uint64_t id_;
  Device device_ = 0;
  bool opened_ = false;
  bool no_more_events_ = false;
  Anchors anchors_;
  EventPool pool_;
  std::atomic<uint32_t> epoch_{1};
  std::atomic<bool> lost_{false};
};

}  // namespace gpuspan::cuda

#endif  // GPUSPAN_GPU_CUDA_TIMED_CONTEXT_H_
