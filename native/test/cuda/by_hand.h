// SPDX-License-Identifier: Apache-2.0
//
// A device timer driven without threads: what launchers and the resolver do, in an order that a test fixes, on virtual
// time. So each call of the driver has its place, and the true time of each mark is known.
#ifndef GPUSPAN_TEST_CUDA_BY_HAND_H_
#define GPUSPAN_TEST_CUDA_BY_HAND_H_

#include <deque>
#include <functional>
#include <memory>
#include <utility>

#include "native/test/cuda/cuda_fixture.h"

namespace gpuspan {

class ByHand {
 public:
  // What became of a slice.
  struct Outcome {
    const InFlight* slice;
    Read answer;  // kPlaced: `interval` is valid
    StreamInterval interval;
    gpuspan_sim_truth begin;  // where the driver accepted the mark
    gpuspan_sim_truth end;
  };
  using OnOutcome = std::function<void(const Outcome&)>;

  ByHand(const SimDriver& sim, DeviceTimer& timer, OnOutcome on_outcome)
      : sim_(sim), timer_(timer), on_outcome_(std::move(on_outcome)) {}

  // Null if it was refused.
  std::unique_ptr<Stream> open(uint64_t handle) {
    std::string error;
    std::unique_ptr<Stream> stream = timer_.open_stream(handle, &error);
    return stream != nullptr && timer_.prepare(*stream, &error) ? std::move(stream) : nullptr;
  }

  // One slice around what `work` enqueues; false and counted when either mark was refused.
  bool launch(Stream& on, const std::function<void()>& work) {
    auto waiting = std::make_unique<Waiting>();
    waiting->slice.stream = &on;
    const Loss begun = timer_.begin(waiting->slice);
    if (begun != Loss::kCount) {
      ++refused;
      last_refusal = begun;
      return false;
    }
    waiting->begin = last_record();
    work();
    const Loss ended = timer_.end(waiting->slice);
    if (ended != Loss::kCount) {
      ++refused;
      last_refusal = ended;
      timer_.release(waiting->slice);
      return false;
    }
    waiting->end = last_record();
    pending_.push_back(std::move(waiting));
    return true;
  }

  // One round of the resolver, oldest first; true when nothing is pending any more.
  bool round() {
    timer_.tend(now());
    while (!pending_.empty()) {
      Waiting& waiting = *pending_.front();
      const Poll polled = timer_.poll(waiting.slice);
      if (polled == Poll::kPending) return false;
      Outcome outcome{&waiting.slice, Read::kFailed, {}, waiting.begin, waiting.end};
      if (polled == Poll::kGone) outcome.answer = Read::kGone;
      if (polled == Poll::kDone) outcome.answer = timer_.read(waiting.slice, now(), &outcome.interval);
      if (outcome.answer == Read::kNotYet) return false;
      on_outcome_(outcome);
      timer_.release(waiting.slice);
      pending_.pop_front();
    }
    return true;
  }
  // Rounds, a poll interval apart, until nothing is pending or `rounds` have been made.
  bool settle(int rounds = 1'000'000) {
    for (int64_t wait = 500'000; rounds > 0 && !round(); --rounds) {
      sim_.advance_ns(wait);
      wait = std::min<int64_t>(wait * 2, 20'000'000);
    }
    return pending_.empty();
  }
  size_t pending() const { return pending_.size(); }

  uint64_t refused = 0;
  Loss last_refusal = Loss::kCount;

 private:
  struct Waiting {
    InFlight slice;
    gpuspan_sim_truth begin{}, end{};
  };

  uint64_t now() const { return static_cast<uint64_t>(sim_.now_ns()); }
  // Of the simulator's log, which is where anchors go as well: the newest is the mark just made.
  gpuspan_sim_truth last_record() {
    gpuspan_sim_truth records[64];
    gpuspan_sim_truth last{};
    while (const size_t count = sim_.log(seen_, records, 64)) {
      last = records[count - 1];
      seen_ = last.sequence;
    }
    return last;
  }

  const SimDriver& sim_;
  DeviceTimer& timer_;
  OnOutcome on_outcome_;
  std::deque<std::unique_ptr<Waiting>> pending_;
  uint64_t seen_ = 0;
};

}  // namespace gpuspan

#endif  // GPUSPAN_TEST_CUDA_BY_HAND_H_
