// SPDX-License-Identifier: Apache-2.0
//
// What most tests start from: a small segment, one lane with its recorder on this thread, a few stages, and the
// tests' own reader. Every test ends with the check that both loss equations of every claimed lane hold.
#ifndef GPUSPAN_TEST_CORE_LANE_TEST_H_
#define GPUSPAN_TEST_CORE_LANE_TEST_H_

#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <memory>
#include <string>
#include <vector>

#include "native/core/recorder.h"
#include "native/core/segment.h"
#include "segment_reader.h"

namespace gpuspan::testing {

constexpr uint64_t at_loss(const std::array<uint64_t, 16>& counts, Loss reason) {
  return counts[static_cast<size_t>(reason)];
}

// Runs `body` in a child made by fork and returns its exit code, which is what `body` returned; -1 if a signal ended
// it.
template <typename Body>
int exit_code_of(const Body& body) {
  const pid_t child = fork();
  if (child == 0) _exit(body());
  int status = 0;
  EXPECT_EQ(waitpid(child, &status, 0), child);
  return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

// Payload items, encoded as a caller does.
class Items {
 public:
  Items& integer(uint16_t key, int64_t value) { return start(Item::kInt).put(key).put(value); }
  Items& boolean(uint16_t key, uint8_t value) { return start(Item::kBool).put(key).put(value); }
  Items& string(uint16_t key, const std::string& text) {
    start(Item::kString).put(key).put(static_cast<uint8_t>(text.size()));
    bytes_.insert(bytes_.end(), text.begin(), text.end());
    return *this;
  }
  template <typename T>
  Items& put(T value) {
    const auto* at = reinterpret_cast<const uint8_t*>(&value);
    bytes_.insert(bytes_.end(), at, at + sizeof value);
    return *this;
  }
  Items& start(Item item) { return put(static_cast<uint8_t>(item)); }
  operator Payload() const { return {bytes_.data(), static_cast<uint32_t>(bytes_.size()), 0}; }
  uint32_t size() const { return static_cast<uint32_t>(bytes_.size()); }

 private:
  std::vector<uint8_t> bytes_;
};

class LaneTest : public ::testing::Test {
 protected:
  // 0 ring slots: the default ring.
  void open(uint32_t ring_slots, uint64_t first_position = 0, uint32_t lanes = 4) {
    SegmentOptions options;
    options.lanes = lanes;
    if (ring_slots != 0) options.ring_slots = ring_slots;
    options.first_position = first_position;
    options.request_ttl_millis = request_ttl_millis_;
    std::string error;
    segment_ = Segment::create(options, &error);
    ASSERT_NE(segment_, nullptr) << error;
    reader_ = std::make_unique<SegmentReader>(*segment_);
    recorder_ = claim();
    ASSERT_NE(recorder_, nullptr);
    const uint16_t module = segment_->dictionary().intern(EntryKind::kModule, 0, 0, "test").id;
    for (uint8_t level = 1; level <= 4; ++level) {
      stages_[level] =
          segment_->dictionary().intern(EntryKind::kStage, module, level, "level" + std::to_string(level)).id;
    }
  }
  void SetUp() override { open(256); }
  void TearDown() override {
    for (uint32_t i = 0; i < claimed_; ++i) EXPECT_EQ(reader_->account(i), "") << "lane " << i;
  }

  std::unique_ptr<Recorder> claim() {
    LaneMemory lane;
    std::string error;
    if (!segment_->claim_lane({}, &lane, &error)) return nullptr;
    if (lane.index >= claimed_) claimed_ = lane.index + 1;
    return std::make_unique<Recorder>(*segment_, lane);
  }

  uint16_t request(uint8_t level = 2) {
    RequestOrigin origin;
    origin.level = level;
    return recorder_->start_request(origin, {});
  }
  LaneCounts counts() const { return reader_->counts(recorder_->index()); }
  uint64_t lost(Loss reason) const { return at_loss(counts().lost, reason); }
  uint64_t lost_owners(Loss reason) const { return at_loss(counts().lost_owners, reason); }
  std::vector<Record> drain() { return reader_->drain(recorder_->index()); }
  // The only record of that kind among them.
  static Record only(const std::vector<Record>& records, Kind kind) {
    Record found;
    int n = 0;
    for (const Record& record : records) {
      if (record.kind != static_cast<uint8_t>(kind)) continue;
      found = record;
      ++n;
    }
    EXPECT_EQ(n, 1) << "records of kind " << static_cast<int>(kind);
    return found;
  }
  static std::vector<Record> of_kind(const std::vector<Record>& records, Kind kind) {
    std::vector<Record> found;
    for (const Record& record : records) {
      if (record.kind == static_cast<uint8_t>(kind)) found.push_back(record);
    }
    return found;
  }

  uint16_t stage() const { return stages_[1]; }

  std::unique_ptr<Segment> segment_;
  std::unique_ptr<SegmentReader> reader_;
  std::unique_ptr<Recorder> recorder_;
  uint16_t stages_[5] = {};
  uint32_t request_ttl_millis_ = 0;  // to be set before `open`
  uint32_t claimed_ = 0;
};

}  // namespace gpuspan::testing

#endif  // GPUSPAN_TEST_CORE_LANE_TEST_H_
