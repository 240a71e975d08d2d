// SPDX-License-Identifier: Apache-2.0
//
// The in-flight table: see the header for who may call what.
#include "in_flight_table.h"

#include "../core/ids.h"

namespace gpuspan {

// Value-initialising touches every page, so that the record path takes no page fault. Each thread's tokens start at a
// generation of their own: one that is used on the wrong thread is almost always noticed.
InFlightTable::InFlightTable(uint16_t launching_lane)
    : launching_lane_(launching_lane), entries_(std::make_unique<InFlight[]>(kInFlightEntries)) {
  const uint32_t first = mix32(launching_lane + 1u) & ((1u << kTokenGenerationBits) - 1);
  for (uint32_t i = 0; i < kInFlightEntries; ++i) {
    next_token_[i] = next_token(make_token(first, i));
    free_.push(static_cast<uint16_t>(i));
  }
}

Token InFlightTable::open(uint16_t index) noexcept {
  free_.pop();
  return open_[index] = next_token_[index];
}

uint16_t InFlightTable::find(Token token) const noexcept {
  const uint32_t index = token_index(token);
  return token != 0 && index < kInFlightEntries && open_[index] == token ? static_cast<uint16_t>(index) : kNone;
}

void InFlightTable::close_entry(uint16_t index) noexcept {
  next_token_[index] = next_token(open_[index]);
  open_[index] = 0;
}

void InFlightTable::hand_over(uint16_t index) noexcept {
  if (open_[index] != 0) close_entry(index);
  handed_over_.push(index);
}

}  // namespace gpuspan
