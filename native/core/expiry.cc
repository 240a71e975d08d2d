// SPDX-License-Identifier: Apache-2.0
//
// Requests and batches that the program forgot. Their entries would be taken for good, and once all were, no request
// could be recorded any more; so their lane's thread closes them when they gave no sign of life for the segment's TTL.
// A sign of life is a slice that begins or ends, an event, a record after the fact, a GPU slice, leaving, or being in a
// batch that gives one. Called on the thread that owns the lane, whenever it starts or adopts a request, and by a
// timer.
#include <algorithm>

#include "recorder.h"

namespace gpuspan {
namespace {

// How much later than the TTL, as a part of it, an entry may be found: looks at the tables are at least so far apart.
constexpr uint64_t kLookParts = 64;

constexpr uint8_t kFlags = kFlagUnfinished | kFlagExpired;

}  // namespace

void Recorder::expire(uint64_t now) noexcept {
  const uint64_t ttl = segment_->request_ttl();
  if (ttl == 0 || closed_ || now < next_expiry_) return;
  ring_.refresh();
  uint64_t oldest = now;
  expire_batches(now, &oldest);
  expire_requests(now, &oldest);
  next_expiry_ = std::max(oldest + ttl, now + ttl / kLookParts);
}

// Whether nothing was heard of the owner for the TTL; if something was, `oldest` takes part in when. A launch reads no
// clock of ours: that there were some since the last look is a sign of life now. The counter of another core may be
// ahead of this one's by a few ticks, hence signed.
template <class Owner>
bool Recorder::due(Owner& owner, uint32_t launched, uint64_t now, uint64_t* oldest) noexcept {
  if (owner.launched_seen != launched) {
    owner.launched_seen = launched;
    owner.seen = now;
  }
  uint64_t seen = owner.seen;
  if (owner.top != kNone) seen = std::max(seen, lane_.slices[owner.top].start);
  if (static_cast<int64_t>(now - seen) >= static_cast<int64_t>(segment_->request_ttl())) return true;
  *oldest = std::min(*oldest, seen);
  return false;
}

// Before the requests, because members of a batch live as long as it does.
void Recorder::expire_batches(uint64_t now, uint64_t* oldest) noexcept {
  for (uint16_t i = 0; i < batches_used_; ++i) {
    OpenBatch& batch = lane_.batches[i];
    if (batch.state != kStateOpen) continue;
    if (!due(batch, batch.gpu_launched.load(std::memory_order_relaxed), now, oldest)) continue;
    // Its slices end here, which is no sign of life: the members go with it.
    const uint64_t seen = batch.seen;
    close_slices(batch.top, now);
    batch.seen = seen;
    close_batch(i, now, kFlags, {});
  }
}

void Recorder::expire_requests(uint64_t now, uint64_t* oldest) noexcept {
  for (uint16_t i = 0; i < requests_used_; ++i) {
    OpenRequest& request = lane_.requests[i];
    if (request.state == kStateFree || request.batches != 0) continue;
    if (due(request, request.launched, now, oldest)) close_request(i, now, kFlags);
  }
}

}  // namespace gpuspan
