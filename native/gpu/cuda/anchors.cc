// SPDX-License-Identifier: Apache-2.0
//
// Taking anchors and chaining them; watching the host's clocks meanwhile. What they are worth is the estimator's
// business.
#include "anchors.h"

#include <algorithm>
#include <cstdlib>
#include <numeric>
#include <utility>

namespace gpuspan::cuda {
namespace {

// An anchor that is not passed by then tells little: other processes' time slices take 2 ms. Its event is left alone.
constexpr uint64_t kPatienceNs = 200'000;
// Questions, in case the host's clock stands still.
constexpr uint32_t kMostQuestions = 100'000;
// CLOCK_BOOTTIME and CLOCK_MONOTONIC are read one after the other; a suspend is longer than any gap between the reads
// that matters here.
constexpr int64_t kSuspendNs = 10'000'000;
// Between two looks at the rate of CLOCK_MONOTONIC.
constexpr int64_t kSlewWatchNs = 1'000'000;
// CUDA documents about 500 ns for timing events; 1,024 is the coarsest device timer known (%globaltimer on A100). A
// device that does not tell is taken at its worst, and none to be finer than %globaltimer on H100.
constexpr int64_t kCoarsestTickNs = 1'024;
constexpr int64_t kFinestTickNs = 32;
// Device and host disagree by more than this much of the time between two anchors plus this much: the device's clock
// was reset or stood still. The widest drift of IntervalClockOptions, and what a bad bracket may add.
constexpr int64_t kJumpNs = 100'000;

}  // namespace

Result Anchors::open() noexcept {
  boot_lead_ns_ = static_cast<int64_t>(host_.boottime() - host_.monotonic());
  int least = 0, greatest = 0;
  Result result = api_.ctx_get_stream_priority_range(&least, &greatest);
  // Priority helps where many streams wait for the GPU; it interrupts no kernel that runs.
  if (result == kSuccess) result = api_.stream_create_with_priority(&stream_, kStreamNonBlocking, greatest);
  for (size_t i = 0; i < candidates_.size() && result == kSuccess; ++i) {
    result = api_.event_create(&candidates_[i], kEventDefault);
  }
  for (size_t i = 0; i < kept_.size() && result == kSuccess; ++i) {
    result = api_.event_create(&kept_[i].event, kEventDefault);
  }
  return result == kSuccess ? measure_tick() : result;
}

// All differences of stamps are multiples of the tick, so their greatest common divisor is one, mostly the tick itself:
// never less, which is the side that keeps bounds true. Differences this short are exact to far below 1 ns.
Result Anchors::measure_tick() noexcept {
  int64_t tick = 0;
  HostInterval unused;
  for (size_t i = 0; i < candidates_.size(); ++i) {
    bool done = false;
    Result result = bracket(candidates_[i], &unused, &done);
    if (result != kSuccess) return result;
    if (!done) break;
    if (i == 0) continue;
    float milliseconds = 0;
    result = api_.event_elapsed_time(&milliseconds, candidates_[i - 1], candidates_[i]);
    if (result != kSuccess) return result;
    tick = std::gcd(tick, elapsed_of(milliseconds).ns);
  }
  IntervalClockOptions options;
  options.tick_ns = tick == 0 ? kCoarsestTickNs : std::clamp(tick, kFinestTickNs, kCoarsestTickNs);
  clock_ = IntervalClock(options);
  return kSuccess;
}

void Anchors::close() noexcept {
  for (Event& event : candidates_) {
    if (event != nullptr) api_.event_destroy(std::exchange(event, nullptr));
  }
  for (Kept& kept : kept_) {
    if (kept.event != nullptr) api_.event_destroy(std::exchange(kept.event, nullptr));
  }
  if (stream_ != nullptr) api_.stream_destroy(std::exchange(stream_, nullptr));
}

void Anchors::begin_epoch() noexcept {
  clock_.begin_epoch();
  count_ = 0;
  schedule_.restart();
}

// After a suspend the device may have been off and its clock anywhere; after a slew the rate between the two clocks is
// another. Either way what is known is void.
void Anchors::watch_host(int64_t now_ns) noexcept {
  const auto lead = static_cast<int64_t>(host_.boottime() - host_.monotonic());
  const bool suspended = std::abs(lead - boot_lead_ns_) >= kSuspendNs;
  boot_lead_ns_ = lead;
  bool slewed = false;
  if (now_ns - slew_watched_ns_ >= kSlewWatchNs) {
    const auto before = static_cast<int64_t>(host_.monotonic());
    const auto raw = static_cast<int64_t>(host_.monotonic_raw());
    slewed = slew_watch_.changed(raw, {before, static_cast<int64_t>(host_.monotonic())});
    slew_watched_ns_ = now_ns;
  }
  if (suspended || slewed) begin_epoch();
}

Result Anchors::keep_up(uint64_t now_ns) noexcept {
  watch_host(static_cast<int64_t>(now_ns));
  if (clock_.inconsistencies() != inconsistencies_) {
    inconsistencies_ = clock_.inconsistencies();
    schedule_.restart();
  }
  const size_t due = schedule_.due(static_cast<int64_t>(now_ns), true);
  return due == 0 ? kSuccess : burst(due);
}

// Puts `count` events on the stream one by one and keeps the one whose bracket is narrowest.
Result Anchors::burst(size_t count) noexcept {
  size_t best = count;
  HostInterval narrowest = kAnytime;
  for (size_t i = 0; i < count; ++i) {
    HostInterval host;
    bool done = false;
    const Result result = bracket(candidates_[i], &host, &done);
    if (result != kSuccess) return result;
    if (!done) break;  // the device is busy with others: the rest would wait behind this one
    if (host.width() >= narrowest.width()) continue;
    narrowest = host;
    best = i;
  }
  return best == count ? kSuccess : keep(&candidates_[best], narrowest);
}

Result Anchors::bracket(Event event, HostInterval* host, bool* done) noexcept {
  const uint64_t before = host_.monotonic();
  Result result = api_.event_record(event, stream_);
  if (result != kSuccess) return result;
  for (uint32_t asked = 0; asked < kMostQuestions; ++asked) {
    result = api_.event_query(event);
    const uint64_t after = host_.monotonic();
    if (result == kSuccess) {
      *host = {static_cast<int64_t>(before), static_cast<int64_t>(after)};
      *done = true;
      return kSuccess;
    }
    if (result != kNotReady) return result;
    if (after - before > kPatienceNs) break;
  }
  return kSuccess;
}

bool Anchors::jumped(const Link& next, const HostInterval& host) const noexcept {
  const Kept& last = kept_[(next_ + kLinks - 1) % kLinks];
  const int64_t by_device = next.stamp().ns - last.link.stamp().ns;
  const int64_t by_host = host.middle() - last.host.middle();
  const int64_t allowed = by_host / 1'000'000 * 600 + kJumpNs + (host.width() + last.host.width()) / 2 +
                          next.stamp().chain_ns - last.link.stamp().chain_ns;
  return by_device < 0 || std::abs(by_device - by_host) > allowed;
}

Result Anchors::keep(Event* event, const HostInterval& host) noexcept {
  Link link;
  if (count_ != 0) {
    const Kept& last = kept_[(next_ + kLinks - 1) % kLinks];
    float milliseconds = 0;
    const Result result = api_.event_elapsed_time(&milliseconds, last.event, *event);
    if (result != kSuccess) return result;
    link = last.link.next(milliseconds);
    if (!link.stamp().known() || jumped(link, host)) {
      begin_epoch();
      link = Link();
    }
  }
  std::swap(kept_[next_].event, *event);
  kept_[next_].link = link;
  kept_[next_].host = host;
  next_ = (next_ + 1) % kLinks;
  count_ = std::min(count_ + 1, kLinks);
  clock_.add({link.stamp(), host});
  return kSuccess;
}

Result Anchors::stamp_of(Event event, int64_t about_ns, DeviceStamp* stamp) noexcept {
  *stamp = {0, kFarthestNs, 0};
  const Kept* nearest = nullptr;
  for (size_t i = 1; i <= count_; ++i) {  // newest first: it is nearly always the one
    const Kept& kept = kept_[(next_ + kLinks - i) % kLinks];
    if (nearest != nullptr && std::abs(kept.host.low - about_ns) >= std::abs(nearest->host.low - about_ns)) break;
    nearest = &kept;
  }
  if (nearest == nullptr) return kSuccess;
  float milliseconds = 0;
  const Result result = api_.event_elapsed_time(&milliseconds, nearest->event, event);
  if (result == kSuccess) *stamp = nearest->link.stamp_of(milliseconds);
  return result;
}

}  // namespace gpuspan::cuda
