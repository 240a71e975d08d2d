// SPDX-License-Identifier: Apache-2.0
//
// Opening, keeping up and closing what we have in a context. All of it costs driver calls, so all of it runs on the
// resolver's thread, which is in RELAXED capture mode: creating events breaks nobody's capture there.
#include "timed_context.h"

#include <algorithm>

#include "results.h"

namespace gpuspan::cuda {
TimedContext::TimedContext(const Api& api, const HostClock& host, Context handle, uint64_t id)
    : api_(api), host_(host), handle_(handle), id_(id), anchors_(api, host) {}

Result TimedContext::open() noexcept {
  Result result = api_.ctx_get_device(&device_);
  if (result == kSuccess) result = anchors_.open();
  if (result == kSuccess) result = grow(EventPool::kFirstPairs);
  // The first slices lie between these anchors and the next, so a rate is known for them.
  if (result == kSuccess) result = anchors_.keep_up(host_.monotonic());
  opened_ = result == kSuccess;
  return result;
}

Result TimedContext::keep_up(uint64_t now_ns) noexcept {
  pending = false;
  const Result result = anchors_.keep_up(now_ns);
  epoch_.store(anchors_.epoch(), std::memory_order_relaxed);
  if (result != kSuccess || !pool_.low() || no_more_events_) return result;
  const Result grown = grow(pool_.size());
  // Short of memory, say: what there is must do, sampled.
  if (verdict(grown) == Verdict::kRefused) no_more_events_ = true;
  return no_more_events_ ? kSuccess : grown;
}

Result TimedContext::grow(uint32_t pairs) noexcept {
  for (uint32_t i = 0; i < pairs && pool_.size() < EventPool::kMostPairs; ++i) {
    EventPool::Pair pair;
    Result result = api_.event_create(&pair.begin, kEventDefault);
    if (result != kSuccess) return result;
    result = api_.event_create(&pair.end, kEventDefault);
    if (result != kSuccess) {
      if (verdict(result) == Verdict::kRefused) api_.event_destroy(pair.begin);
      return result;
    }
    pool_.add(pair);
  }
  return kSuccess;
}

void TimedContext::close() noexcept {
  anchors_.close();
  for (uint32_t i = 0; i < pool_.size(); ++i) {
    api_.event_destroy(pool_[i].begin);
    api_.event_destroy(pool_[i].end);
  }
}

}  // namespace gpuspan::cuda
