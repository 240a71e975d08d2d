// SPDX-License-Identifier: Apache-2.0
//
// What a launched GPU slice becomes in the resolver's ring, and what a launcher does with arguments it cannot take.
#include "native/gpu/null/null_timer.h"
#include "native/test/gpu/gpu_fixture.h"

namespace gpuspan {
namespace {

class LauncherTest : public GpuTest {
 protected:
  void SetUp() override {
    GpuTest::SetUp();
    use(make_null_timer());
    stream_ = &stream(0x5000);
  }
  Slot only_record() {
    EXPECT_TRUE(gpu_->settle(kPatienceMillis));
    const std::vector<Slot> found = records();
    EXPECT_EQ(found.size(), 1u);
    return found.empty() ? Slot{} : found.front();
  }
  static uint64_t number(const uint8_t* bytes) {
    uint64_t value;
    std::memcpy(&value, bytes, sizeof value);
    return value;
  }
  Stream* stream_ = nullptr;
};

TEST_F(LauncherTest, WritesAChildOfTheHostSliceThatLaunchedIt) {
  Producer producer(*segment_, *gpu_);
  const Token host = producer.recorder->begin(producer.request, stage_);
  const uint64_t before = monotonic_ns();
  launch(producer, *stream_);
  const uint64_t after = monotonic_ns();
  const Slot slot = only_record();
  EXPECT_EQ(slot.kind, static_cast<uint8_t>(Kind::kGpuSlice));
  EXPECT_EQ(slot.stage, stage_);
  EXPECT_EQ(slot.parent_span_id, producer.lane.slices[token_index(host)].span_id);
  EXPECT_NE(slot.span_id, 0u);
  EXPECT_EQ(std::memcmp(&slot.trace_id, &producer.recorder->request(producer.request).trace_id, sizeof(TraceId)), 0);
  EXPECT_TRUE(slot.flags & kFlagMonotonic);
  EXPECT_GE(slot.start, before);
  EXPECT_GE(slot.end, slot.start);
  EXPECT_LE(slot.end, after);
  EXPECT_EQ(slot.gpu.bound_ns, 0u);
  EXPECT_EQ(slot.gpu.lane, producer.lane.index);
  EXPECT_EQ(slot.gpu.stream, stream_->index);
}

TEST_F(LauncherTest, WritesLaunchTimeSourceDeviceAndHandleBesideTheSlice) {
  Producer producer(*segment_, *gpu_);
  launch(producer, *stream_);
  const Slot slot = only_record();
  const uint8_t* item = continuation(resolver_lane().header->read.load() + 1) + 1;
  EXPECT_EQ(item[0], static_cast<uint8_t>(Item::kGpu));
  EXPECT_EQ(number(item + 1), slot.start);  // the null device reaches begin at launch
  EXPECT_EQ(item[9], static_cast<uint8_t>(GpuSource::kNull));
  EXPECT_EQ(item[10] + item[11], 0);
  EXPECT_EQ(number(item + 12), 0x5000u);
  const uint8_t unknown_device_and_every_slice[] = {0, 0, 1, 0};
  EXPECT_EQ(std::memcmp(item + 20, unknown_device_and_every_slice, 4), 0);
}

TEST_F(LauncherTest, KeepsAttributesOfAnnotateAndEndInOrder) {
  Producer producer(*segment_, *gpu_);
  const uint8_t first[] = {static_cast<uint8_t>(Item::kBool), 1, 0, 1};
  const uint8_t second[] = {static_cast<uint8_t>(Item::kBool), 2, 0, 0};
  const Token token = producer.launcher->begin(producer.request, stage_, *stream_);
  producer.launcher->annotate(token, {first, sizeof first});
  producer.launcher->end(token, {second, sizeof second});
  const Slot slot = only_record();
  EXPECT_FALSE(slot.flags & kFlagDropped);
  const uint8_t* items = continuation(resolver_lane().header->read.load() + 1) + 1 + 24;  // behind the kGpu item
  EXPECT_EQ(std::memcmp(items, first, sizeof first), 0);
  EXPECT_EQ(std::memcmp(items + sizeof first, second, sizeof second), 0);
}

TEST_F(LauncherTest, DropsAttributesThatDoNotFitAndFlagsTheSlice) {
  Producer producer(*segment_, *gpu_);
  std::vector<uint8_t> items;
  while (items.size() <= kMaxGpuAttributes) items.insert(items.end(), {static_cast<uint8_t>(Item::kBool), 1, 0, 1});
  const Token token = producer.launcher->begin(producer.request, stage_, *stream_);
  producer.launcher->end(token, {items.data(), static_cast<uint32_t>(items.size())});
  EXPECT_TRUE(only_record().flags & kFlagDropped);
}

TEST_F(LauncherTest, CountsAStaleADoubledAndAMadeUpTokenAndChangesNothing) {
  Producer producer(*segment_, *gpu_);
  const Token token = producer.launcher->begin(producer.request, stage_, *stream_);
  producer.launcher->end(token);
  producer.launcher->end(token);
  producer.launcher->end(0x12345678);
  producer.launcher->end(0xffffffff);
  producer.launcher->end(0);  // "nothing was opened": no loss
  producer.launcher->annotate(token, {});
  producer.launcher->annotate(0, {});
  EXPECT_TRUE(gpu_->settle(kPatienceMillis));
  EXPECT_EQ(producer.lost(Loss::kStale), 4u);
  EXPECT_EQ(written(), 1u);
}

TEST_F(LauncherTest, CountsAStageThatWasNeverDeclaredAsInvalid) {
  Producer producer(*segment_, *gpu_);
  EXPECT_EQ(producer.launcher->begin(producer.request, 4000, *stream_), 0u);
  EXPECT_EQ(producer.lost(Loss::kInvalid), 1u);
}

TEST_F(LauncherTest, RecordsStagesThatAFullDictionaryCouldNotTakeAsOther) {
  Producer producer(*segment_, *gpu_);
  const uint16_t batch = producer.recorder->define_batch(&producer.request, 1, {});
  for (const uint16_t owner : {producer.request, static_cast<uint16_t>(batch | kBatchFlag)}) {
    producer.launcher->end(producer.launcher->begin(owner, 0, *stream_));
  }
  EXPECT_TRUE(gpu_->settle(kPatienceMillis));
  ASSERT_EQ(written(), 2u);
  EXPECT_EQ(records()[0].stage, 0u);
  EXPECT_EQ(records()[1].parent_span_id, producer.lane.batches[batch].span_id);
}

TEST_F(LauncherTest, RefusesALaunchOnAFinishedRequestAndHoldsNothing) {
  Producer producer(*segment_, *gpu_);
  const size_t room = capacity(producer, *stream_);
  producer.recorder->finish(producer.request, {});
  for (size_t i = 0; i < 3 * kMaxGpuAttributes; ++i) {
    EXPECT_EQ(producer.launcher->begin(producer.request, stage_, *stream_), 0u);
  }
  EXPECT_EQ(producer.lost(Loss::kClosed), 3u * kMaxGpuAttributes);
  producer.request = producer.recorder->start_request({}, {});
  EXPECT_EQ(capacity(producer, *stream_), room);
}

TEST_F(LauncherTest, ReusesEveryEntryManyTimesOver) {
  Producer producer(*segment_, *gpu_);
  for (int round = 0; round < 40; ++round) {
    for (int i = 0; i < 200; ++i) EXPECT_TRUE(launch(producer, *stream_));
    EXPECT_TRUE(gpu_->settle(kPatienceMillis));
    drain();
  }
  EXPECT_EQ(written(), 8000u);
  EXPECT_EQ(resolver_lost(), 0u);
}

TEST_F(LauncherTest, SettlesTheCountersOfABatch) {
  Producer producer(*segment_, *gpu_);
  const uint16_t batch = producer.recorder->define_batch(&producer.request, 1, {});
  ASSERT_NE(batch, kNone);
  for (int i = 0; i < 10; ++i) {
    producer.launcher->end(producer.launcher->begin(batch | kBatchFlag, stage_, *stream_));
  }
  EXPECT_TRUE(gpu_->settle(kPatienceMillis));
  const OpenBatch& entry = producer.lane.batches[batch];
  EXPECT_EQ(entry.gpu_launched.load(), 10u);
  EXPECT_EQ(entry.gpu_written.load(), 10u);
  const std::vector<Slot> found = records();
  ASSERT_EQ(found.size(), 10u);
  EXPECT_EQ(found.back().kind, static_cast<uint8_t>(Kind::kBatchGpuSlice));
  EXPECT_EQ(found.back().parent_span_id, entry.span_id);
}

TEST_F(LauncherTest, FindsOnlyStreamsItWasTold) {
  Producer producer(*segment_, *gpu_);
  for (uint64_t handle = 0x1000; handle < 0x1000 + 200 * 64; handle += 64) {
    EXPECT_EQ(producer.launcher->find(handle), nullptr);
    producer.launcher->remember(&stream(handle));
    producer.launcher->remember(&stream(handle));
  }
  for (uint64_t handle = 0x1000; handle < 0x1000 + 200 * 64; handle += 64) {
    ASSERT_NE(producer.launcher->find(handle), nullptr);
    EXPECT_EQ(producer.launcher->find(handle)->handle, handle);
  }
}

TEST_F(LauncherTest, OpensAStreamOncePerProcess) {
  EXPECT_EQ(&stream(0x7000), &stream(0x7000));
  EXPECT_NE(stream(0x7000).index, stream(0x7040).index);
  std::string error;
  EXPECT_EQ(gpu_->stream(0, &error), nullptr);
  EXPECT_FALSE(error.empty());
}

TEST_F(LauncherTest, CountsAStreamWhenItIsOpenedAndNeitherARefusalNorAKnownOne) {
  const uint32_t before = gpu_->streams_opened();
  std::string error;
  EXPECT_EQ(gpu_->stream(0, &error), nullptr);
  stream(0x5000);
  EXPECT_EQ(gpu_->streams_opened(), before);
  stream(0x7000);
  EXPECT_EQ(gpu_->streams_opened(), before + 1);
}

TEST_F(LauncherTest, CountsEveryLaunchAsLostWithoutADevice) {
  auto gpu = Gpu::create(*segment_, nullptr, "GPUSPAN_DEVICE=none");
  EXPECT_EQ(gpu->timer(), nullptr);
  EXPECT_EQ(gpu->reason(), "GPUSPAN_DEVICE=none");
  std::string error;
  EXPECT_EQ(gpu->stream(0x5000, &error), nullptr);
  EXPECT_EQ(error, "GPUSPAN_DEVICE=none");
  Producer producer(*segment_, *gpu);
  EXPECT_EQ(producer.launcher->begin(producer.request, stage_, *stream_), 0u);
  EXPECT_EQ(producer.lost(Loss::kGpuDevice), 1u);
  EXPECT_TRUE(gpu->settle(0));
  gpu->stop(0);
}

TEST(OpenDevice, NamesItsReasonForEveryChoiceWithoutADevice) {
  for (const auto& [choice, word] :
       {std::pair{DeviceChoice::kNone, "GPUSPAN_DEVICE=none"}, std::pair{DeviceChoice::kCuda, "CUDA"},
        std::pair{DeviceChoice::kSim, "simulated"}}) {
    DeviceOptions options;
    options.choice = choice;
    std::string reason;
    EXPECT_EQ(open_device(options, &reason), nullptr);
    EXPECT_NE(reason.find(word), std::string::npos) << reason;
  }
}

}  // namespace
}  // namespace gpuspan
