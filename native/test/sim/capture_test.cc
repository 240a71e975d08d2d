// SPDX-License-Identifier: Apache-2.0
//
// Stream capture: what it records, what breaks it, and which calls other threads may not make meanwhile.
#include "sim_fixture.h"

namespace gpuspan::sim {
namespace {

class CaptureTest : public SimTest {
 protected:
  Stream capturing(CaptureMode mode = kCaptureRelaxed, unsigned flags = kStreamNonBlocking) {
    const Stream stream = new_stream(flags);
    EXPECT_EQ(cuStreamBeginCapture_v2(stream, mode), kSuccess);
    return stream;
  }
  static CaptureStatus status(Stream stream) {
    CaptureStatus status = -1;
    EXPECT_EQ(cuStreamIsCapturing(stream, &status), kSuccess);
    return status;
  }
  static Result end(Stream stream) {
    Graph graph = nullptr;
    const Result result = cuStreamEndCapture(stream, &graph);
    EXPECT_EQ(graph != nullptr, result == kSuccess);
    return result;
  }
  // In another thread with this capture mode and the context current, the call's result.
  Result elsewhere(CaptureMode mode, const std::function<Result()>& call) {
    Result result = kUnknown;
    in_other_thread([&] {
      EXPECT_EQ(cuCtxSetCurrent(context), kSuccess);
      EXPECT_EQ(cuThreadExchangeStreamCaptureMode(&mode), kSuccess);
      result = call();
    });
    return result;
  }
};

TEST_F(CaptureTest, AStreamSaysWhetherItIsCaptured) {
  const Stream stream = new_stream();
  EXPECT_EQ(status(stream), kCaptureNone);
  ASSERT_EQ(cuStreamBeginCapture_v2(stream, kCaptureGlobal), kSuccess);
  EXPECT_EQ(status(stream), kCaptureActive);
  EXPECT_EQ(cuStreamBeginCapture_v2(stream, kCaptureGlobal), kIllegalState);
  EXPECT_EQ(end(stream), kSuccess);
  EXPECT_EQ(status(stream), kCaptureNone);
  EXPECT_EQ(end(stream), kIllegalState);
  EXPECT_EQ(cuStreamBeginCapture_v2(kLegacy, kCaptureGlobal), kStreamCaptureUnsupported);
}

TEST_F(CaptureTest, CaptureInfoTellsOneIdForEachCapture) {
  const Stream stream = capturing();
  CaptureStatus status = kCaptureNone;
  uint64_t first = 0;
  uint64_t second = 0;
  ASSERT_EQ(cuStreamGetCaptureInfo_v2(stream, &status, &first, nullptr, nullptr, nullptr), kSuccess);
  EXPECT_EQ(status, kCaptureActive);
  ASSERT_EQ(end(stream), kSuccess);
  ASSERT_EQ(cuStreamBeginCapture_v2(stream, kCaptureRelaxed), kSuccess);
  ASSERT_EQ(cuStreamGetCaptureInfo_v2(stream, &status, &second, nullptr, nullptr, nullptr), kSuccess);
  EXPECT_NE(first, second);
  EXPECT_EQ(end(stream), kSuccess);
}

TEST_F(CaptureTest, NothingRunsUntilTheGraphIsLaunched) {
  const Stream stream = capturing();
  const int64_t start = gpuspan_sim_now_ns();
  run(stream, 1000);
  run(stream, 500);
  Graph graph = nullptr;
  ASSERT_EQ(cuStreamEndCapture(stream, &graph), kSuccess);
  EXPECT_EQ(reached(record(stream)), start);
  GraphExec exec = nullptr;
  ASSERT_EQ(cuGraphInstantiateWithFlags(&exec, graph, 0), kSuccess);
  ASSERT_EQ(cuGraphLaunch(exec, stream), kSuccess);
  ASSERT_EQ(cuGraphLaunch(exec, stream), kSuccess);
  EXPECT_EQ(reached(record(stream)), start + 3000);
  EXPECT_EQ(cuGraphExecDestroy(exec), kSuccess);
  EXPECT_EQ(cuGraphDestroy(graph), kSuccess);
}

TEST_F(CaptureTest, ARecordInsideIsNoTimestamp) {
  const Stream stream = capturing();
  const Event event = record(stream);
  ASSERT_EQ(end(stream), kSuccess);
  gpuspan_sim_truth truth;
  EXPECT_EQ(gpuspan_sim_event_truth(event, &truth), -1);
  EXPECT_EQ(cuEventQuery(event), kCapturedEvent);
  const Event timed = record(stream);
  float milliseconds = 0;
  EXPECT_EQ(cuEventElapsedTime(&milliseconds, event, timed), kCapturedEvent);
  ASSERT_EQ(cuEventRecord(event, stream), kSuccess);  // recorded outside it is an event like any other
  EXPECT_EQ(cuEventElapsedTime(&milliseconds, event, timed), kSuccess);
}

TEST_F(CaptureTest, AnExternalRecordIsTakenAtEachLaunch) {
  const Event event = new_event();
  EXPECT_EQ(cuEventRecordWithFlags(event, new_stream(), kEventRecordExternal), kInvalidValue);
  const Stream stream = capturing();
  run(stream, 1000);
  ASSERT_EQ(cuEventRecordWithFlags(event, stream, kEventRecordExternal), kSuccess);
  run(stream, 1000);
  Graph graph = nullptr;
  GraphExec exec = nullptr;
  ASSERT_EQ(cuStreamEndCapture(stream, &graph), kSuccess);
  ASSERT_EQ(cuGraphInstantiateWithFlags(&exec, graph, 0), kSuccess);
  const int64_t start = gpuspan_sim_now_ns();
  ASSERT_EQ(cuGraphLaunch(exec, stream), kSuccess);
  EXPECT_EQ(reached(event), start + 1000);
  ASSERT_EQ(cuGraphLaunch(exec, stream), kSuccess);
  EXPECT_EQ(reached(event), start + 3000);
}

TEST_F(CaptureTest, QueryingACapturedEventBreaksTheCapture) {
  const Stream stream = capturing();
  const Event event = record(stream);
  EXPECT_EQ(cuEventQuery(event), kCapturedEvent);
  EXPECT_EQ(status(stream), kCaptureInvalidated);
  EXPECT_EQ(cuEventRecord(event, stream), kStreamCaptureInvalidated);
  EXPECT_EQ(end(stream), kStreamCaptureInvalidated);
  EXPECT_EQ(status(stream), kCaptureNone);
  EXPECT_EQ(violations().captures_broken, 1U);
}

TEST_F(CaptureTest, AskingAStreamOrContextThatIsCapturedBreaksTheCapture) {
  const std::function<Result(Stream)> calls[] = {
      [](Stream stream) { return cuStreamQuery(stream); },
      [](Stream stream) { return cuStreamSynchronize(stream); },
      [](Stream) { return cuCtxSynchronize(); },
      [](Stream stream) { return cuStreamDestroy_v2(stream); },
  };
  for (const auto& call : calls) {
    const Stream stream = capturing();
    EXPECT_EQ(call(stream), kStreamCaptureUnsupported);
    EXPECT_EQ(end(stream), kStreamCaptureInvalidated);
  }
}

TEST_F(CaptureTest, TheLegacyStreamIsUnusableWhileABlockingStreamIsCaptured) {
  const Stream stream = capturing(kCaptureRelaxed, kStreamDefault);
  CaptureStatus unused = kCaptureNone;
  EXPECT_EQ(cuStreamIsCapturing(kLegacy, &unused), kStreamCaptureImplicit);
  EXPECT_EQ(cuStreamIsCapturing(nullptr, &unused), kStreamCaptureImplicit);
  EXPECT_EQ(status(stream), kCaptureActive);  // asking is harmless
  EXPECT_EQ(cuEventRecord(new_event(), kLegacy), kStreamCaptureImplicit);
  EXPECT_EQ(status(stream), kCaptureInvalidated);
  EXPECT_EQ(end(stream), kStreamCaptureInvalidated);
  EXPECT_EQ(cuEventRecord(new_event(), kLegacy), kSuccess);
}

TEST_F(CaptureTest, ANonBlockingCaptureLeavesTheLegacyStreamAlone) {
  const Stream stream = capturing(kCaptureRelaxed, kStreamNonBlocking);
  EXPECT_EQ(status(kLegacy), kCaptureNone);
  EXPECT_EQ(cuEventRecord(new_event(), kLegacy), kSuccess);
  EXPECT_EQ(end(stream), kSuccess);
}

TEST_F(CaptureTest, AGlobalCaptureIsBrokenByUnsafeCallsOfOtherThreads) {
  const Event event = record(new_stream());
  const std::function<Result()> calls[] = {
      [&] { return cuEventQuery(event); },
      [&] { return cuEventSynchronize(event); },
      [] {
        Stream made;
        return cuStreamCreate(&made, kStreamNonBlocking);
      },
      [] {
        DevicePointer memory;
        return cuMemAlloc_v2(&memory, 64);
      },
      [] {
        void* memory;
        return cuMemHostAlloc(&memory, 64, 0);
      },
      [] {
        Module module;
        return cuModuleLoadData(&module, "\x7f");
      },
      [] {
        Event made;
        return cuEventCreate(&made, 0);
      },
  };
  for (const auto& call : calls) {
    const Stream stream = capturing(kCaptureGlobal);
    EXPECT_EQ(elsewhere(kCaptureGlobal, call), kStreamCaptureUnsupported);
    EXPECT_EQ(end(stream), kStreamCaptureInvalidated);
  }
  EXPECT_EQ(violations().captures_broken, std::size(calls));
  EXPECT_EQ(violations().capture_refused, 2 * std::size(calls));
}

TEST_F(CaptureTest, ARelaxedOrThreadLocalThreadDoesNotBreakAnothersGlobalCapture) {
  const Event event = record(new_stream());
  const Stream stream = capturing(kCaptureGlobal);
  EXPECT_EQ(elsewhere(kCaptureRelaxed, [&] { return cuEventQuery(event); }), kSuccess);
  EXPECT_EQ(elsewhere(kCaptureThreadLocal, [&] { return cuEventQuery(event); }), kSuccess);
  EXPECT_EQ(end(stream), kSuccess);
}

TEST_F(CaptureTest, AThreadLocalCaptureIsBrokenByItsOwnThreadOnly) {
  const Event event = record(new_stream());
  const Stream stream = capturing(kCaptureThreadLocal);
  EXPECT_EQ(elsewhere(kCaptureGlobal, [&] { return cuEventQuery(event); }), kSuccess);
  EXPECT_EQ(status(stream), kCaptureActive);
  EXPECT_EQ(cuEventQuery(event), kStreamCaptureUnsupported);
  EXPECT_EQ(end(stream), kStreamCaptureInvalidated);
}

TEST_F(CaptureTest, ARelaxedCaptureProhibitsNothingUnsafe) {
  const Event event = record(new_stream());
  const Stream stream = capturing(kCaptureRelaxed);
  EXPECT_EQ(cuEventQuery(event), kSuccess);
  EXPECT_EQ(elsewhere(kCaptureGlobal, [&] { return cuEventQuery(event); }), kSuccess);
  EXPECT_EQ(end(stream), kSuccess);
}

TEST_F(CaptureTest, EvenARelaxedThreadMayNotQueryACapturedEvent) {
  const Event event = new_event();
  const Stream stream = capturing(kCaptureGlobal);
  ASSERT_EQ(cuEventRecord(event, stream), kSuccess);
  EXPECT_EQ(elsewhere(kCaptureRelaxed, [&] { return cuEventQuery(event); }), kCapturedEvent);
  EXPECT_EQ(end(stream), kStreamCaptureInvalidated);
}

TEST_F(CaptureTest, ExchangingTheModeGivesTheOldOne) {
  CaptureMode mode = kCaptureRelaxed;
  ASSERT_EQ(cuThreadExchangeStreamCaptureMode(&mode), kSuccess);
  EXPECT_EQ(mode, kCaptureGlobal);
  ASSERT_EQ(cuThreadExchangeStreamCaptureMode(&mode), kSuccess);
  EXPECT_EQ(mode, kCaptureRelaxed);
  mode = 3;
  EXPECT_EQ(cuThreadExchangeStreamCaptureMode(&mode), kInvalidValue);
}

TEST_F(CaptureTest, OnlyTheThreadThatBeganMayEndUnlessRelaxed) {
  const Stream strict = capturing(kCaptureGlobal);
  EXPECT_EQ(elsewhere(kCaptureGlobal, [&] { return end(strict); }), kStreamCaptureWrongThread);
  EXPECT_EQ(end(strict), kSuccess);
  const Stream relaxed = capturing(kCaptureRelaxed);
  EXPECT_EQ(elsewhere(kCaptureGlobal, [&] { return end(relaxed); }), kSuccess);
}

TEST_F(CaptureTest, AnEventPullsAnotherStreamIn) {
  const Stream origin = capturing();
  const Stream fork = new_stream();
  ASSERT_EQ(cuStreamWaitEvent(fork, record(origin), 0), kSuccess);
  EXPECT_EQ(status(fork), kCaptureActive);
  EXPECT_EQ(end(fork), kStreamCaptureUnmatched);
  run(fork, 100);
  ASSERT_EQ(cuStreamWaitEvent(origin, record(fork), 0), kSuccess);
  EXPECT_EQ(end(origin), kSuccess);
  EXPECT_EQ(status(fork), kCaptureNone);
}

TEST_F(CaptureTest, AForkThatIsNotJoinedIsAnError) {
  const Stream origin = capturing();
  const Stream fork = new_stream();
  ASSERT_EQ(cuStreamWaitEvent(fork, record(origin), 0), kSuccess);
  const Event early = record(fork);
  run(fork, 100);
  ASSERT_EQ(cuStreamWaitEvent(origin, early, 0), kSuccess);  // misses the kernel
  EXPECT_EQ(end(origin), kStreamCaptureUnjoined);
}

TEST_F(CaptureTest, CapturesDoNotMixWithEachOtherOrWithRunningWork) {
  const Event outside = record(new_stream());
  const Stream first = capturing();
  const Stream second = capturing();
  EXPECT_EQ(cuStreamWaitEvent(first, record(second), 0), kStreamCaptureMerge);
  EXPECT_EQ(end(first), kStreamCaptureInvalidated);
  EXPECT_EQ(end(second), kStreamCaptureInvalidated);
  const Stream third = capturing();
  EXPECT_EQ(cuStreamWaitEvent(third, outside, 0), kStreamCaptureIsolation);
  EXPECT_EQ(end(third), kStreamCaptureInvalidated);
}

TEST_F(CaptureTest, SuspectedCallsPassWhereTheConfigurationSaysSo) {
  config.strict_capture = 0;
  start();
  const Stream stream = capturing(kCaptureGlobal);
  EXPECT_EQ(cuEventDestroy_v2(new_event()), kSuccess);
  EXPECT_EQ(end(stream), kSuccess);
}

}  // namespace
}  // namespace gpuspan::sim
