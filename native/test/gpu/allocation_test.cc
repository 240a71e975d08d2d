// SPDX-License-Identifier: Apache-2.0
//
// The record path of GPU slices allocates nothing on the launching thread (operator new and malloc are counted here,
// which is why this is a program of its own) and makes no system call (a seccomp filter kills the process that does).
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstddef>
#include <cstdlib>
#include <new>

#include "native/gpu/gpu_state.h"
#include "native/gpu/null/null_timer.h"
#include "native/test/gpu/gpu_fixture.h"

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define GPUSPAN_SANITIZED 1
#else
#define GPUSPAN_SANITIZED 0
#endif

namespace {
// The resolver may allocate; only this thread's are counted.
thread_local uint64_t allocations = 0;
}  // namespace

#if GPUSPAN_SANITIZED
// The sanitizers own malloc; what C++ allocates is still counted.
void* operator new(size_t size) {
  ++allocations;
  return malloc(size);
}
void operator delete(void* memory) noexcept { free(memory); }
void operator delete(void* memory, size_t) noexcept { free(memory); }
#else
extern "C" {
void* __libc_malloc(size_t size);
__attribute__((visibility("default"))) void* malloc(size_t size) {
  ++allocations;
  return __libc_malloc(size);
}
}
#endif

namespace gpuspan {
namespace {

class AllocationTest : public GpuTest {
 protected:
  // 300 slices of every kind of outcome: written, attributes too long, stale token, no entry left.
  void launch_many(Producer& producer, Stream& on) {
    static const uint8_t item[4] = {static_cast<uint8_t>(Item::kBool), 1, 0, 1};
    for (int i = 0; i < 300; ++i) {
      const Token token = producer.launcher->begin(producer.request, stage_, on);
      producer.launcher->annotate(token, {item, sizeof item});
      producer.launcher->end(token, {item, sizeof item});
      producer.launcher->end(token);
      producer.launcher->find(on.handle);
    }
  }
};

TEST_F(AllocationTest, AllocatesNothingWhileLaunching) {
  use(make_null_timer());
  Producer producer(*segment_, *gpu_);
  Stream& on = stream(0x5000);
  producer.launcher->remember(&on);
  const uint64_t before = allocations;
  EXPECT_NE(before, 0u);
  for (int i = 0; i < 20; ++i) launch_many(producer, on);
  EXPECT_EQ(allocations, before);
  EXPECT_GT(producer.lane.header->recorded.load(), 0u);  // the ring filled up: losses were met as well
}

#if !GPUSPAN_SANITIZED
// From here on every system call of this thread but exit ends the process; the resolver's are not affected.
bool forbid_system_calls() {
  sock_filter rules[] = {
      BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(seccomp_data, nr)),
      BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_exit_group, 0, 1),
      BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
      BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_KILL_PROCESS),
  };
  const sock_fprog program = {sizeof rules / sizeof rules[0], rules};
  return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 && prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) == 0;
}

TEST_F(AllocationTest, MakesNoSystemCallWhileLaunching) {
  // clock_gettime may be a system call where the kernel distrusts the counter.
  if (segment_->clock().kind() == ClockKind::kMonotonic) GTEST_SKIP() << "the kernel's clock source is no counter";
  gpu_.reset();
  // The child makes everything anew, and first of all must not look like a child of a process with a Gpu.
  const pid_t child = fork();
  if (child == 0) {
    GpuState::forked.store(false);
    make_segment(4096);
    use(make_null_timer());
    Producer producer(*segment_, *gpu_);
    Stream& on = stream(0x5000);
    if (!forbid_system_calls()) _exit(1);
    for (int i = 0; i < 20; ++i) launch_many(producer, on);
    _exit(producer.lost(Loss::kStale) > 0 ? 0 : 2);
  }
  int status;
  ASSERT_EQ(waitpid(child, &status, 0), child);
  EXPECT_TRUE(WIFEXITED(status)) << "killed by signal " << WTERMSIG(status);
  EXPECT_EQ(WEXITSTATUS(status), 0);
}
#endif

}  // namespace
}  // namespace gpuspan
