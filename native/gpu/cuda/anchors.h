// SPDX-License-Identifier: Apache-2.0
//
// Anchors of one context: events on a stream of our own, each bracketed by two host clock reads. The stream is
// non-blocking, so that it neither waits for the application's default stream nor holds it up. Resolver thread, with
// the context current.
#ifndef GPUSPAN_GPU_CUDA_ANCHORS_H_
#define GPUSPAN_GPU_CUDA_ANCHORS_H_

#include <array>
#include <cstddef>
#include <cstdint>

#include "../estimator/anchor_schedule.h"
#include "../estimator/device_timeline.h"
#include "../estimator/interval_clock.h"
#include "../estimator/slew_watch.h"
#include "cuda_api.h"
#include "host_clock.h"

namespace gpuspan::cuda {

class Anchors {
 public:
  Anchors(const Api& api, const HostClock& host) : api_(api), host_(host) {}

  // Creates the stream and the events. The first result that is not kSuccess, else kSuccess.
  Result open() noexcept;
  // Destroys them; only while the context works.
  void close() noexcept;

  // Takes the anchors that are due at `now_ns`, host time; looks for a suspend first. kSuccess when none were due, or
  // when some were too late or too wide to use: the clock's bounds grow then.
  Result keep_up(uint64_t now_ns) noexcept;

  // Tells an event's time from the link nearest to `about_ns`, host time. Not known() while there is no link.
  Result stamp_of(Event event, int64_t about_ns, DeviceStamp* stamp) noexcept;

  IntervalClock& clock() noexcept { return clock_; }
  uint32_t epoch() const noexcept { return clock_.epoch(); }

 private:
  // A link of the chain: its event stays recorded until the place is needed again.
  struct Kept {
    Event event = nullptr;
    Link link;
    HostInterval host;
  };
  static constexpr size_t kLinks = 64;  // a minute at the schedule's cadence

  Result burst(size_t count) noexcept;
  Result bracket(Event event, HostInterval* host, bool* done) noexcept;
  Result keep(Event* event, const HostInterval& host) noexcept;
  void watch_host(int64_t now_ns) noexcept;
  Result measure_tick() noexcept;
  void begin_epoch() noexcept;
  bool jumped(const Link& next, const HostInterval& host) const noexcept;

  const Api& api_;
  const HostClock& host_;
  IntervalClock clock_;
  AnchorSchedule schedule_;
  uint64_t inconsistencies_ = 0;  // of the clock, when the schedule last heard of them
  int64_t boot_lead_ns_ = 0;      // CLOCK_BOOTTIME - CLOCK_MONOTONIC
  SlewWatch slew_watch_;
  int64_t slew_watched_ns_ = 0;
  Stream stream_ = nullptr;
  std::array<Event, AnchorSchedule::kBurst> candidates_{};
  std::array<Kept, kLinks> kept_{};
  size_t next_ = 0;   // where the next link goes; the newest is the one before
  size_t count_ = 0;  // links of this epoch
};

}  // namespace gpuspan::cuda

#endif  // GPUSPAN_GPU_CUDA_ANCHORS_H_
