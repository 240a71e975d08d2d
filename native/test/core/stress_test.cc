// SPDX-License-Identifier: Apache-2.0
//
// Producers on lanes of their own, lanes given up and claimed again, requests adopted across lanes, and one reader
// that drains all the while. Most useful under ThreadSanitizer.
#include <atomic>
#include <cstring>
#include <thread>

#include "lane_test.h"

namespace gpuspan::testing {
namespace {

class StressTest : public LaneTest {
 protected:
  void SetUp() override { open(128, UINT64_MAX - 500, 6); }

  // Drains every lane until told to stop, then once more. Counts what it saw.
  void read_until(const std::atomic<bool>& stop) {
    for (bool last = false; !last;) {
      last = stop.load();
      for (uint32_t lane = 0; lane < 6; ++lane) read_lane(lane);
      segment_->take_snapshot();
    }
  }
  void read_lane(uint32_t lane) {
    if (reader_->counts(lane).state == 0) return;  // never claimed: its positions are not set yet
    uint64_t slices = 0, owners = 0, position = reader_->counts(lane).read;
    for (const Record& record : reader_->peek(lane)) {
      check(lane, record);
      ++(record.is_owner() ? owners : slices);
      position += record.slots;
    }
    // Only now: batches are kept for records before the read position.
    ASSERT_TRUE(segment_->advance(lane, position, slices, owners));
    slices_read_ += slices;
    owners_read_ += owners;
  }
  void check(uint32_t lane, const Record& record) {
    ASSERT_NE(record.kind, 0);
    ASSERT_GE(record.end, record.start);
    if (record.kind == static_cast<uint8_t>(Kind::kHostSlice)) {
      // Only the second stage was given an attribute, which a full ring may have no room for.
      ASSERT_EQ(record.stage, record.flags & (kFlagContinued | kFlagDropped) ? stages_[2] : stages_[1]);
      ASSERT_EQ(record.items(), record.flags & kFlagContinued ? "int 1=2" : "");
    }
    if (record.kind == static_cast<uint8_t>(Kind::kBatchSlice)) {
      const Batch batch = reader_->batch(record.batch());
      ASSERT_TRUE(batch.found) << "lane " << lane;
      ASSERT_EQ(batch.trace_id, record.trace_id);
      ASSERT_EQ(batch.members.size(), 2u);
    }
  }

  // One worker's life: requests with slices, attributes and batches, then its lane is given up.
  void work(Recorder& recorder, int rounds, std::atomic<Handle>* shared) {
    const Items items = Items().integer(1, 2);
    for (int i = 0; i < rounds; ++i) {
      const uint16_t owners[] = {recorder.start_request({}, {}), recorder.start_request({}, {})};
      shared->store(recorder.handle(owners[0]));
      const Token outer = recorder.begin(owners[0], stages_[1]);
      recorder.end(recorder.begin(owners[0], stages_[2]), items);
      const uint16_t batch = recorder.define_batch(owners, 2, {});
      if (batch != kNone) shared->store(recorder.handle(batch | kBatchFlag));
      const Token token = recorder.begin(batch | kBatchFlag, stages_[1]);
      recorder.end(token);
      recorder.end(outer);
      if (i % 2 == 0) recorder.end_batch(batch, {});
      recorder.finish(owners[0], {});
      recorder.finish(owners[1], {});
      recorder.end(token);  // stale
    }
    recorder.close_all();
  }

  uint64_t slices_read_ = 0, owners_read_ = 0;
};

TEST_F(StressTest, LosesNothingUncountedWhileLanesComeAndGo) {
  std::atomic<bool> stop{false};
  std::atomic<Handle> shared{0};
  std::atomic<uint64_t> claimed{0}, adopted{0};
  std::thread reader([&] { read_until(stop); });
  std::vector<std::thread> producers;
  for (int p = 0; p < 3; ++p) {
    producers.emplace_back([&] {
      for (int life = 0; life < 12; ++life) {
        const std::unique_ptr<Recorder> recorder = [&] {
          LaneMemory lane;
          std::string error;
          while (!segment_->claim_lane({}, &lane, &error)) std::this_thread::yield();
          return std::make_unique<Recorder>(*segment_, lane);
        }();
        claimed.fetch_add(1);
        RequestOrigin origin;
        const Handle handle = shared.load();
        if (Recorder::read_request(*segment_, handle, &origin)) {
          recorder->leave(recorder->adopt_request(origin), {});
          adopted.fetch_add(1);
        } else if ((handle_owner(handle) & kBatchFlag) != 0) {
          recorder->end_batch(recorder->adopt_batch(*segment_, handle), {});
        }
        work(*recorder, 40, &shared);
        segment_->orphan_lane(recorder->index());
      }
    });
  }
  for (std::thread& producer : producers) producer.join();
  stop = true;
  reader.join();
  EXPECT_EQ(claimed.load(), 36u);
  uint64_t recorded = 0, lost = 0, owners = 0;
  claimed_ = 6;
  for (uint32_t lane = 0; lane < 6; ++lane) {
    const LaneCounts counts = reader_->counts(lane);
    recorded += counts.recorded;
    lost += counts.lost_total();
    owners += counts.owners;
    EXPECT_LE(counts.high_water, 128u);
  }
  EXPECT_EQ(recorded, slices_read_ + lost);
  EXPECT_EQ(owners, owners_read_);
}

// Handles of requests that start and end all the while: what is read is whole or refused.
TEST_F(StressTest, ReadsARequestOfAnotherThreadWholeOrNotAtAll) {
  open(65536);
  std::atomic<Handle> shared{0};
  std::atomic<bool> stop{false};
  std::atomic<uint64_t> reads{0};
  std::thread adopter([&] {
    while (!stop.load()) {
      RequestOrigin origin;
      if (!Recorder::read_request(*segment_, shared.load(), &origin)) continue;
      uint64_t halves[2];
      std::memcpy(halves, origin.trace_id.bytes, sizeof halves);
      EXPECT_EQ(halves[0], halves[1]);
      EXPECT_EQ(origin.level, halves[0] % 4 + 1);
      reads.fetch_add(1);
    }
  });
  std::thread reader([&] {
    while (!stop.load()) reader_->drain(0);
  });
  for (uint64_t i = 1; i <= 20000; ++i) {
    RequestOrigin origin;
    const uint64_t halves[2] = {i, i};
    std::memcpy(origin.trace_id.bytes, halves, sizeof halves);
    origin.level = static_cast<uint8_t>(i % 4 + 1);
    const uint16_t owner = recorder_->start_request(origin, {});
    if (owner == kNone) continue;
    shared.store(recorder_->handle(owner));
    recorder_->end(recorder_->begin(owner, stage()));
    recorder_->finish(owner, {});
  }
  stop = true;
  adopter.join();
  reader.join();
}

}  // namespace
}  // namespace gpuspan::testing
