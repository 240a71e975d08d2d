// SPDX-License-Identifier: Apache-2.0
//
// See native_thread.h. A pthread key's destructor gives the lane up when the thread ends; nothing else in the addon
// runs at thread end, so a lane that JavaScript's environment owns is never touched here.
#include "native_thread.h"

#include <pthread.h>

#include <cstring>
#include <new>
#include <string_view>

namespace gpuspan {
namespace {

void end_thread(void* data) {
  auto* producer = static_cast<Producer*>(data);
  if (Producer::current() == producer) Producer::set_current(nullptr);
  delete producer;
}

// False in `made` when the process has no keys left: then native threads record nothing.
struct ThreadKey {
  ThreadKey() noexcept : made(pthread_key_create(&key, end_thread) == 0) {}
  pthread_key_t key{};
  bool made;
};

// 0: no name. Of a longer one than the dictionary keeps no more is read than tells that.
uint16_t intern_label(Segment& segment, const char* label) noexcept {
  if (label == nullptr || *label == '\0') return 0;
  const std::string_view text(label, strnlen(label, kMaxStringBytes + 1));
  return segment.dictionary().intern(EntryKind::kString, 0, 0, text).id;
}

}  // namespace

Producer* current_or_claimed_producer(const char* label) noexcept {
  if (Producer* producer = Producer::current()) return producer;
  Segment* segment = Process::get().segment();
  static const ThreadKey key;
  if (segment == nullptr || segment->forked() || !key.made) return nullptr;
  auto* producer = new (std::nothrow) Producer;
  if (producer == nullptr) return nullptr;
  LaneIdentity identity;
  identity.kind = 1;
  identity.label = intern_label(*segment, label);
  std::string error;
  if (!producer->claim(*segment, identity, &error) || pthread_setspecific(key.key, producer) != 0) {
    delete producer;
    return nullptr;
  }
  Producer::set_current(producer);
  return producer;
}

}  // namespace gpuspan
