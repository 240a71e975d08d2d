// SPDX-License-Identifier: Apache-2.0
//
// Span and trace ids. Generators are per lane and seeded from the kernel's CSPRNG, so an id costs a few
// instructions and no lock; a forked child must not record (see Segment) and so never repeats its parent's.
#ifndef GPUSPAN_CORE_IDS_H_
#define GPUSPAN_CORE_IDS_H_

#include <cstdint>

#include "layout.h"

namespace gpuspan {

// splitmix64 (Steele, Lea, Flood 2014: "Fast splittable pseudorandom number generators").
class IdGenerator {
 public:
  explicit IdGenerator(uint64_t seed = 1) : state_(seed) {}
  // Never 0: W3C Trace Context calls the all-zero id invalid.
  uint64_t next() noexcept {
    uint64_t z = (state_ += 0x9e3779b97f4a7c15);
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
    z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
    z ^= z >> 31;
    return z + (z == 0);
  }

 private:
  uint64_t state_;
};

// 8 bytes from getrandom(2); falls back to the clock and pid if the call is refused.
uint64_t random_seed() noexcept;

// The id of a batch slice for one member, from the slice's id and the member's worker span id. Four rounds
// of a Feistel network over 32-bit halves: a bijection of the slice id for a fixed member, made of 32-bit
// multiplications so that the TypeScript reader computes the same without BigInt (lib/spans/member-id.ts).
// The round function is MurmurHash3's 32-bit finalizer (Appleby).
constexpr uint32_t mix32(uint32_t h) noexcept {
  h ^= h >> 16;
  h *= 0x85ebca6b;
  h ^= h >> 13;
  h *= 0xc2b2ae35;
  h ^= h >> 16;
  return h;
}
constexpr uint64_t member_span_id(uint64_t slice, uint64_t member) noexcept {
  uint32_t low = static_cast<uint32_t>(slice ^ member);
  uint32_t high = static_cast<uint32_t>((slice ^ member) >> 32);
  high ^= mix32(low + 0x9e3779b9);
  low ^= mix32(high + 0x7f4a7c15);
  high ^= mix32(low + 0xbf58476d);
  low ^= mix32(high + 0x94d049bb);
  const uint64_t id = static_cast<uint64_t>(high) << 32 | low;
  return id | static_cast<uint64_t>(id == 0);
}

}  // namespace gpuspan

#endif  // GPUSPAN_CORE_IDS_H_
