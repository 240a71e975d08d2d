// SPDX-License-Identifier: Apache-2.0
//
// Seeds for the id generators, one a lane. Set-up only.
#include "ids.h"

#include <sys/random.h>
#include <unistd.h>

#include <atomic>

#include "clock.h"

namespace gpuspan {

uint64_t random_seed() noexcept {
  uint64_t seed;
  if (getrandom(&seed, sizeof seed, GRND_NONBLOCK) == static_cast<ssize_t>(sizeof seed)) return seed;
  static std::atomic<uint64_t> calls{0};
  IdGenerator fallback(monotonic_ns() ^ static_cast<uint64_t>(getpid()) << 40 ^
                       calls.fetch_add(1, std::memory_order_relaxed) << 56 ^ read_clock_ns(CLOCK_REALTIME));
  return fallback.next();
}

}  // namespace gpuspan
