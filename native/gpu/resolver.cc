// SPDX-License-Identifier: Apache-2.0
//
// The resolver's thread: its start and end, and how often it polls. What a round does is in resolve.cc.
#include "resolver.h"

#include <signal.h>
#include <unistd.h>

#include <algorithm>
#include <mutex>

#include "../core/clock.h"

namespace gpuspan {
namespace {

// What `stop` grants a launcher that is inside a call of the device's library, and the resolver to come back from
// one, beyond its caller's timeout.
constexpr uint64_t kGraceNs = 50'000'000;
constexpr uint64_t kReturnNs = 1'000'000'000;

}  // namespace

Resolver::Resolver(GpuState& state, GpuLog log) : state_(state), log_(log), pid_(getpid()) {}

Resolver::~Resolver() {
  meet_tables();  // those of threads that came after the last round
}

bool Resolver::start(std::string* error) {
  // The thread inherits this mask: signals are the application's and shall interrupt its threads, not ours.
  sigset_t all, before;
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, &before);
  life_ = Life::kStarting;
  const int result = pthread_create(&thread_, nullptr, run_thread, this);
  pthread_sigmask(SIG_SETMASK, &before, nullptr);
  if (result != 0) {
    life_ = Life::kNone;
    *error = "the resolver thread could not be started (pthread_create returned " + std::to_string(result) +
             "); raise the limit on threads of this process";
    return false;
  }
  {
    std::lock_guard lock(wake_up_);
    while (life_ == Life::kStarting) wake_up_.wait_until(monotonic_ns() + kReturnNs);
    if (life_ == Life::kRunning) return true;
    *error = start_error_;
  }
  pthread_join(thread_, nullptr);
  joined_ = true;
  return false;
}

void* Resolver::run_thread(void* self) {
  pthread_setname_np(pthread_self(), "gpuspan-gpu");
  static_cast<Resolver*>(self)->run();
  return nullptr;
}

bool Resolver::claim_lane(std::string* error) {
  LaneIdentity identity;
  identity.kind = 2;
  identity.label = state_.segment.dictionary().intern(EntryKind::kString, 0, 0, "gpuspan-gpu").id;
  LaneMemory lane;
  if (!state_.segment.claim_lane(identity, &lane, error)) return false;
  lane_.emplace(state_.segment, lane);
  state_.lane = &*lane_;
  return true;
}

void Resolver::run() {
  std::string error;
  const bool claimed = claim_lane(&error);
  {
    std::lock_guard lock(wake_up_);
    life_ = claimed ? Life::kRunning : Life::kRefused;
    start_error_ = error;
    wake_up_.wake_all();
  }
  if (!claimed) return;

  uint64_t wait_ns = kShortestPollNs;
  uint64_t moved_ns = monotonic_ns();
  for (;;) {
    bool stopping, settling;
    uint64_t deadline_ns, asked;
    {
      std::lock_guard lock(wake_up_);
      stopping = stopping_;
      deadline_ns = stop_deadline_ns_;
      settling = settlers_ != 0;
      asked = settle_asked_;
    }
    if (stopping) return shut_down(deadline_ns);
    prepare_streams();
    const uint64_t now_ns = monotonic_ns();
    const bool moved = poll_all(now_ns);
    if (settling) note_settled(asked);
    const bool busy = moved || settling || pending_ != 0;
    if (busy) moved_ns = now_ns;
    const uint64_t longest = pending_ != 0 ? kLongestPollNs : kIdlePollNs;
    wait_ns = moved || settling ? kShortestPollNs : std::min(wait_ns * 2, longest);
    if (!busy && now_ns - moved_ns >= kDozeAfterNs) {
      doze(asked);
      moved_ns = monotonic_ns();
      wait_ns = kShortestPollNs;
    } else {
      sleep(wait_ns, asked);
    }
  }
}

// Until the time is up, `stop`, `wake`, a stream to prepare, or a settler that asked after `asked` was read.
void Resolver::sleep(uint64_t duration_ns, uint64_t asked) {
  const uint64_t deadline = monotonic_ns() + duration_ns;
  std::lock_guard lock(wake_up_);
  while (!stopping_ && !woken_ && preparing_.empty() && asked == settle_asked_ && wake_up_.wait_until(deadline)) {
  }
  woken_ = false;
}

// Sleeps without polling. A launcher cannot wake us, but one that sees `dozing` leaves word, and whoever reads the
// segment passes it on (Gpu::nudge). Like the handshake of `stop`: a launcher says that it is inside and then reads
// `dozing`, we write `dozing` and then look who is inside. So it leaves word, or we see it, or what it handed over.
void Resolver::doze(uint64_t asked) {
  state_.dozing.store(true, std::memory_order_seq_cst);
  if (may_doze()) sleep(kLongestDozeNs, asked);
  state_.dozing.store(false, std::memory_order_seq_cst);
  state_.work.store(false, std::memory_order_relaxed);
}

bool Resolver::may_doze() noexcept {
  if (unmet_.load(std::memory_order_seq_cst) != nullptr) return false;
  for (const Thread& thread : threads_) {
    uint16_t index;
    if (thread.table->entered() || thread.table->closed() || thread.table->peek_handed_over(&index)) return false;
  }
  return true;
}

void Resolver::wake() noexcept {
  std::lock_guard lock(wake_up_);
  woken_ = true;
  wake_up_.wake_all();
}

std::unique_ptr<Stream> Resolver::prepare(std::unique_ptr<Stream> stream, std::string* error) {
  const auto preparation = std::make_shared<Preparation>();
  preparation->stream = std::move(stream);
  const uint64_t deadline = monotonic_ns() + kReturnNs;
  std::lock_guard lock(wake_up_);
  if (life_ != Life::kRunning) return std::move(preparation->stream);  // no slice will be recorded on it
  preparing_.push_back(preparation);
  wake_up_.wake_all();
  while (!preparation->done && life_ == Life::kRunning && monotonic_ns() < deadline) wake_up_.wait_until(deadline);
  if (preparation->ready) return std::move(preparation->stream);
  *error = preparation->done ? preparation->error
                             : "the device's library did not answer within a second; try the stream again later";
  return nullptr;
}

// The lock is not held while the device's library is called.
void Resolver::prepare_streams() {
  std::vector<std::shared_ptr<Preparation>> asked;
  {
    std::lock_guard lock(wake_up_);
    asked.swap(preparing_);
  }
  for (const auto& preparation : asked) {
    const bool ready = state_.timer->prepare(*preparation->stream, &preparation->error);
    std::lock_guard lock(wake_up_);
    preparation->ready = ready;
    preparation->done = true;
    wake_up_.wake_all();
  }
}

// A settler is answered when what had been launched when it asked is gone, however much has come since.
// `asked` was read before the round just done, so that round has met all of what those settlers mean.
void Resolver::note_settled(uint64_t asked) {
  std::lock_guard lock(wake_up_);
  if (settle_marked_ == settle_answered_) {
    settle_marked_ = asked;
    settle_mark_ = met_;
  }
  if (oldest_pending() <= settle_mark_) return;
  settle_answered_ = settle_marked_;
  wake_up_.wake_all();
}

uint64_t Resolver::oldest_pending() const noexcept {
  uint64_t oldest = UINT64_MAX;
  for (const Thread& thread : threads_) {
    for (const StreamQueue& queue : thread.queues) {
      if (!queue.pending.empty()) oldest = std::min(oldest, queue.pending.front().number);
    }
  }
  return oldest;
}

bool Resolver::settle(uint32_t timeout_millis) noexcept {
  if (getpid() != pid_) return false;
  const uint64_t deadline = monotonic_ns() + timeout_millis * uint64_t{1'000'000};
  std::lock_guard lock(wake_up_);
  const uint64_t ticket = ++settle_asked_;
  ++settlers_;
  wake_up_.wake_all();
  const auto waiting = [&] { return settle_answered_ < ticket && life_ == Life::kRunning; };
  while (waiting() && monotonic_ns() < deadline) wake_up_.wait_until(deadline);
  --settlers_;
  return !waiting();
}

bool Resolver::stop(uint32_t timeout_millis) noexcept {
  if (getpid() != pid_) return false;
  state_.phase.store(GpuPhase::kStopped, std::memory_order_seq_cst);
  const uint64_t deadline = monotonic_ns() + timeout_millis * uint64_t{1'000'000};
  {
    std::lock_guard lock(wake_up_);
    if (life_ == Life::kNone || joined_) return true;
    if (!stopping_) stop_deadline_ns_ = deadline;
    stopping_ = true;
    wake_up_.wake_all();
    const uint64_t patience = deadline + kGraceNs + kReturnNs;
    while (life_ == Life::kRunning && monotonic_ns() < patience) wake_up_.wait_until(patience);
    if (life_ == Life::kRunning) return false;
    if (joined_) return true;  // by another caller
    joined_ = true;
  }
  pthread_join(thread_, nullptr);
  return true;
}

// Nothing new can begin (the phase says so): waits for launchers to come out, gives up what they left open, then
// polls what is in flight until the deadline.
void Resolver::shut_down(uint64_t deadline_ns) {
  const bool alone = wait_for_launchers(std::max(deadline_ns, monotonic_ns() + kGraceNs));
  poll_all(monotonic_ns());
  for (Thread& thread : threads_) {
    // A thread that is stuck in the device's library still owns its open entries: they are never settled.
    if (!alone && thread.table->entered()) continue;
    give_up_open(thread);
  }
  while (pending_ != 0 && monotonic_ns() < deadline_ns) {
    const uint64_t wait = std::min(kShortestPollNs, deadline_ns - std::min(deadline_ns, monotonic_ns()));
    timespec pause{0, static_cast<long>(wait)};
    nanosleep(&pause, nullptr);
    poll_all(monotonic_ns());
  }
  for (Thread& thread : threads_) {
    accept(thread);  // what a launcher that was stuck handed over since the last round
    lose_pending(thread, Loss::kGpuShutdown);
  }
  for (Thread& thread : threads_) state_.segment.set_busy(thread.table->launching_lane(), false);
  forget_closed();
  std::lock_guard lock(wake_up_);
  life_ = Life::kFinished;
  settle_answered_ = settle_asked_;
  wake_up_.wake_all();
}

bool Resolver::wait_for_launchers(uint64_t deadline_ns) {
  meet_tables();
  for (const Thread& thread : threads_) {
    while (thread.table->entered()) {
      if (monotonic_ns() >= deadline_ns) return false;
      timespec pause{0, 20'000};
      nanosleep(&pause, nullptr);
    }
  }
  return true;
}

}  // namespace gpuspan
