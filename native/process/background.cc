// SPDX-License-Identifier: Apache-2.0
//
// A low nice value alone is not enough: Linux lets a running thread finish its slice (some ms) before one that has just
// woken up. Since 6.12 one that asked for a longer slice than the other is interrupted at once, whatever its weight;
// earlier kernels ignore the wish. `npm run load` shows what it is worth: the application's event-loop delay.
#include "background.h"

#include <sched.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <cstdint>

namespace gpuspan {
namespace {

// The first version of the kernel's struct sched_attr (sched_setattr(2)), which C libraries did not declare for long.
struct SchedulingAttributes {
  uint32_t size;
  uint32_t policy;
  uint64_t flags;
  int32_t nice;
  uint32_t priority;
  uint64_t runtime;  // ns; the slice of an ordinary thread
  uint64_t deadline;
  uint64_t period;
};
static_assert(sizeof(SchedulingAttributes) == 48);

constexpr int32_t kNiceSteps = 5;
constexpr int32_t kNiceMax = 19;
// The longest that the kernel takes.
constexpr uint64_t kSliceNs = 100'000'000;

}  // namespace

bool run_in_background() noexcept {
  SchedulingAttributes attributes{};
  constexpr long kThisThread = 0;
  if (syscall(SYS_sched_getattr, kThisThread, &attributes, sizeof attributes, 0) != 0) return false;
  if (attributes.policy == SCHED_IDLE) return true;
  const bool ordinary = attributes.policy == SCHED_OTHER || attributes.policy == SCHED_BATCH;
  SchedulingAttributes background{};
  background.size = sizeof background;
  background.policy = ordinary ? attributes.policy : SCHED_OTHER;
  background.nice = std::min((ordinary ? attributes.nice : 0) + kNiceSteps, kNiceMax);
  background.runtime = kSliceNs;
  return syscall(SYS_sched_setattr, kThisThread, &background, 0) == 0;
}

}  // namespace gpuspan
