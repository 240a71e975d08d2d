// SPDX-License-Identifier: Apache-2.0
//
// A device timer that does what a test says: fails at the n-th call of a kind, holds a stream back, lets it pass
// later. Counts what it handed out, so that a test sees whether everything came back. Any thread.
#ifndef GPUSPAN_TEST_GPU_SCRIPTED_TIMER_H_
#define GPUSPAN_TEST_GPU_SCRIPTED_TIMER_H_

#include <atomic>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <utility>

#include "native/core/clock.h"
#include "native/gpu/device_timer.h"

namespace gpuspan {

enum class Call : uint8_t { kBegin, kEnd, kPoll, kRead, kCount };

class ScriptedTimer final : public DeviceTimer {
 public:
  static constexpr uint64_t kNever = 0;
  static constexpr uint64_t kAlways = ~uint64_t{0};

  // The n-th call of this kind from now on fails; kAlways: every one.
  void fail(Call call, uint64_t nth) {
    Script& script = scripts_[static_cast<size_t>(call)];
    script.made.store(0);
    script.failing.store(nth);
  }
  void fail_begin_with(Loss reason) { begin_failure_.store(reason); }
  // The stream completes only the first `slices` that ended on it.
  void hold_after(uint64_t handle, uint64_t slices) { state(handle).limit.store(slices); }
  void let_pass(uint64_t handle) { hold_after(handle, kAlways); }
  // Launches on any stream wait inside `begin` until released.
  void block_begin(bool block) { blocked_.store(block); }
  // The same inside `end`, on this stream only.
  void block_end(uint64_t handle, bool block) { state(handle).blocked.store(block); }
  // What `device_uuid` answers for every device from now on.
  void tell_uuid(std::string uuid) { uuid_ = std::move(uuid); }
  // What the next `begin`s leave in their slices, as a device timer does that records every k-th.
  void sample(uint16_t every) { sampling_.store(every); }
  // Called at every release, on the thread that releases. Set while nothing is in flight.
  void on_release(std::function<void()> call) { on_release_ = std::move(call); }

  // Calls of `end`, counted as they come in.
  uint64_t ending() const { return ending_.load(); }
  int64_t events_out() const { return events_out_.load(); }
  uint64_t tended() const { return tended_.load(); }
  uint64_t calls(Call call) const { return scripts_[static_cast<size_t>(call)].made.load(); }

  GpuSource source() const noexcept override { return GpuSource::kNull; }
  std::string description() const override { return "scripted"; }
  std::string device_uuid(uint16_t) const override { return uuid_; }
  std::string last_error() const override { return "a call returned -1"; }

  std::unique_ptr<Stream> open_stream(uint64_t handle, std::string* error) override {
    if (handle == 0) {
      *error = "stream 0x0 is refused by the script";
      return nullptr;
    }
    auto stream = std::make_unique<Stream>();
    stream->handle = handle;
    stream->state = &state(handle);
    return stream;
  }

  Loss begin(InFlight& slice) noexcept override {
    while (blocked_.load()) {
    }
    if (fails(Call::kBegin)) return begin_failure_.load();
    slice.sampling = sampling_.load();
    slice.events.begin = 1;
    slice.events.end = 0;
    slice.times.begin_before = slice.times.begin_after = monotonic_ns();
    events_out_.fetch_add(1);
    return Loss::kCount;
  }
  Loss end(InFlight& slice) noexcept override {
    ending_.fetch_add(1);
    while (stream_of(slice).blocked.load()) {
    }
    if (fails(Call::kEnd)) return Loss::kGpuDevice;
    slice.events.end = stream_of(slice).ended.fetch_add(1) + 1;
    slice.times.end_before = slice.times.end_after = monotonic_ns();
    events_out_.fetch_add(1);
    return Loss::kCount;
  }
  Poll poll(InFlight& slice) noexcept override {
    if (fails(Call::kPoll)) return Poll::kFailed;
    return slice.events.end <= stream_of(slice).limit.load() ? Poll::kDone : Poll::kPending;
  }
  Read read(InFlight& slice, uint64_t, StreamInterval* interval) noexcept override {
    if (fails(Call::kRead)) return Read::kFailed;
    *interval = {slice.times.begin_before, slice.times.end_before, 7, 0, false};
    return Read::kPlaced;
  }
  void release(InFlight& slice) noexcept override {
    if (on_release_) on_release_();
    events_out_.fetch_sub((slice.events.begin != 0 ? 1 : 0) + (slice.events.end != 0 ? 1 : 0));
    slice.events = {};
  }
  void tend(uint64_t) noexcept override { tended_.fetch_add(1); }

 private:
  struct Script {
    std::atomic<uint64_t> made{0};
    std::atomic<uint64_t> failing{kNever};
  };
  struct StreamState {
    std::atomic<uint64_t> ended{0};
    std::atomic<uint64_t> limit{kAlways};
    std::atomic<bool> blocked{false};
  };

  bool fails(Call call) noexcept {
    Script& script = scripts_[static_cast<size_t>(call)];
    const uint64_t made = script.made.fetch_add(1) + 1;
    const uint64_t failing = script.failing.load();
    return failing == kAlways || failing == made;
  }
  StreamState& state(uint64_t handle) {
    std::lock_guard lock(mutex_);
    return streams_[handle];
  }
  static StreamState& stream_of(InFlight& slice) { return *static_cast<StreamState*>(slice.stream->state); }

  Script scripts_[static_cast<size_t>(Call::kCount)];
  std::atomic<Loss> begin_failure_{Loss::kGpuDevice};
  std::atomic<bool> blocked_{false};
  std::atomic<uint16_t> sampling_{1};
  std::string uuid_;
  std::atomic<uint64_t> ending_{0};
  std::function<void()> on_release_;
  std::atomic<int64_t> events_out_{0};
  std::atomic<uint64_t> tended_{0};
  std::mutex mutex_;
  std::map<uint64_t, StreamState> streams_;
};

}  // namespace gpuspan

#endif  // GPUSPAN_TEST_GPU_SCRIPTED_TIMER_H_
