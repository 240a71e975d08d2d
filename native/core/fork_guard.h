// SPDX-License-Identifier: Apache-2.0
//
// Keeps children made by fork(2) out of the segment. A child inherits the mapping and every recorder; if it
// recorded, two producers would write one ring. So the child's copy of the mapping is replaced by private zeros
// before fork returns there: all tables are empty, every call a no-op. The record path pays nothing for it.
#ifndef GPUSPAN_CORE_FORK_GUARD_H_
#define GPUSPAN_CORE_FORK_GUARD_H_

#include <atomic>
#include <cstdint>

namespace gpuspan {

class ForkGuard {
 public:
  ForkGuard() = default;
  ForkGuard(const ForkGuard&) = delete;
  ForkGuard& operator=(const ForkGuard&) = delete;
  ~ForkGuard();

  // Watches [base, base + size) until destroyed; `forked` becomes true in children. Set-up, any thread.
  void watch(uint8_t* base, uint64_t size, std::atomic<bool>* forked);

 private:
  static void install();
  static void before_fork();
  static void after_fork_in_parent();
  static void after_fork_in_child();

  uint8_t* base_ = nullptr;
  uint64_t size_ = 0;
  std::atomic<bool>* forked_ = nullptr;
  ForkGuard* next_ = nullptr;
};

}  // namespace gpuspan

#endif  // GPUSPAN_CORE_FORK_GUARD_H_
