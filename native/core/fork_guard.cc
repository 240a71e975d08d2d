// SPDX-License-Identifier: Apache-2.0
//
// The pthread_atfork handlers behind ForkGuard. They stay installed for the life of the process (the addon is
// linked with -z nodelete). vfork and posix_spawn run none of them, which is right: such children share memory
// and only exec.
#include "fork_guard.h"

#include <pthread.h>
#include <sys/mman.h>

#include <mutex>

namespace gpuspan {
namespace {

// Held across fork, so that the child finds the list whole.
std::mutex& guards_mutex() {
  static std::mutex* const mutex = new std::mutex;  // never destroyed: fork may come after static destructors
  return *mutex;
}
ForkGuard* first_guard = nullptr;

}  // namespace

void ForkGuard::install() {
  static std::once_flag once;
  std::call_once(once, [] { pthread_atfork(before_fork, after_fork_in_parent, after_fork_in_child); });
}

void ForkGuard::watch(uint8_t* base, uint64_t size, std::atomic<bool>* forked) {
  install();
  const std::lock_guard<std::mutex> lock(guards_mutex());
  base_ = base;
  size_ = size;
  forked_ = forked;
  next_ = first_guard;
  first_guard = this;
}

ForkGuard::~ForkGuard() {
  if (base_ == nullptr) return;
  const std::lock_guard<std::mutex> lock(guards_mutex());
  for (ForkGuard** at = &first_guard; *at != nullptr; at = &(*at)->next_) {
    if (*at == this) {
      *at = next_;
      return;
    }
  }
}

void ForkGuard::before_fork() { guards_mutex().lock(); }

void ForkGuard::after_fork_in_parent() { guards_mutex().unlock(); }

void ForkGuard::after_fork_in_child() {
  for (ForkGuard* guard = first_guard; guard != nullptr; guard = guard->next_) {
    guard->forked_->store(true, std::memory_order_relaxed);
    // Only system calls here: the child may have been forked from a process with many threads.
    void* const zeros = mmap(guard->base_, guard->size_, PROT_READ | PROT_WRITE,
                             MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED | MAP_NORESERVE, -1, 0);
    // Without the replacement the child must not touch the parent's segment at all: a fault there is the lesser evil.
    if (zeros == MAP_FAILED) mprotect(guard->base_, guard->size_, PROT_NONE);
  }
  guards_mutex().unlock();
}

}  // namespace gpuspan
