// SPDX-License-Identifier: Apache-2.0
//
// What a device must be able to do for gpuspan to time its streams: mark two points on a stream without
// waiting, and later say when the stream passed them. One implementation a folder (opencl/, null/, later
// cuda/), one chosen a process. `begin` and `end` run on the record path; `poll`, `read` and `tend` on the
// resolver's thread, which is the only one that may spend time.
#ifndef GPUSPAN_GPU_DEVICE_TIMER_H_
#define GPUSPAN_GPU_DEVICE_TIMER_H_

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>

#include "../core/gpu_lane.h"
#include "../core/layout.h"

namespace gpuspan {

// A caller's stream, validated once; never destroyed, so that in-flight entries may point to it.
struct Stream {
  uint64_t handle = 0;       // CUstream, cl_command_queue: the caller's number
  uint16_t index = 0;        // process-wide
  uint16_t device = 0;       // index of the device it belongs to
  uint16_t device_uuid = 0;  // dictionary id of that device's UUID; 0: unknown. Set by whoever opens the stream
  uint64_t key = 0;          // DeviceTimer::stream_key at opening
  void* state = nullptr;     // the device timer's own
};

// Two device events of one GPU slice; what they hold is the device timer's business.
struct DeviceEvents {
  uint64_t begin = 0;
  uint64_t end = 0;
  uint32_t slot = 0;  // of the device timer's pool, where it has one
};

// Host reads around the calls that put the two marks on the stream: CLOCK_MONOTONIC ns. The device timer
// fills them; they bound from below when the marks can have been reached, and anchor some devices' clocks.
struct LaunchTimes {
  uint64_t begin_before = 0, begin_after = 0;
  uint64_t end_before = 0, end_after = 0;
};

// A GPU slice between launch and resolution. One side at a time owns it: the launching thread until it hands the
// entry over, then the resolver until it gives the entry back. What every slice touches fills two cache lines.
struct alignas(64) InFlight {
  Stream* stream = nullptr;
  DeviceEvents events;
  LaunchTimes times;
  GpuOrigin origin;
  uint16_t stage = 0;
  uint16_t launching_lane = 0;
  uint16_t attribute_bytes = 0;
  uint8_t flags = 0;
  uint32_t epoch = 0;           // the device timer's own: which of its clocks was running at launch
  Loss outcome = Loss::kCount;  // anything else: the slice is lost already, and why
  uint16_t sampling = 1;        // slices that this one stands for; 1: all were recorded
  uint8_t attributes[kMaxGpuAttributes];
};
static_assert(offsetof(InFlight, attributes) <= 128);

// kGone: the slice's context is finished; the device's others are not.
enum class Poll : uint8_t { kPending, kDone, kFailed, kGone };
// kNotYet: ask again later.
enum class Read : uint8_t { kPlaced, kNotYet, kFailed, kGone };

// Both ends of a GPU slice on the host's CLOCK_MONOTONIC, each within +-bound_ns of the truth.
struct StreamInterval {
  uint64_t start_ns = 0;
  uint64_t end_ns = 0;
  uint64_t bound_ns = 0;
  // Between the two by the device's own clock, never negative and free of the bound; the difference of the ends where
  // the device cannot say.
  int64_t duration_ns = 0;
  bool clamped = false;
};

class DeviceTimer {
 public:
  virtual ~DeviceTimer() = default;

  virtual GpuSource source() const noexcept = 0;
  // For humans: "OpenCL, Portable Computing Language, pthread-...".
  virtual std::string description() const = 0;
  // Set-up: the UUID of a device by its index, in NVIDIA's form "GPU-xxxxxxxx-xxxx-..." or "MIG-..."; empty when the
  // library does not tell it. Asked once a stream, after `open_stream`.
  virtual std::string device_uuid(uint16_t device) const {
    (void)device;
    return {};
  }

  // Set-up. Null with `error`, a sentence that names the handle and the remedy, when the stream cannot be timed
  // (not a queue, profiling off, out-of-order, another library's object). Never crashes on a made-up handle.
  virtual std::unique_ptr<Stream> open_stream(uint64_t handle, std::string* error) = 0;
  // Set-up: whether a stream that was opened is still the one that its handle names. False: it is opened anew.
  virtual bool still_names(const Stream&) noexcept { return true; }
  // Resolver thread, once for each stream that was opened and before its first slice. False with `error`, a sentence.
  virtual bool prepare(Stream&, std::string*) { return true; }

  // Record path: tells apart the streams that one handle names. CUDA's default streams are each context's own.
  virtual uint64_t stream_key(uint64_t handle) const noexcept { return handle; }

  // Record path, any thread: takes device events, marks the stream. Loss::kCount on success. On failure nothing
  // is held and the stream is as if never touched.
  virtual Loss begin(InFlight& slice) noexcept = 0;
  // On failure the slice is lost; the device events of `begin` are released by `release`.
  virtual Loss end(InFlight& slice) noexcept = 0;

  // Resolver thread. `poll` must not block; `seen_ns` is when the resolver asked (bounds the end from above).
  virtual Poll poll(InFlight& slice) noexcept = 0;
  // After kDone. kFailed: the device gave no usable times (the slice is lost, Loss::kGpuDevice).
  virtual Read read(InFlight& slice, uint64_t seen_ns, StreamInterval* interval) noexcept = 0;
  // Gives the device events back; also for slices that failed or were given up.
  virtual void release(InFlight& slice) noexcept = 0;
  // Called in every round while slices are pending.
  virtual void tend(uint64_t now_ns) noexcept = 0;
  // The last call of the device's library that failed, for the log: "clGetEventInfo returned -58". Resolver thread.
  virtual std::string last_error() const { return {}; }
};

// Which device timer, from GPUSPAN_DEVICE. kAuto: CUDA if a device answers, else OpenCL.
enum class DeviceChoice : uint8_t { kAuto, kCuda, kOpenCl, kSim, kNone };
struct DeviceOptions {
  DeviceChoice choice = DeviceChoice::kAuto;
  std::string cuda_library;  // GPUSPAN_CUDA_LIBRARY
};
// Null with `reason` (one line for the log) when no device can be timed. Loads libraries with dlopen; no
// context or queue is created on the application's behalf.
std::unique_ptr<DeviceTimer> open_device(const DeviceOptions& options, std::string* reason);

}  // namespace gpuspan

#endif  // GPUSPAN_GPU_DEVICE_TIMER_H_
