// SPDX-License-Identifier: Apache-2.0
//
// Standing threads that adopt a request for each job: lanes, owners and memory stay as they are.
#include <malloc.h>

#include <atomic>
#include <barrier>
#include <thread>

#include "process_fixture.h"

namespace gpuspan::testing {
namespace {

constexpr uint32_t kThreads = 4;

gpuspan_stage g_stage = GPUSPAN_STAGE("process", "job", 1);
gpuspan_key g_key = GPUSPAN_KEY("job_bytes");

// Runs `body(index)` on so many threads at a time.
template <typename Body>
void on_threads(const Body& body) {
  std::vector<std::thread> threads;
  for (uint32_t i = 0; i < kThreads; ++i) threads.emplace_back([&body, i] { body(i); });
  for (std::thread& thread : threads) thread.join();
}

class ThreadPoolTest : public ProcessTest {
 protected:
  // A job of a pool's thread; the thread reads its own ring, so that it never fills. False: not adopted.
  bool do_job(gpuspan_request handle, gpuspan_request* adopted, uint32_t job) {
    const gpuspan_request request = gpuspan_adopt(handle);
    if (request == 0) return false;
    const gpuspan_attribute bytes = gpuspan_int(&g_key, job);
    gpuspan_end_with(gpuspan_begin(&g_stage, request), &bytes, 1);
    gpuspan_leave(request);
    if (job % 64 == 0) reader_.drain(handle_lane(request));
    *adopted = request;
    return true;
  }
  static uint32_t claimed() {
    uint32_t count = 0;
    for (uint32_t lane = 0; lane < segment().used_lanes(); ++lane) {
      count += segment().lane(lane).header->state.load() == static_cast<uint32_t>(LaneState::kClaimed);
    }
    return count;
  }
};

TEST_F(ThreadPoolTest, AHundredThousandStaysTakeNoMoreLanesOwnersOrMemory) {
  constexpr uint32_t kJobs = 25'000, kWarmUp = 200;
  const gpuspan_request handle = start_request();
  std::barrier<> abreast(kThreads);
  std::atomic<uint32_t> refused{0};
  std::atomic<uint32_t> lanes[kThreads], owners{0};
  size_t before = 0, after = 0;
  on_threads([&](uint32_t index) {
    ASSERT_EQ(gpuspan_start_thread("Pool"), 1);
    gpuspan_request request = 0;
    for (uint32_t job = 0; job < kJobs; ++job) {
      if (job == kWarmUp || job + 1 == kJobs) {
        abreast.arrive_and_wait();
        if (index == 0) (job == kWarmUp ? before : after) = mallinfo2().uordblks;
        abreast.arrive_and_wait();
      }
      if (!do_job(handle, &request, job)) ++refused;
      if (job == 0) lanes[index] = handle_lane(request);
      if (handle_lane(request) != lanes[index] || handle_owner(request) != 0) ++owners;
    }
    abreast.arrive_and_wait();
    if (index == 0) {
      EXPECT_EQ(claimed(), 1 + kThreads);
    }
    abreast.arrive_and_wait();
  });
  EXPECT_EQ(refused, 0u);
  EXPECT_EQ(owners, 0u);
  EXPECT_LE(after, before + 4096u * kThreads);  // the tests' own reader keeps a buffer or two
  EXPECT_EQ(claimed(), 1u);
  finish(handle);
}

TEST_F(ThreadPoolTest, ThreadsOnOneRequestHaveAStayEach) {
  const gpuspan_request handle = start_request();
  gpuspan_end(gpuspan_begin(&g_stage, handle));
  std::barrier<> abreast(kThreads);
  std::atomic<uint32_t> stale{0};
  on_threads([&](uint32_t) {
    const gpuspan_request request = gpuspan_adopt(handle);
    abreast.arrive_and_wait();
    const gpuspan_token token = gpuspan_begin(&g_stage, request);
    abreast.arrive_and_wait();
    gpuspan_end(token);
    gpuspan_leave(request);
    if (gpuspan_begin(&g_stage, request) == 0) ++stale;
  });
  EXPECT_EQ(stale, kThreads);
  finish(handle);
  const std::vector<Record> ours = drain();
  ASSERT_EQ(ours.size(), 3u);
  uint32_t workers = 0;
  for (uint32_t lane = 0; lane < segment().used_lanes(); ++lane) {
    const std::vector<Record> records = reader_.drain(lane);
    if (records.empty()) continue;
    ASSERT_EQ(records.size(), 2u);
    EXPECT_EQ(records[0].parent, records[1].span_id);
    EXPECT_EQ(records[0].last, ours[0].span_id);    // linked to the slice before
    EXPECT_EQ(records[1].parent, ours[2].span_id);  // under the root
    ++workers;
  }
  EXPECT_EQ(workers, kThreads);
}

// The owner's thread is JavaScript's to the C API: what started there is not native code's to end.
TEST_F(ThreadPoolTest, LeavingTooOftenSparesARequestThatTookThePlaceOfAForgottenOne) {
  std::barrier<> done(2);
  gpuspan_request theirs = 0;
  std::barrier<> started(2);
  std::thread owner([&] {
    gpuspan_start_thread("Owner");
    theirs = start_request();
    started.arrive_and_wait();
    done.arrive_and_wait();
    finish(theirs);
  });
  started.arrive_and_wait();
  const gpuspan_request forgotten = gpuspan_adopt(theirs);
  ASSERT_NE(forgotten, 0u);
  recorder().expire(recorder().now() + 2 * segment().request_ttl());
  const gpuspan_request ours = start_request();
  ASSERT_EQ(handle_owner(ours), handle_owner(forgotten));
  const uint64_t stale = lost_owners(Loss::kStale);
  gpuspan_leave(forgotten);
  gpuspan_leave(ours);
  EXPECT_EQ(lost_owners(Loss::kStale) - stale, 2u);
  EXPECT_NE(gpuspan_begin(&g_stage, ours), 0u);
  finish(ours);
  done.arrive_and_wait();
  owner.join();
}

TEST_F(ThreadPoolTest, AThreadKeepsTheNameThatItStartedWith) {
  on_threads([&](uint32_t index) {
    ASSERT_EQ(gpuspan_start_thread(index == 0 ? nullptr : "First"), 1);
    ASSERT_EQ(gpuspan_start_thread("Second"), 1);
    uint32_t tid = 0;
    const uint16_t label = segment().identity(Producer::current()->lane(), &tid).label;
    EXPECT_EQ(reader_.name(label), index == 0 ? "other" : "First");
    EXPECT_EQ(tid, static_cast<uint32_t>(gettid()));
  });
}

TEST_F(ThreadPoolTest, AVeryLongNameIsCut) {
  on_threads([&](uint32_t) {
    const std::string longer(1000, 'n');
    ASSERT_EQ(gpuspan_start_thread(longer.c_str()), 1);
    uint32_t tid = 0;
    EXPECT_EQ(reader_.name(segment().identity(Producer::current()->lane(), &tid).label), std::string(255, 'n'));
  });
}

TEST_F(ThreadPoolTest, NoLaneLeftIsTold) {
  std::barrier<> abreast(kLanes);
  std::atomic<uint32_t> started{0};
  std::vector<std::thread> threads;
  for (uint32_t i = 0; i < kLanes; ++i) {
    threads.emplace_back([&] {
      started += static_cast<uint32_t>(gpuspan_start_thread(nullptr));
      abreast.arrive_and_wait();
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(started, kLanes - 1);
}

}  // namespace
}  // namespace gpuspan::testing
