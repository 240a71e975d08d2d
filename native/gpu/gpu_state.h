// SPDX-License-Identifier: Apache-2.0
//
// What the launching threads and the resolver share about the one device of a process: whether it may still be
// used. Written by the resolver and by `stop`; read by every launch.
#ifndef GPUSPAN_GPU_GPU_STATE_H_
#define GPUSPAN_GPU_GPU_STATE_H_

#include <atomic>
#include <cstdint>

#include "../core/segment.h"
#include "device_timer.h"

namespace gpuspan {

// kRunning --16 failures in a row (launcher or resolver)--> kDead --stop--> kStopped
//     +-----------------------------stop----------------------------------------^
// kForked is seen by a child process only: its resolver does not exist and the segment is its parent's.
enum class GpuPhase : uint32_t { kRunning, kDead, kStopped, kForked };

// Failures in a row after which a device is no longer asked.
inline constexpr uint32_t kFailuresUntilDead = 16;

struct GpuState {
  explicit GpuState(Segment& s) : segment(s) {}

  GpuPhase current() const noexcept {
    // seq_cst: one half of the launcher's handshake with `stop`, see InFlightTable::enter.
    return forked.load(std::memory_order_relaxed) ? GpuPhase::kForked : phase.load(std::memory_order_seq_cst);
  }
  // Launcher, after InFlightTable::enter: the resolver shall look at what this slice will hand over.
  void tell_dozer() noexcept {
    if (dozing.load(std::memory_order_seq_cst)) work.store(true, std::memory_order_relaxed);
  }
  // Launcher or resolver: the library failed too often. Never undoes kStopped.
  void give_up() noexcept {
    died.store(true, std::memory_order_release);  // pairs with the acquire in `dead`
    GpuPhase running = GpuPhase::kRunning;
    phase.compare_exchange_strong(running, GpuPhase::kDead, std::memory_order_seq_cst);
  }

  // Whether the device was given up, also where `stop` came before the resolver's next look at the phase.
  bool dead() const noexcept { return died.load(std::memory_order_acquire); }

  Segment& segment;
  DeviceTimer* timer = nullptr;  // null: there was no device to begin with
  GpuLane* lane = nullptr;       // the resolver's; null exactly when `timer` is
  std::atomic<GpuPhase> phase{GpuPhase::kRunning};
  // The resolver sleeps until somebody who may make a system call wakes it; see Resolver::doze.
  std::atomic<bool> dozing{false};
  std::atomic<bool> work{false};  // there is something for it, by a launcher that saw it doze
  std::atomic<bool> died{false};
  static std::atomic<bool> forked;  // this process is a child of one that had a Gpu
};

}  // namespace gpuspan

#endif  // GPUSPAN_GPU_GPU_STATE_H_
