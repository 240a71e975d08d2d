// SPDX-License-Identifier: Apache-2.0
//
// The two numbers callers hold: a token names an open slice of the calling thread's lane, a handle names a
// request or batch of any lane. Both carry a generation, so a stale one is noticed instead of hitting its
// successor; 0 is "nothing was opened" and the inert request.
#ifndef GPUSPAN_CORE_HANDLE_H_
#define GPUSPAN_CORE_HANDLE_H_

#include <cstdint>

#include "layout_tables.h"

namespace gpuspan {

// generation (17 bits, never 0) << 14 | index: below 2^31, so it is a small integer in V8.
using Token = uint32_t;
constexpr uint32_t token_index(Token token) noexcept { return token & ((1u << kTokenIndexBits) - 1); }
constexpr Token make_token(uint32_t generation, uint32_t index) noexcept {
  return generation << kTokenIndexBits | index;
}
// The token the same entry gets next: generation + 1, wrapping past 0.
constexpr Token next_token(Token token) noexcept {
  constexpr uint32_t kMask = (1u << kTokenGenerationBits) - 1;
  const uint32_t generation = ((token >> kTokenIndexBits) + 1) & kMask;
  return make_token(generation == 0 ? 1 : generation, token_index(token));
}

// From the low end: level + 1 (8 bits; 0 inert), lane (12), owner (16), generation (28).
using Handle = uint64_t;
inline constexpr uint32_t kGenerationMask = (1u << 28) - 1;
constexpr Handle make_handle(uint8_t level, uint32_t lane, uint16_t owner, uint32_t generation) noexcept {
  return static_cast<uint64_t>(level + 1u) | static_cast<uint64_t>(lane) << 8 | static_cast<uint64_t>(owner) << 20 |
         static_cast<uint64_t>(generation & kGenerationMask) << 36;
}
constexpr int handle_level(Handle handle) noexcept { return static_cast<int>(handle & 0xff) - 1; }
constexpr uint32_t handle_lane(Handle handle) noexcept { return (handle >> 8) & 0xfff; }
constexpr uint16_t handle_owner(Handle handle) noexcept { return static_cast<uint16_t>(handle >> 20); }
constexpr uint32_t handle_generation(Handle handle) noexcept { return static_cast<uint32_t>(handle >> 36); }

}  // namespace gpuspan

#endif  // GPUSPAN_CORE_HANDLE_H_
