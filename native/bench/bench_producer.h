// SPDX-License-Identifier: Apache-2.0
//
// What a native bench records with: the process's segment, this thread's lane and one request, set up as the addon
// does it, and a drain that throws away what was recorded so that no bench measures a full ring. One a program.
#ifndef GPUSPAN_BENCH_BENCH_PRODUCER_H_
#define GPUSPAN_BENCH_BENCH_PRODUCER_H_

#include <cstdint>

#include "../include/gpuspan.h"
#include "../process/producer.h"

namespace gpuspan {

class BenchProducer {
 public:
  // Ends the program with a message when the segment or the lane cannot be had.
  explicit BenchProducer(uint32_t ring_slots, ClockChoice clock = ClockChoice::kAuto);

  Segment& segment() noexcept { return producer_.segment(); }
  Recorder& recorder() noexcept { return *producer_.recorder(); }
  uint16_t owner() const noexcept { return owner_; }
  gpuspan_request request() noexcept { return recorder().handle(owner_); }
  uint16_t intern_stage(const char* name) noexcept { return Process::get().intern_stage("bench", name, 1); }

  // Marks everything in every ring as read.
  void drain() noexcept;
  // Ends the program unless exactly `expected` slices were recorded and none was lost.
  void require_recorded(uint64_t expected) noexcept;

 private:
  Producer producer_;
  uint16_t owner_ = kNone;
};

}  // namespace gpuspan

#endif  // GPUSPAN_BENCH_BENCH_PRODUCER_H_
