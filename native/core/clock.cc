// SPDX-License-Identifier: Apache-2.0
//
// Chooses the segment's clock and takes snapshots of it. Set-up and the reader's thread.
#include "clock.h"

#include <fcntl.h>
#include <unistd.h>

#if defined(__x86_64__)
#include <cpuid.h>
#endif

#include <cstring>

namespace gpuspan {
namespace {

#if defined(__x86_64__)
constexpr ClockKind kCounterKind = ClockKind::kTsc;
constexpr const char* kCounterSource = "tsc";
constexpr const char* kUntrusted = "the kernel's clock source is not tsc, so it does not trust the counter";

bool counter_is_invariant() noexcept {
  unsigned a, b, c, d;
  constexpr unsigned kPowerManagement = 0x80000007, kInvariantTsc = 1u << 8;
  return __get_cpuid(kPowerManagement, &a, &b, &c, &d) == 1 && (d & kInvariantTsc) != 0;
}
#elif defined(__aarch64__)
constexpr ClockKind kCounterKind = ClockKind::kCntvct;
constexpr const char* kCounterSource = "arch_sys_counter";
constexpr const char* kUntrusted =
    "the kernel's clock source is not arch_sys_counter, so it does not trust the counter";

bool counter_is_invariant() noexcept { return true; }  // the architecture says so
#else
constexpr ClockKind kCounterKind = ClockKind::kMonotonic;
constexpr const char* kCounterSource = "";
constexpr const char* kUntrusted = "this processor has no counter that gpuspan knows";

bool counter_is_invariant() noexcept { return false; }
#endif

bool kernel_uses(const char* source) noexcept {
  const int fd = open("/sys/devices/system/clocksource/clocksource0/current_clocksource", O_RDONLY | O_CLOEXEC);
  if (fd < 0) return false;
  char text[64];
  const ssize_t got = ::read(fd, text, sizeof text - 1);
  close(fd);
  text[got > 0 ? got : 0] = '\0';
  text[strcspn(text, "\n")] = '\0';
  return strcmp(text, source) == 0;
}

// A sandbox may refuse CLOCK_BOOTTIME; CLOCK_MONOTONIC in its place says that nobody was suspended.
uint64_t boottime_ns(uint64_t monotonic) noexcept {
  timespec t;
  if (clock_gettime(CLOCK_BOOTTIME, &t) != 0) return monotonic;
  return static_cast<uint64_t>(t.tv_sec) * 1'000'000'000u + static_cast<uint64_t>(t.tv_nsec);
}

}  // namespace

Clock Clock::choose(ClockChoice choice, const char** reason) noexcept {
  if (choice == ClockChoice::kMonotonic) {
    *reason = "GPUSPAN_CLOCK asks for CLOCK_MONOTONIC";
  } else if (!kernel_uses(kCounterSource)) {
    *reason = kUntrusted;
  } else if (!counter_is_invariant()) {
    *reason = "the processor does not say that its counter runs at one rate";
  } else {
    *reason = "the kernel keeps time with the processor's counter";
    return Clock(kCounterKind);
  }
  return Clock(ClockKind::kMonotonic);
}

Snapshot Clock::snapshot(int rounds) const noexcept {
  Snapshot best{};
  best.bracket_ns = UINT64_MAX;
  for (int i = 0; i < rounds || i == 0; ++i) {
    const uint64_t before = monotonic_ns();
    // Where a second's difference hurts nobody, so that ticks and realtime stay next to the middle.
    const uint64_t boottime = boottime_ns(before);
    const uint64_t ticks = now();
    const uint64_t realtime = read_clock_ns(CLOCK_REALTIME);
    const uint64_t after = monotonic_ns();
    if (after - before >= best.bracket_ns) continue;
    best.bracket_ns = after - before;
    best.monotonic_ns = before + (after - before) / 2;
    // One clock must not differ from itself by half a bracket.
    best.ticks = kind_ == ClockKind::kMonotonic ? best.monotonic_ns : ticks;
    best.realtime_ns = static_cast<int64_t>(realtime);
    best.boottime_offset_ns = static_cast<int64_t>(boottime - before);
  }
  return best;
}

}  // namespace gpuspan
