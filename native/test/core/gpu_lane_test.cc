// SPDX-License-Identifier: Apache-2.0
//
// Finished GPU slices: reservation by launching threads, what the resolver writes, and what it counts as lost.
#include "native/core/gpu_lane.h"

#include <atomic>
#include <thread>

#include "lane_test.h"

namespace gpuspan::testing {
namespace {

class GpuLaneTest : public LaneTest {
 protected:
  void SetUp() override { make(256); }
  void make(uint32_t ring_slots, uint64_t first_position = 0) {
    open(ring_slots, first_position);
    LaneMemory lane;
    std::string error;
    ASSERT_TRUE(segment_->claim_lane({.kind = 2}, &lane, &error)) << error;
    claimed_ = lane.index + 1;
    gpu_ = std::make_unique<GpuLane>(*segment_, lane);
  }
  GpuRecord record(uint16_t owner) {
    GpuRecord record;
    EXPECT_TRUE(recorder_->gpu_origin(owner, 1, &record.origin));
    record.launching_lane = static_cast<uint16_t>(recorder_->index());
    record.stage = stages_[2];
    record.start_ns = 100;
    record.end_ns = 200;
    record.bound_ns = 7;
    record.launch_ns = 90;
    record.source = GpuSource::kNull;
    record.device = 3;
    record.stream = 4;
    record.stream_handle = 5;
    record.device_uuid = 6;
    record.sampling = 7;
    return record;
  }
  uint32_t gpu_index() const { return gpu_->lane().index; }

  std::unique_ptr<GpuLane> gpu_;
};

TEST_F(GpuLaneTest, WritesAFinishedSliceUnderTheHostSliceThatLaunchedIt) {
  const uint16_t owner = request();
  const Token token = recorder_->begin(owner, stage());
  GpuRecord finished = record(owner);
  const Items items = Items().integer(1, 2);
  finished.attributes = items;
  ASSERT_TRUE(gpu_->reserve());
  gpu_->write(finished);
  recorder_->end(token);
  const Record slice = reader_->drain(gpu_index()).at(0);
  EXPECT_EQ(slice.kind, static_cast<uint8_t>(Kind::kGpuSlice));
  EXPECT_EQ(slice.parent, drain().at(0).span_id);
  EXPECT_EQ(slice.stage, stages_[2]);
  EXPECT_EQ(slice.start, 100u);
  EXPECT_EQ(slice.end, 200u);
  EXPECT_EQ(slice.flags, kFlagMonotonic | kFlagContinued);
  EXPECT_EQ(slice.last, 7u | uint64_t{4} << 32 | uint64_t{recorder_->index()} << 48);
  EXPECT_EQ(slice.items(), "gpu launch=90 source=4 device=3 stream=5 uuid=6 sampling=7 int 1=2");
}

TEST_F(GpuLaneTest, NamesTheBatchOfABatchsSlice) {
  const uint16_t member = request();
  const uint16_t batch = recorder_->define_batch(&member, 1, {});
  const GpuRecord finished = record(batch | kBatchFlag);
  recorder_->batch_launched(batch);
  ASSERT_TRUE(gpu_->reserve());
  gpu_->write(finished);
  const Record slice = reader_->drain(gpu_index()).at(0);
  EXPECT_EQ(slice.kind, static_cast<uint8_t>(Kind::kBatchGpuSlice));
  EXPECT_EQ(slice.items(), "gpu launch=90 source=4 device=3 stream=5 uuid=6 sampling=7 batch 0/0/1");
  EXPECT_EQ(slice.trace_id, reader_->batch({0, batch, 1}).trace_id);
}

TEST_F(GpuLaneTest, OpensTheWorkerSpanOfARequestThatOnlyLaunches) {
  const uint16_t owner = request();
  GpuOrigin origin;
  EXPECT_TRUE(recorder_->gpu_origin(owner, 1, &origin));
  recorder_->finish(owner, {});
  EXPECT_EQ(of_kind(drain(), Kind::kWorker).size(), 1u);
}

TEST_F(GpuLaneTest, CountsALaunchForAnOwnerThatIsNotOpen) {
  GpuOrigin origin;
  EXPECT_FALSE(recorder_->gpu_origin(5, 1, &origin));
  EXPECT_EQ(lost(Loss::kClosed), 1u);
}

TEST_F(GpuLaneTest, ReservesOnlyWhatTheRingCanTake) {
  const uint16_t owner = request();
  uint32_t reserved = 0;
  while (gpu_->reserve()) ++reserved;
  EXPECT_EQ(reserved, leaf_slots(256) / 16);  // the record and 15 continuation slots
  Items items;
  for (uint16_t key = 0; key < 81; ++key) items.integer(key, 1);  // 891 bytes: the most there is room for
  for (uint32_t i = 0; i < reserved; ++i) {
    GpuRecord finished = record(owner);
    finished.attributes = items;
    gpu_->write(finished);
  }
  EXPECT_FALSE(gpu_->reserve());
  EXPECT_EQ(reader_->drain(gpu_index()).size(), reserved);
  for (uint32_t i = 0; i < reserved; ++i) EXPECT_TRUE(gpu_->reserve());
}

TEST_F(GpuLaneTest, DropsAndFlagsAttributesBeyondTheLimit) {
  const uint16_t owner = request();
  Items items;
  for (uint16_t key = 0; key < 100; ++key) items.integer(key, 1);
  GpuRecord finished = record(owner);
  finished.attributes = items;
  ASSERT_TRUE(gpu_->reserve());
  gpu_->write(finished);
  EXPECT_NE(reader_->drain(gpu_index()).at(0).flags & kFlagDropped, 0);
}

TEST_F(GpuLaneTest, CountsALaunchedSliceThatIsLostAndGivesItsRoomBack) {
  const uint16_t owner = request();
  const GpuRecord finished = record(owner);
  for (int i = 0; i < 100; ++i) {
    ASSERT_TRUE(gpu_->reserve());
    gpu_->lose(finished.origin, finished.launching_lane, Loss::kGpuDevice);
  }
  EXPECT_EQ(at_loss(reader_->counts(gpu_index()).lost, Loss::kGpuDevice), 100u);
  EXPECT_EQ(reader_->counts(gpu_index()).recorded, 100u);
}

TEST_F(GpuLaneTest, SaturatesABoundThatDoesNotFitAndClampsAnEndBeforeItsStart) {
  GpuRecord finished = record(request());
  finished.bound_ns = uint64_t{1} << 40;
  finished.end_ns = 50;
  ASSERT_TRUE(gpu_->reserve());
  gpu_->write(finished);
  const Record slice = reader_->drain(gpu_index()).at(0);
  EXPECT_EQ(static_cast<uint32_t>(slice.last), UINT32_MAX);
  EXPECT_EQ(slice.end, slice.start);
  EXPECT_NE(slice.flags & kFlagClamped, 0);
}

// Several threads launch, one resolves, one reads: nothing overruns the ring and every launch is accounted for.
TEST_F(GpuLaneTest, HoldsItsAccountWhenManyThreadsLaunch) {
  make(128, UINT64_MAX - 1000);
  constexpr int kThreads = 3, kLaunches = 2000;
  const GpuRecord finished = record(request());
  std::atomic<uint32_t> pending{0}, done{0}, refused{0};
  std::vector<std::thread> threads;
  for (int t = 0; t < kThreads; ++t) {
    threads.emplace_back([&] {
      for (int i = 0; i < kLaunches; ++i) (gpu_->reserve() ? pending : refused).fetch_add(1);
      done.fetch_add(1);
    });
  }
  std::thread resolver([&] {
    for (uint32_t n = 0;; ++n) {
      if (pending.load() == 0) {
        if (done.load() == kThreads && pending.load() == 0) return;
        std::this_thread::yield();
        continue;
      }
      pending.fetch_sub(1);
      if (n % 5 == 0) {
        gpu_->lose(finished.origin, finished.launching_lane, Loss::kGpuDevice);
      } else {
        gpu_->write(finished);
      }
    }
  });
  std::atomic<bool> stop{false};
  uint64_t read = 0;
  std::thread reader([&] {
    while (!stop.load()) {
      for (const Record& slice : reader_->drain(gpu_index())) {
        EXPECT_EQ(slice.span_id, finished.origin.span_id);
        EXPECT_EQ(slice.items(), "gpu launch=90 source=4 device=3 stream=5 uuid=6 sampling=7");
        ++read;
      }
    }
  });
  for (std::thread& thread : threads) thread.join();
  resolver.join();
  stop = true;
  reader.join();
  read += reader_->drain(gpu_index()).size();
  const LaneCounts counts = reader_->counts(gpu_index());
  EXPECT_EQ(counts.recorded + refused.load(), uint64_t{kThreads} * kLaunches);
  EXPECT_EQ(counts.recorded, read + counts.lost_total());
  EXPECT_LE(counts.high_water, leaf_slots(128));
}

}  // namespace
}  // namespace gpuspan::testing
