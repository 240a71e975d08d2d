// SPDX-License-Identifier: Apache-2.0
//
// A segment, a Gpu over a device timer of the test's choice, and producers that launch on it. What came out is read
// from the lanes' counters and rings, as a reader would.
#ifndef GPUSPAN_TEST_GPU_GPU_FIXTURE_H_
#define GPUSPAN_TEST_GPU_GPU_FIXTURE_H_

#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "native/core/recorder.h"
#include "native/core/segment.h"
#include "native/gpu/gpu.h"
#include "native/test/gpu/scripted_timer.h"

namespace gpuspan {

// Longer than any wait of a test takes on a slow machine; a test that needs it all has failed.
inline constexpr uint32_t kPatienceMillis = 20'000;

// A recording thread's lane, recorder, launcher and one request. Belongs to the thread that makes it.
struct Producer {
  Producer(Segment& s, Gpu& gpu) : segment(s) {
    std::string error;
    EXPECT_TRUE(segment.claim_lane({}, &lane, &error)) << error;
    recorder = std::make_unique<Recorder>(segment, lane);
    request = recorder->start_request({}, {});
    launcher = gpu.make_launcher(*recorder);
  }
  ~Producer() { end_thread(); }
  void end_thread() {
    if (launcher == nullptr) return;
    launcher->close();
    launcher.reset();
    recorder->close_all();
    segment.orphan_lane(lane.index);
  }
  uint64_t lost(Loss reason) const { return lane.header->lost[static_cast<size_t>(reason)].load(); }

  Segment& segment;
  LaneMemory lane;
  std::unique_ptr<Recorder> recorder;
  std::unique_ptr<Launcher> launcher;
  uint16_t request = kNone;
};

class GpuTest : public testing::Test {
 protected:
  void SetUp() override { make_segment(4096); }

  void make_segment(uint32_t ring_slots) {
    SegmentOptions options;
    options.lanes = 16;
    options.ring_slots = ring_slots;
    std::string error;
    segment_ = Segment::create(options, &error);
    ASSERT_NE(segment_, nullptr) << error;
    const uint16_t module = segment_->dictionary().intern(EntryKind::kModule, 0, 0, "test").id;
    stage_ = segment_->dictionary().intern(EntryKind::kStage, module, 1, "gpu_forward").id;
  }

  ScriptedTimer* use_scripted(GpuLog log = nullptr) {
    auto timer = std::make_unique<ScriptedTimer>();
    ScriptedTimer* const script = timer.get();
    use(std::move(timer), log);
    return script;
  }
  void use(std::unique_ptr<DeviceTimer> timer, GpuLog log = nullptr) {
    gpu_ = Gpu::create(*segment_, std::move(timer), "", log);
    ASSERT_NE(gpu_->timer(), nullptr) << gpu_->reason();
  }

  Stream& stream(uint64_t handle) {
    std::string error;
    Stream* const opened = gpu_->stream(handle, &error);
    EXPECT_NE(opened, nullptr) << error;
    return *opened;
  }

  // True if the slice was launched.
  bool launch(Producer& producer, Stream& on) {
    const Token token = producer.launcher->begin(producer.request, stage_, on);
    producer.launcher->end(token);
    return token != 0;
  }

  LaneMemory resolver_lane() {
    for (uint32_t i = 0; i < segment_->header().lanes; ++i) {
      const LaneMemory lane = segment_->lane(i);
      if (lane.header->state.load() != 0 && lane.header->kind == 2) return lane;
    }
    ADD_FAILURE() << "no resolver lane";
    return segment_->lane(0);
  }
  uint64_t resolver_lost(Loss reason) { return resolver_lane().header->lost[static_cast<size_t>(reason)].load(); }
  uint64_t resolver_lost() {
    uint64_t sum = 0;
    for (uint32_t i = 0; i < kLossCount; ++i) sum += resolver_lost(static_cast<Loss>(i));
    return sum;
  }
  // GPU slices that reached the ring.
  uint64_t written() { return resolver_lane().header->recorded.load() - resolver_lost(); }

  // The reader's part: makes room in the resolver's ring.
  void drain() {
    const LaneMemory lane = resolver_lane();
    EXPECT_TRUE(segment_->advance(lane.index, lane.header->written.load(), 0, 0));
  }
  // The first slots of the records in the resolver's ring, oldest first.
  std::vector<Slot> records() {
    const LaneMemory lane = resolver_lane();
    std::vector<Slot> found;
    for (uint64_t at = lane.header->read.load(); at < lane.header->written.load();) {
      found.push_back(lane.ring[at % lane.ring_slots]);
      at += 1 + (found.back().flags & kFlagContinued ? continuation(at + 1)[0] : 0);
    }
    return found;
  }
  const uint8_t* continuation(uint64_t position) {
    const LaneMemory lane = resolver_lane();
    return reinterpret_cast<const uint8_t*>(&lane.ring[position % lane.ring_slots]);
  }

  // How many GPU slices fit the resolver's ring now; all of them are resolved before this returns.
  size_t capacity(Producer& producer, Stream& on) {
    drain();
    std::vector<Token> tokens;
    while (const Token token = producer.launcher->begin(producer.request, stage_, on)) tokens.push_back(token);
    for (const Token token : tokens) producer.launcher->end(token);
    EXPECT_TRUE(gpu_->settle(kPatienceMillis));
    drain();
    return tokens.size();
  }

  std::unique_ptr<Segment> segment_;
  std::unique_ptr<Gpu> gpu_;
  uint16_t stage_ = 0;
};

}  // namespace gpuspan

#endif  // GPUSPAN_TEST_GPU_GPU_FIXTURE_H_
