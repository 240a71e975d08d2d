// SPDX-License-Identifier: Apache-2.0
//
// The free list and the sampling of an EventPool.
#include "event_pool.h"

namespace gpuspan::cuda {

EventPool::EventPool() = default;

EventPool::Head EventPool::unpack(uint64_t word) noexcept {
  return {static_cast<uint16_t>(word), static_cast<uint16_t>(word >> 16), static_cast<uint32_t>(word >> 32)};
}

uint64_t EventPool::pack(const Head& head) noexcept {
  return head.slot_plus_1 | uint64_t{head.free} << 16 | uint64_t{head.changes} << 32;
}

uint32_t EventPool::free() const noexcept { return unpack(head_.load(std::memory_order_relaxed)).free; }

bool EventPool::sampled_out(uint32_t free, uint16_t* stands_for) noexcept {
  const uint32_t size = size_.load(std::memory_order_relaxed);
  *stands_for = 1;
  if (free * 4 >= size) return false;
  *stands_for = free * 16 < size ? 8 : free * 8 < size ? 4 : 2;
  return asked_when_low_.fetch_add(1, std::memory_order_relaxed) % *stands_for != 0;
}

bool EventPool::take(uint32_t* slot, uint16_t* stands_for) noexcept {
  uint64_t word = head_.load(std::memory_order_acquire);
  if (sampled_out(unpack(word).free, stands_for)) return false;
  for (;;) {
    const Head head = unpack(word);
    if (head.slot_plus_1 == 0) return false;
    const uint32_t top = head.slot_plus_1 - 1u;
    const uint16_t below = next_[top].load(std::memory_order_relaxed);
    const uint64_t after = pack({below, static_cast<uint16_t>(head.free - 1), head.changes + 1});
    // Acquire: pairs with the release in give_back, so that the pair and `next_` are as their giver left them.
    if (head_.compare_exchange_weak(word, after, std::memory_order_acquire, std::memory_order_acquire)) {
      *slot = top;
      return true;
    }
  }
}

void EventPool::give_back(uint32_t slot) noexcept {
  uint64_t word = head_.load(std::memory_order_relaxed);
  for (;;) {
    const Head head = unpack(word);
    next_[slot].store(head.slot_plus_1, std::memory_order_relaxed);
    const Head after{static_cast<uint16_t>(slot + 1), static_cast<uint16_t>(head.free + 1), head.changes + 1};
    if (head_.compare_exchange_weak(word, pack(after), std::memory_order_release, std::memory_order_relaxed)) return;
  }
}

void EventPool::add(const Pair& pair) noexcept {
  const uint32_t slot = size();
  pairs_[slot] = pair;
  size_.store(slot + 1, std::memory_order_relaxed);
  give_back(slot);
}

}  // namespace gpuspan::cuda
