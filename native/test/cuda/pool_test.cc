// SPDX-License-Identifier: Apache-2.0
//
// More slices in flight than timing events: the pool grows, and until it has, slices say for how many they stand.
#include <cstring>

#include "native/test/cuda/cuda_fixture.h"

namespace gpuspan {
namespace {

class PoolTest : public CudaTest {
 protected:
  // The ratio of each record in the resolver's ring, by the numbers of docs/design/segment.md.
  std::vector<uint16_t> ratios() {
    std::vector<uint16_t> found;
    const LaneMemory lane = resolver_lane();
    for (uint64_t at = lane.header->read.load(); at < lane.header->written.load();) {
      const uint8_t* const first = continuation(at + 1);
      uint16_t ratio;
      std::memcpy(&ratio, first + 1 + 22, sizeof ratio);
      found.push_back(ratio);
      at += 1 + first[0];
    }
    return found;
  }
};

TEST_F(PoolTest, ABurstThatOutrunsThePoolIsSampledCountedAndSaysSo) {
  use_cuda();
  Producer producer(*segment_, *gpu_);
  Stream& on = stream(handle_of(new_stream()));
  run_kernel(reinterpret_cast<cuda::Stream>(on.handle), 200'000'000);  // all that follows waits behind it
  uint64_t tried = 0, launched = 0;
  while (producer.lost(Loss::kGpuPool) < 50 && tried < 100'000) {
    const Token token = producer.launcher->begin(producer.request, stage_, on);
    producer.launcher->end(token);
    launched += token != 0 ? 1 : 0;
    ++tried;
  }
  EXPECT_EQ(tried, launched + producer.lost(Loss::kGpuPool));
  EXPECT_TRUE(gpu_->settle(kPatienceMillis));
  EXPECT_EQ(written(), launched);
  const std::vector<uint16_t> found = ratios();
  ASSERT_EQ(found.size(), launched);
  EXPECT_EQ(found.front(), 1u);
  uint64_t represented = 0;
  for (const uint16_t ratio : found) represented += ratio;
  EXPECT_GT(represented, launched);
  EXPECT_LE(represented, tried + 16);
}

TEST_F(PoolTest, ThePoolGrowsWhileSlicesWaitSoThatTheNextBurstFits) {
  use_cuda();
  Producer producer(*segment_, *gpu_);
  Stream& on = stream(handle_of(new_stream()));
  gpuspan_sim_objects before, after;
  sim.live_objects(&before);
  for (int i = 0; i < 90; ++i) {
    if (i == 0) run_kernel(reinterpret_cast<cuda::Stream>(on.handle), 100'000'000);
    const Token token = producer.launcher->begin(producer.request, stage_, on);
    producer.launcher->end(token);
  }
  EXPECT_TRUE(gpu_->settle(kPatienceMillis));
  sim.live_objects(&after);
  EXPECT_GE(after.events, before.events + 256);
  drain();
  const uint64_t lost_before = producer.lost(Loss::kGpuPool);
  for (int i = 0; i < 150; ++i) {
    const Token token = producer.launcher->begin(producer.request, stage_, on);
    producer.launcher->end(token);
  }
  EXPECT_EQ(producer.lost(Loss::kGpuPool), lost_before);
  EXPECT_TRUE(gpu_->settle(kPatienceMillis));
}

// The price that the user pays is the driver's, and it is told.
TEST_F(PoolTest, TheTimeOfTheDriversRecordCallsIsKept) {
  use_cuda();
  Producer producer(*segment_, *gpu_);
  Stream& on = stream(handle_of(new_stream()));
  ASSERT_EQ(sim.slow("cuEventRecord", 300'000), 0);
  EXPECT_TRUE(slice(producer, on));
  EXPECT_TRUE(gpu_->settle(kPatienceMillis));
  ASSERT_NE(gpu_->record_calls(), nullptr);
  EXPECT_EQ(gpu_->record_calls()->count(), 2u);
  EXPECT_GE(gpu_->record_calls()->quantile(0.01), 300'000u);
}

}  // namespace
}  // namespace gpuspan
