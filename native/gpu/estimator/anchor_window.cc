// SPDX-License-Identifier: Apache-2.0
//
// Insertion and thinning. Anchors come nearly in order; several queues of one device may swap a few.
#include "anchor_window.h"

#include <algorithm>
#include <cstdint>

namespace gpuspan {

void AnchorWindow::insert(const Anchor& anchor) noexcept {
  if (count_ == kCapacity) thin();
  size_t at = count_;
  for (; at > 0 && anchors_[at - 1].device.ns > anchor.device.ns; --at) anchors_[at] = anchors_[at - 1];
  anchors_[at] = anchor;
  ++count_;
}

void AnchorWindow::forget_before(int64_t host_ns) noexcept {
  size_t old = 0;
  while (old + 1 < count_ && anchors_[old].host.high < host_ns) ++old;
  if (old == 0) return;
  std::move(anchors_.begin() + static_cast<std::ptrdiff_t>(old), anchors_.begin() + static_cast<std::ptrdiff_t>(count_),
            anchors_.begin());
  count_ -= old;
}

void AnchorWindow::erase(size_t at) noexcept {
  std::move(anchors_.begin() + static_cast<std::ptrdiff_t>(at) + 1,
            anchors_.begin() + static_cast<std::ptrdiff_t>(count_), anchors_.begin() + static_cast<std::ptrdiff_t>(at));
  --count_;
}

// Of the neighbours that are closest for their age, the wider goes, so that gaps become proportional to age. The oldest
// stays unless the next is twice as good: it is what the rate is told from.
void AnchorWindow::thin() noexcept {
  const int64_t now = newest().device.ns;
  size_t closest = 0;
  double least = 0;
  for (size_t i = 0; i + 1 + kDense < count_; ++i) {
    const auto gap = static_cast<double>(anchors_[i + 1].device.ns - anchors_[i].device.ns);
    const double crowding = gap / (static_cast<double>(now - anchors_[i].device.ns) + 1);
    if (i == 0 || crowding < least) {
      closest = i;
      least = crowding;
    }
  }
  const int64_t earlier = anchors_[closest].host.width() / (closest == 0 ? 2 : 1);
  const bool later_goes = anchors_[closest + 1].host.width() >= earlier;
  erase(later_goes ? closest + 1 : closest);
}

}  // namespace gpuspan
