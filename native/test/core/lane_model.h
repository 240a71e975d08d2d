// SPDX-License-Identifier: Apache-2.0
//
// A lane as it should behave, written for clarity: the ring is a deque that drops the newest, requests and slices
// are plain objects. The property test drives it and a Recorder with the same calls and compares what comes out.
// Attributes are `int` items of 11 bytes with consecutive values.
#ifndef GPUSPAN_TEST_CORE_LANE_MODEL_H_
#define GPUSPAN_TEST_CORE_LANE_MODEL_H_

#include <array>
#include <cstdint>
#include <deque>
#include <map>
#include <string>
#include <vector>

#include "native/core/layout.h"

namespace gpuspan::testing {

// Spans are numbered in the order the model makes them; 0 is "none".
using Span = uint64_t;

struct Expected {
  Kind kind = Kind::kNothing;
  uint8_t flags = 0;
  uint16_t stage = 0;
  uint32_t slots = 1;
  Span span = 0, parent = 0, previous = 0;
  std::string items;
};

class LaneModel {
 public:
  explicit LaneModel(uint32_t ring_slots) : slots_(ring_slots) {}

  // Owners and slices are named by numbers of the model's own; 0: refused.
  uint32_t start();
  void leave(uint32_t request);
  void finish(uint32_t request);
  uint32_t begin(uint32_t owner, uint16_t stage, uint8_t level, uint32_t named);
  void end(uint32_t slice, uint32_t items);
  uint32_t next(uint32_t slice, uint16_t stage, uint8_t level);
  void annotate(uint32_t slice, uint32_t items);
  void record(uint32_t owner, uint16_t stage, uint8_t level, bool backwards);
  uint32_t define(const std::vector<uint32_t>& members);
  void end_batch(uint32_t batch);
  bool is_open(uint32_t owner) const { return owners_.count(owner) != 0; }
  // Where the recorder keeps the batch: batches that close together close in that order.
  void set_entry(uint32_t batch, uint32_t entry) { owners_.at(batch).entry = entry; }
  void lose(Loss reason) {
    ++lost_[static_cast<size_t>(reason)];
    ++recorded_;
  }

  // Records that a reader of at most `slots` slots gets, in order.
  std::vector<Expected> drain(uint64_t slots);

  uint64_t recorded() const { return recorded_; }
  const std::array<uint64_t, 16>& lost() const { return lost_; }
  const std::array<uint64_t, 16>& lost_owners() const { return lost_owners_; }

 private:
  struct Chain {
    uint32_t items = 0;
    std::string text;
    bool dropped = false;
  };
  struct Slice {
    uint32_t owner = 0;
    uint16_t stage = 0;
    uint8_t level = 0;
    Span span = 0, parent = 0, previous = 0;
    bool first_level = false;
    Chain chain;
  };
  struct Owner {
    bool batch = false, left = false, worker_open = false;
    Span root = 0, worker = 0, previous = 0;  // batch: `worker` is the batch's span
    std::vector<uint32_t> open;               // slices, oldest first
    std::vector<uint32_t> members;
    uint32_t entry = 0;
  };

  bool reserve(bool leaf, uint32_t n);
  void lose_owner(Loss reason) { ++lost_owners_[static_cast<size_t>(reason)]; }
  void push(const Expected& record, uint32_t reserved_before);
  void close(uint32_t slice, uint8_t flags, uint32_t items);
  void close_stay(uint32_t request);
  void close_batch(uint32_t batch, uint8_t flags);
  Span parent_in(const Owner& owner, uint8_t level, uint32_t named) const;
  uint32_t open_slice(uint32_t owner, uint16_t stage, uint8_t level, Span parent, bool first_level);

  uint64_t slots_, used_ = 0, reserved_ = 0;
  Span last_span_ = 0;
  uint32_t last_name_ = 0;
  uint64_t recorded_ = 0;
  std::array<uint64_t, 16> lost_{}, lost_owners_{};
  std::map<uint32_t, Owner> owners_;
  std::map<uint32_t, Slice> slices_;
  std::deque<Expected> ring_;
};

}  // namespace gpuspan::testing

#endif  // GPUSPAN_TEST_CORE_LANE_MODEL_H_
