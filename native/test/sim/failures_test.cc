// SPDX-License-Identifier: Apache-2.0
//
// Calls that fail, are slow, are not found or have other parameters; and what is counted.
#include <dlfcn.h>

#include <map>
#include <string>

#include "sim_fixture.h"

namespace gpuspan::sim {
namespace {

class Failures : public SimTest {
 protected:
  static void* address(const char* name, int version, uint64_t flags = kProcAddressDefault, int* status = nullptr) {
    void* function = nullptr;
    int found = -1;
    EXPECT_EQ(cuGetProcAddress_v2(name, &function, version, flags, &found), kSuccess);
    if (status != nullptr) *status = found;
    return function;
  }
};

TEST_F(Failures, TheNthCallFailsOnce) {
  const Event event = record(new_stream());
  ASSERT_EQ(gpuspan_sim_fail("cuEventQuery", 2, kUnknown, 0), 0);
  EXPECT_EQ(cuEventQuery(event), kSuccess);
  EXPECT_EQ(cuEventQuery(event), kUnknown);
  EXPECT_EQ(cuEventQuery(event), kSuccess);
  EXPECT_EQ(gpuspan_sim_fail("cuNothing", 1, kUnknown, 0), -1);
}

TEST_F(Failures, AFailedCallDoesNothing) {
  const Event event = new_event();
  ASSERT_EQ(gpuspan_sim_fail("cuEventRecord", 1, kInvalidValue, 0), 0);
  EXPECT_EQ(cuEventRecord(event, new_stream()), kInvalidValue);
  gpuspan_sim_truth truth;
  EXPECT_EQ(gpuspan_sim_event_truth(event, &truth), -1);
}

TEST_F(Failures, AStickyFailureMeetsEveryLaterCallOnAContext) {
  const Stream stream = new_stream();
  const Event event = record(stream);
  ASSERT_EQ(gpuspan_sim_fail("cuEventQuery", 1, kLaunchFailed, 1), 0);
  EXPECT_EQ(cuEventQuery(event), kLaunchFailed);
  EXPECT_EQ(cuEventRecord(event, stream), kLaunchFailed);
  int count = 0;
  EXPECT_EQ(cuDeviceGetCount(&count), kSuccess);
  EXPECT_EQ(cuCtxGetCurrent(&context), kSuccess);
}

TEST_F(Failures, EveryEntryPointCanBeMadeToFail) {
  size_t swept = 0;
  for (; const char* name = gpuspan_sim_entry_point(swept); ++swept) {
    EXPECT_EQ(gpuspan_sim_fail(name, 1, kUnknown, 0), 0) << name;
    EXPECT_NE(dlsym(RTLD_DEFAULT, name), nullptr) << name;
  }
  EXPECT_EQ(swept, size_t{kEntryPointCount});
  int count = 0;
  EXPECT_EQ(cuDeviceGetCount(&count), kUnknown);
  EXPECT_EQ(cuDriverGetVersion(&count), kUnknown);
  EXPECT_EQ(cuInit(0), kUnknown);
}

TEST_F(Failures, RandomFailuresAreTheSameForASeed) {
  const Event event = record(new_stream());
  const auto pattern = [&](uint64_t seed) {
    gpuspan_sim_fail_randomly(0.3, kUnknown, seed);
    std::string failed;
    for (int i = 0; i < 64; ++i) failed += cuEventQuery(event) == kUnknown ? 'x' : '.';
    return failed;
  };
  const std::string first = pattern(1);
  EXPECT_EQ(pattern(1), first);
  EXPECT_NE(pattern(2), first);
  EXPECT_NE(first.find('x'), std::string::npos);
  EXPECT_NE(first.find('.'), std::string::npos);
}

TEST_F(Failures, ASlowCallTakesItsTimeBeforeItActs) {
  const Stream stream = new_stream();
  const Event event = new_event();
  ASSERT_EQ(gpuspan_sim_slow("cuEventRecord", 2'000'000), 0);
  const int64_t start = gpuspan_sim_now_ns();
  ASSERT_EQ(cuEventRecord(event, stream), kSuccess);
  EXPECT_EQ(gpuspan_sim_now_ns(), start + 2'000'000);
  EXPECT_EQ(reached(event), start + 2'000'000);
}

TEST_F(Failures, TheApplicationsCallsAreNeitherCountedNorFailed) {
  const Event event = record(new_stream());
  gpuspan_sim_clear_counts();
  ASSERT_EQ(gpuspan_sim_fail("cuEventQuery", 1, kUnknown, 0), 0);
  gpuspan_sim_application(1);
  EXPECT_EQ(cuEventQuery(event), kSuccess);
  EXPECT_EQ(cuEventQuery(nullptr), kInvalidHandle);
  gpuspan_sim_application(0);
  EXPECT_EQ(gpuspan_sim_calls("cuEventQuery"), 0U);
  EXPECT_EQ(violations().unknown_handles, 0U);
  EXPECT_EQ(cuEventQuery(event), kUnknown);
  EXPECT_EQ(gpuspan_sim_calls("cuEventQuery"), 1U);
  EXPECT_EQ(gpuspan_sim_calls(nullptr), 1U);
}

TEST_F(Failures, ProcAddressGivesTheNewestThatTheVersionHas) {
  EXPECT_EQ(address("cuEventElapsedTime", 12080), reinterpret_cast<void*>(&cuEventElapsedTime_v2));
  EXPECT_EQ(address("cuEventElapsedTime", 12070), reinterpret_cast<void*>(&cuEventElapsedTime));
  EXPECT_EQ(address("cuGetProcAddress", 11030), reinterpret_cast<void*>(&cuGetProcAddress));
  EXPECT_EQ(address("cuGetProcAddress", 12000), reinterpret_cast<void*>(&cuGetProcAddress_v2));
  EXPECT_EQ(address("cuEventRecord", 7000), reinterpret_cast<void*>(&cuEventRecord));
  EXPECT_EQ(address("cuEventRecord", 7000, kProcAddressPerThreadStream), reinterpret_cast<void*>(&cuEventRecord_ptsz));
  EXPECT_EQ(address("cuEventQuery", 7000, kProcAddressPerThreadStream), reinterpret_cast<void*>(&cuEventQuery));
}

TEST_F(Failures, ProcAddressSucceedsWithNullForWhatItDoesNotHave) {
  int status = -1;
  EXPECT_EQ(address("cuNothing", 12000, kProcAddressDefault, &status), nullptr);
  EXPECT_EQ(status, kProcAddressNotFound);
  EXPECT_EQ(address("cuStreamGetId", 11000, kProcAddressDefault, &status), nullptr);
  EXPECT_EQ(status, kProcAddressVersionNotSufficient);
  void* function = nullptr;
  EXPECT_EQ(cuGetProcAddress("cuInit", &function, 13010, kProcAddressDefault), kInvalidValue);
}

TEST_F(Failures, AHiddenEntryPointIsNotGiven) {
  ASSERT_EQ(gpuspan_sim_hide("cuEventElapsedTime_v2", GPUSPAN_SIM_NULL), 0);
  EXPECT_EQ(address("cuEventElapsedTime", 12080), nullptr);
  ASSERT_EQ(gpuspan_sim_hide("cuEventElapsedTime_v2", GPUSPAN_SIM_MISSING), 0);
  void* function = nullptr;
  EXPECT_EQ(cuGetProcAddress("cuEventElapsedTime", &function, 12080, kProcAddressDefault), kNotFound);
  ASSERT_EQ(gpuspan_sim_hide("cuEventElapsedTime_v2", GPUSPAN_SIM_SHOWN), 0);
  EXPECT_NE(address("cuEventElapsedTime", 12080), nullptr);
}

TEST_F(Failures, AskingForAVersionWithOtherParametersIsFound) {
  // From CUDA 13.0 on cuCtxGetDevice takes the context as well.
  const auto get_device = reinterpret_cast<CtxGetDeviceFunction>(address("cuCtxGetDevice", 13000));
  Device device = 0;
  EXPECT_EQ(get_device(&device), kInvalidValue);
  EXPECT_EQ(violations().wrong_version, 1U);
  EXPECT_EQ(address("cuCtxGetDevice", 12080), reinterpret_cast<void*>(&cuCtxGetDevice));
  EXPECT_EQ(address("cuStreamGetCtx", 12040), reinterpret_cast<void*>(&cuStreamGetCtx));
}

TEST_F(Failures, ErrorsHaveNames) {
  const char* name = nullptr;
  EXPECT_EQ(cuGetErrorName(kContextIsDestroyed, &name), kSuccess);
  EXPECT_STREQ(name, "CUDA_ERROR_CONTEXT_IS_DESTROYED");
  EXPECT_EQ(cuGetErrorName(123456, &name), kInvalidValue);
}

TEST_F(Failures, TheLibrarySaysThatItIsSimulated) {
  void* driver = dlopen(GPUSPAN_SIM_CUDA, RTLD_NOW | RTLD_LOCAL);
  ASSERT_NE(driver, nullptr) << dlerror();
  const char* marker = static_cast<const char*>(dlsym(driver, "gpuspan_simulated_driver"));
  ASSERT_NE(marker, nullptr);
  EXPECT_STREQ(marker, "gpuspan simulated CUDA driver");
  dlclose(driver);
}

TEST_F(Failures, AnOldDriverLacksWhatCameAfterIt) {
  void* driver = dlopen(GPUSPAN_SIM_CUDA_OLD, RTLD_NOW | RTLD_LOCAL);
  ASSERT_NE(driver, nullptr) << dlerror();
  EXPECT_NE(dlsym(driver, "gpuspan_simulated_driver"), nullptr);
  for (const char* name : {"cuGetProcAddress", "cuGetProcAddress_v2", "cuEventElapsedTime_v2", "cuStreamGetId",
                           "cuCtxGetId", "cuDeviceGetUuid_v2"}) {
    EXPECT_EQ(dlsym(driver, name), nullptr) << name;
  }
  const auto get_version = reinterpret_cast<DriverGetVersionFunction>(dlsym(driver, "cuDriverGetVersion"));
  ASSERT_NE(get_version, nullptr);
  int version = 0;
  EXPECT_EQ(get_version(&version), kSuccess);
  EXPECT_EQ(version, 11020);
  // A driver of its own: this one's state is untouched.
  EXPECT_EQ(gpuspan_sim_calls("cuDriverGetVersion"), 0U);
  dlclose(driver);
}

TEST_F(Failures, AConfigurationIsCheckedAndReadFromText) {
  gpuspan_sim_config changed = config;
  EXPECT_EQ(
      gpuspan_sim_parse("seed=7,devices=2,tick=500,drift1=-24000,submit=lognormal:10:2000:0.5,complete=40", &changed),
      0);
  EXPECT_EQ(changed.seed, 7U);
  EXPECT_EQ(changed.devices, 2);
  EXPECT_EQ(changed.clock[0].tick_ns, 500);
  EXPECT_EQ(changed.clock[7].tick_ns, 500);
  EXPECT_EQ(changed.clock[0].drift_ppb, 0);
  EXPECT_EQ(changed.clock[1].drift_ppb, -24'000);
  EXPECT_EQ(changed.submit.family, GPUSPAN_SIM_LOGNORMAL);
  EXPECT_EQ(changed.submit.scale_ns, 2000);
  EXPECT_EQ(changed.submit.sigma, 0.5);
  EXPECT_EQ(changed.complete.base_ns, 40);
  for (const char* wrong : {"seed", "seed=x", "speed=1", "submit=normal:1", "tick="}) {
    EXPECT_EQ(gpuspan_sim_parse(wrong, &changed), -1) << wrong;
  }
  changed.clock[3].tick_ns = 0;
  EXPECT_EQ(gpuspan_sim_configure(&changed), -1);
}

}  // namespace
}  // namespace gpuspan::sim
