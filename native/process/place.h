// SPDX-License-Identifier: Apache-2.0
//
// Where something that native code records belongs: whose lane, which owner, which stage or event. Used by the
// functions behind gpuspan.h, on whatever thread calls them; part of the record path but for a name's first use.
#ifndef GPUSPAN_PROCESS_PLACE_H_
#define GPUSPAN_PROCESS_PLACE_H_

#include "../include/gpuspan.h"
#include "producer.h"

namespace gpuspan {

inline constexpr uint8_t kMaxLevel = 4;

// What a begin needs to know: who records, for whom, which stage or event. `recorder` null: there is nothing to record.
struct Place {
  Producer* producer = nullptr;
  Recorder* recorder = nullptr;
  uint16_t owner = kNone;
  uint16_t stage = 0;
};

inline bool is_registered(uint16_t id) noexcept { return id != 0 && id < kDictionaryCapacity; }

constexpr EntryKind kind_of(const gpuspan_stage&) noexcept { return EntryKind::kStage; }
constexpr EntryKind kind_of(const gpuspan_event_kind&) noexcept { return EntryKind::kEvent; }

// Counts a slice for which the calling thread has no recorder. Returns 0, for the caller to return.
[[gnu::noinline, gnu::cold]] inline uint32_t refuse(Producer* producer, Loss reason) noexcept {
  if (producer != nullptr) {
    producer->lose(reason);
  } else if (Segment* segment = Process::get().segment()) {
    segment->lost_without_lane();
  }
  return 0;
}

// Declarations are the caller's statics, used by all its threads. An id is released and acquired, so that who finds it
// finds its entry of the dictionary as well, which costs nothing on x86; every thread
// that interns the same name gets the same id. 0 is the name `other`: the dictionary is full.
template <class Declared>
[[gnu::noinline]] uint16_t register_name(Declared* declared) noexcept {
  const uint16_t id = Process::get().intern(kind_of(*declared), declared->module, declared->name, declared->level);
  __atomic_store_n(&declared->id, id, __ATOMIC_RELEASE);
  return id;
}

// Registers a stage or an event at its first use, and counts what is a loss.
template <class Declared>
Place find_place(Declared* declared, gpuspan_request request) noexcept {
  Place place;
  Producer* const producer = Producer::current();
  if (producer == nullptr || producer->recorder() == nullptr) [[unlikely]] {
    refuse(producer, Loss::kLane);
    return place;
  }
  uint16_t id = __atomic_load_n(&declared->id, __ATOMIC_ACQUIRE);
  if (!is_registered(id)) [[unlikely]] {
    if (declared->module == nullptr || declared->name == nullptr || declared->level < 1 ||
        declared->level > kMaxLevel) {
      producer->lose(Loss::kInvalid);
      return place;
    }
    id = register_name(declared);
  }
  if (producer->gate(id) > handle_level(request)) return place;
  const uint16_t owner = producer->recorder()->resolve(request);
  if (owner == kNone) [[unlikely]] {
    producer->lose(Loss::kStale);
    return place;
  }
  return {producer, producer->recorder(), owner, id};
}

}  // namespace gpuspan

#endif  // GPUSPAN_PROCESS_PLACE_H_
