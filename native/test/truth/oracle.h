// SPDX-License-Identifier: Apache-2.0
//
// The best that the same anchors allow to one who knows the device's clock exactly, but for its offset: every anchor of
// the last minute says between what that offset lies, and nothing needs widening but for ticks. What it knows about a
// stamp is narrowed by the same causality.
#ifndef GPUSPAN_TEST_TRUTH_ORACLE_H_
#define GPUSPAN_TEST_TRUTH_ORACLE_H_

#include <algorithm>
#include <cstdint>
#include <deque>

#include "native/gpu/estimator/host_interval.h"

namespace gpuspan::truth {

class Oracle {
 public:
  explicit Oracle(int64_t tick_ns) : tick_ns_(tick_ns) {}

  // `host` contains the anchor's true time; its stamp lacks `cut_ns`, the part of a tick that it does not show.
  void add(int64_t true_ns, int64_t cut_ns, const HostInterval& host) {
    const int64_t shown_ns = true_ns - cut_ns;
    offsets_.push_back({true_ns, {host.low - shown_ns - tick_ns_, host.high - shown_ns + tick_ns_}});
    while (offsets_.front().at_ns < true_ns - kWindowNs) offsets_.pop_front();
    known_ = kAnytime;
    for (const Offset& offset : offsets_) known_ = intersect(known_, offset.range);
  }
  void begin_epoch() {
    offsets_.clear();
    known_ = kAnytime;
  }
  // Half of what remains of a stamp's interval.
  int64_t bound(int64_t true_ns, int64_t cut_ns, const HostInterval& possible) const {
    const HostInterval located{known_.low + true_ns - cut_ns, known_.high + true_ns - cut_ns};
    return (intersect(located, possible).width() + 1) / 2;
  }

 private:
  static constexpr int64_t kWindowNs = 60'000'000'000;
  struct Offset {
    int64_t at_ns;
    HostInterval range;
  };

  int64_t tick_ns_;
  std::deque<Offset> offsets_;
  HostInterval known_ = kAnytime;
};

}  // namespace gpuspan::truth

#endif  // GPUSPAN_TEST_TRUTH_ORACLE_H_
