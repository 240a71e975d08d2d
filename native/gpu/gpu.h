// SPDX-License-Identifier: Apache-2.0
//
// The GPU side of a process: one device timer, the streams, the resolver thread and its lane. Made at the
// first `tracer.gpu()` or the first GPU slice of native code, off the record path.
#ifndef GPUSPAN_GPU_GPU_H_
#define GPUSPAN_GPU_GPU_H_

#include <cstdint>
#include <memory>
#include <string>

#include "../core/recorder.h"
#include "../core/segment.h"
#include "device_timer.h"
#include "duration_histogram.h"

namespace gpuspan {

class Resolver;
class StreamTable;
struct GpuState;

// Receives one line for the log, without a newline. Called on the resolver's thread, at most once a process.
using GpuLog = void (*)(const char* line);

class Gpu {
 public:
  // Never null: without a device (or a lane and a thread for the resolver) `timer()` is null, `reason()` says why,
  // and every launch is Loss::kGpuDevice. `log` hears when a device is given up later.
  static std::unique_ptr<Gpu> create(Segment& segment, std::unique_ptr<DeviceTimer> timer, std::string reason,
                                     GpuLog log = nullptr);
  // stop(0). Launchers must be gone before. The process's Gpu is never destroyed (a driver may be half gone at
  // exit); tests do it.
  ~Gpu();
  Gpu(const Gpu&) = delete;
  Gpu& operator=(const Gpu&) = delete;

  DeviceTimer* timer() noexcept { return timer_.get(); }
  const std::string& reason() const noexcept { return reason_; }
  // Why the device was given up after it had worked; null while it works. Any thread.
  const char* failure() const noexcept;

  // How long the device library's own calls that mark a stream took, two a slice; null without a device. Any thread.
  const DurationHistogram* record_calls() const noexcept;

  // Set-up, any thread: the stream for a handle, opened once a process, or anew when the handle has become another
  // stream's; null with `error`.
  Stream* stream(uint64_t handle, std::string* error);
  // How many streams were opened so far. Any thread.
  uint32_t streams_opened() const noexcept;

  // For whoever reads the segment, often: an idle resolver sleeps and launching threads may not wake it, so the one who
  // wants the results does. Cheap when there is nothing to do.
  void nudge() noexcept;
  // Whether the resolver sleeps until then. Any thread.
  bool dozing() const noexcept;

  // Stops the resolver: waits up to `timeout_millis` for what is in flight, counts the rest as kGpuShutdown.
  void stop(uint32_t timeout_millis) noexcept;

  // For a flush: waits until every GPU slice ended before the call is written or lost. False: it took longer.
  bool settle(uint32_t timeout_millis) noexcept;

  // Per-thread launcher, made when the thread first uses the GPU, on that thread; see launcher.h.
  std::unique_ptr<class Launcher> make_launcher(Recorder& recorder);

 private:
  Gpu() = default;
  std::unique_ptr<DeviceTimer> timer_;
  std::string reason_;
  std::unique_ptr<GpuState> state_;  // after timer_: it points there
  std::unique_ptr<Resolver> resolver_;
  std::unique_ptr<StreamTable> streams_;
};

// The producer's side of GPU slices, one a recording thread. begin/end are record path: no lock, no allocation.
class Launcher {
 public:
  virtual ~Launcher();
  // Returns the token of an in-flight slice, below 2^31; 0 with the loss counted in the recorder's lane.
  virtual Token begin(uint16_t owner, uint16_t stage, Stream& stream) noexcept = 0;
  // Attributes beyond kMaxGpuAttributes bytes are dropped with a flag. A stale token is a counted loss.
  virtual void end(Token token, Payload attributes = {}) noexcept = 0;
  // Adds items to a GPU slice that was begun and not ended; the same limit.
  virtual void annotate(Token token, Payload attributes) noexcept = 0;
  // Looks a raw handle up without locks (a small per-thread table); null when it has not been opened by `stream`.
  virtual Stream* find(uint64_t handle) noexcept = 0;
  // After Gpu::stream succeeded: remember it for `find`. Off the record path.
  virtual void remember(Stream* stream) = 0;
  // The thread ends: open slices are given up (Loss::kGpuShutdown), what is in flight is left to the resolver, which
  // owns the table then; the lane stays busy until it is empty. Before Segment::orphan_lane. Called twice: a no-op.
  virtual void close() noexcept = 0;
};

}  // namespace gpuspan

#endif  // GPUSPAN_GPU_GPU_H_
