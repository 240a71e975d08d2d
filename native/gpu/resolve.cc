// SPDX-License-Identifier: Apache-2.0
//
// One round of the resolver: meet new threads, take over what they launched, ask the device, write what is done.
#include <algorithm>

#include "../core/clock.h"
#include "resolver.h"

namespace gpuspan {
namespace {

// How long a device may call a slice unfinished that is before a finished one on its stream. Where a stream's handle
// became another stream's, that happens.
constexpr uint64_t kUnsureNs = 1'000'000'000;

}  // namespace

InFlightTable* Resolver::adopt(std::unique_ptr<InFlightTable> table) noexcept {
  InFlightTable* adopted = table.release();
  adopted->next = unmet_.load(std::memory_order_relaxed);
  // Pairs with the acquire in meet_tables.
  while (!unmet_.compare_exchange_weak(adopted->next, adopted, std::memory_order_seq_cst, std::memory_order_relaxed)) {
  }
  state_.work.store(true, std::memory_order_relaxed);
  return adopted;
}

void Resolver::meet_tables() {
  InFlightTable* table = unmet_.exchange(nullptr, std::memory_order_seq_cst);
  while (table != nullptr) {
    InFlightTable* const next = table->next;
    Thread& thread = threads_.emplace_back();
    thread.table.reset(table);
    table = next;
  }
}

bool Resolver::poll_all(uint64_t now_ns) {
  meet_tables();
  bool moved = false;
  for (Thread& thread : threads_) moved |= accept(thread);
  if (pending_ != 0) state_.timer->tend(now_ns);
  for (Thread& thread : threads_) {
    for (StreamQueue& queue : thread.queues) {
      if (failures_ < kFailuresUntilDead) moved |= resolve(thread, queue);
    }
  }
  if (failures_ >= kFailuresUntilDead) state_.give_up();
  if (state_.dead()) {
    announce_death();
    for (Thread& thread : threads_) lose_pending(thread, Loss::kGpuDevice);
  }
  forget_closed();
  return moved;
}

// Takes over what the thread has ended since the last round.
bool Resolver::accept(Thread& thread) {
  bool any = false;
  uint16_t index;
  while (thread.table->peek_handed_over(&index)) {
    thread.table->pop_handed_over();
    any = true;
    ++met_;
    InFlight& slice = thread.table->entry(index);
    if (slice.outcome != Loss::kCount) {
      lose(thread, index, slice.outcome);
      continue;
    }
    record_calls_.add(slice.times.begin_after - slice.times.begin_before);
    record_calls_.add(slice.times.end_after - slice.times.end_before);
    const auto same = [&](const StreamQueue& queue) { return queue.stream == slice.stream; };
    auto queue = std::find_if(thread.queues.begin(), thread.queues.end(), same);
    if (queue == thread.queues.end()) {
      queue = thread.queues.emplace(thread.queues.end());
      queue->stream = slice.stream;
    }
    queue->pending.push_back({index, met_});
    ++thread.pending;
    ++pending_;
  }
  return any;
}

bool Resolver::resolve(Thread& thread, StreamQueue& queue) {
  size_t failed, done;
  bool moved = false;
  for (;;) {
    Poll answer = Poll::kPending;
    done = count_done(queue.pending, &failed,
                      [&](uint16_t index) { return answer = state_.timer->poll(thread.table->entry(index)); });
    if (failed >= queue.pending.size()) break;
    const uint16_t index = take_out(thread, queue, failed);
    lose(thread, index, answer == Poll::kGone ? Loss::kGpuContext : Loss::kGpuDevice);
    moved = true;
    if (answer == Poll::kFailed && ++failures_ >= kFailuresUntilDead) return true;
  }
  const uint64_t seen_ns = done == 0 ? 0 : monotonic_ns();
  for (size_t i = 0; i < done && failures_ < kFailuresUntilDead; ++i) {
    if (!finish(thread, queue, seen_ns)) break;
    moved = true;
  }
  return moved;
}

uint16_t Resolver::take_out(Thread& thread, StreamQueue& queue, size_t position) {
  const uint16_t index = queue.pending[position].index;
  queue.pending.erase(queue.pending.begin() + static_cast<ptrdiff_t>(position));
  --thread.pending;
  --pending_;
  return index;
}

bool Resolver::finish(Thread& thread, StreamQueue& queue, uint64_t seen_ns) {
  InFlight& slice = thread.table->entry(queue.pending.front().index);
  StreamInterval interval;
  Read answer = state_.timer->read(slice, seen_ns, &interval);
  if (answer == Read::kNotYet) {
    if (queue.unsure_since_ns == 0) queue.unsure_since_ns = seen_ns;
    if (seen_ns - queue.unsure_since_ns < kUnsureNs) return false;
    answer = Read::kFailed;
  }
  queue.unsure_since_ns = 0;
  const uint16_t index = take_out(thread, queue, 0);
  if (answer != Read::kPlaced) {
    if (answer == Read::kFailed) ++failures_;
    lose(thread, index, answer == Read::kGone ? Loss::kGpuContext : Loss::kGpuDevice);
    return true;
  }
  failures_ = 0;
  write(slice, interval);
  state_.timer->release(slice);
  thread.table->give_back(index);
  return true;
}

void Resolver::write(InFlight& slice, const StreamInterval& interval) {
  GpuRecord record;
  record.origin = slice.origin;
  record.launching_lane = slice.launching_lane;
  record.stage = slice.stage;
  record.flags = static_cast<uint8_t>(slice.flags | (interval.clamped ? kFlagClamped : 0));
  record.start_ns = interval.start_ns;
  record.end_ns = interval.end_ns;
  record.bound_ns = interval.bound_ns;
  record.launch_ns = slice.times.begin_before;
  record.source = state_.timer->source();
  record.device = slice.stream->device;
  record.device_uuid = slice.stream->device_uuid;
  record.stream = slice.stream->index;
  record.stream_handle = slice.stream->handle;
  record.sampling = slice.sampling;
  record.attributes = {slice.attributes, slice.attribute_bytes};
  lane_->write(record);
}

// The device events of a device that is given up are leaked: a library that fails is not asked to clean up.
void Resolver::lose(Thread& thread, uint16_t index, Loss reason) {
  InFlight& slice = thread.table->entry(index);
  if (failures_ < kFailuresUntilDead && !state_.dead()) state_.timer->release(slice);
  lane_->lose(slice.origin, slice.launching_lane, reason);
  thread.table->give_back(index);
}

void Resolver::lose_pending(Thread& thread, Loss reason) {
  for (StreamQueue& queue : thread.queues) {
    for (const Waiting& waiting : queue.pending) lose(thread, waiting.index, reason);
    pending_ -= queue.pending.size();
    queue.pending.clear();
  }
  thread.pending = 0;
}

void Resolver::announce_death() {
  if (failure_.load(std::memory_order_relaxed) != nullptr) return;
  const std::string last = state_.timer->last_error();
  failure_text_ = "GPU slices are no longer recorded: " + std::to_string(kFailuresUntilDead) +
                  " calls of the device's library failed in a row" + (last.empty() ? "" : ", the last one: " + last) +
                  " (" + state_.timer->description() + "); further GPU slices are counted as lost (gpu_device)";
  failure_.store(failure_text_.c_str(), std::memory_order_release);
  if (log_ != nullptr) log_(failure_text_.c_str());
}

void Resolver::give_up_open(Thread& thread) {
  thread.table->close_open([&](uint16_t index) { lose(thread, index, Loss::kGpuShutdown); });
}

// Tables of threads that ended: what they left open is given up, and once nothing of theirs is in flight their lanes
// may be claimed again.
void Resolver::forget_closed() {
  std::erase_if(threads_, [this](Thread& thread) {
    if (!thread.table->closed()) return false;
    give_up_open(thread);
    uint16_t index;
    if (thread.pending != 0 || thread.table->peek_handed_over(&index)) return false;
    state_.segment.set_busy(thread.table->launching_lane(), false);
    return true;
  });
}

}  // namespace gpuspan
