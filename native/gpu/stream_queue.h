// SPDX-License-Identifier: Apache-2.0
//
// The pending GPU slices of one thread on one stream, oldest first. A stream is an in-order queue, so what a later
// slice has passed the earlier ones have too: one question about the newest can settle all of them. Only between
// slices of one thread is our order the stream's order, hence a queue per thread and stream; no stream waits for
// another. Resolver thread.
#ifndef GPUSPAN_GPU_STREAM_QUEUE_H_
#define GPUSPAN_GPU_STREAM_QUEUE_H_

#include <cstddef>
#include <cstdint>
#include <deque>

#include "device_timer.h"

namespace gpuspan {

struct Waiting {
  uint16_t index = 0;   // entry of the thread's table
  uint64_t number = 0;  // the resolver's count of slices met, this one included
};

struct StreamQueue {
  Stream* stream = nullptr;
  std::deque<Waiting> pending;
  uint64_t unsure_since_ns = 0;  // CLOCK_MONOTONIC; 0: the device's answers agree
};

// How many of the oldest are done, with about two questions when all or none are and log2(n) otherwise. `poll` is
// called as `Poll poll(uint16_t index)`. On kFailed or kGone, `*failed` is that slice's position in the queue and 0 is
// returned: the caller takes it out and asks again.
template <typename PollEntry>
size_t count_done(const std::deque<Waiting>& pending, size_t* failed, PollEntry poll) {
  constexpr size_t kNobody = static_cast<size_t>(-1);
  *failed = kNobody;
  if (pending.empty()) return 0;
  const auto is_done = [&](size_t position) {
    const Poll answer = poll(pending[position].index);
    if (answer == Poll::kFailed || answer == Poll::kGone) *failed = position;
    return answer == Poll::kDone;
  };
  size_t not_done = pending.size() - 1;
  if (is_done(not_done)) return pending.size();
  if (*failed != kNobody || not_done == 0) return 0;
  size_t done = 0;
  if (!is_done(done)) return 0;
  while (not_done - done > 1) {
    const size_t middle = done + (not_done - done) / 2;
    const bool passed = is_done(middle);
    if (*failed != kNobody) return 0;
    (passed ? done : not_done) = middle;
  }
  return done + 1;
}

}  // namespace gpuspan

#endif  // GPUSPAN_GPU_STREAM_QUEUE_H_
