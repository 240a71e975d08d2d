// SPDX-License-Identifier: Apache-2.0
//
// Sleeping with a deadline on CLOCK_MONOTONIC, and being woken from it: for the resolver and for whoever waits for
// it. Never used on the record path, whose threads may not make the system call that wakes a sleeper.
#ifndef GPUSPAN_GPU_WAKE_UP_H_
#define GPUSPAN_GPU_WAKE_UP_H_

#include <pthread.h>
#include <time.h>

#include <cstdint>

namespace gpuspan {

// A mutex and a condition in one; a caller of wait_until or wake_all holds the lock.
class WakeUp {
 public:
  WakeUp() {
    pthread_condattr_t attributes;
    pthread_condattr_init(&attributes);
    pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    pthread_cond_init(&condition_, &attributes);
    pthread_condattr_destroy(&attributes);
  }
  ~WakeUp() {
    pthread_cond_destroy(&condition_);
    pthread_mutex_destroy(&mutex_);
  }
  WakeUp(const WakeUp&) = delete;
  WakeUp& operator=(const WakeUp&) = delete;

  void lock() { pthread_mutex_lock(&mutex_); }
  void unlock() { pthread_mutex_unlock(&mutex_); }
  // False once `deadline_ns` (CLOCK_MONOTONIC) has passed. May also return early for no reason.
  bool wait_until(uint64_t deadline_ns) {
    timespec deadline{};
    deadline.tv_sec = static_cast<time_t>(deadline_ns / 1'000'000'000);
    deadline.tv_nsec = static_cast<long>(deadline_ns % 1'000'000'000);
    return pthread_cond_timedwait(&condition_, &mutex_, &deadline) == 0;
  }
  void wake_all() { pthread_cond_broadcast(&condition_); }

 private:
  pthread_mutex_t mutex_ = PTHREAD_MUTEX_INITIALIZER;
  pthread_cond_t condition_;
};

}  // namespace gpuspan

#endif  // GPUSPAN_GPU_WAKE_UP_H_
