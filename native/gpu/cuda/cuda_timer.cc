// SPDX-License-Identifier: Apache-2.0
//
// Timing events on the caller's streams. `begin` and `end` are a question about captures and one cuEventRecord each, on
// the caller's thread; every other call of the driver is made by the resolver's thread, in RELAXED capture mode, or at
// set-up. Nothing here waits, synchronizes, makes a context, or touches an application thread's current context.
#include "cuda_timer.h"

#include <vector>

#include "../estimator/place.h"
#include "cuda_devices.h"
#include "cuda_streams.h"

namespace gpuspan {
namespace {

using cuda::NamedStream;
using cuda::Result;
using cuda::TimedContext;
using cuda::Verdict;

// The start of a longer slice is told from an anchor near it: the float32 of its duration is coarser than that.
constexpr int64_t kLongNs = 1'000'000'000;

class CudaTimer final : public DeviceTimer {
 public:
  explicit CudaTimer(const HostClock& host) : driver_(host), streams_(driver_) {}
  ~CudaTimer() override;
  bool open(const char* library, std::string* reason);

  GpuSource source() const noexcept override {
    return driver_.api.simulated ? GpuSource::kSimulated : GpuSource::kCudaEvent;
  }
  std::string description() const override { return devices_.description(); }
  std::string device_uuid(uint16_t device) const override { return devices_.uuid(device); }
  std::unique_ptr<Stream> open_stream(uint64_t handle, std::string* error) override;
  bool still_names(const Stream& stream) noexcept override { return streams_.still_names(named(stream)); }
  bool prepare(Stream& stream, std::string* error) override;
  uint64_t stream_key(uint64_t handle) const noexcept override { return streams_.key(handle); }
  Loss begin(InFlight& slice) noexcept override;
  Loss end(InFlight& slice) noexcept override;
  Poll poll(InFlight& slice) noexcept override;
  Read read(InFlight& slice, uint64_t seen_ns, StreamInterval* interval) noexcept override;
  void release(InFlight& slice) noexcept override;
  void tend(uint64_t now_ns) noexcept override;
  std::string last_error() const override { return driver_.last_error(); }

 private:
  static NamedStream& named(const Stream& stream) noexcept { return *static_cast<NamedStream*>(stream.state); }
  static const cuda::EventPool::Pair& events_of(const InFlight& slice) noexcept {
    return named(*slice.stream).context->pool()[slice.events.slot];
  }

  Loss refusal(const NamedStream& stream) noexcept;
  Loss mark(const NamedStream& stream, cuda::Event event) noexcept;
  bool usable(const TimedContext& context) const noexcept { return !context.lost() && !driver_.gone(); }
  bool relax_captures() noexcept;
  bool enter(TimedContext& context) noexcept;
  bool keep_up(TimedContext& context, uint64_t now_ns) noexcept;
  Verdict ask_stamps(TimedContext& context, const InFlight& slice, SliceStamps* stamps) noexcept;

  cuda::Driver driver_;
  cuda::Devices devices_;
  cuda::Streams streams_;

  // Resolver thread.
  bool relaxed_ = false;
  const TimedContext* entered_ = nullptr;  // not its handle, which may come again for another
  std::vector<TimedContext*> opened_;
};

bool CudaTimer::open(const char* library, std::string* reason) {
  return cuda::load(library, &driver_.api, reason) && devices_.find(driver_.api, reason);
}

// Tests only: the process's timer is never destroyed, since at exit the driver may be half gone.
CudaTimer::~CudaTimer() {
  for (TimedContext* context : opened_) {
    if (usable(*context) && enter(*context)) context->close();
  }
  if (entered_ != nullptr && !driver_.gone()) driver_.api.ctx_set_current(nullptr);
}

std::unique_ptr<Stream> CudaTimer::open_stream(uint64_t handle, std::string* error) {
  NamedStream* const opened = streams_.open(handle, error);
  if (opened == nullptr) return nullptr;
  auto stream = std::make_unique<Stream>();
  stream->handle = handle;
  stream->state = opened;
  return stream;
}

// ----- launching threads -----

// What a mark that the driver refused means for its slice.
Loss loss_of(Verdict verdict) noexcept {
  switch (verdict) {
    case Verdict::kOk:
      return Loss::kCount;
    case Verdict::kCapture:
      return Loss::kGpuCapture;
    case Verdict::kBadHandle:
    case Verdict::kContext:
      return Loss::kGpuContext;
    default:
      return Loss::kGpuDevice;
  }
}

// An event that is recorded on a capturing stream becomes part of the graph and never tells a time.
Loss CudaTimer::refusal(const NamedStream& stream) noexcept {
  if (stream.is_default && driver_.current_context() != stream.context->handle()) return Loss::kGpuContext;
  cuda::CaptureStatus status = cuda::kCaptureNone;
  const Result result = driver_.api.stream_is_capturing(stream.stream, &status);
  const Loss loss = loss_of(driver_.judge("cuStreamIsCapturing", result, stream.context));
  return loss == Loss::kCount && status != cuda::kCaptureNone ? Loss::kGpuCapture : loss;
}

// A handle that is refused though the stream is where it was is our event's: the context was reset while nothing was
// pending, and nobody noticed. Given up, it is met anew when its stream is opened again.
Loss CudaTimer::mark(const NamedStream& stream, cuda::Event event) noexcept {
  const Loss refused = refusal(stream);
  if (refused != Loss::kCount) return refused;
  const Verdict result = driver_.judge("cuEventRecord", driver_.api.event_record(event, stream.stream), stream.context);
  if (result == Verdict::kBadHandle && streams_.in_its_context(stream)) stream.context->lose();
  return loss_of(result);
}

Loss CudaTimer::begin(InFlight& slice) noexcept {
  const NamedStream& stream = named(*slice.stream);
  TimedContext& context = *stream.context;
  if (!usable(context)) return Loss::kGpuContext;
  if (!context.pool().take(&slice.events.slot, &slice.sampling)) return Loss::kGpuPool;
  slice.epoch = context.epoch();
  slice.times.begin_before = driver_.host.monotonic();
  const Loss result = mark(stream, events_of(slice).begin);
  slice.times.begin_after = driver_.host.monotonic();
  if (result != Loss::kCount) context.pool().give_back(slice.events.slot);
  return result;
}

Loss CudaTimer::end(InFlight& slice) noexcept {
  const NamedStream& stream = named(*slice.stream);
  if (!usable(*stream.context)) return Loss::kGpuContext;
  slice.times.end_before = driver_.host.monotonic();
  const Loss result = mark(stream, events_of(slice).end);
  slice.times.end_after = driver_.host.monotonic();
  return result;
}

// ----- resolver thread -----

// An application may capture in GLOBAL mode on any thread; a question from a thread that is not RELAXED would break
// that capture. Without this nothing may be asked.
bool CudaTimer::relax_captures() noexcept {
  if (relaxed_ || driver_.gone()) return relaxed_;
  cuda::CaptureMode mode = cuda::kCaptureRelaxed;
  const Result result = driver_.api.thread_exchange_stream_capture_mode(&mode);
  relaxed_ = driver_.judge("cuThreadExchangeStreamCaptureMode", result, nullptr) == Verdict::kOk;
  return relaxed_;
}

bool CudaTimer::enter(TimedContext& context) noexcept {
  if (entered_ == &context) return true;
  const Result result = driver_.api.ctx_set_current(context.handle());
  if (driver_.judge("cuCtxSetCurrent", result, &context) != Verdict::kOk) return false;
  entered_ = &context;
  return true;
}

bool CudaTimer::prepare(Stream& stream, std::string* error) {
  TimedContext& context = *named(stream).context;
  if (!context.opened()) {
    const bool entered = relax_captures() && usable(context) && enter(context);
    if (!entered || driver_.judge("cuEventCreate", context.open(), &context) != Verdict::kOk) {
      context.lose();  // half open: the next stream of it starts anew
      *error = "GPU slices on this stream cannot be recorded: " + last_error() +
               "; check the application's own CUDA errors and the device's free memory";
      return false;
    }
    opened_.push_back(&context);
  }
  stream.device = static_cast<uint16_t>(context.device());
  return true;
}

// False: the context is of no use any more.
bool CudaTimer::keep_up(TimedContext& context, uint64_t now_ns) noexcept {
  const Verdict verdict = driver_.judge("cuEventRecord", context.keep_up(now_ns), &context);
  if (verdict == Verdict::kBadHandle) context.lose();  // handles of ours that we never destroyed: their context did
  return usable(context);
}

void CudaTimer::tend(uint64_t now_ns) noexcept {
  for (TimedContext* context : opened_) {
    if (context->pending && usable(*context) && enter(*context)) keep_up(*context, now_ns);
  }
}

Poll CudaTimer::poll(InFlight& slice) noexcept {
  TimedContext& context = *named(*slice.stream).context;
  if (!usable(context)) return Poll::kGone;
  context.pending = true;
  if (!enter(context)) return usable(context) ? Poll::kFailed : Poll::kGone;
  switch (driver_.judge("cuEventQuery", driver_.api.event_query(events_of(slice).end), &context)) {
    case Verdict::kOk:
      return Poll::kDone;
    case Verdict::kNotReady:
      return Poll::kPending;
    case Verdict::kBadHandle:
      context.lose();
      return Poll::kGone;
    case Verdict::kContext:
    case Verdict::kDriver:
      return Poll::kGone;
    default:
      return Poll::kFailed;
  }
}

// What the device says of the slice: its duration, its end from the nearest anchor, and its start from the two or, if
// it is long, from an anchor of its own.
Verdict CudaTimer::ask_stamps(TimedContext& context, const InFlight& slice, SliceStamps* stamps) noexcept {
  static constexpr const char* kCall = "cuEventElapsedTime";
  const cuda::EventPool::Pair& events = events_of(slice);
  float milliseconds = 0;
  Result result = driver_.api.event_elapsed_time(&milliseconds, events.begin, events.end);
  Verdict verdict = driver_.judge(kCall, result, &context);
  if (verdict != Verdict::kOk) return verdict;
  const Elapsed duration = elapsed_of(milliseconds);
  if (!duration.valid) return Verdict::kRefused;
  stamps->duration_ns = duration.ns;
  stamps->duration_slack_ns = duration.slack_ns;

  cuda::Anchors& anchors = context.anchors();
  result = anchors.stamp_of(events.end, stamps->seen_ns, &stamps->end);
  verdict = driver_.judge(kCall, result, &context);
  if (verdict != Verdict::kOk) return verdict;
  stamps->start = stamps->end;
  if (!stamps->end.known()) return Verdict::kOk;
  stamps->start.ns -= duration.ns;
  stamps->start.slack_ns += duration.slack_ns;
  if (duration.ns < kLongNs) return Verdict::kOk;
  result = anchors.stamp_of(events.begin, stamps->seen_ns - duration.ns, &stamps->start);
  return driver_.judge(kCall, result, &context);
}

Read CudaTimer::read(InFlight& slice, uint64_t seen_ns, StreamInterval* interval) noexcept {
  TimedContext& context = *named(*slice.stream).context;
  if (!usable(context)) return Read::kGone;
  if (!enter(context)) return usable(context) ? Read::kFailed : Read::kGone;
  if (!keep_up(context, driver_.host.monotonic())) return Read::kGone;
  SliceStamps stamps;
  stamps.launched_ns = static_cast<int64_t>(slice.times.begin_before);
  stamps.end_launched_ns = static_cast<int64_t>(slice.times.end_before);
  stamps.seen_ns = static_cast<int64_t>(seen_ns);
  switch (ask_stamps(context, slice, &stamps)) {
    case Verdict::kOk:
      break;
    case Verdict::kNotReady:
      return Read::kNotYet;
    case Verdict::kBadHandle:
      context.lose();
      return Read::kGone;
    case Verdict::kContext:
    case Verdict::kDriver:
      return Read::kGone;
    default:
      return Read::kFailed;
  }
  // Launched before the device's clock started anew, or before anybody knew that it had: causality alone places it.
  stamps.epoch = slice.epoch == context.epoch() ? kCurrentEpoch : kNoEpoch;
  *interval = place(context.anchors().clock(), stamps);
  return Read::kPlaced;
}

// No call of the driver: the events are recorded again when their turn comes, whatever became of them.
void CudaTimer::release(InFlight& slice) noexcept { named(*slice.stream).context->pool().give_back(slice.events.slot); }

}  // namespace

std::unique_ptr<DeviceTimer> make_cuda_timer(std::string* reason, const char* library, const HostClock& host) {
  auto timer = std::make_unique<CudaTimer>(host);
  if (!timer->open(library, reason)) return nullptr;
  return timer;
}

}  // namespace gpuspan
