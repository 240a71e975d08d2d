// SPDX-License-Identifier: Apache-2.0
//
// Access to table fields that one thread (the lane's owner) writes while others may look: adopting threads, the
// reader. The fields stay plain integers in layout.h, where their place matters; here they get the memory
// order. A looker loads with acquire, then checks that the entry's generation has not moved: since writers use
// release, whoever saw a new field sees the new generation too. The reader copies whole words, so fields of an open
// batch that share a word with something it reads are stored this way as well. On x86 all of it is plain moves.
#ifndef GPUSPAN_CORE_SHARED_FIELD_H_
#define GPUSPAN_CORE_SHARED_FIELD_H_

#include <cstdint>
#include <type_traits>

#include "layout.h"
#include "layout_tables.h"

namespace gpuspan {

template <typename T>
inline T load_acquire(const T& field) noexcept {
  return __atomic_load_n(&field, __ATOMIC_ACQUIRE);
}
template <typename T>
inline void store_release(T& field, std::type_identity_t<T> value) noexcept {
  __atomic_store_n(&field, value, __ATOMIC_RELEASE);
}

using AliasedWord [[gnu::may_alias]] = uint64_t;

inline TraceId load_acquire(const TraceId& field) noexcept {
  const auto* words = reinterpret_cast<const AliasedWord*>(&field);
  const AliasedWord copy[2] = {__atomic_load_n(&words[0], __ATOMIC_ACQUIRE),
                               __atomic_load_n(&words[1], __ATOMIC_ACQUIRE)};
  TraceId id;
  __builtin_memcpy(&id, copy, sizeof id);
  return id;
}
inline void store_release(TraceId& field, const TraceId& value) noexcept {
  uint64_t copy[2];
  __builtin_memcpy(copy, &value, sizeof copy);
  auto* words = reinterpret_cast<AliasedWord*>(&field);
  __atomic_store_n(&words[0], copy[0], __ATOMIC_RELEASE);
  __atomic_store_n(&words[1], copy[1], __ATOMIC_RELEASE);
}

}  // namespace gpuspan

#endif  // GPUSPAN_CORE_SHARED_FIELD_H_
