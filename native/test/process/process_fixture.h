// SPDX-License-Identifier: Apache-2.0
//
// What the tests of the C API start from: the process's segment, a lane of this thread that stands for JavaScript's,
// the function table, and the tests' own reader. One segment a program, because a process has one.
#ifndef GPUSPAN_TEST_PROCESS_PROCESS_FIXTURE_H_
#define GPUSPAN_TEST_PROCESS_PROCESS_FIXTURE_H_

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "native/include/gpuspan.h"
#include "native/process/c_api.h"
#include "native/process/producer.h"
#include "native/test/core/segment_reader.h"

namespace gpuspan::testing {

class ProcessTest : public ::testing::Test {
 protected:
  static constexpr uint32_t kLanes = 8;

  static void SetUpTestSuite() {
    // The thread's producer is left to the process's end, as the segment is.
    if (Producer::current() != nullptr) return;
    ProcessOptions options;
    options.segment.ring_slots = 1024;
    options.segment.lanes = kLanes;
    options.segment.request_ttl_millis = 600'000;
    options.device.choice = DeviceChoice::kNone;
    bool created = false;
    std::string error;
    ASSERT_TRUE(Process::get().open(options, &created, &error)) << error;
    static Producer producer;
    ASSERT_TRUE(producer.claim(*Process::get().segment(), LaneIdentity{}, &error)) << error;
    Producer::set_current(&producer);
  }
  void SetUp() override {
    ASSERT_EQ(gpuspan_use_api(reinterpret_cast<uintptr_t>(gpuspan_get_api_v1())), 1);
    for (uint32_t lane = 0; lane < segment().used_lanes(); ++lane) reader_.drain(lane);
  }
  void TearDown() override {
    for (uint32_t lane = 0; lane < segment().used_lanes(); ++lane) EXPECT_EQ(reader_.account(lane), "") << lane;
  }

  static Segment& segment() { return *Process::get().segment(); }
  static Recorder& recorder() { return *Producer::current()->recorder(); }

  // A request of this thread, as JavaScript starts it.
  static gpuspan_request start_request(uint8_t level = 2) {
    RequestOrigin origin;
    origin.level = level;
    return recorder().handle(recorder().start_request(origin, {}));
  }
  static void finish(gpuspan_request request) { recorder().finish(recorder().resolve(request), {}); }

  std::vector<Record> drain() { return reader_.drain(recorder().index()); }
  uint64_t lost(Loss reason) const { return reader_.counts(recorder().index()).lost[static_cast<size_t>(reason)]; }
  uint64_t lost_owners(Loss reason) const {
    return reader_.counts(recorder().index()).lost_owners[static_cast<size_t>(reason)];
  }
  uint16_t key(const char* name) { return segment().dictionary().find(EntryKind::kKey, 0, name); }

  SegmentReader reader_{*Process::get().segment()};
};

}  // namespace gpuspan::testing

#endif  // GPUSPAN_TEST_PROCESS_PROCESS_FIXTURE_H_
