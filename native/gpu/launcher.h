// SPDX-License-Identifier: Apache-2.0
//
// The launching thread's side of GPU slices: reserves everything a slice will need, marks the stream twice, hands
// the entry to the resolver. One a recording thread, called by that thread only, on the record path.
#ifndef GPUSPAN_GPU_LAUNCHER_H_
#define GPUSPAN_GPU_LAUNCHER_H_

#include <memory>
#include <vector>

#include "gpu.h"
#include "gpu_state.h"
#include "in_flight_table.h"

namespace gpuspan {

class ThreadLauncher final : public Launcher {
 public:
  // `table` is null exactly when there is no device; the resolver owns it.
  ThreadLauncher(GpuState& state, Recorder& recorder, InFlightTable* table);
  ~ThreadLauncher() override;

  Token begin(uint16_t owner, uint16_t stage, Stream& stream) noexcept override;
  void end(Token token, Payload attributes) noexcept override;
  void annotate(Token token, Payload attributes) noexcept override;
  Stream* find(uint64_t handle) noexcept override;
  void remember(Stream* stream) override;
  void close() noexcept override;

 private:
  Token launch(uint16_t owner, uint16_t stage, Stream& stream) noexcept;
  Token lose(Loss reason) noexcept;
  void note(Loss result) noexcept;
  uint8_t stage_level(uint16_t stage) const noexcept;
  size_t place_of(uint64_t key) const noexcept;

  GpuState& state_;
  Recorder& recorder_;
  InFlightTable* table_;
  uint32_t failures_ = 0;         // of the device's library, in a row
  std::vector<Stream*> streams_;  // open addressing by key, at most half full
  size_t known_streams_ = 0;
};

}  // namespace gpuspan

#endif  // GPUSPAN_GPU_LAUNCHER_H_
