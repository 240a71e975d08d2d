// SPDX-License-Identifier: Apache-2.0
//
// See bench_producer.h.
#include "bench_producer.h"

#include <cstdio>
#include <cstdlib>
#include <string>

#include "../process/c_api.h"

namespace gpuspan {
namespace {

[[noreturn]] void give_up(const std::string& why) {
  std::fprintf(stderr, "bench: %s\n", why.c_str());
  std::exit(1);
}

}  // namespace

BenchProducer::BenchProducer(uint32_t ring_slots, ClockChoice clock) {
  ProcessOptions options;
  options.segment.ring_slots = ring_slots;
  options.segment.lanes = 4;
  options.segment.clock = clock;
  options.device.choice = DeviceChoice::kNone;
  bool created = false;
  std::string error;
  Process& process = Process::get();
  if (!process.open(options, &created, &error)) give_up(error);
  if (!producer_.claim(*process.segment(), LaneIdentity{}, &error)) give_up(error);
  Producer::set_current(&producer_);
  owner_ = recorder().start_request(RequestOrigin{}, Payload{});
  if (owner_ == kNone) give_up("no room for a request");
  if (gpuspan_use_api(reinterpret_cast<uintptr_t>(gpuspan_get_api_v1())) == 0) give_up("the C API was refused");
}

void BenchProducer::drain() noexcept {
  for (uint32_t lane = 0; lane < segment().header().lanes; ++lane) {
    const LaneHeader* header = segment().lane(lane).header;
    if (header->state.load(std::memory_order_acquire) == 0) continue;  // never claimed: its memory is not populated
    segment().advance(lane, header->written.load(std::memory_order_acquire), 0, 0);
  }
}

void BenchProducer::require_recorded(uint64_t expected) noexcept {
  const LaneHeader& header = *producer_.recorder()->lane().header;
  const uint64_t recorded = header.recorded.load(std::memory_order_relaxed);
  uint64_t lost = 0;
  for (const auto& count : header.lost) lost += count.load(std::memory_order_relaxed);
  if (recorded == expected && lost == 0) return;
  give_up("recorded " + std::to_string(recorded) + " slices instead of " + std::to_string(expected) + ", lost " +
          std::to_string(lost));
}

}  // namespace gpuspan
