// SPDX-License-Identifier: Apache-2.0
//
// The null device timer. One clock read a mark: both sides of a call that does nothing are the same moment.
#include "null_timer.h"

#include "../../core/clock.h"

namespace gpuspan {
namespace {

class NullTimer final : public DeviceTimer {
 public:
  GpuSource source() const noexcept override { return GpuSource::kNull; }
  std::string description() const override { return "null device timer (host times, no device)"; }

  std::unique_ptr<Stream> open_stream(uint64_t handle, std::string* error) override {
    if (handle == 0) {
      *error = "0 is not a stream; pass any other number to the null device timer";
      return nullptr;
    }
    auto stream = std::make_unique<Stream>();
    stream->handle = handle;
    return stream;
  }

  Loss begin(InFlight& slice) noexcept override {
    slice.times.begin_before = slice.times.begin_after = monotonic_ns();
    return Loss::kCount;
  }
  Loss end(InFlight& slice) noexcept override {
    slice.times.end_before = slice.times.end_after = monotonic_ns();
    return Loss::kCount;
  }

  Poll poll(InFlight&) noexcept override { return Poll::kDone; }
  Read read(InFlight& slice, uint64_t, StreamInterval* interval) noexcept override {
    const uint64_t begin = slice.times.begin_before;
    const uint64_t end = slice.times.end_before;
    *interval = {begin, end, 0, static_cast<int64_t>(end - begin), false};
    return Read::kPlaced;
  }
  void release(InFlight&) noexcept override {}
  void tend(uint64_t) noexcept override {}
};

}  // namespace

std::unique_ptr<DeviceTimer> make_null_timer() { return std::make_unique<NullTimer>(); }

}  // namespace gpuspan
