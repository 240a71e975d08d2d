// SPDX-License-Identifier: Apache-2.0
//
// The tests' decoder. Every number here is from docs/design/segment.md. It trusts nothing it reads further than
// it must: a malformed record shows up as such in a test's output instead of crashing it.
#include "segment_reader.h"

#include <cstring>

namespace gpuspan::testing {
namespace {

template <typename T>
T load(const uint8_t* at) {
  T value;
  std::memcpy(&value, at, sizeof value);
  return value;
}

// Turns payload items into text.
class ItemText {
 public:
  explicit ItemText(const std::vector<uint8_t>& bytes) : bytes_(bytes) {}

  std::string run() {
    while (good_ && at_ < bytes_.size() && bytes_[at_] != 0) one();
    if (!good_) add("malformed");
    return text_;
  }

 private:
  template <typename T>
  T take() {
    T value{};
    if (at_ + sizeof value > bytes_.size()) {
      good_ = false;
      at_ = bytes_.size();
      return value;
    }
    value = load<T>(&bytes_[at_]);
    at_ += sizeof value;
    return value;
  }
  std::string take_text(size_t length) {
    if (at_ + length > bytes_.size()) {
      good_ = false;
      at_ = bytes_.size();
      return "";
    }
    std::string text(reinterpret_cast<const char*>(bytes_.data()) + at_, length);
    at_ += length;
    return text;
  }
  void add(const std::string& part) {
    if (!text_.empty() && text_.back() != '[') text_ += " ";
    text_ += part;
  }
  std::string key() { return std::to_string(take<uint16_t>()) + "="; }

  void one() {
    switch (take<uint8_t>()) {
      case 1: {
        const auto k = key();
        return add("int " + k + std::to_string(take<int64_t>()));
      }
      case 2: {
        const auto k = key();
        return add("double " + k + std::to_string(take<double>()));
      }
      case 3: {
        const auto k = key();
        return add("bool " + k + std::to_string(take<uint8_t>()));
      }
      case 4: {
        const auto k = key();
        return add("string " + k + take_text(take<uint8_t>()));
      }
      case 5:
        return event();
      case 6: {
        const auto code = std::to_string(take<uint8_t>());
        return add("status " + code + " " + take_text(take<uint8_t>()));
      }
      case 7:
        return gpu();
      case 8:
        return batch_ref();
      case 9:
        return column();
      case 10:
        return add("name " + take_text(take<uint8_t>()));
      case 11:
        return add("tracestate " + take_text(take<uint16_t>()));
      case 12:
        return losses();
      default:
        good_ = false;
    }
  }
  void event() {
    const uint16_t id = take<uint16_t>();
    take<uint64_t>();
    take<uint8_t>();
    const uint8_t n = take<uint8_t>();
    add("event " + std::to_string(id) + " [");
    for (uint8_t i = 0; i < n && good_; ++i) one();
    text_ += "]";
  }
  void gpu() {
    const uint64_t launch = take<uint64_t>();
    const uint8_t source = take<uint8_t>();
    const uint16_t device = take<uint16_t>();
    const uint64_t stream = take<uint64_t>();
    const uint16_t uuid = take<uint16_t>();
    const uint16_t sampling = take<uint16_t>();
    add("gpu launch=" + std::to_string(launch) + " source=" + std::to_string(source) +
        " device=" + std::to_string(device) + " stream=" + std::to_string(stream) + " uuid=" + std::to_string(uuid) +
        " sampling=" + std::to_string(sampling));
  }
  void batch_ref() {
    const uint16_t lane = take<uint16_t>();
    const uint16_t batch = take<uint16_t>();
    add("batch " + std::to_string(lane) + "/" + std::to_string(batch) + "/" + std::to_string(take<uint32_t>()));
  }
  void column() {
    const auto k = key();
    const uint8_t width = take<uint8_t>();
    const uint16_t count = take<uint16_t>();
    take_text(size_t{width} * count);
    add("column " + k + std::to_string(count));
  }
  void losses() {
    std::string text = "losses";
    for (uint8_t n = take<uint8_t>(); n != 0 && good_; --n) {
      const uint8_t reason = take<uint8_t>();
      text += " " + std::to_string(reason) + ":" + std::to_string(take<uint64_t>());
    }
    add(text);
  }

  const std::vector<uint8_t>& bytes_;
  size_t at_ = 0;
  bool good_ = true;
  std::string text_;
};

}  // namespace

BatchRef Record::batch() const {
  return {static_cast<uint16_t>(last), static_cast<uint16_t>(last >> 16), static_cast<uint32_t>(last >> 32)};
}

std::string Record::items() const { return ItemText(payload).run(); }

uint64_t LaneCounts::lost_total() const {
  uint64_t total = 0;
  for (const uint64_t count : lost) total += count;
  return total;
}

uint64_t SegmentReader::lane_offset(uint32_t lane) const { return value<uint64_t>(112) + lane * value<uint64_t>(120); }

LaneCounts SegmentReader::counts(uint32_t lane) const {
  const uint64_t at = lane_offset(lane);
  LaneCounts counts;
  counts.written = value<uint64_t>(at);
  counts.recorded = value<uint64_t>(at + 8);
  counts.owners = value<uint64_t>(at + 16);
  counts.high_water = value<uint64_t>(at + 24);
  counts.read = value<uint64_t>(at + 128);
  counts.consumed = value<uint64_t>(at + 136);
  counts.consumed_owners = value<uint64_t>(at + 144);
  for (uint32_t i = 0; i < 16; ++i) counts.lost[i] = value<uint64_t>(at + 256 + 8 * i);
  counts.state = value<uint32_t>(at + 384);
  counts.generation = value<uint32_t>(at + 388);
  for (uint32_t i = 0; i < 16; ++i) counts.lost_owners[i] = value<uint64_t>(at + 512 + 8 * i);
  return counts;
}

void SegmentReader::read_slot(uint32_t lane, uint64_t position, uint8_t* into) const {
  const uint64_t ring = lane_offset(lane) + value<uint32_t>(148);
  segment_.read(ring + 64 * (position & (value<uint32_t>(60) - 1)), into, 64);
}

Record SegmentReader::record_at(uint32_t lane, uint64_t position) const {
  uint8_t slot[64];
  read_slot(lane, position, slot);
  Record record;
  record.position = position;
  record.slots = 1;
  record.kind = slot[0];
  record.flags = slot[1];
  record.stage = load<uint16_t>(slot + 2);
  record.sequence = load<uint32_t>(slot + 4);
  record.start = load<uint64_t>(slot + 8);
  record.end = load<uint64_t>(slot + 16);
  std::memcpy(record.trace_id.data(), slot + 24, 16);
  record.span_id = load<uint64_t>(slot + 40);
  record.parent = load<uint64_t>(slot + 48);
  record.last = load<uint64_t>(slot + 56);
  if ((record.flags & 1) == 0) return record;
  read_slot(lane, position + 1, slot);
  const uint32_t continuations = slot[0];
  record.payload.assign(slot + 1, slot + 64);
  for (uint32_t i = 1; i < continuations; ++i) {
    read_slot(lane, position + 1 + i, slot);
    record.payload.insert(record.payload.end(), slot, slot + 64);
  }
  record.slots += continuations;
  return record;
}

std::vector<Record> SegmentReader::walk(uint32_t lane, uint64_t from, uint64_t to) const {
  std::vector<Record> records;
  while (from != to) {
    records.push_back(record_at(lane, from));
    const uint64_t slots = records.back().slots;
    if (slots > to - from) return records;  // malformed: the account will not match
    from += slots;
  }
  return records;
}

std::vector<Record> SegmentReader::peek(uint32_t lane) const {
  const LaneCounts now = counts(lane);
  return walk(lane, now.read, now.written);
}

std::vector<Record> SegmentReader::drain(uint32_t lane) { return drain_some(lane, UINT64_MAX); }

std::vector<Record> SegmentReader::drain_some(uint32_t lane, uint64_t slots) {
  std::vector<Record> records = peek(lane);
  uint64_t taken = 0, slices = 0, owners = 0, position = counts(lane).read;
  size_t kept = 0;
  while (kept < records.size() && taken + records[kept].slots <= slots) {
    taken += records[kept].slots;
    ++(records[kept].is_owner() ? owners : slices);
    ++kept;
  }
  records.resize(kept);
  segment_.advance(lane, position + taken, slices, owners);
  return records;
}

Batch SegmentReader::batch(const BatchRef& ref) const {
  const uint64_t lane = lane_offset(ref.lane);
  const uint64_t at = lane + value<uint32_t>(136) + 128 * uint64_t{ref.batch};
  Batch batch;
  batch.found = value<uint32_t>(at) == ref.generation;
  batch.state = value<uint8_t>(at + 4);
  batch.level = value<uint8_t>(at + 5);
  batch.alias = value<uint8_t>(at + 6);
  batch.trace_id = value<Bytes16>(at + 8);
  batch.span_id = value<uint64_t>(at + 24);
  const uint32_t count = value<uint32_t>(at + 40);
  uint16_t chunk = value<uint16_t>(at + 48);
  for (uint32_t i = 0; i < count; ++i) {
    const uint64_t chunk_at = lane + value<uint32_t>(144) + 784 * uint64_t{chunk};
    const uint64_t member_at = chunk_at + 16 + 48 * (i % 16);
    Member member;
    member.trace_id = value<Bytes16>(member_at);
    member.worker_span_id = value<uint64_t>(member_at + 16);
    member.parent = value<uint64_t>(member_at + 24);
    member.left_at = value<uint64_t>(member_at + 32);
    member.level = value<uint8_t>(member_at + 40);
    batch.members.push_back(member);
    if (i % 16 == 15) chunk = value<uint16_t>(chunk_at);
  }
  return batch;
}

std::string SegmentReader::name(uint16_t id) const {
  const uint64_t at = value<uint64_t>(88) + 272 * uint64_t{id};
  const uint32_t word = value<uint32_t>(at);
  std::string text(word >> 16, '\0');
  segment_.read(at + 8, text.data(), text.size());
  return text;
}

std::string SegmentReader::account(uint32_t lane) const {
  const LaneCounts now = counts(lane);
  uint64_t slices = 0, owners = 0, slots = 0;
  for (const Record& record : peek(lane)) {
    ++(record.is_owner() ? owners : slices);
    slots += record.slots;
  }
  std::string wrong;
  const auto compare = [&wrong](const char* what, uint64_t is, uint64_t expected) {
    if (is != expected)
      wrong += std::string(what) + " is " + std::to_string(is) + ", expected " + std::to_string(expected) + "; ";
  };
  compare("recorded", now.recorded, now.consumed + now.lost_total() + slices);
  compare("owners", now.owners, now.consumed_owners + owners);
  compare("slots", now.written - now.read, slots);
  return wrong;
}

}  // namespace gpuspan::testing
