// SPDX-License-Identifier: Apache-2.0
//
// The segment's one clock. Ticks are the invariant TSC (x86-64) or CNTVCT (arm64) where the kernel itself
// keeps time with it, else CLOCK_MONOTONIC in ns. `now` runs on the record path; the rest at set-up.
#ifndef GPUSPAN_CORE_CLOCK_H_
#define GPUSPAN_CORE_CLOCK_H_

#include <time.h>

#include <cstdint>

#include "layout.h"

namespace gpuspan {

enum class ClockChoice : uint8_t { kAuto, kTsc, kMonotonic };

inline uint64_t read_clock_ns(clockid_t id) noexcept {
  timespec t;
  clock_gettime(id, &t);
  return static_cast<uint64_t>(t.tv_sec) * 1'000'000'000u + static_cast<uint64_t>(t.tv_nsec);
}
inline uint64_t monotonic_ns() noexcept { return read_clock_ns(CLOCK_MONOTONIC); }

inline uint64_t read_counter() noexcept {
#if defined(__x86_64__)
  return __builtin_ia32_rdtsc();
#elif defined(__aarch64__)
  uint64_t ticks;
  asm volatile("mrs %0, cntvct_el0" : "=r"(ticks));
  return ticks;
#else
  return monotonic_ns();
#endif
}

class Clock {
 public:
  constexpr Clock() = default;
  explicit constexpr Clock(ClockKind kind) : kind_(kind) {}

  ClockKind kind() const noexcept { return kind_; }
  // Whether ticks are the processor's counter: one instruction, and no call for a caller to save registers around.
  bool counts() const noexcept { return kind_ != ClockKind::kMonotonic; }
  uint64_t now() const noexcept { return kind_ == ClockKind::kMonotonic ? monotonic_ns() : read_counter(); }

  // Ticks and the POSIX clocks at one moment: `rounds` brackets (monotonic, boottime, ticks, realtime, monotonic) of
  // which the narrowest is kept. Takes about 125 ns a round.
  Snapshot snapshot(int rounds = 8) const noexcept;

  // The counter only where the kernel's own clocksource is it and the CPU says it is invariant; `kTsc` asks
  // for it and gets kMonotonic when refused (`reason` then says why).
  static Clock choose(ClockChoice choice, const char** reason) noexcept;

 private:
  ClockKind kind_ = ClockKind::kMonotonic;
};

}  // namespace gpuspan

#endif  // GPUSPAN_CORE_CLOCK_H_
