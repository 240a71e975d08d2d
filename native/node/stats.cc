// SPDX-License-Identifier: Apache-2.0
//
// `stats()`: the counts of all lanes, taken while their threads go on recording. What is in a ring is counted slot by
// slot between the two positions, so that the loss equation is a check and not a definition.
#include "../core/loss.h"
#include "arguments.h"

namespace gpuspan {
namespace {

struct LaneCounts {
  uint64_t recorded = 0;
  uint64_t consumed = 0;
  uint64_t in_ring = 0;
  uint64_t lost[kLossCount] = {};
  uint64_t lost_total = 0;
};

bool is_slice(uint8_t kind) {
  return kind == static_cast<uint8_t>(Kind::kHostSlice) || kind == static_cast<uint8_t>(Kind::kGpuSlice) ||
         kind == static_cast<uint8_t>(Kind::kBatchSlice) || kind == static_cast<uint8_t>(Kind::kBatchGpuSlice);
}

// Slots are overwritten only after the reader moved `read` past them, which the caller checks afterwards: what was
// read from such a slot is then thrown away. The loads are atomic so that the race is a defined one.
uint8_t slot_byte(const LaneMemory& lane, uint64_t position, size_t offset) {
  const auto* slot = reinterpret_cast<const uint8_t*>(&lane.ring[position & (lane.ring_slots - 1)]);
  return __atomic_load_n(slot + offset, __ATOMIC_RELAXED);
}

uint64_t count_slices(const LaneMemory& lane, uint64_t read, uint64_t written) {
  uint64_t slices = 0;
  for (uint64_t position = read; position != written && written - position <= lane.ring_slots; ++position) {
    if (is_slice(slot_byte(lane, position, offsetof(Slot, kind)))) ++slices;
    if ((slot_byte(lane, position, offsetof(Slot, flags)) & kFlagContinued) != 0) {
      position += slot_byte(lane, position + 1, 0);  // a first continuation begins with their number
    }
  }
  return slices;
}

LaneCounts load_counts(const LaneHeader& header) {
  LaneCounts counts;
  counts.consumed = header.consumed.load(std::memory_order_acquire);
  for (uint32_t i = 0; i < kLossCount; ++i) {
    counts.lost[i] = header.lost[i].load(std::memory_order_acquire);
    counts.lost_total += counts.lost[i];
  }
  counts.recorded = header.recorded.load(std::memory_order_acquire);
  return counts;
}

// A moment at which nothing moved while it was counted; under a flood, after a few tries, the count that the equation
// gives. The order of the loads keeps that from being negative by more than what happened in between.
LaneCounts count_lane(const LaneMemory& lane) {
  constexpr int kTries = 4;
  const LaneHeader& header = *lane.header;
  LaneCounts counts;
  for (int i = 0; i < kTries; ++i) {
    const uint64_t read = header.read.load(std::memory_order_acquire);
    const uint64_t written = header.written.load(std::memory_order_acquire);
    counts = load_counts(header);
    counts.in_ring = count_slices(lane, read, written);
    const LaneCounts after = load_counts(header);
    if (header.read.load(std::memory_order_acquire) == read &&
        header.written.load(std::memory_order_acquire) == written && after.recorded == counts.recorded &&
        after.consumed == counts.consumed && after.lost_total == counts.lost_total) {
      return counts;
    }
  }
  const uint64_t settled = counts.consumed + counts.lost_total;
  counts.in_ring = counts.recorded > settled ? counts.recorded - settled : 0;
  return counts;
}

void set(Napi::Object object, const char* name, uint64_t value) {
  object.Set(name, Napi::Number::New(object.Env(), static_cast<double>(value)));
}

Napi::Object losses(Napi::Env env, const uint64_t* lost) {
  Napi::Object object = Napi::Object::New(env);
  for (uint32_t i = 0; i < kLossCount; ++i) {
    if (lost[i] != 0) set(object, kLossNames[i], lost[i]);
  }
  return object;
}

const char* state_name(uint32_t state) {
  switch (static_cast<LaneState>(state)) {
    case LaneState::kClaimed:
      return "claimed";
    case LaneState::kOrphaned:
      return "orphaned";
    case LaneState::kFree:
      break;
  }
  return "free";
}

const char* kind_name(uint16_t kind) { return kind == 2 ? "resolver" : kind == 1 ? "native" : "javascript"; }

Napi::Object lane_stats(Napi::Env env, Segment& segment, const LaneMemory& lane, const LaneCounts& counts) {
  const LaneHeader& header = *lane.header;
  uint32_t tid = 0;
  const LaneIdentity identity = segment.identity(lane.index, &tid);
  Napi::Object object = Napi::Object::New(env);
  set(object, "lane", lane.index);
  object.Set("state", state_name(header.state.load(std::memory_order_acquire)));
  object.Set("kind", kind_name(identity.kind));
  set(object, "tid", tid);
  set(object, "recorded", counts.recorded);
  set(object, "consumed", counts.consumed);
  set(object, "inRing", counts.in_ring);
  set(object, "highWater", header.high_water.load(std::memory_order_relaxed));
  object.Set("lost", losses(env, counts.lost));
  return object;
}

Napi::Object reader_stats(Napi::Env env, const ReaderAccount& account, uint64_t consumed_owners) {
  Napi::Object object = Napi::Object::New(env);
  set(object, "delivered", account.delivered.load(std::memory_order_relaxed));
  set(object, "held", account.held.load(std::memory_order_relaxed));
  set(object, "owners", account.owners_delivered.load(std::memory_order_relaxed));
  set(object, "lostOwners", account.owners_lost.load(std::memory_order_relaxed));
  set(object, "consumedOwners", consumed_owners);
  Napi::Array lost = Napi::Array::New(env, std::size(account.lost));
  for (uint32_t i = 0; i < std::size(account.lost); ++i) {
    lost.Set(i, Napi::Number::New(env, static_cast<double>(account.lost[i].load(std::memory_order_relaxed))));
  }
  object.Set("lost", lost);
  return object;
}

// What the application's GPU slices cost it inside the device's library.
Napi::Value gpu_stats(Napi::Env env, const DurationHistogram* calls) {
  if (calls == nullptr) return env.Undefined();
  Napi::Object record_calls = Napi::Object::New(env);
  set(record_calls, "count", calls->count());
  set(record_calls, "p50Nanos", calls->quantile(0.5));
  set(record_calls, "p99Nanos", calls->quantile(0.99));
  set(record_calls, "maxNanos", calls->longest());
  const auto powers = calls->powers();
  Napi::Array histogram = Napi::Array::New(env, powers.size());
  for (uint32_t i = 0; i < powers.size(); ++i) {
    histogram.Set(i, Napi::Number::New(env, static_cast<double>(powers[i])));
  }
  record_calls.Set("powersOfTwo", histogram);
  Napi::Object object = Napi::Object::New(env);
  object.Set("recordCalls", record_calls);
  return object;
}

// Calls `visit` with every lane that was ever claimed.
template <typename Visit>
void for_each_lane(Segment& segment, Visit visit) {
  for (uint32_t i = 0; i < segment.used_lanes(); ++i) {
    const LaneMemory lane = segment.lane(i);
    if (lane.header->generation.load(std::memory_order_acquire) == 0) return;
    visit(lane, count_lane(lane));
  }
}

// What has no lane to be counted in, and sums over the lanes.
struct Totals {
  LaneCounts slices;
  uint64_t owners = 0;
  uint64_t consumed_owners = 0;
  uint64_t lost_owners[kLossCount] = {};

  explicit Totals(const SegmentHeader& header) {
    slices.lost[static_cast<uint32_t>(Loss::kLane)] = header.lost_without_lane.load(std::memory_order_relaxed);
    slices.recorded = slices.lost[static_cast<uint32_t>(Loss::kLane)];
  }
  void add(const LaneHeader& header, const LaneCounts& counts) {
    slices.recorded += counts.recorded;
    slices.consumed += counts.consumed;
    slices.in_ring += counts.in_ring;
    owners += header.owners.load(std::memory_order_relaxed);
    consumed_owners += header.consumed_owners.load(std::memory_order_relaxed);
    for (uint32_t i = 0; i < kLossCount; ++i) {
      slices.lost[i] += counts.lost[i];
      lost_owners[i] += header.lost_owners[i].load(std::memory_order_relaxed);
    }
  }
  // Unread slices that were given up are lost and not in a ring, though their slots are where they were. A lane counts
  // them as in its ring.
  void give_up(uint64_t no_reader) {
    const uint64_t given_up = std::min(no_reader, slices.in_ring);
    slices.lost[static_cast<uint32_t>(Loss::kNoReader)] += given_up;
    slices.in_ring -= given_up;
  }
};

Napi::Value count_unread(const Napi::CallbackInfo& call, Environment&) {
  Segment* segment = Process::get().segment();
  if (segment == nullptr || segment->lease_holder() != 0) return call.Env().Undefined();
  uint64_t unread = 0;
  for_each_lane(*segment, [&](const LaneMemory&, const LaneCounts& counts) { unread += counts.in_ring; });
  segment->header().no_reader.store(unread, std::memory_order_relaxed);
  return call.Env().Undefined();
}

Napi::Value stats(const Napi::CallbackInfo& call, Environment&) {
  const Napi::Env env = call.Env();
  Segment* segment = Process::get().segment();
  if (segment == nullptr) return fail(env, "GPUSPAN_SEGMENT", "there is no segment; call open first");
  const SegmentHeader& header = segment->header();
  Totals totals(header);
  Napi::Array lanes = Napi::Array::New(env);
  for_each_lane(*segment, [&](const LaneMemory& lane, const LaneCounts& counts) {
    totals.add(*lane.header, counts);
    lanes.Set(lanes.Length(), lane_stats(env, *segment, lane, counts));
  });
  totals.give_up(header.no_reader.load(std::memory_order_relaxed));
  Napi::Object names = Napi::Object::New(env);
  set(names, "used", std::min(header.dictionary_count.load(std::memory_order_relaxed), kDictionaryCapacity));
  set(names, "overflow", header.dictionary_overflow.load(std::memory_order_relaxed));
  Napi::Object object = Napi::Object::New(env);
  set(object, "recorded", totals.slices.recorded);
  set(object, "consumed", totals.slices.consumed);
  set(object, "inRing", totals.slices.in_ring);
  set(object, "ringSlots", header.ring_slots);
  object.Set("lost", losses(env, totals.slices.lost));
  object.Set("lostOwners", losses(env, totals.lost_owners));
  set(object, "owners", totals.owners);
  object.Set("lanes", lanes);
  object.Set("reader", reader_stats(env, header.reader, totals.consumed_owners));
  object.Set("names", names);
  const Gpu* gpu = Process::get().gpu_if_open();
  object.Set("gpu", gpu_stats(env, gpu == nullptr ? nullptr : gpu->record_calls()));
  return object;
}

constexpr Binding kBindings[] = {{"stats", setup<stats>}, {"countUnread", setup<count_unread>}};

}  // namespace

std::span<const Binding> stats_bindings() { return kBindings; }

}  // namespace gpuspan
