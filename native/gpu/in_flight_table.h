// SPDX-License-Identifier: Apache-2.0
//
// The GPU slices of one launching thread, from launch until the resolver is done with them, and the two queues
// they travel on. Preallocated when the thread first uses the GPU; nothing here allocates, locks or waits later.
//
//   entry: free --begin (launcher)--> open --end (launcher)--> handed over --resolved, lost (resolver)--> free
//
// The table outlives its thread: once the launcher has closed it, the resolver frees it when it is empty.
#ifndef GPUSPAN_GPU_IN_FLIGHT_TABLE_H_
#define GPUSPAN_GPU_IN_FLIGHT_TABLE_H_

#include <array>
#include <atomic>
#include <cstdint>
#include <memory>

#include "../core/handle.h"
#include "device_timer.h"

namespace gpuspan {

inline constexpr uint32_t kInFlightEntries = 1024;
static_assert(kInFlightEntries <= 1u << kTokenIndexBits);

// One writer, one reader, as many places as there are entries: it cannot be full, so the writer needs to know
// nothing about the reader and each side touches one line of the other's.
class IndexQueue {
 public:
  // Writer.
  void push(uint16_t index) noexcept {
    places_[writing_ % kInFlightEntries] = index;
    // Pairs with the acquire in `peek`: the entry's contents are visible to whoever sees the index.
    written_.store(++writing_, std::memory_order_release);
  }
  // Reader. False: empty. The index stays at the front until `pop`.
  bool peek(uint16_t* index) noexcept {
    if (known_ == reading_) known_ = written_.load(std::memory_order_acquire);
    if (known_ == reading_) return false;
    *index = places_[reading_ % kInFlightEntries];
    return true;
  }
  void pop() noexcept { ++reading_; }

 private:
  alignas(128) std::atomic<uint64_t> written_{0};
  uint64_t writing_ = 0;
  alignas(128) uint64_t reading_ = 0;
  uint64_t known_ = 0;
  alignas(128) std::array<uint16_t, kInFlightEntries> places_{};
};

class InFlightTable {
 public:
  explicit InFlightTable(uint16_t launching_lane);

  uint16_t launching_lane() const noexcept { return launching_lane_; }
  InFlight& entry(uint16_t index) noexcept { return entries_[index]; }

  // Launcher: brackets everything it does with open entries and the device. The exchange and the caller's look at
  // GpuState::phase are one half of a handshake, `stop` writing the phase and looking at `inside` the other: in the
  // one order all four have, either the launcher sees kStopped or `stop` sees it inside and waits.
  void enter() noexcept { inside_.exchange(1, std::memory_order_seq_cst); }
  void leave() noexcept { inside_.store(0, std::memory_order_release); }  // pairs with the load in `entered`
  bool entered() const noexcept { return inside_.load(std::memory_order_seq_cst) != 0; }

  // Launcher: the next free entry, still free until `open` is called. False: all are in flight.
  bool peek_free(uint16_t* index) noexcept { return free_.peek(index); }
  Token open(uint16_t index) noexcept;
  // Launcher: the index an open token names; kNone when it is stale, doubled or made up.
  uint16_t find(Token token) const noexcept;
  void hand_over(uint16_t index) noexcept;

  // Resolver, once the table is closed or no launcher can come inside any more: closes what is open and calls
  // `visit(index)` for each.
  template <typename Visit>
  void close_open(Visit visit) noexcept {
    for (uint32_t i = 0; i < kInFlightEntries; ++i) {
      if (open_[i] == 0) continue;
      close_entry(static_cast<uint16_t>(i));
      visit(static_cast<uint16_t>(i));
    }
  }

  // Resolver.
  bool peek_handed_over(uint16_t* index) noexcept { return handed_over_.peek(index); }
  void pop_handed_over() noexcept { handed_over_.pop(); }
  void give_back(uint16_t index) noexcept { free_.push(index); }

  // Launcher, last thing: the table is the resolver's, open entries and all. Pairs with the acquire in `closed`.
  void close() noexcept { closed_.store(true, std::memory_order_release); }
  bool closed() const noexcept { return closed_.load(std::memory_order_acquire); }

  InFlightTable* next = nullptr;  // link of the list of tables the resolver has not met

 private:
  void close_entry(uint16_t index) noexcept;

  const uint16_t launching_lane_;
  std::unique_ptr<InFlight[]> entries_;
  std::array<Token, kInFlightEntries> open_{};  // token of an open entry, else 0
  std::array<Token, kInFlightEntries> next_token_{};
  alignas(128) std::atomic<uint32_t> inside_{0};
  std::atomic<bool> closed_{false};
  IndexQueue handed_over_;  // launcher -> resolver
  IndexQueue free_;         // resolver -> launcher
};

}  // namespace gpuspan

#endif  // GPUSPAN_GPU_IN_FLIGHT_TABLE_H_
