// SPDX-License-Identifier: Apache-2.0
//
// When a stream's commands run. A command's times are fixed when it is submitted: it starts once the device has heard
// of it and everything that it is ordered after has ended; nothing submitted later can hold it up, because streams
// share no execution resources here.
#ifndef GPUSPAN_SIM_MODEL_STREAM_TIMELINE_H_
#define GPUSPAN_SIM_MODEL_STREAM_TIMELINE_H_

#include <algorithm>
#include <cstdint>
#include <vector>

namespace gpuspan::sim {

// How a stream is ordered with the legacy default stream of its context.
enum class StreamKind : uint8_t { kLegacy, kBlocking, kNonBlocking };

// What orders the streams of one context.
struct ContextOrder {
  int64_t legacy_end_ns = 0;        // of the legacy stream's last command
  int64_t blocking_end_ns = 0;      // of the last command of any blocking stream
  int64_t blocking_visible_ns = 0;  // when the host can see that end
  int64_t visible_ns = 0;           // when the host can see the end of everything submitted so far
};

// One command, true times. `submit_ns`: from submission to the device reaching it on an idle stream; `gap_ns`: how long
// the device then serves somebody else; `complete_ns`: from its end to the host being able to see it.
struct Command {
  int64_t submitted_ns = 0;
  int64_t submit_ns = 0;
  int64_t gap_ns = 0;
  int64_t duration_ns = 0;
  int64_t complete_ns = 0;
};

struct Placement {
  int64_t submitted_ns = 0;
  int64_t start_ns = 0;
  int64_t end_ns = 0;
  int64_t visible_ns = 0;
};

class StreamTimeline {
 public:
  StreamTimeline(StreamKind kind, size_t queue_depth) : kind_(kind), ends_(queue_depth, 0) {}

  StreamKind kind() const { return kind_; }
  // When the host can see the end of all that was submitted, for the legacy stream with what it is ordered after.
  int64_t visible_ns(const ContextOrder& order) const {
    return kind_ == StreamKind::kLegacy ? std::max(visible_ns_, order.blocking_visible_ns) : visible_ns_;
  }

  // From when the queue has room for one more command: when the one `queue_depth` before it has ended.
  int64_t room_from_ns() const { return ends_.empty() ? 0 : ends_[next_]; }

  // Later commands of this stream, and of streams ordered after it, start no earlier.
  void wait_for(int64_t end_ns, ContextOrder& order) {
    end_ns_ = std::max(end_ns_, end_ns);
    publish_end(order);
  }

  Placement place(const Command& command, ContextOrder& order) {
    Placement placed;
    placed.submitted_ns = command.submitted_ns;
    placed.start_ns = std::max({command.submitted_ns + command.submit_ns, end_ns_, barrier(order)}) + command.gap_ns;
    placed.end_ns = placed.start_ns + command.duration_ns;
    // The host learns of a stream's ends in the stream's order.
    placed.visible_ns = std::max(visible_ns_, placed.end_ns + command.complete_ns);
    end_ns_ = placed.end_ns;
    visible_ns_ = placed.visible_ns;
    remember(placed, order);
    return placed;
  }

 private:
  int64_t barrier(const ContextOrder& order) const {
    if (kind_ == StreamKind::kLegacy) return order.blocking_end_ns;
    return kind_ == StreamKind::kBlocking ? order.legacy_end_ns : 0;
  }

  void publish_end(ContextOrder& order) const {
    if (kind_ == StreamKind::kLegacy) order.legacy_end_ns = end_ns_;
    if (kind_ == StreamKind::kBlocking) order.blocking_end_ns = std::max(order.blocking_end_ns, end_ns_);
  }

  void remember(const Placement& placed, ContextOrder& order) {
    publish_end(order);
    order.visible_ns = std::max(order.visible_ns, placed.visible_ns);
    if (kind_ == StreamKind::kBlocking) {
      order.blocking_visible_ns = std::max(order.blocking_visible_ns, placed.visible_ns);
    }
    if (ends_.empty()) return;
    ends_[next_] = placed.end_ns;
    if (++next_ == ends_.size()) next_ = 0;
  }

  StreamKind kind_;
  int64_t end_ns_ = 0;
  int64_t visible_ns_ = 0;
  size_t next_ = 0;
  std::vector<int64_t> ends_;  // of the last queue_depth commands
};

}  // namespace gpuspan::sim

#endif  // GPUSPAN_SIM_MODEL_STREAM_TIMELINE_H_
