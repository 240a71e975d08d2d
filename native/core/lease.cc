// SPDX-License-Identifier: Apache-2.0
//
// The reader's lease and the flush hand-shake: two small protocols over words of the segment's header, between
// the environments of one process. Neither is on the record path.
#include <errno.h>
#include <limits.h>
#include <linux/futex.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "segment.h"

namespace gpuspan {
namespace {

// Not FUTEX_PRIVATE_FLAG: the word lies in a shared mapping.
void wake_all(std::atomic<uint32_t>& word) noexcept {
  syscall(SYS_futex, reinterpret_cast<uint32_t*>(&word), FUTEX_WAKE, INT_MAX, nullptr, nullptr, 0);
}

// Until the word changes, a wake-up, a signal, or `deadline_ns` of CLOCK_MONOTONIC. False at the deadline. Where the
// call is refused (a sandbox) the word is looked at each millisecond.
bool wait_while_equal(std::atomic<uint32_t>& word, uint32_t value, uint64_t deadline_ns) noexcept {
  const timespec deadline = {static_cast<time_t>(deadline_ns / 1'000'000'000u),
                             static_cast<long>(deadline_ns % 1'000'000'000u)};
  const long result = syscall(SYS_futex, reinterpret_cast<uint32_t*>(&word), FUTEX_WAIT_BITSET, value, &deadline,
                              nullptr, FUTEX_BITSET_MATCH_ANY);
  if (result == 0 || errno == EAGAIN || errno == EINTR) return true;
  if (errno == ETIMEDOUT || monotonic_ns() >= deadline_ns) return false;
  const timespec pause = {0, 1'000'000};
  nanosleep(&pause, nullptr);
  return true;
}

// Tickets wrap; `done` is at or after `ticket` when it is less than half a turn ahead.
bool reached(uint32_t done, uint32_t ticket) noexcept { return static_cast<int32_t>(done - ticket) >= 0; }

}  // namespace

bool Segment::acquire_lease(uint64_t environment) noexcept {
  if (environment == 0 || forked()) return false;
  uint64_t holder = 0;
  // Acquire pairs with the release below: the next reader sees the account its predecessor published.
  if (header_->lease.compare_exchange_strong(holder, environment, std::memory_order_acq_rel,
                                             std::memory_order_acquire)) {
    return true;
  }
  return holder == environment;
}

bool Segment::transfer_lease(uint64_t from, uint64_t to) noexcept {
  if (from == 0 || to == 0) return false;
  return header_->lease.compare_exchange_strong(from, to, std::memory_order_acq_rel, std::memory_order_relaxed);
}

void Segment::release_lease(uint64_t environment) noexcept {
  if (environment == 0) return;
  header_->lease.compare_exchange_strong(environment, 0, std::memory_order_acq_rel, std::memory_order_relaxed);
}

uint64_t Segment::lease_holder() const noexcept { return header_->lease.load(std::memory_order_acquire); }

uint32_t Segment::request_flush() noexcept {
  const uint32_t ticket = header_->flush_requested.fetch_add(1, std::memory_order_acq_rel) + 1;
  wake_all(header_->flush_requested);
  return ticket;
}

uint32_t Segment::flush_requested() const noexcept { return header_->flush_requested.load(std::memory_order_acquire); }

void Segment::flush_done(uint32_t ticket) noexcept {
  uint32_t done = header_->flush_done.load(std::memory_order_relaxed);
  while (!reached(done, ticket) && !header_->flush_done.compare_exchange_weak(done, ticket, std::memory_order_release,
                                                                              std::memory_order_relaxed)) {
  }
  wake_all(header_->flush_done);
}

bool Segment::wait_flushed(uint32_t ticket, uint32_t timeout_millis) noexcept {
  const uint64_t deadline_ns = monotonic_ns() + uint64_t{timeout_millis} * 1'000'000u;
  for (;;) {
    const uint32_t done = header_->flush_done.load(std::memory_order_acquire);
    if (reached(done, ticket)) return true;
    if (!wait_while_equal(header_->flush_done, done, deadline_ns)) {
      return reached(header_->flush_done.load(std::memory_order_acquire), ticket);
    }
  }
}

}  // namespace gpuspan
