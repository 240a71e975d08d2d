// SPDX-License-Identifier: Apache-2.0
//
// Gpu: puts device timer, streams, resolver and launchers together. Set-up and shutdown paths only.
#include "gpu.h"

#include <pthread.h>

#include <atomic>
#include <map>
#include <mutex>
#include <vector>

#include "gpu_state.h"
#include "in_flight_table.h"
#include "launcher.h"
#include "resolver.h"

namespace gpuspan {

std::atomic<bool> GpuState::forked{false};

namespace {

// A child has the parent's memory but not its threads: everything here goes quiet in it, for good.
void watch_for_fork() {
  static std::once_flag once;
  std::call_once(
      once, [] { pthread_atfork(nullptr, nullptr, [] { GpuState::forked.store(true, std::memory_order_relaxed); }); });
}

}  // namespace

// The streams of the process. Never shrinks: slices in flight point into it.
class StreamTable {
 public:
  explicit StreamTable(Dictionary& dictionary) : dictionary_(dictionary) {}

  Stream* open(DeviceTimer& timer, Resolver& resolver, uint64_t handle, std::string* error) {
    std::lock_guard lock(mutex_);
    const uint64_t key = timer.stream_key(handle);
    const auto known = by_key_.find(key);
    if (known != by_key_.end() && timer.still_names(*known->second)) return known->second;
    if (streams_.size() > UINT16_MAX) {
      *error = "65,536 streams have been opened by this process, which is the most; reuse streams";
      return nullptr;
    }
    std::unique_ptr<Stream> stream = timer.open_stream(handle, error);
    if (stream == nullptr) return nullptr;
    stream->index = static_cast<uint16_t>(streams_.size());
    stream->key = key;
    stream = resolver.prepare(std::move(stream), error);
    if (stream == nullptr) return nullptr;
    const std::string uuid = timer.device_uuid(stream->device);
    if (!uuid.empty()) stream->device_uuid = dictionary_.intern(EntryKind::kString, 0, 0, uuid).id;
    opened_.fetch_add(1, std::memory_order_relaxed);
    by_key_[key] = stream.get();
    return streams_.emplace_back(std::move(stream)).get();
  }
  uint32_t opened() const noexcept { return opened_.load(std::memory_order_relaxed); }

 private:
  Dictionary& dictionary_;
  std::mutex mutex_;
  std::vector<std::unique_ptr<Stream>> streams_;
  std::map<uint64_t, Stream*> by_key_;
  std::atomic<uint32_t> opened_{0};
};

std::unique_ptr<Gpu> Gpu::create(Segment& segment, std::unique_ptr<DeviceTimer> timer, std::string reason, GpuLog log) {
  std::unique_ptr<Gpu> gpu(new Gpu);
  gpu->reason_ = std::move(reason);
  gpu->streams_ = std::make_unique<StreamTable>(segment.dictionary());
  gpu->state_ = std::make_unique<GpuState>(segment);
  if (timer == nullptr) return gpu;

  watch_for_fork();
  gpu->state_->timer = timer.get();
  auto resolver = std::make_unique<Resolver>(*gpu->state_, log);
  std::string error;
  if (!resolver->start(&error)) {
    gpu->state_->timer = nullptr;
    gpu->reason_ = "GPU slices cannot be recorded: " + error;
    return gpu;
  }
  gpu->timer_ = std::move(timer);
  gpu->resolver_ = std::move(resolver);
  return gpu;
}

Gpu::~Gpu() {
  if (resolver_ == nullptr || resolver_->stop(0)) return;
  // The resolver hangs in the device's library, or this is a forked child that has no resolver: what it uses stays.
  (void)resolver_.release();
  (void)state_.release();
  (void)streams_.release();
  (void)timer_.release();
}

const char* Gpu::failure() const noexcept { return resolver_ == nullptr ? nullptr : resolver_->failure(); }

const DurationHistogram* Gpu::record_calls() const noexcept {
  return resolver_ == nullptr ? nullptr : &resolver_->record_calls();
}

Stream* Gpu::stream(uint64_t handle, std::string* error) {
  if (timer_ == nullptr) {
    *error = reason_;
    return nullptr;
  }
  if (state_->current() == GpuPhase::kForked) {
    *error = "this process was forked from one that uses the GPU, which neither CUDA nor gpuspan survives; start anew";
    return nullptr;
  }
  return streams_->open(*timer_, *resolver_, handle, error);
}

void Gpu::nudge() noexcept {
  // In a forked child nobody sleeps, and the lock may be held by a thread that the child does not have.
  if (resolver_ == nullptr || state_->current() == GpuPhase::kForked) return;
  if (state_->work.load(std::memory_order_relaxed)) resolver_->wake();
}

bool Gpu::dozing() const noexcept { return state_->dozing.load(std::memory_order_relaxed); }

uint32_t Gpu::streams_opened() const noexcept { return streams_->opened(); }

void Gpu::stop(uint32_t timeout_millis) noexcept {
  if (resolver_ != nullptr) resolver_->stop(timeout_millis);
}

bool Gpu::settle(uint32_t timeout_millis) noexcept { return resolver_ == nullptr || resolver_->settle(timeout_millis); }

std::unique_ptr<Launcher> Gpu::make_launcher(Recorder& recorder) {
  InFlightTable* table = nullptr;
  if (resolver_ != nullptr && state_->current() < GpuPhase::kStopped) {
    state_->segment.set_busy(recorder.index(), true);
    table = resolver_->adopt(std::make_unique<InFlightTable>(static_cast<uint16_t>(recorder.index())));
  }
  return std::make_unique<ThreadLauncher>(*state_, recorder, table);
}

}  // namespace gpuspan
