// SPDX-License-Identifier: Apache-2.0
//
// Several threads in the driver at once, as the launching threads and the resolver are: nothing is lost, and each
// thread's marks stay in order. ThreadSanitizer watches.
#include <atomic>
#include <thread>
#include <vector>

#include "sim_fixture.h"

namespace gpuspan::sim {
namespace {

class Threads : public SimTest {
 protected:
  void SetUp() override {
    gpuspan_sim_defaults(&config);
    config.virtual_time = 1;
    config.log_capacity = kThreads * kMarks;
    start();
  }

  // Records marks on a stream of its own, and reads them back.
  void record_and_read() {
    EXPECT_EQ(cuCtxSetCurrent(context), kSuccess);
    const Stream stream = new_stream();
    const Event start = new_event();
    const Event end = new_event();
    for (int i = 0; i < kMarks / 2; ++i) {
      ASSERT_EQ(cuEventRecord(start, stream), kSuccess);
      ASSERT_EQ(cuEventRecord(end, stream), kSuccess);
      while (cuEventQuery(end) == kNotReady) {
      }
      float milliseconds = -1;
      ASSERT_EQ(cuEventElapsedTime_v2(&milliseconds, start, end), kSuccess);
      ASSERT_GE(milliseconds, 0);
    }
    EXPECT_EQ(cuEventDestroy_v2(start), kSuccess);
    EXPECT_EQ(cuEventDestroy_v2(end), kSuccess);
    EXPECT_EQ(cuStreamDestroy_v2(stream), kSuccess);
  }

  static constexpr int kThreads = 4;
  static constexpr int kMarks = 400;
};

TEST_F(Threads, RecordAndReadAtOnce) {
  std::vector<std::thread> threads;
  for (int i = 0; i < kThreads; ++i) threads.emplace_back([this] { record_and_read(); });
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(gpuspan_sim_calls("cuEventRecord"), uint64_t{kThreads} * kMarks);
  std::vector<gpuspan_sim_truth> log(kThreads * kMarks);
  ASSERT_EQ(gpuspan_sim_log(0, log.data(), log.size()), log.size());
  for (size_t i = 1; i < log.size(); ++i) {
    EXPECT_EQ(log[i].sequence, log[i - 1].sequence + 1);
    for (size_t j = i; j-- > 0;) {
      if (log[j].stream_id != log[i].stream_id) continue;
      EXPECT_GE(log[i].host_ns, log[j].host_ns);
      break;
    }
  }
}

TEST_F(Threads, ARelaxedReaderLeavesGlobalCapturesWhole) {
  const Event event = record(new_stream());
  std::atomic<bool> done{false};
  std::thread reader([&] {
    CaptureMode mode = kCaptureRelaxed;
    EXPECT_EQ(cuThreadExchangeStreamCaptureMode(&mode), kSuccess);
    while (!done.load()) EXPECT_NE(cuEventQuery(event), kStreamCaptureUnsupported);
  });
  const Stream stream = new_stream();
  for (int i = 0; i < 100; ++i) {
    Graph graph = nullptr;
    ASSERT_EQ(cuStreamBeginCapture_v2(stream, kCaptureGlobal), kSuccess);
    ASSERT_EQ(cuStreamEndCapture(stream, &graph), kSuccess);
    ASSERT_EQ(cuGraphDestroy(graph), kSuccess);
  }
  done.store(true);
  reader.join();
  EXPECT_EQ(violations().captures_broken, 0U);
}

}  // namespace
}  // namespace gpuspan::sim
