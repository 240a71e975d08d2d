// SPDX-License-Identifier: Apache-2.0
//
// begin and end of GPU slices. Order matters in `launch`: what can be refused is asked for first, the device is
// touched last, so that a slice which cannot be recorded never cost the stream anything.
#include "launcher.h"

#include <cstring>

namespace gpuspan {
namespace {

size_t hash_handle(uint64_t handle) noexcept {
  return static_cast<size_t>((handle >> 4) * 0x9e3779b97f4a7c15 >> 32);  // Fibonacci hashing; handles are aligned
}

// Appends the items that fit; that others did not, the record's flags say.
void append(InFlight& slice, Payload attributes) noexcept {
  slice.flags |= attributes.flags;
  if (attributes.size == 0) return;
  const uint32_t fits = fitting_prefix(attributes, kMaxGpuAttributes - slice.attribute_bytes);
  if (fits < attributes.size) slice.flags |= kFlagDropped;
  std::memcpy(slice.attributes + slice.attribute_bytes, attributes.data, fits);
  slice.attribute_bytes = static_cast<uint16_t>(slice.attribute_bytes + fits);
}

}  // namespace

Launcher::~Launcher() = default;

ThreadLauncher::ThreadLauncher(GpuState& state, Recorder& recorder, InFlightTable* table)
    : state_(state), recorder_(recorder), table_(table), streams_(16, nullptr) {}

ThreadLauncher::~ThreadLauncher() { close(); }

Token ThreadLauncher::begin(uint16_t owner, uint16_t stage, Stream& stream) noexcept {
  if (table_ == nullptr) return lose(state_.timer == nullptr ? Loss::kGpuDevice : Loss::kClosed);
  table_->enter();
  state_.tell_dozer();
  Token token = 0;
  switch (state_.current()) {
    case GpuPhase::kRunning:
      token = launch(owner, stage, stream);
      break;
    case GpuPhase::kDead:
      lose(Loss::kGpuDevice);
      break;
    case GpuPhase::kStopped:
      lose(Loss::kClosed);
      break;
    case GpuPhase::kForked:  // the lane is the parent's: not even a counter may be touched
      break;
  }
  table_->leave();
  return token;
}

Token ThreadLauncher::launch(uint16_t owner, uint16_t stage, Stream& stream) noexcept {
  const uint8_t level = stage_level(stage);
  if (level == UINT8_MAX) return lose(Loss::kInvalid);
  uint16_t index;
  if (!table_->peek_free(&index)) return lose(Loss::kGpuPool);
  if (!state_.lane->reserve()) return lose(Loss::kRing);

  InFlight& slice = table_->entry(index);
  slice.stream = &stream;
  if (!recorder_.gpu_origin(owner, level, &slice.origin)) {  // the owner is closed; the recorder counted it
    state_.lane->unreserve();
    return 0;
  }
  slice.stage = stage;
  slice.launching_lane = table_->launching_lane();
  slice.attribute_bytes = 0;
  slice.flags = 0;
  slice.outcome = Loss::kCount;
  slice.sampling = 1;
  const Loss result = state_.timer->begin(slice);
  if (result != Loss::kCount) {
    note(result);
    state_.lane->unreserve();
    return lose(result);
  }
  // Only now is it certain that the resolver will count this slice as written or lost.
  if ((owner & kBatchFlag) != 0) recorder_.batch_launched(owner & ~kBatchFlag);
  return table_->open(index);
}

void ThreadLauncher::end(Token token, Payload attributes) noexcept {
  if (token == 0 || table_ == nullptr) return;
  table_->enter();
  state_.tell_dozer();
  const GpuPhase phase = state_.current();
  // After `stop` the slice is counted already, and its entry is no longer ours.
  if (phase < GpuPhase::kStopped) {
    const uint16_t index = table_->find(token);
    if (index == kNone) {
      recorder_.lose(Loss::kStale);
    } else {
      InFlight& slice = table_->entry(index);
      append(slice, attributes);
      slice.outcome = phase == GpuPhase::kDead ? Loss::kGpuDevice : state_.timer->end(slice);
      if (phase == GpuPhase::kRunning) note(slice.outcome);
      table_->hand_over(index);
    }
  }
  table_->leave();
}

void ThreadLauncher::annotate(Token token, Payload attributes) noexcept {
  if (token == 0 || table_ == nullptr) return;
  table_->enter();
  if (state_.current() < GpuPhase::kStopped) {
    const uint16_t index = table_->find(token);
    if (index == kNone) {
      recorder_.lose(Loss::kStale);
    } else {
      append(table_->entry(index), attributes);
    }
  }
  table_->leave();
}

// What is still open is given up by the resolver, which owns the whole table from here on.
void ThreadLauncher::close() noexcept {
  if (table_ == nullptr) return;
  table_->close();
  state_.work.store(true, std::memory_order_relaxed);
  table_ = nullptr;
}

Token ThreadLauncher::lose(Loss reason) noexcept {
  recorder_.lose(reason);
  return 0;
}

// Called for failed begins and for every end: a device that can only begin is of no use either. A refusal that is the
// stream's state (being captured) says nothing about the device.
void ThreadLauncher::note(Loss result) noexcept {
  if (result == Loss::kCount) {
    failures_ = 0;
  } else if (result == Loss::kGpuDevice && ++failures_ >= kFailuresUntilDead) {
    state_.give_up();
  }
}

// UINT8_MAX: no such stage. Entry 0, `other`, stands for the stages of a full dictionary and has level 0.
uint8_t ThreadLauncher::stage_level(uint16_t stage) const noexcept {
  const DictionaryEntry* entry = state_.segment.dictionary().entry(stage);
  return entry == nullptr ? UINT8_MAX : static_cast<uint8_t>(entry->word.load(std::memory_order_relaxed) >> 8);
}

Stream* ThreadLauncher::find(uint64_t handle) noexcept {
  // The key may be a question to the driver, which a forked child must not ask.
  if (state_.timer == nullptr || state_.current() == GpuPhase::kForked) return nullptr;
  return streams_[place_of(state_.timer->stream_key(handle))];
}

// Where the stream of this key is, or would be put.
size_t ThreadLauncher::place_of(uint64_t key) const noexcept {
  const size_t mask = streams_.size() - 1;
  size_t i = hash_handle(key) & mask;
  while (streams_[i] != nullptr && streams_[i]->key != key) i = (i + 1) & mask;
  return i;
}

void ThreadLauncher::remember(Stream* stream) {
  if (Stream*& known = streams_[place_of(stream->key)]; known != nullptr) {
    known = stream;  // its handle was another stream's before
    return;
  }
  if (++known_streams_ * 2 > streams_.size()) {
    std::vector<Stream*> old(streams_.size() * 2, nullptr);
    old.swap(streams_);
    known_streams_ = 1;
    for (Stream* known : old) {
      if (known != nullptr) remember(known);
    }
  }
  streams_[place_of(stream->key)] = stream;
}

}  // namespace gpuspan
