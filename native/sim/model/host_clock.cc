// SPDX-License-Identifier: Apache-2.0
//
// The host's clocks; see host_clock.h.
#include "host_clock.h"

#include <time.h>

#include <cmath>

namespace gpuspan::sim {
namespace {

constexpr int64_t kVirtualStart = 1'000'000'000'000;             // MONOTONIC: up for 1000 s
constexpr int64_t kVirtualRealtime = 1'700'000'000'000'000'000;  // REALTIME then, in November 2023
constexpr int64_t kVirtualSlept = 60'000'000'000;                // BOOTTIME is ahead: a minute asleep before

int64_t read_clock(clockid_t clock) {
  timespec time{};
  clock_gettime(clock, &time);
  return int64_t{time.tv_sec} * 1'000'000'000 + time.tv_nsec;
}

// The entry that holds at a time; they are few and sorted, and the last is nearly always the one.
template <typename Entries>
const auto& holds_at(const Entries& entries, int64_t true_ns) {
  size_t i = entries.size() - 1;
  while (i > 0 && entries[i].from_ns > true_ns) --i;
  return entries[i];
}

}  // namespace

HostClock::HostClock(bool is_virtual) : virtual_(is_virtual), now_ns_(kVirtualStart) {
  rates_.push_back({kVirtualStart, kVirtualStart, 0});
  offsets_.push_back({kVirtualStart, kVirtualSlept, kVirtualRealtime - kVirtualStart});
}

int64_t HostClock::true_ns() const { return virtual_ ? now_ns_ : read_clock(CLOCK_MONOTONIC); }

const HostClock::Offsets& HostClock::offsets_at(int64_t true_ns) const { return holds_at(offsets_, true_ns); }

int64_t HostClock::monotonic_at(int64_t true_ns) const {
  if (!virtual_) return true_ns;
  const Rate& rate = holds_at(rates_, true_ns);
  const int64_t since = true_ns - rate.from_ns;
  if (rate.ppb == 0) return rate.monotonic_ns + since;
  return rate.monotonic_ns + since + std::llround(double(since) * double(rate.ppb) * 1e-9);
}

int64_t HostClock::realtime_at(int64_t true_ns) const {
  if (!virtual_) return true_ns + read_clock(CLOCK_REALTIME) - read_clock(CLOCK_MONOTONIC);
  return monotonic_at(true_ns) + offsets_at(true_ns).realtime_ns;
}

int64_t HostClock::boottime_at(int64_t true_ns) const {
  if (!virtual_) return true_ns + read_clock(CLOCK_BOOTTIME) - read_clock(CLOCK_MONOTONIC);
  return monotonic_at(true_ns) + offsets_at(true_ns).boottime_ns;
}

void HostClock::step_realtime(int64_t ns) {
  Offsets next = offsets_.back();
  next.from_ns = now_ns_;
  next.realtime_ns += ns;
  offsets_.push_back(next);
}

void HostClock::slew(int64_t ppb) { rates_.push_back({now_ns_, monotonic_at(now_ns_), ppb}); }

void HostClock::suspend(int64_t ns) {
  Offsets next = offsets_.back();
  next.from_ns = now_ns_;
  next.realtime_ns += ns;
  next.boottime_ns += ns;
  offsets_.push_back(next);
}

}  // namespace gpuspan::sim
