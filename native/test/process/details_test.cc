// SPDX-License-Identifier: Apache-2.0
//
// Events, parents, status, owners' attributes and retroactive slices of the C API, and what is a loss.
#include <sys/wait.h>
#include <unistd.h>

#include <climits>
#include <thread>

#include "process_fixture.h"

namespace gpuspan::testing {
namespace {

gpuspan_stage g_stage = GPUSPAN_STAGE("process", "details", 1);
gpuspan_stage g_no_stage = GPUSPAN_STAGE("process", nullptr, 1);
gpuspan_event_kind g_event = GPUSPAN_EVENT("process", "instant", 1);
gpuspan_event_kind g_fine_event = GPUSPAN_EVENT("process", "fine", 3);
gpuspan_event_kind g_no_event = GPUSPAN_EVENT("process", "none", 9);
gpuspan_key g_key = GPUSPAN_KEY("details_key");

class DetailsTest : public ProcessTest {
 protected:
  const gpuspan_attribute one_[1] = {gpuspan_int(&g_key, 1)};
};

TEST_F(DetailsTest, SiblingsUnderANamedParentStaySiblings) {
  const gpuspan_request request = start_request();
  const gpuspan_token parent = gpuspan_begin(&g_stage, request);
  const gpuspan_token first = gpuspan_begin_under(&g_stage, request, parent);
  const gpuspan_token second = gpuspan_begin_under(&g_stage, request, parent);
  gpuspan_end(first);
  gpuspan_end(second);
  gpuspan_end(parent);
  finish(request);
  const std::vector<Record> records = drain();
  ASSERT_EQ(records.size(), 5u);
  EXPECT_EQ(records[0].parent, records[2].span_id);
  EXPECT_EQ(records[1].parent, records[2].span_id);
}

TEST_F(DetailsTest, AParentThatIsNoneCountsAsNotGiven) {
  const gpuspan_request request = start_request();
  const gpuspan_request other = start_request();
  const gpuspan_token theirs = gpuspan_begin(&g_stage, other);
  const gpuspan_token open = gpuspan_begin(&g_stage, request);
  for (const gpuspan_token made : {theirs, UINT_MAX, 1u, open ^ (1u << 20)}) {
    gpuspan_end(gpuspan_begin_under(&g_stage, request, made));
  }
  gpuspan_end(open);
  const std::vector<Record> records = drain();
  ASSERT_EQ(records.size(), 5u);
  for (int i = 0; i < 4; ++i) EXPECT_EQ(records[i].parent, records[4].span_id);
  finish(request);
  finish(other);
}

TEST_F(DetailsTest, AnEventAboveTheLevelIsNoneAndOneThatMakesNoSenseIsALoss) {
  const gpuspan_request request = start_request();
  const uint64_t invalid = lost(Loss::kInvalid), stale = lost(Loss::kStale);
  gpuspan_event(&g_fine_event, request, one_, 1);
  gpuspan_event(&g_no_event, request | 0xff, one_, 1);
  gpuspan_event_at(&g_event, request, 0, static_cast<uint64_t>(INT64_MAX) + 1, one_, 1);
  EXPECT_EQ(lost(Loss::kInvalid) - invalid, 2u);
  gpuspan_event_at(&g_event, request, 0x7ffffff0, 1, one_, 1);
  EXPECT_EQ(lost(Loss::kStale) - stale, 1u);
  finish(request);
  EXPECT_EQ(drain().size(), 1u);  // nothing opened the worker span
}

TEST_F(DetailsTest, ARetroactiveSliceHasItsTimesAndIsLostWithTimesThatAreNone) {
  const gpuspan_request request = start_request();
  const uint64_t time = lost(Loss::kTime), invalid = lost(Loss::kInvalid);
  gpuspan_record(&g_stage, request, 5, 5, one_, 1);
  gpuspan_record(&g_stage, request, 5, 4, one_, 1);
  gpuspan_record(&g_stage, request, 5, UINT64_MAX, one_, 1);
  gpuspan_record(&g_no_stage, request, 5, 6, one_, 1);
  EXPECT_EQ(lost(Loss::kTime) - time, 1u);
  EXPECT_EQ(lost(Loss::kInvalid) - invalid, 2u);
  finish(request);
  const std::vector<Record> records = drain();
  ASSERT_EQ(records.size(), 3u);
  EXPECT_EQ(records[0].start, 5u);
  EXPECT_EQ(records[0].end, 5u);
  EXPECT_NE(records[0].flags & kFlagMonotonic, 0);
}

TEST_F(DetailsTest, OwnersGetAttributesWhereTheyWereStarted) {
  const gpuspan_request request = start_request();
  gpuspan_end(gpuspan_begin(&g_stage, request));
  gpuspan_request_set(request, one_, 1);
  gpuspan_worker_set(request, one_, 1);
  finish(request);
  const std::vector<Record> records = drain();
  ASSERT_EQ(records.size(), 3u);
  const std::string item = "int " + std::to_string(key("details_key")) + "=1";
  EXPECT_EQ(records[1].items().rfind(item, 0), 0u) << records[1].items();
  EXPECT_EQ(records[2].items(), item);
  const uint64_t stale = lost_owners(Loss::kStale);
  gpuspan_request_set(request, one_, 1);
  gpuspan_worker_set(request, one_, 1);
  EXPECT_EQ(lost_owners(Loss::kStale) - stale, 2u);
}

TEST_F(DetailsTest, AThreadWithoutALaneRecordsNothing) {
  const gpuspan_request request = start_request();
  const gpuspan_token token = gpuspan_begin(&g_stage, request);
  const auto before = segment().header().lost_without_lane.load();
  std::thread([&] {
    gpuspan_set(token, one_, 1);
    gpuspan_fail(token, "no");
    gpuspan_worker_set(request, one_, 1);
    gpuspan_event(&g_event, request, one_, 1);
    gpuspan_record(&g_stage, request, 1, 2, one_, 1);
    EXPECT_EQ(gpuspan_begin_under(&g_stage, request, token), 0u);
    gpuspan_end_with(token, one_, 1);
  }).join();
  EXPECT_EQ(segment().header().lost_without_lane.load() - before, 4u);
  gpuspan_end(token);
  finish(request);
  EXPECT_EQ(drain()[0].items(), "");
}

TEST_F(DetailsTest, AForkedChildGetsNoLaneAndRegistersNoName) {
  const uint32_t names = segment().header().dictionary_count.load();
  const pid_t child = fork();
  if (child == 0) {
    Producer::set_current(nullptr);  // as a thread has it that never recorded
    _exit(gpuspan_start_thread("in a child"));
  }
  int status = 0;
  ASSERT_EQ(waitpid(child, &status, 0), child);
  EXPECT_EQ(status, 0);
  EXPECT_EQ(segment().header().dictionary_count.load(), names);
}

}  // namespace
}  // namespace gpuspan::testing
