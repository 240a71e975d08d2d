// SPDX-License-Identifier: Apache-2.0
//
// Looks at both clocks a hundred times a second, and interpolates between the looks.
#include "raw_timeline.h"

#include <algorithm>
#include <chrono>
#include <cmath>

#include "native/core/clock.h"

namespace gpuspan::truth {
namespace {

constexpr auto kPeriod = std::chrono::milliseconds(10);
// A look is repeated until its bracket is this narrow, so that being preempted in the middle of one costs nothing.
constexpr int64_t kNarrowNs = 100;
constexpr int kRounds = 16;

}  // namespace

RawTimeline::Look RawTimeline::look() {
  Look best{};
  for (int i = 0; i < kRounds; ++i) {
    const auto before = static_cast<int64_t>(monotonic_ns());
    const auto raw = static_cast<int64_t>(read_clock_ns(CLOCK_MONOTONIC_RAW));
    const auto after = static_cast<int64_t>(monotonic_ns());
    const int64_t half = (after - before + 1) / 2;
    if (i == 0 || half < best.half_ns) best = {raw, before + half - raw, half};
    if (best.half_ns <= kNarrowNs / 2) break;
  }
  return best;
}

void RawTimeline::start() {
  looks_.push_back(look());
  thread_ = std::thread([this] { run(); });
}

void RawTimeline::run() {
  std::unique_lock<std::mutex> lock(mutex_);
  while (!changed_.wait_for(lock, kPeriod, [this] { return stopping_; })) looks_.push_back(look());
}

void RawTimeline::stop() {
  if (!thread_.joinable()) return;
  {
    const std::lock_guard<std::mutex> lock(mutex_);
    stopping_ = true;
  }
  changed_.notify_all();
  thread_.join();
  looks_.push_back(look());
}

// Of the offset, between a look and the next one.
double RawTimeline::slope(size_t from) const {
  const Look &a = looks_[from], &b = looks_[from + 1];
  return static_cast<double>(b.offset_ns - a.offset_ns) / static_cast<double>(b.raw_ns - a.raw_ns);
}

TrueMoment RawTimeline::at(int64_t raw_ns) const {
  const auto later = std::upper_bound(looks_.begin(), looks_.end(), raw_ns,
                                      [](int64_t value, const Look& look) { return value < look.raw_ns; });
  if (later == looks_.begin() || later == looks_.end()) return {};
  const auto index = static_cast<size_t>(later - looks_.begin()) - 1;
  const Look &a = looks_[index], &b = looks_[index + 1];
  const double along = static_cast<double>(raw_ns - a.raw_ns);
  TrueMoment moment;
  moment.ns = raw_ns + a.offset_ns + std::llround(slope(index) * along);
  // If the rate changed between the two looks, from what it was before to what it was after, the line bends by at
  // most a quarter of the difference times the distance.
  const double before = slope(index == 0 ? 0 : index - 1);
  const double after = slope(std::min(index + 1, looks_.size() - 2));
  const double bend = std::fabs(after - before) * static_cast<double>(b.raw_ns - a.raw_ns) / 4;
  moment.uncertainty_ns = std::max(a.half_ns, b.half_ns) + static_cast<int64_t>(std::ceil(bend));
  return moment;
}

double RawTimeline::drift_ppm() const {
  if (looks_.size() < 2) return 0;
  const Look &first = looks_.front(), &last = looks_.back();
  return 1e6 * static_cast<double>(last.offset_ns - first.offset_ns) / static_cast<double>(last.raw_ns - first.raw_ns);
}

}  // namespace gpuspan::truth
