// SPDX-License-Identifier: Apache-2.0
//
// The host's clocks. The simulation runs on true time: nanoseconds during which the machine was awake, from an
// arbitrary start. In virtual time it moves when told to, and MONOTONIC, BOOTTIME and REALTIME are functions of it
// that can be slewed, stepped and suspended. In real time it is CLOCK_MONOTONIC itself. Callers serialise.
#ifndef GPUSPAN_SIM_MODEL_HOST_CLOCK_H_
#define GPUSPAN_SIM_MODEL_HOST_CLOCK_H_

#include <cstdint>
#include <vector>

namespace gpuspan::sim {

class HostClock {
 public:
  explicit HostClock(bool is_virtual);

  bool is_virtual() const { return virtual_; }
  int64_t true_ns() const;

  // What the clocks show at a true time; of REALTIME what it then was or, ahead of now, would be if left alone.
  int64_t monotonic_at(int64_t true_ns) const;
  int64_t realtime_at(int64_t true_ns) const;
  int64_t boottime_at(int64_t true_ns) const;

  // Virtual time only.
  void advance(int64_t ns) { now_ns_ += ns; }
  void advance_to(int64_t true_ns) {
    if (now_ns_ < true_ns) now_ns_ = true_ns;
  }
  void step_realtime(int64_t ns);
  void slew(int64_t ppb);
  void suspend(int64_t ns);

 private:
  // From a true time on: MONOTONIC starts at `monotonic_ns` and runs `ppb` fast.
  struct Rate {
    int64_t from_ns;
    int64_t monotonic_ns;
    int64_t ppb;
  };
  // From a true time on: how far BOOTTIME and REALTIME are ahead of MONOTONIC.
  struct Offsets {
    int64_t from_ns;
    int64_t boottime_ns;
    int64_t realtime_ns;
  };
  const Offsets& offsets_at(int64_t true_ns) const;

  bool virtual_;
  int64_t now_ns_ = 0;
  std::vector<Rate> rates_;
  std::vector<Offsets> offsets_;
};

}  // namespace gpuspan::sim

#endif  // GPUSPAN_SIM_MODEL_HOST_CLOCK_H_
