// SPDX-License-Identifier: Apache-2.0
//
// Contexts, several devices, the life of handles, and the end of the driver.
#include <sys/wait.h>
#include <unistd.h>

#include <cstring>

#include "sim_fixture.h"

namespace gpuspan::sim {
namespace {

class Contexts : public SimTest {
 protected:
  static gpuspan_sim_objects objects() {
    gpuspan_sim_objects objects;
    gpuspan_sim_live_objects(&objects);
    return objects;
  }
  Context second_device() {
    config.devices = 2;
    start();
    Context other = nullptr;
    EXPECT_EQ(cuDevicePrimaryCtxRetain(&other, 1), kSuccess);
    return other;
  }
};

TEST_F(Contexts, NothingWorksBeforeInit) {
  gpuspan_sim_configure(&config);
  int value = 0;
  EXPECT_EQ(cuDeviceGetCount(&value), kNotInitialized);
  EXPECT_EQ(cuCtxGetCurrent(&context), kNotInitialized);
  EXPECT_EQ(cuDriverGetVersion(&value), kSuccess);
  EXPECT_EQ(cuInit(1), kInvalidValue);
}

TEST_F(Contexts, ADriverWithoutADeviceSaysSo) {
  config.devices = 0;
  ASSERT_EQ(gpuspan_sim_configure(&config), 0);
  EXPECT_EQ(cuInit(0), kNoDevice);
}

TEST_F(Contexts, DevicesDifferInNameIdAndClock) {
  config.clock[1].offset_ns = 5'000'000;
  const Context other = second_device();
  char names[2][64];
  Uuid ids[2];
  for (int i = 0; i < 2; ++i) {
    EXPECT_EQ(cuDeviceGetName(names[i], sizeof names[i], i), kSuccess);
    EXPECT_EQ(cuDeviceGetUuid_v2(&ids[i], i), kSuccess);
  }
  EXPECT_STRNE(names[0], names[1]);
  EXPECT_NE(memcmp(&ids[0], &ids[1], sizeof ids[0]), 0);
  EXPECT_EQ(cuDeviceGetName(names[0], 64, 2), kInvalidDevice);
  const gpuspan_sim_truth here = truth(record(new_stream()));
  ASSERT_EQ(cuCtxPushCurrent_v2(other), kSuccess);
  const gpuspan_sim_truth there = truth(record(new_stream()));
  EXPECT_EQ(there.device, 1);
  EXPECT_EQ(there.host_ns, here.host_ns);
  EXPECT_EQ(there.device_ns - here.device_ns, 5'000'000);
}

TEST_F(Contexts, AnEventIsRecordedInItsOwnContextOnly) {
  const Context other = second_device();
  const Stream here = new_stream();
  ASSERT_EQ(cuCtxPushCurrent_v2(other), kSuccess);
  const Event there = new_event();
  EXPECT_EQ(cuEventRecord(there, here), kInvalidHandle);
  Context of_stream = nullptr;
  EXPECT_EQ(cuStreamGetCtx(here, &of_stream), kSuccess);
  EXPECT_EQ(of_stream, context);
  EXPECT_EQ(cuStreamGetCtx(nullptr, &of_stream), kSuccess);
  EXPECT_EQ(of_stream, other);
}

TEST_F(Contexts, TheStackOfCurrentContextsIsTheThreads) {
  Context made = nullptr;
  ASSERT_EQ(cuCtxCreate_v2(&made, 0, 0), kSuccess);
  Context current = nullptr;
  ASSERT_EQ(cuCtxGetCurrent(&current), kSuccess);
  EXPECT_EQ(current, made);
  in_other_thread([] {
    Context theirs = nullptr;
    EXPECT_EQ(cuCtxGetCurrent(&theirs), kSuccess);
    EXPECT_EQ(theirs, nullptr);
    EXPECT_EQ(cuCtxPopCurrent_v2(&theirs), kInvalidContext);
  });
  ASSERT_EQ(cuCtxDestroy_v2(made), kSuccess);
  ASSERT_EQ(cuCtxGetCurrent(&current), kSuccess);
  EXPECT_EQ(current, context);
  EXPECT_EQ(cuCtxPushCurrent_v2(made), kContextIsDestroyed);
  EXPECT_EQ(violations().contexts_created, 1U);
}

TEST_F(Contexts, TheLastReleaseEndsThePrimaryContext) {
  Context again = nullptr;
  ASSERT_EQ(cuDevicePrimaryCtxRetain(&again, 0), kSuccess);
  EXPECT_EQ(again, context);
  unsigned flags = 0;
  int active = 0;
  ASSERT_EQ(cuDevicePrimaryCtxRelease_v2(0), kSuccess);
  ASSERT_EQ(cuDevicePrimaryCtxGetState(0, &flags, &active), kSuccess);
  EXPECT_EQ(active, 1);
  ASSERT_EQ(cuDevicePrimaryCtxRelease_v2(0), kSuccess);
  ASSERT_EQ(cuDevicePrimaryCtxGetState(0, &flags, &active), kSuccess);
  EXPECT_EQ(active, 0);
  EXPECT_EQ(cuDevicePrimaryCtxRelease_v2(0), kInvalidContext);
  EXPECT_EQ(violations().contexts_created, 0U);
}

TEST_F(Contexts, AfterAResetItsHandlesAreGoneForGood) {
  const Stream stream = new_stream();
  const Event event = record(stream);
  ASSERT_EQ(gpuspan_sim_reset_device(0), 0);
  Event unused = nullptr;
  EXPECT_EQ(cuEventQuery(event), kContextIsDestroyed);
  EXPECT_EQ(cuEventRecord(event, stream), kContextIsDestroyed);
  EXPECT_EQ(cuEventCreate(&unused, 0), kContextIsDestroyed);
  EXPECT_EQ(objects().streams, 0U);
  EXPECT_EQ(objects().events, 0U);
  Context revived = nullptr;
  ASSERT_EQ(cuDevicePrimaryCtxRetain(&revived, 0), kSuccess);
  EXPECT_EQ(revived, context);
  EXPECT_EQ(cuEventQuery(event), kContextIsDestroyed);
  const Event fresh = new_event();
  EXPECT_NE(fresh, event);
  EXPECT_EQ(cuEventRecord(fresh, new_stream()), kSuccess);
  EXPECT_EQ(violations().dead_context, 4U);
  EXPECT_EQ(violations().contexts_created, 1U);
}

TEST_F(Contexts, AFaultOnTheDeviceSticksToItsContext) {
  const Context other = second_device();
  const Event event = record(new_stream());
  ASSERT_EQ(gpuspan_sim_kill_context(context, kIllegalAddress), 0);
  EXPECT_EQ(cuEventQuery(event), kIllegalAddress);
  EXPECT_EQ(cuCtxSynchronize(), kIllegalAddress);
  EXPECT_EQ(cuEventQuery(event), kIllegalAddress);
  EXPECT_EQ(violations().after_sticky, 3U);
  ASSERT_EQ(cuCtxPushCurrent_v2(other), kSuccess);
  EXPECT_EQ(cuEventQuery(record(new_stream())), kSuccess);
}

TEST_F(Contexts, UseAfterDestroyIsFound) {
  config.reuse_handles = 0;
  start();
  const Stream stream = new_stream();
  const Event event = record(stream);
  ASSERT_EQ(cuEventDestroy_v2(event), kSuccess);
  ASSERT_EQ(cuStreamDestroy_v2(stream), kSuccess);
  EXPECT_EQ(cuEventQuery(event), kInvalidHandle);
  EXPECT_EQ(cuEventDestroy_v2(event), kInvalidHandle);
  EXPECT_EQ(cuEventRecord(new_event(), stream), kInvalidHandle);
  EXPECT_EQ(violations().use_after_destroy, 3U);
  EXPECT_EQ(cuEventQuery(reinterpret_cast<Event>(0x1234)), kInvalidHandle);
  EXPECT_EQ(violations().unknown_handles, 1U);
}

TEST_F(Contexts, ADestroyedStreamsHandleComesBackWithAnotherId) {
  const Stream stream = new_stream();
  unsigned long long first = 0;
  unsigned long long second = 0;
  ASSERT_EQ(cuStreamGetId(stream, &first), kSuccess);
  ASSERT_EQ(cuStreamDestroy_v2(stream), kSuccess);
  ASSERT_EQ(new_stream(), stream);
  ASSERT_EQ(cuStreamGetId(stream, &second), kSuccess);
  EXPECT_NE(first, second);
}

TEST_F(Contexts, AStreamMayBeDestroyedWithWorkPending) {
  const Stream stream = new_stream();
  const Event start = record(stream);
  run(stream, 1'000'000);
  const Event end = record(stream);
  ASSERT_EQ(cuStreamDestroy_v2(stream), kSuccess);
  EXPECT_EQ(cuEventQuery(end), kNotReady);
  gpuspan_sim_advance_ns(1'000'000);
  float milliseconds = 0;
  EXPECT_EQ(cuEventElapsedTime(&milliseconds, start, end), kSuccess);
  EXPECT_EQ(milliseconds, 1.0F);
}

TEST_F(Contexts, LiveObjectsAreCounted) {
  const gpuspan_sim_objects before = objects();
  const Stream stream = new_stream();
  const Event event = new_event();
  EXPECT_EQ(objects().streams, before.streams + 1);
  EXPECT_EQ(objects().events, before.events + 1);
  EXPECT_EQ(objects().contexts, 1U);
  ASSERT_EQ(cuEventDestroy_v2(event), kSuccess);
  ASSERT_EQ(cuStreamDestroy_v2(stream), kSuccess);
  EXPECT_EQ(objects().streams, before.streams);
  EXPECT_EQ(objects().events, before.events);
}

TEST_F(Contexts, ADeinitialisedDriverRefusesAndCounts) {
  const Event event = record(new_stream());
  gpuspan_sim_deinitialize();
  EXPECT_EQ(cuEventQuery(event), kDeinitialized);
  EXPECT_EQ(cuInit(0), kDeinitialized);
  EXPECT_EQ(violations().after_deinitialize, 2U);
}

TEST_F(Contexts, AForkedChildIsRefused) {
  const Event event = record(new_stream());
  const pid_t child = fork();
  if (child == 0) {
    const bool refused = cuEventQuery(event) == kNotInitialized && violations().after_fork == 1;
    _exit(refused ? 0 : 1);
  }
  int status = 0;
  ASSERT_EQ(waitpid(child, &status, 0), child);
  EXPECT_EQ(status, 0);
  EXPECT_EQ(cuEventQuery(event), kSuccess);  // the parent goes on
}

}  // namespace
}  // namespace gpuspan::sim
