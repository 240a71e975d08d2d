// SPDX-License-Identifier: Apache-2.0
//
// Which calls of the driver are made: nothing beyond the list, and one stream of ours a context.
#include <set>
#include <string>

#include "native/test/cuda/cuda_fixture.h"

namespace gpuspan {
namespace {

class CallsTest : public CudaTest {
 protected:
  void SetUp() override {
    CudaTest::SetUp();
    use_cuda();
  }
  uint64_t live_streams() const {
    gpuspan_sim_objects objects;
    sim.live_objects(&objects);
    return objects.streams;
  }
};

// Host functions, synchronizing calls, flushes and contexts of our own are not on the list.
TEST_F(CallsTest, SlicesCallNothingOfTheDriverButMarksAndQuestions) {
  Producer producer(*segment_, *gpu_);
  Stream& on = stream(handle_of(new_stream()));
  sim.clear_counts();
  for (int i = 1; i <= 300; ++i) {
    EXPECT_TRUE(slice(producer, on));
    if (i % 30 != 0) continue;  // no more at once than the pool has without sampling
    EXPECT_TRUE(gpu_->settle(kPatienceMillis));
  }
  EXPECT_EQ(written(), 300u);
  const std::set<std::string> allowed = {"cuStreamIsCapturing", "cuEventRecord",         "cuEventQuery",
                                         "cuEventCreate",       "cuEventElapsedTime_v2", "cuCtxSetCurrent"};
  for (size_t i = 0; sim.entry_point(i) != nullptr; ++i) {
    const std::string name = sim.entry_point(i);
    if (sim.calls(name.c_str()) != 0) {
      EXPECT_TRUE(allowed.contains(name)) << name;
    }
  }
  EXPECT_GE(sim.calls("cuEventRecord"), 600u);
}

TEST_F(CallsTest, AContextGetsOneStreamOfOursHoweverManyAreTimed) {
  Producer producer(*segment_, *gpu_);
  std::vector<Stream*> streams;
  for (int i = 0; i < 8; ++i) streams.push_back(&stream(handle_of(new_stream())));
  for (Stream* on : streams) EXPECT_TRUE(slice(producer, *on));
  EXPECT_TRUE(gpu_->settle(kPatienceMillis));
  EXPECT_EQ(live_streams(), 8u + 1u);
  new_context(1);
  EXPECT_TRUE(slice(producer, stream(handle_of(new_stream()))));
  EXPECT_TRUE(gpu_->settle(kPatienceMillis));
  EXPECT_EQ(live_streams(), 9u + 2u);
  make_current(context);
}

}  // namespace
}  // namespace gpuspan
