// SPDX-License-Identifier: Apache-2.0
//
// The reader's lease and the flush hand-shake, alone and in races.
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sys/prctl.h>
#include <sys/syscall.h>

#include <atomic>
#include <thread>

#include "lane_test.h"

namespace gpuspan::testing {
namespace {

using LeaseTest = LaneTest;

TEST_F(LeaseTest, HasOneHolderUntilItIsReleased) {
  EXPECT_EQ(segment_->lease_holder(), 0u);
  EXPECT_TRUE(segment_->acquire_lease(5));
  EXPECT_FALSE(segment_->acquire_lease(6));
  EXPECT_TRUE(segment_->acquire_lease(5));
  segment_->release_lease(6);
  EXPECT_EQ(segment_->lease_holder(), 5u);
  segment_->release_lease(5);
  EXPECT_TRUE(segment_->acquire_lease(6));
}

TEST_F(LeaseTest, MovesOnlyFromItsHolder) {
  segment_->acquire_lease(5);
  EXPECT_FALSE(segment_->transfer_lease(6, 7));
  EXPECT_FALSE(segment_->transfer_lease(5, 0));
  EXPECT_TRUE(segment_->transfer_lease(5, 7));
  EXPECT_EQ(segment_->lease_holder(), 7u);
  segment_->release_lease(5);
  EXPECT_EQ(segment_->lease_holder(), 7u);
}

TEST_F(LeaseTest, RefusesTheZeroEnvironment) {
  EXPECT_FALSE(segment_->acquire_lease(0));
  EXPECT_FALSE(segment_->transfer_lease(0, 5));
  segment_->release_lease(0);
  EXPECT_EQ(segment_->lease_holder(), 0u);
}

TEST_F(LeaseTest, NeverHasTwoReadersHoweverItChangesHands) {
  std::atomic<int> reading{0};
  std::atomic<bool> twice{false};
  uint64_t turns = 0;  // not atomic: the lease alone guards it
  std::vector<std::thread> threads;
  for (uint64_t id = 1; id <= 3; ++id) {
    threads.emplace_back([&, id] {
      for (int done = 0; done < 300;) {
        if (!segment_->acquire_lease(id)) {
          std::this_thread::yield();
          continue;
        }
        if (reading.fetch_add(1) != 0) twice = true;
        ++turns;
        reading.fetch_sub(1);
        const bool moved = done % 2 == 0 && segment_->transfer_lease(id, id + 10);
        segment_->release_lease(moved ? id + 10 : id);
        ++done;
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_FALSE(twice.load());
  EXPECT_EQ(turns, 900u);
}

TEST_F(LeaseTest, WaitsForTheTicketItAskedFor) {
  const uint32_t ticket = segment_->request_flush();
  EXPECT_EQ(segment_->flush_requested(), ticket);
  EXPECT_FALSE(segment_->wait_flushed(ticket, 1));
  std::thread reader([&] { segment_->flush_done(ticket); });
  EXPECT_TRUE(segment_->wait_flushed(ticket, 60'000));
  reader.join();
  EXPECT_TRUE(segment_->wait_flushed(ticket, 0));
}

// From here on futex(2) fails in this process. False: it cannot be made to.
bool refuse_futex() {
  sock_filter program[] = {
      BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(seccomp_data, nr)),
      BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_futex, 0, 1),
      BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EPERM),
      BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
  };
  const sock_fprog filter = {static_cast<unsigned short>(std::size(program)), program};
  return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 && prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &filter) == 0;
}

TEST_F(LeaseTest, StopsWaitingAtTheDeadlineThoughTheSystemRefusesToWait) {
  constexpr int kNoSandbox = 77;
  const int code = exit_code_of([this] {
    alarm(60);  // ends a child that waits for ever
    const uint32_t ticket = segment_->request_flush();
    if (!refuse_futex()) return kNoSandbox;
    if (segment_->wait_flushed(ticket, 5)) return 1;
    segment_->flush_done(ticket);
    return segment_->wait_flushed(ticket, 5) ? 0 : 2;
  });
  if (code == kNoSandbox) GTEST_SKIP() << "seccomp filters are not allowed here";
  EXPECT_EQ(code, 0);
}

TEST_F(LeaseTest, AnswersEarlierTicketsWithALaterOne) {
  const uint32_t first = segment_->request_flush();
  const uint32_t second = segment_->request_flush();
  segment_->flush_done(second);
  EXPECT_TRUE(segment_->wait_flushed(first, 0));
  segment_->flush_done(first);  // late: does not go back
  EXPECT_TRUE(segment_->wait_flushed(second, 0));
}

TEST_F(LeaseTest, CountsTicketsOverTheEndOfTheirRange) {
  segment_->header().flush_requested.store(UINT32_MAX);
  segment_->header().flush_done.store(UINT32_MAX);
  const uint32_t ticket = segment_->request_flush();
  EXPECT_EQ(ticket, 0u);
  EXPECT_FALSE(segment_->wait_flushed(ticket, 0));
  segment_->flush_done(ticket);
  EXPECT_TRUE(segment_->wait_flushed(ticket, 0));
}

TEST_F(LeaseTest, WakesEveryWaiter) {
  const uint32_t ticket = segment_->request_flush();
  std::atomic<int> woken{0};
  std::vector<std::thread> waiters;
  for (int i = 0; i < 4; ++i) {
    waiters.emplace_back([&] {
      if (segment_->wait_flushed(ticket, 60'000)) woken.fetch_add(1);
    });
  }
  segment_->flush_done(ticket);
  for (std::thread& waiter : waiters) waiter.join();
  EXPECT_EQ(woken.load(), 4);
}

}  // namespace
}  // namespace gpuspan::testing
