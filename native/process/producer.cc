// SPDX-License-Identifier: Apache-2.0
//
// See producer.h. None of this is the record path, except `lose`.
#include "producer.h"

#include <algorithm>
#include <atomic>
#include <cstdio>

#include "../core/shared_field.h"

namespace gpuspan {
namespace {

void tell_refusal_once(const std::string& error) noexcept {
  static std::atomic<bool> told{false};
  if (told.exchange(true, std::memory_order_relaxed)) return;
  std::fprintf(stderr, "gpuspan: GPU slices of native code are lost: %s\n", error.c_str());
}

// Which GPU this worker drives, unless it was told: that of the first stream whose device is known.
void learn_gpu(const LaneMemory& lane, const Stream& stream) noexcept {
  if (lane.header->gpu_uuid == 0) store_release(lane.header->gpu_uuid, stream.device_uuid);
}

}  // namespace

bool Producer::claim(Segment& segment, const LaneIdentity& identity, std::string* error) {
  LaneMemory lane;
  if (!segment.claim_lane(identity, &lane, error)) return false;
  segment_ = &segment;
  names_ = reinterpret_cast<const DictionaryEntry*>(segment.base() + segment.header().dictionary_offset);
  recorder_.emplace(segment, lane);
  active_ = &*recorder_;
  return true;
}

void Producer::lose(Loss reason) noexcept {
  if (recorder_) {
    recorder_->lose(active_ == nullptr ? Loss::kClosed : reason);
  } else if (Segment* segment = Process::get().segment()) {
    segment->lost_without_lane();
  }
}

void Producer::lose_owner(Loss reason) noexcept {
  if (recorder_) recorder_->lose_owner(active_ == nullptr ? Loss::kClosed : reason);
}

Launcher* Producer::open_launcher() {
  if (launcher_ != nullptr || active_ == nullptr) return launcher_.get();
  Gpu* gpu = Process::get().gpu();
  if (gpu != nullptr) launcher_ = gpu->make_launcher(*active_);
  return launcher_.get();
}

Stream* Producer::open_stream(uint64_t handle, std::string* error) {
  Launcher* launcher = open_launcher();
  if (launcher == nullptr) {
    *error = "this thread has no open lane; call start() in it first";
    return nullptr;
  }
  Gpu* gpu = Process::get().gpu();
  Stream* stream = gpu->stream(handle, error);
  if (stream == nullptr) return nullptr;
  launcher->remember(stream);
  learn_gpu(active_->lane(), *stream);
  if (streams_.size() <= stream->index) streams_.resize(stream->index + 1u);
  streams_[stream->index] = stream;
  return stream;
}

bool Producer::refused(uint64_t handle) noexcept {
  // Whoever opened a stream since, on any thread, may have opened the one that has this handle now.
  const Gpu* const gpu = Process::get().gpu_if_open();
  const uint32_t opened = gpu == nullptr ? 0 : gpu->streams_opened();
  if (opened != opened_at_refusal_) refusals_ = 0;
  opened_at_refusal_ = opened;
  const auto end = refused_handles_.begin() + std::min<size_t>(refusals_, refused_handles_.size());
  return std::find(refused_handles_.begin(), end, handle) != end;
}

Stream* Producer::find_or_open_stream(uint64_t handle) noexcept {
  if (launcher_ != nullptr) {
    if (Stream* stream = launcher_->find(handle)) return stream;
  }
  if (refused(handle)) return nullptr;
  std::string error;
  Stream* stream = open_stream(handle, &error);
  if (stream == nullptr) {
    tell_refusal_once(error);
    refused_handles_[refusals_++ % refused_handles_.size()] = handle;
  }
  return stream;
}

void Producer::close() noexcept {
  if (active_ == nullptr) return;
  if (launcher_ != nullptr) launcher_->close();
  active_->close_all();
  active_ = nullptr;
  launcher_.reset();
}

void Producer::release() noexcept {
  close();
  if (!recorder_) return;
  const uint32_t lane = recorder_->index();
  recorder_.reset();
  segment_->orphan_lane(lane);
}

}  // namespace gpuspan
