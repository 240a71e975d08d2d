// SPDX-License-Identifier: Apache-2.0
//
// The record path's laws, checked by force: it allocates nothing (malloc is replaced here, which is why this is a
// program of its own) and makes no system call (a seccomp filter kills the process that does).
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <cstddef>
#include <cstdlib>
#include <new>

#include "lane_test.h"

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define GPUSPAN_SANITIZED 1
#else
#define GPUSPAN_SANITIZED 0
#endif

namespace {

std::atomic<uint64_t> allocations{0};

}  // namespace

#if GPUSPAN_SANITIZED
// The sanitizers own malloc; what C++ allocates is still counted.
void* operator new(size_t size) {
  allocations.fetch_add(1, std::memory_order_relaxed);
  return malloc(size);
}
void operator delete(void* memory) noexcept { free(memory); }
void operator delete(void* memory, size_t) noexcept { free(memory); }
#else
extern "C" {
void* __libc_malloc(size_t size);
void* __libc_calloc(size_t count, size_t size);
void* __libc_realloc(void* memory, size_t size);
__attribute__((visibility("default"))) void* malloc(size_t size) {
  allocations.fetch_add(1, std::memory_order_relaxed);
  return __libc_malloc(size);
}
__attribute__((visibility("default"))) void* calloc(size_t count, size_t size) {
  allocations.fetch_add(1, std::memory_order_relaxed);
  return __libc_calloc(count, size);
}
__attribute__((visibility("default"))) void* realloc(void* memory, size_t size) {
  allocations.fetch_add(1, std::memory_order_relaxed);
  return __libc_realloc(memory, size);
}
}
#endif

namespace gpuspan::testing {
namespace {

class AllocationTest : public LaneTest {
 protected:
  void SetUp() override { open(65536); }

  // Every call of the record path, about ten of them.
  void record_one_round() {
    static const uint8_t item[11] = {1, 1, 0, 5};
    const Payload payload = {item, sizeof item};
    const uint16_t owner = recorder_->start_request({}, payload);
    Token token = recorder_->begin(owner, stage());
    recorder_->annotate(token, payload);
    recorder_->event(owner, 1, payload, 1);
    token = recorder_->next(token, stage(), payload);
    recorder_->end(token, payload);
    recorder_->end(token);
    recorder_->record(owner, stage(), 1, 2, payload);
    const uint16_t batch = recorder_->define_batch(&owner, 1, payload);
    recorder_->end(recorder_->begin(batch | kBatchFlag, stage()));
    recorder_->end_batch(batch, payload);
    recorder_->begin(owner, stage());
    recorder_->finish(owner, payload);
  }
};

TEST_F(AllocationTest, AllocatesNothingWhileRecording) {
  record_one_round();
  const uint64_t before = allocations.load();
  for (int i = 0; i < 100; ++i) record_one_round();
  EXPECT_EQ(allocations.load(), before);
  EXPECT_NE(before, 0u);
}

TEST_F(AllocationTest, AllocatesNothingWhenTheRingIsFull) {
  open(64);
  for (int i = 0; i < 100; ++i) record_one_round();
  const uint64_t before = allocations.load();
  for (int i = 0; i < 100; ++i) record_one_round();
  EXPECT_EQ(allocations.load(), before);
  EXPECT_GT(counts().lost_total(), 0u);
}

#if !GPUSPAN_SANITIZED
// From here on every system call but exit ends the process. (Strict mode would forbid the processor's counter too.)
bool forbid_system_calls() {
  sock_filter rules[] = {
      BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(seccomp_data, nr)),
      BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_exit, 0, 1),
      BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
      BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_KILL_PROCESS),
  };
  const sock_fprog program = {sizeof rules / sizeof rules[0], rules};
  return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 && prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) == 0;
}

TEST_F(AllocationTest, MakesNoSystemCallWhileRecording) {
  // clock_gettime may be a system call where the kernel distrusts the counter.
  if (segment_->clock().kind() == ClockKind::kMonotonic) GTEST_SKIP() << "the kernel's clock source is no counter";
  // The child makes a segment of its own: what it inherits is disabled (ForkGuard).
  const pid_t child = fork();
  if (child == 0) {
    open(1024);
    record_one_round();
    if (!forbid_system_calls()) _exit(1);
    for (int i = 0; i < 200; ++i) record_one_round();
    syscall(SYS_exit, 0);
  }
  int status;
  ASSERT_EQ(waitpid(child, &status, 0), child);
  EXPECT_TRUE(WIFEXITED(status)) << "killed by signal " << WTERMSIG(status);
  EXPECT_EQ(WEXITSTATUS(status), 0);
}
#endif

}  // namespace
}  // namespace gpuspan::testing
