// SPDX-License-Identifier: Apache-2.0
//
// The anchors an IntervalClock keeps, ordered by device time. A full window is thinned so that gaps grow with age: the
// last second is dense, and the last minute, where the rate comes from, is still there. Resolver thread.
#ifndef GPUSPAN_GPU_ESTIMATOR_ANCHOR_WINDOW_H_
#define GPUSPAN_GPU_ESTIMATOR_ANCHOR_WINDOW_H_

#include <array>
#include <cstddef>

#include "device_timeline.h"
#include "host_interval.h"

namespace gpuspan {

// An interval of host time that contains the moment of one device stamp.
struct Anchor {
  DeviceStamp device;
  HostInterval host;
};

class AnchorWindow {
 public:
  static constexpr size_t kCapacity = 48;
  // The newest so many are never thinned.
  static constexpr size_t kDense = 12;

  size_t size() const noexcept { return count_; }
  bool empty() const noexcept { return count_ == 0; }
  const Anchor& operator[](size_t i) const noexcept { return anchors_[i]; }
  const Anchor* begin() const noexcept { return anchors_.data(); }
  const Anchor* end() const noexcept { return anchors_.data() + count_; }
  // Of the latest device time; the window is not empty.
  const Anchor& newest() const noexcept { return anchors_[count_ - 1]; }

  void insert(const Anchor& anchor) noexcept;
  void clear() noexcept { count_ = 0; }
  // Forgets those whose host interval ended before `host_ns`; never the newest.
  void forget_before(int64_t host_ns) noexcept;
  // Forgets those for which `drop(anchor)`.
  template <typename Drop>
  void forget_if(Drop drop) noexcept {
    size_t kept = 0;
    for (size_t i = 0; i < count_; ++i) {
      if (!drop(anchors_[i])) anchors_[kept++] = anchors_[i];
    }
    count_ = kept;
  }

 private:
  void erase(size_t at) noexcept;
  void thin() noexcept;

  std::array<Anchor, kCapacity> anchors_{};
  size_t count_ = 0;
};

}  // namespace gpuspan

#endif  // GPUSPAN_GPU_ESTIMATOR_ANCHOR_WINDOW_H_
