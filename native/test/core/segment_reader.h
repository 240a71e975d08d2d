// SPDX-License-Identifier: Apache-2.0
//
// A second decoder of the segment, for the tests only, written from docs/design/segment.md: offsets are the
// page's numbers, not the structs of layout.h, so a change of one without the other fails. Runs on the thread
// that plays the reader.
#ifndef GPUSPAN_TEST_CORE_SEGMENT_READER_H_
#define GPUSPAN_TEST_CORE_SEGMENT_READER_H_

#include <array>
#include <cstdint>
#include <string>
#include <vector>

#include "native/core/segment.h"

namespace gpuspan::testing {

using Bytes16 = std::array<uint8_t, 16>;

struct BatchRef {
  uint16_t lane = 0, batch = 0;
  uint32_t generation = 0;
};

// One record: its slot and the payload of its continuation slots, joined.
struct Record {
  uint64_t position = 0;
  uint32_t slots = 0;
  uint8_t kind = 0, flags = 0;
  uint16_t stage = 0;
  uint32_t sequence = 0;
  uint64_t start = 0, end = 0;
  Bytes16 trace_id{};
  uint64_t span_id = 0, parent = 0;
  uint64_t last = 0;  // the 8 bytes by kind
  std::vector<uint8_t> payload;

  bool is_owner() const { return kind == 3 || kind == 4 || kind == 5; }
  BatchRef batch() const;
  // Items as text, "int 7=17 string 3=abc event 5 [bool 2=1]"; event times are left out. "malformed" at the end if so.
  std::string items() const;
};

struct LaneCounts {
  uint64_t written = 0, recorded = 0, owners = 0, high_water = 0;
  uint64_t read = 0, consumed = 0, consumed_owners = 0;
  std::array<uint64_t, 16> lost{}, lost_owners{};
  uint32_t state = 0, generation = 0;
  uint64_t lost_total() const;
};

struct Member {
  Bytes16 trace_id{};
  uint64_t worker_span_id = 0, parent = 0, left_at = 0;
  uint8_t level = 0;
};

struct Batch {
  bool found = false;  // the entry still has the reference's generation
  uint8_t state = 0, level = 0, alias = 0;
  Bytes16 trace_id{};
  uint64_t span_id = 0;
  std::vector<Member> members;
};

class SegmentReader {
 public:
  explicit SegmentReader(Segment& segment) : segment_(segment) {}

  LaneCounts counts(uint32_t lane) const;
  // What lies between the read position and the written one, without consuming it.
  std::vector<Record> peek(uint32_t lane) const;
  // The same, consumed.
  std::vector<Record> drain(uint32_t lane);
  // At most `slots` slots, whole records only.
  std::vector<Record> drain_some(uint32_t lane, uint64_t slots);
  Batch batch(const BatchRef& ref) const;
  std::string name(uint16_t id) const;

  // Both equations of the lane, from its counters and a walk of its ring: empty when they hold, else what differs.
  std::string account(uint32_t lane) const;

  template <typename T>
  T value(uint64_t offset) const {
    T result{};
    segment_.read(offset, &result, sizeof result);
    return result;
  }
  uint64_t lane_offset(uint32_t lane) const;

 private:
  std::vector<Record> walk(uint32_t lane, uint64_t from, uint64_t to) const;
  Record record_at(uint32_t lane, uint64_t position) const;
  void read_slot(uint32_t lane, uint64_t position, uint8_t* into) const;

  Segment& segment_;
};

}  // namespace gpuspan::testing

#endif  // GPUSPAN_TEST_CORE_SEGMENT_READER_H_
