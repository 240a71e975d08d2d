// SPDX-License-Identifier: Apache-2.0
//
// The rules of docs/design/recording.md once more, without any concern for speed.
#include "lane_model.h"

#include <algorithm>

namespace gpuspan::testing {
namespace {

constexpr uint32_t kItem = 11;

uint32_t blocks(uint32_t items) { return (items * kItem + 61) / 62; }
uint32_t continuations(uint32_t items) { return items == 0 ? 0 : (items * kItem + 1 + 63) / 64; }

void add_items(std::string* text, uint32_t from, uint32_t count) {
  for (uint32_t i = from; i < from + count; ++i) *text += (text->empty() ? "int 1=" : " int 1=") + std::to_string(i);
}

}  // namespace

bool LaneModel::reserve(bool leaf, uint32_t n) {
  if (used_ + reserved_ + n > (leaf ? slots_ - slots_ / 8 : slots_)) return false;
  reserved_ += n;
  return true;
}

void LaneModel::push(const Expected& record, uint32_t reserved_before) {
  ring_.push_back(record);
  used_ += record.slots;
  reserved_ -= reserved_before;
}

uint32_t LaneModel::start() {
  if (!reserve(false, 2)) {
    lose_owner(Loss::kRequest);
    return 0;
  }
  Owner owner;
  owner.root = ++last_span_;
  owner.worker = ++last_span_;
  owners_[++last_name_] = owner;
  return last_name_;
}

Span LaneModel::parent_in(const Owner& owner, uint8_t level, uint32_t named) const {
  size_t at = owner.open.size();
  const auto found = std::find(owner.open.begin(), owner.open.end(), named);
  if (found != owner.open.end()) at = static_cast<size_t>(found - owner.open.begin()) + 1;
  while (owner.batch && at > 0 && slices_.at(owner.open[at - 1]).level > level) --at;
  return at == 0 ? owner.worker : slices_.at(owner.open[at - 1]).span;
}

uint32_t LaneModel::open_slice(uint32_t name, uint16_t stage, uint8_t level, Span parent, bool first_level) {
  if (!reserve(true, 1)) {
    lose(Loss::kRing);
    return 0;
  }
  Owner& owner = owners_.at(name);
  owner.worker_open = true;
  Slice slice;
  slice.owner = name;
  slice.stage = stage;
  slice.level = level;
  slice.span = ++last_span_;
  slice.parent = parent;
  slice.first_level = first_level;
  slice.previous = first_level ? owner.previous : 0;
  slices_[++last_name_] = slice;
  owner.open.push_back(last_name_);
  return last_name_;
}

uint32_t LaneModel::begin(uint32_t name, uint16_t stage, uint8_t level, uint32_t named) {
  const auto found = owners_.find(name);
  if (found == owners_.end() || found->second.left) {
    lose(Loss::kClosed);
    return 0;
  }
  const Owner& owner = found->second;
  return open_slice(name, stage, level, parent_in(owner, level, named), !owner.batch && owner.open.empty());
}

void LaneModel::close(uint32_t name, uint8_t flags, uint32_t items) {
  const Slice slice = slices_.at(name);
  Owner& owner = owners_.at(slice.owner);
  const uint32_t have = slice.chain.items, held = blocks(have);
  uint32_t want = std::min(continuations(have + items), kMaxSliceContinuations);
  if (want > held && !reserve(true, want - held)) want = held;
  const uint32_t take = want == 0 ? 0 : std::min(items, (want * 64 - 1 - have * kItem) / kItem);
  Expected record;
  record.kind = owner.batch ? Kind::kBatchSlice : Kind::kHostSlice;
  record.flags = flags;
  if (slice.first_level) record.flags |= kFlagFirstLevel;
  if (slice.chain.dropped || take < items) record.flags |= kFlagDropped;
  if (have + take != 0) record.flags |= kFlagContinued;
  record.stage = slice.stage;
  record.slots = 1 + continuations(have + take);
  record.span = slice.span;
  record.parent = slice.parent;
  record.previous = slice.previous;
  record.items = slice.chain.text;
  add_items(&record.items, 0, take);
  push(record, 1 + std::max(held, want));
  ++recorded_;
  if (slice.first_level) owner.previous = slice.span;
  owner.open.erase(std::find(owner.open.begin(), owner.open.end(), name));
  slices_.erase(name);
}

void LaneModel::end(uint32_t name, uint32_t items) {
  if (slices_.count(name) == 0) return lose(Loss::kStale);
  close(name, 0, items);
}

uint32_t LaneModel::next(uint32_t name, uint16_t stage, uint8_t level) {
  if (slices_.count(name) == 0) {
    lose(Loss::kStale);
    return 0;
  }
  const Slice ended = slices_.at(name);
  const Owner& owner = owners_.at(ended.owner);
  Span parent = ended.parent;
  if (owner.batch && level < ended.level && parent != owner.worker) {
    const auto above = [&](uint32_t other) { return slices_.at(other).span == parent; };
    const auto found = std::find_if(owner.open.begin(), owner.open.end(), above);
    parent = found == owner.open.end() ? owner.worker : parent_in(owner, level, *found);
  }
  close(name, 0, 0);
  return open_slice(ended.owner, stage, level, parent, ended.first_level);
}

void LaneModel::annotate(uint32_t name, uint32_t items) {
  if (slices_.count(name) == 0) return lose(Loss::kStale);
  Chain& chain = slices_.at(name).chain;
  uint32_t take = std::min(items, (kMaxSlicePayload - chain.items * kItem) / kItem);
  const uint32_t more = blocks(chain.items + take) - blocks(chain.items);
  if (!reserve(true, more)) take = std::min(take, (blocks(chain.items) * 62 - chain.items * kItem) / kItem);
  if (take < items) chain.dropped = true;
  chain.items += take;
  add_items(&chain.text, 0, take);
}

void LaneModel::record(uint32_t name, uint16_t stage, uint8_t level, bool backwards) {
  const auto found = owners_.find(name);
  if (found == owners_.end() || found->second.left) return lose(Loss::kClosed);
  if (backwards) return lose(Loss::kTime);
  if (!reserve(true, 1)) return lose(Loss::kRing);
  Owner& owner = found->second;
  Expected record;
  const bool first_level = !owner.batch && owner.open.empty();
  record.kind = owner.batch ? Kind::kBatchSlice : Kind::kHostSlice;
  record.flags = static_cast<uint8_t>(kFlagMonotonic | (first_level ? kFlagFirstLevel : 0));
  record.stage = stage;
  record.span = ++last_span_;
  record.parent = parent_in(owner, level, 0);
  record.previous = first_level ? owner.previous : 0;
  if (first_level) owner.previous = record.span;
  owner.worker_open = true;
  push(record, 1);
  ++recorded_;
}

uint32_t LaneModel::define(const std::vector<uint32_t>& members) {
  std::vector<uint32_t> sorted = members;
  std::sort(sorted.begin(), sorted.end());
  bool good = !members.empty() && std::adjacent_find(sorted.begin(), sorted.end()) == sorted.end();
  for (const uint32_t member : members) {
    const auto found = owners_.find(member);
    good = good && found != owners_.end() && !found->second.left;
  }
  if (!good || !reserve(false, 1)) {
    lose_owner(good ? Loss::kBatch : Loss::kInvalid);
    return 0;
  }
  for (const uint32_t member : members) owners_.at(member).worker_open = true;
  Owner batch;
  batch.batch = true;
  batch.worker = ++last_span_;
  batch.members = members;
  owners_[++last_name_] = batch;
  return last_name_;
}

void LaneModel::close_batch(uint32_t name, uint8_t flags) {
  Owner& batch = owners_.at(name);
  while (!batch.open.empty()) close(batch.open.back(), kFlagUnfinished, 0);
  Expected record;
  record.kind = Kind::kBatch;
  record.flags = flags;
  record.span = batch.worker;
  push(record, 1);
  owners_.erase(name);
}

void LaneModel::end_batch(uint32_t name) {
  if (owners_.count(name) == 0) return lose_owner(Loss::kClosed);
  close_batch(name, 0);
}

void LaneModel::close_stay(uint32_t name) {
  Owner& owner = owners_.at(name);
  while (!owner.open.empty()) close(owner.open.back(), kFlagUnfinished, 0);
  std::vector<uint32_t> emptied;
  for (auto& [batch_name, batch] : owners_) {
    const auto member = std::find(batch.members.begin(), batch.members.end(), name);
    if (member == batch.members.end()) continue;
    batch.members.erase(member);
    if (batch.members.empty()) emptied.push_back(batch_name);
  }
  std::sort(emptied.begin(), emptied.end(),
            [this](uint32_t a, uint32_t b) { return owners_.at(a).entry < owners_.at(b).entry; });
  for (const uint32_t batch : emptied) close_batch(batch, kFlagUnfinished);
  if (!owner.worker_open) {
    --reserved_;
    return;
  }
  std::string losses;
  uint32_t reasons = 0;
  for (size_t i = 0; i < 16; ++i) {
    if (lost_[i] + lost_owners_[i] == 0) continue;
    losses += " " + std::to_string(i) + ":" + std::to_string(lost_[i] + lost_owners_[i]);
    ++reasons;
  }
  Expected record;
  record.kind = Kind::kWorker;
  record.span = owner.worker;
  record.parent = owner.root;
  const uint32_t more = reasons == 0 ? 0 : (2 + 9 * reasons + 1 + 63) / 64;
  const bool fits = reserve(false, more);
  record.slots = 1 + (fits ? more : 0);
  if (reasons != 0) record.flags = fits ? kFlagContinued : kFlagDropped;
  if (reasons != 0 && fits) record.items = "losses" + losses;
  push(record, record.slots);
}

void LaneModel::leave(uint32_t name) {
  const auto found = owners_.find(name);
  if (found == owners_.end() || found->second.left) return lose_owner(Loss::kClosed);
  close_stay(name);
  found->second.left = true;
}

void LaneModel::finish(uint32_t name) {
  const auto found = owners_.find(name);
  if (found == owners_.end()) return lose_owner(Loss::kClosed);
  if (!found->second.left) close_stay(name);
  Expected record;
  record.kind = Kind::kRoot;
  record.span = found->second.root;
  push(record, 1);
  owners_.erase(found);
}

std::vector<Expected> LaneModel::drain(uint64_t slots) {
  std::vector<Expected> records;
  while (!ring_.empty() && ring_.front().slots <= slots) {
    slots -= ring_.front().slots;
    used_ -= ring_.front().slots;
    records.push_back(ring_.front());
    ring_.pop_front();
  }
  return records;
}

}  // namespace gpuspan::testing
