// SPDX-License-Identifier: Apache-2.0
//
// Markers and their times. `begin` and `end` are one clEnqueueMarkerWithWaitList each, on the caller's thread and
// never followed by a flush or a wait; the rest runs on the resolver's thread. Why a marker's END is the time that
// counts, and when a queue is flushed, is in docs/design/device-timers.md.
#include "opencl_timer.h"

#include <atomic>
#include <vector>

#include "../../core/clock.h"
#include "../estimator/interval_clock.h"
#include "../estimator/place.h"
#include "opencl_devices.h"

namespace gpuspan {
namespace {

using opencl::Event;
using opencl::Queue;
using opencl::Status;

// A marker that the driver has not taken from its queue for this long is flushed, at most this often.
constexpr uint64_t kFlushAfterNs = 1'000'000'000;
// A profiling stamp beyond this is garbage. Some devices count from 1970: the limit is in 2116.
constexpr uint64_t kLatestStamp = uint64_t{1} << 62;

struct QueueState {
  Queue queue = nullptr;
  uint64_t flushed_ns = 0;  // resolver thread
};

Event as_event(uint64_t number) { return reinterpret_cast<Event>(number); }

class OpenClTimer final : public DeviceTimer {
 public:
  OpenClTimer() = default;
  ~OpenClTimer() override;
  bool open(const char* library, std::string* reason);

  GpuSource source() const noexcept override { return GpuSource::kOpenCl; }
  std::string description() const override { return devices_.description(); }
  std::unique_ptr<Stream> open_stream(uint64_t handle, std::string* error) override;
  Loss begin(InFlight& slice) noexcept override;
  Loss end(InFlight& slice) noexcept override;
  Poll poll(InFlight& slice) noexcept override;
  Read read(InFlight& slice, uint64_t seen_ns, StreamInterval* interval) noexcept override;
  void release(InFlight& slice) noexcept override;
  void tend(uint64_t now_ns) noexcept override { now_ns_ = now_ns; }
  std::string last_error() const override;

 private:
  Loss mark(const Stream& stream, uint64_t* event) noexcept;
  bool stamp(uint64_t event, opencl::Info which, int64_t* device_ns) noexcept;
  void note(const char* call, Status status) noexcept;
  void flush_if_neglected(const InFlight& slice) noexcept;

  opencl::Api api_;
  opencl::Devices devices_;
  std::vector<IntervalClock> clocks_;                // one a device; resolver thread
  std::vector<std::unique_ptr<QueueState>> queues_;  // under Gpu's stream lock
  uint64_t now_ns_ = 0;
  std::atomic<const char*> failed_call_{nullptr};
  std::atomic<Status> failed_status_{opencl::kSuccess};
};

bool OpenClTimer::open(const char* library, std::string* reason) {
  if (!opencl::load(library, &api_, reason) || !devices_.find(api_, reason)) return false;
  for (size_t i = 0; i < devices_.count(); ++i) {
    IntervalClockOptions options;
    options.tick_ns = devices_.tick_ns(i);
    clocks_.emplace_back(options);
  }
  return true;
}

// Tests only: the process's timer is never destroyed.
OpenClTimer::~OpenClTimer() {
  for (const auto& state : queues_) api_.release_queue(state->queue);
}

// Retained: were the application's last reference to go first, its number could come to name another object.
std::unique_ptr<Stream> OpenClTimer::open_stream(uint64_t handle, std::string* error) {
  const int device = devices_.examine_queue(handle, error);
  if (device < 0) return nullptr;
  auto state = std::make_unique<QueueState>();
  state->queue = reinterpret_cast<Queue>(handle);
  const Status status = api_.retain_queue(state->queue);
  if (status != opencl::kSuccess) {
    *error = "clRetainCommandQueue returned " + std::to_string(status) + "; pass a live cl_command_queue";
    return nullptr;
  }
  auto stream = std::make_unique<Stream>();
  stream->handle = handle;
  stream->device = static_cast<uint16_t>(device);
  stream->state = state.get();
  queues_.push_back(std::move(state));
  return stream;
}

Loss OpenClTimer::mark(const Stream& stream, uint64_t* event) noexcept {
  Event marker = nullptr;
  const Status status = api_.enqueue_marker(static_cast<QueueState*>(stream.state)->queue, 0, nullptr, &marker);
  *event = reinterpret_cast<uint64_t>(marker);
  if (status == opencl::kSuccess && marker != nullptr) return Loss::kCount;
  *event = 0;
  note("clEnqueueMarkerWithWaitList", status);
  return status == opencl::kInvalidContext ? Loss::kGpuContext : Loss::kGpuDevice;
}

Loss OpenClTimer::begin(InFlight& slice) noexcept {
  slice.events = {};
  slice.times.begin_before = monotonic_ns();
  const Loss result = mark(*slice.stream, &slice.events.begin);
  slice.times.begin_after = monotonic_ns();
  return result;
}

Loss OpenClTimer::end(InFlight& slice) noexcept {
  slice.times.end_before = monotonic_ns();
  const Loss result = mark(*slice.stream, &slice.events.end);
  slice.times.end_after = monotonic_ns();
  return result;
}

Poll OpenClTimer::poll(InFlight& slice) noexcept {
  Status state = opencl::kQueued;
  const Event event = as_event(slice.events.end);
  const Status status = api_.get_event_info(event, opencl::kEventStatus, sizeof state, &state, nullptr);
  if (status != opencl::kSuccess || state < opencl::kComplete) {
    note(status != opencl::kSuccess ? "clGetEventInfo" : "the queue's marker",
         status != opencl::kSuccess ? status : state);
    return Poll::kFailed;
  }
  if (state == opencl::kComplete) return Poll::kDone;
  if (state == opencl::kQueued) flush_if_neglected(slice);
  return Poll::kPending;
}

// An application that waits for its own last command only never submits the marker behind it, on drivers that
// collect commands. Not on the record path, and a flush waits for nothing.
void OpenClTimer::flush_if_neglected(const InFlight& slice) noexcept {
  auto& state = *static_cast<QueueState*>(slice.stream->state);
  if (now_ns_ < slice.times.end_after + kFlushAfterNs || now_ns_ < state.flushed_ns + kFlushAfterNs) return;
  state.flushed_ns = now_ns_;
  const Status status = api_.flush(state.queue);
  if (status != opencl::kSuccess) note("clFlush", status);
}

bool OpenClTimer::stamp(uint64_t event, opencl::Info which, int64_t* device_ns) noexcept {
  uint64_t value = 0;
  const Status status = api_.get_profiling_info(as_event(event), which, sizeof value, &value, nullptr);
  if (status != opencl::kSuccess) note("clGetEventProfilingInfo", status);
  *device_ns = static_cast<int64_t>(value);
  return status == opencl::kSuccess && value != 0 && value < kLatestStamp;
}

Read OpenClTimer::read(InFlight& slice, uint64_t seen_ns, StreamInterval* interval) noexcept {
  SliceStamps stamps;
  const DeviceEvents& events = slice.events;
  if (!stamp(events.begin, opencl::kProfilingQueued, &stamps.own[0].device.ns) ||
      !stamp(events.begin, opencl::kProfilingEnd, &stamps.start.ns) ||
      !stamp(events.end, opencl::kProfilingQueued, &stamps.own[1].device.ns) ||
      !stamp(events.end, opencl::kProfilingEnd, &stamps.end.ns)) {
    return Read::kFailed;
  }
  stamps.duration_ns = stamps.end.ns - stamps.start.ns;
  stamps.own_count = 2;
  const LaunchTimes& times = slice.times;
  stamps.own[0].host = {static_cast<int64_t>(times.begin_before), static_cast<int64_t>(times.begin_after)};
  stamps.own[1].host = {static_cast<int64_t>(times.end_before), static_cast<int64_t>(times.end_after)};
  stamps.launched_ns = static_cast<int64_t>(times.begin_before);
  stamps.end_launched_ns = static_cast<int64_t>(times.end_before);
  stamps.seen_ns = static_cast<int64_t>(seen_ns);
  IntervalClock& clock = clocks_[slice.stream->device];
  for (const Anchor& anchor : stamps.own) clock.add(anchor);
  *interval = place(clock, stamps);
  return Read::kPlaced;
}

void OpenClTimer::release(InFlight& slice) noexcept {
  if (slice.events.begin != 0) api_.release_event(as_event(slice.events.begin));
  if (slice.events.end != 0) api_.release_event(as_event(slice.events.end));
  slice.events = {};
}

void OpenClTimer::note(const char* call, Status status) noexcept {
  failed_call_.store(call, std::memory_order_relaxed);
  failed_status_.store(status, std::memory_order_relaxed);
}

std::string OpenClTimer::last_error() const {
  const char* call = failed_call_.load(std::memory_order_relaxed);
  if (call == nullptr) return {};
  return std::string(call) + " returned " + std::to_string(failed_status_.load(std::memory_order_relaxed));
}

}  // namespace

std::unique_ptr<DeviceTimer> make_opencl_timer(std::string* reason, const char* library) {
  auto timer = std::make_unique<OpenClTimer>();
  if (!timer->open(library, reason)) return nullptr;
  return timer;
}

}  // namespace gpuspan
