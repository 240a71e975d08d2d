// SPDX-License-Identifier: Apache-2.0
//
// Finding a driver and its entry points: none, something else, no device, an old one, one that answers oddly. And which
// device timer GPUSPAN_DEVICE means.
#include "native/test/cuda/cuda_fixture.h"

namespace gpuspan {
namespace {

std::string why_not(const char* library) {
  std::string reason;
  EXPECT_EQ(make_cuda_timer(&reason, library), nullptr);
  return reason;
}

TEST(LoadingTest, AMissingDriverIsSaidWithTheRemedy) {
  const std::string reason = why_not("/nonexistent/libcuda.so.1");
  EXPECT_EQ(reason.find("no CUDA driver (/nonexistent/libcuda.so.1"), 0u) << reason;
  EXPECT_NE(reason.find("GPUSPAN_CUDA_LIBRARY"), std::string::npos) << reason;
}

TEST(LoadingTest, ALibraryThatIsNoDriverIsSaidToLackWhatItLacks) {
  const std::string reason = why_not("libm.so.6");
  EXPECT_NE(reason.find("libm.so.6 has no cuInit"), std::string::npos) << reason;
}

class SimLoadingTest : public CudaTest {};

TEST_F(SimLoadingTest, ADriverWithoutADeviceIsSaid) {
  gpuspan_sim_config config = real_time();
  config.devices = 0;
  ASSERT_EQ(sim.configure(&config), 0);
  const std::string reason = why_not(GPUSPAN_SIM_LIBRARY);
  EXPECT_NE(reason.find("no device"), std::string::npos) << reason;
  EXPECT_NE(reason.find("CUDA_VISIBLE_DEVICES"), std::string::npos) << reason;
}

// The two ways in which a driver says that it has no such entry point; each has another way to be found.
TEST_F(SimLoadingTest, AnEntryPointThatIsMissingOrNullIsFoundBySymbol) {
  for (const int how : {GPUSPAN_SIM_MISSING, GPUSPAN_SIM_NULL}) {
    start_sim(real_time());
    for (size_t i = 0; sim.entry_point(i) != nullptr; ++i) ASSERT_EQ(sim.hide(sim.entry_point(i), how), 0);
    use_cuda();
    Producer producer(*segment_, *gpu_);
    const uint64_t before = written();
    EXPECT_TRUE(slice(producer, stream(handle_of(new_stream()))));
    EXPECT_TRUE(gpu_->settle(kPatienceMillis));
    EXPECT_EQ(written(), before + 1);
    producer.end_thread();
    gpu_.reset();
    make_segment(4096);
  }
}

TEST_F(SimLoadingTest, TheNewerElapsedTimeIsUsedWhereThereIsOne) {
  use_cuda();
  Producer producer(*segment_, *gpu_);
  EXPECT_TRUE(slice(producer, stream(handle_of(new_stream()))));
  EXPECT_TRUE(gpu_->settle(kPatienceMillis));
  EXPECT_GT(sim.calls("cuEventElapsedTime_v2"), 0u);
  EXPECT_EQ(sim.calls("cuEventElapsedTime"), 0u);
}

TEST_F(SimLoadingTest, LookingForADeviceMakesNoContext) {
  const uint64_t before = sim.violations().contexts_created;
  use_cuda();
  EXPECT_EQ(sim.violations().contexts_created, before);
}

// CUDA 11.2: no cuGetProcAddress, one elapsed time, no ids of streams and contexts, one kind of UUID.
class OldDriverTest : public CudaTest {
 protected:
  OldDriverTest() : CudaTest(GPUSPAN_OLD_SIM_LIBRARY) {}
};

TEST_F(OldDriverTest, IsTimedAsWell) {
  use_cuda();
  EXPECT_NE(gpu_->timer()->description().find("11.2"), std::string::npos) << gpu_->timer()->description();
  Producer producer(*segment_, *gpu_);
  Stream& on = stream(handle_of(new_stream()));
  for (int i = 0; i < 20; ++i) EXPECT_TRUE(slice(producer, on));
  EXPECT_TRUE(gpu_->settle(kPatienceMillis));
  EXPECT_EQ(written(), 20u);
  EXPECT_EQ(gpu_->timer()->device_uuid(0).find("GPU-"), 0u);
}

class DeviceChoiceTest : public CudaTest {
 protected:
  GpuSource source_of(DeviceChoice choice, const char* library, std::string* reason) {
    const std::unique_ptr<DeviceTimer> timer = open_device({choice, library}, reason);
    return timer == nullptr ? GpuSource::kNone : timer->source();
  }
};

TEST_F(DeviceChoiceTest, TheSimulatorIsLabelledSimulatedWhicheverWayItIsReached) {
  std::string reason;
  for (const DeviceChoice choice : {DeviceChoice::kAuto, DeviceChoice::kCuda, DeviceChoice::kSim}) {
    EXPECT_EQ(source_of(choice, GPUSPAN_SIM_LIBRARY, &reason), GpuSource::kSimulated) << reason;
  }
}

TEST_F(DeviceChoiceTest, TheSimulatorMustBeNamed) {
  std::string reason;
  EXPECT_EQ(source_of(DeviceChoice::kSim, "", &reason), GpuSource::kNone);
  EXPECT_NE(reason.find("GPUSPAN_CUDA_LIBRARY"), std::string::npos) << reason;
}

TEST_F(DeviceChoiceTest, NoneIsNone) {
  std::string reason;
  EXPECT_EQ(source_of(DeviceChoice::kNone, GPUSPAN_SIM_LIBRARY, &reason), GpuSource::kNone);
  EXPECT_EQ(reason, "GPUSPAN_DEVICE=none");
}

}  // namespace
}  // namespace gpuspan
