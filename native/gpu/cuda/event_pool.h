// SPDX-License-Identifier: Apache-2.0
//
// Pairs of timing events of one context, created ahead. Launching threads take them without a lock, the resolver gives
// them back. When few are left, only every second, fourth or eighth slice gets a pair, and the slice says for how many
// it stands: what is recorded then still shows the load, where an empty pool would show nothing.
#ifndef GPUSPAN_GPU_CUDA_EVENT_POOL_H_
#define GPUSPAN_GPU_CUDA_EVENT_POOL_H_

#include <array>
#include <atomic>
#include <cstdint>

#include "cuda_types.h"

namespace gpuspan::cuda {

class EventPool {
 public:
  static constexpr uint32_t kFirstPairs = 128;
  static constexpr uint32_t kMostPairs = 4096;

  struct Pair {
    Event begin = nullptr;
    Event end = nullptr;
  };

  EventPool();

  // Record path, any thread. False: none for this slice, because there is none or because the few left are sampled.
  // `stands_for`: this slice is the one of so many that was recorded; 1 while there are enough.
  bool take(uint32_t* slot, uint16_t* stands_for) noexcept;
  // Any thread that owns the slot. The pair must not be asked about afterwards: its events may be recorded again.
  void give_back(uint32_t slot) noexcept;
  const Pair& operator[](uint32_t slot) const noexcept { return pairs_[slot]; }

  // Resolver thread. `add` while size() < kMostPairs.
  void add(const Pair& pair) noexcept;
  uint32_t size() const noexcept { return size_.load(std::memory_order_relaxed); }
  uint32_t free() const noexcept;
  // Fewer than half are free, and there may be more: grow now, before sampling starts at a quarter.
  bool low() const noexcept { return size() < kMostPairs && free() * 2 < size(); }

 private:
  // The free list is a stack. Its head has the slot + 1 (0: empty), how many are free, and a count of changes, so that
  // a head that was taken and given back meanwhile is not mistaken for the one that was read.
  struct Head {
    uint16_t slot_plus_1;
    uint16_t free;
    uint32_t changes;
  };
  static Head unpack(uint64_t word) noexcept;
  static uint64_t pack(const Head& head) noexcept;
  bool sampled_out(uint32_t free, uint16_t* stands_for) noexcept;

  std::array<Pair, kMostPairs> pairs_{};
  std::array<std::atomic<uint16_t>, kMostPairs> next_{};
  alignas(128) std::atomic<uint64_t> head_{0};
  alignas(128) std::atomic<uint32_t> size_{0};
  std::atomic<uint32_t> asked_when_low_{0};
};

}  // namespace gpuspan::cuda

#endif  // GPUSPAN_GPU_CUDA_EVENT_POOL_H_
