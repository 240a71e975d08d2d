// SPDX-License-Identifier: Apache-2.0
//
// One loop: launch what is due, then one round of the resolver (suspends and slews noticed, anchors, finished slices).
#include "simulation.h"

#include <algorithm>
#include <cmath>

namespace gpuspan::truth {
namespace {

constexpr int64_t kFastestPoll = kMs / 2;
constexpr int64_t kSlowestPoll = 20 * kMs;
// How long after the first launch of a stretch the resolver looks.
constexpr int64_t kWakeUp = 100 * kMs;
constexpr int64_t kClockRead = 40;

IntervalClockOptions options_of(const World& world) {
  IntervalClockOptions options;
  options.tick_ns = world.tick_ns;
  return options;
}

// What the device's library says of two of its stamps.
float difference_ms(int64_t earlier, int64_t later) {
  return static_cast<float>(static_cast<double>(later - earlier) / 1e6);
}

}  // namespace

Simulation::Simulation(const World& world)
    : world_(world),
      device_(world),
      random_(world.seed ^ 0x57ea),
      clock_(options_of(world)),
      oracle_(world.tick_ns),
      streams_(world.streams),
      free_at_(world.streams, 0),
      busy_until_(world.busy_ns > 0 ? world.busy_ns : INT64_MAX) {
  next_launch_ = static_cast<int64_t>(random_.uniform(0, 1e9));
  link_device_ns_ = device_.stamp(0);
}

bool Simulation::pending() const {
  return std::any_of(streams_.begin(), streams_.end(), [](const auto& stream) { return !stream.empty(); });
}

void Simulation::plan_next_launch() {
  while (!gap_changes_.empty() && gap_changes_.front().at_ns <= next_launch_) {
    world_.mean_gap_ns = gap_changes_.front().mean_gap_ns;
    gap_changes_.erase(gap_changes_.begin());
  }
  next_launch_ += 1 + static_cast<int64_t>(random_.exponential(world_.mean_gap_ns));
  if (next_launch_ < busy_until_) return;
  next_launch_ += static_cast<int64_t>(random_.exponential(static_cast<double>(world_.pause_ns)));
  busy_until_ = next_launch_ + static_cast<int64_t>(random_.exponential(static_cast<double>(world_.busy_ns)));
}

void Simulation::launch(int64_t now) {
  const auto stream = static_cast<size_t>(random_.uniform(0, static_cast<double>(streams_.size())));
  Slice slice;
  slice.launched = now;
  slice.end_launched = now + static_cast<int64_t>(random_.uniform(3e3, 60e3));
  slice.start = std::max(device_.executes(slice.launched), free_at_[stream]);
  slice.start = device_.when_ours(slice.start);
  const double length = random_.log_uniform(world_.shortest_slice_ns, world_.longest_slice_ns);
  const int64_t done = device_.when_ours(slice.start + static_cast<int64_t>(length));
  slice.end = std::max(done, device_.executes(slice.end_launched));
  slice.visible = device_.seen(slice.end);
  free_at_[stream] = slice.end;
  streams_[stream].push_back(slice);
}

void Simulation::begin_epoch() {
  clock_.begin_epoch();
  schedule_.restart();
  link_ = Link();
  link_device_ns_ = device_.stamp(now_);
  epoch_began_ = now_;
}

void Simulation::watch_host() {
  bool suspended = false;
  while (suspends_seen_ < world_.suspends.size() && world_.suspends[suspends_seen_].at_ns <= now_) {
    ++suspends_seen_;
    suspended = true;
  }
  const bool slewed =
      world_.watches_slews && slew_watch_.changed(raw_ns(world_, now_), {now_ - kClockRead, now_ + kClockRead});
  // The oracle knows the true rate, so a slew takes nothing from it.
  if (suspended) oracle_.begin_epoch();
  if (suspended || slewed) begin_epoch();
}

void Simulation::take_anchors(bool wanted) {
  if (clock_.inconsistencies() != inconsistencies_seen_) {
    inconsistencies_seen_ = clock_.inconsistencies();
    schedule_.restart();
  }
  const size_t count = schedule_.due(kHostOriginNs + now_, wanted);
  HostInterval best;
  int64_t executed = -1;
  for (size_t i = 0; i < count; ++i) {
    const int64_t before = now_;
    const int64_t at = device_.executes(before);
    now_ = device_.seen(at);
    if (executed < 0 || now_ - before < best.width()) {
      best = {before, now_};
      executed = at;
    }
    now_ += kUs / 2;
  }
  if (count == 0) return;
  ++anchors_taken_;
  const int64_t stamp = device_.stamp(executed);
  link_ = link_.next(difference_ms(link_device_ns_, stamp));
  link_device_ns_ = stamp;
  clock_.add({link_.stamp(), {kHostOriginNs + best.low, kHostOriginNs + best.high}});
  oracle_.add(executed, device_.cut(executed), best);
  if (base_host_ns_ >= 0) return;
  base_host_ns_ = best.middle();
  base_device_ns_ = stamp;
}

Outcome Simulation::outcome(const Slice& slice) {
  const int64_t start = device_.stamp(slice.start);
  const int64_t end = device_.stamp(slice.end);
  SliceStamps stamps;
  stamps.start = link_.stamp_of(difference_ms(link_device_ns_, start));
  stamps.end = link_.stamp_of(difference_ms(link_device_ns_, end));
  const Elapsed duration = elapsed_of(difference_ms(start, end));
  stamps.duration_ns = duration.ns;
  stamps.duration_slack_ns = duration.slack_ns;
  const bool known = slice.launched > epoch_began_;
  stamps.epoch = known ? clock_.epoch() : kNoEpoch;
  stamps.launched_ns = kHostOriginNs + slice.launched;
  stamps.end_launched_ns = kHostOriginNs + slice.end_launched;
  stamps.seen_ns = kHostOriginNs + now_;

  Outcome outcome;
  outcome.placed = place(clock_, stamps);
  outcome.start_ns = kHostOriginNs + slice.start;
  outcome.end_ns = kHostOriginNs + slice.end;
  outcome.device_duration_ns = device_.exact(slice.end) - device_.exact(slice.start);
  outcome.one_epoch = known;
  if (known) {
    outcome.oracle_bound_ns = std::max(oracle_.bound(slice.start, device_.cut(slice.start), {slice.launched, now_}),
                                       oracle_.bound(slice.end, device_.cut(slice.end), {slice.end_launched, now_}));
  }
  const Elapsed since_base = elapsed_of(difference_ms(base_device_ns_, start));
  outcome.base_start_ns = kHostOriginNs + base_host_ns_ + since_base.ns;
  outcome.age_ns = slice.start;
  return outcome;
}

bool Simulation::resolve(const std::function<void(const Outcome&)>& take) {
  bool any = false;
  for (auto& stream : streams_) {
    while (!stream.empty() && stream.front().visible <= now_) {
      take(outcome(stream.front()));
      stream.pop_front();
      any = true;
    }
  }
  return any;
}

void Simulation::run(const std::function<void(const Outcome&)>& take) {
  int64_t poll = kFastestPoll;
  take_anchors(true);  // as a stream is opened
  for (;;) {
    if (!pending()) {
      if (next_launch_ >= world_.length_ns) return;
      // Idle until there is work, and the resolver finds it a while later.
      now_ = std::max(now_, next_launch_ + static_cast<int64_t>(random_.uniform(0, static_cast<double>(kWakeUp))));
      poll = kFastestPoll;
    }
    while (next_launch_ <= now_ && next_launch_ < world_.length_ns) {
      launch(next_launch_);
      plan_next_launch();
    }
    watch_host();
    take_anchors(pending());
    poll = resolve(take) ? kFastestPoll : std::min(2 * poll, kSlowestPoll);
    now_ += static_cast<int64_t>(static_cast<double>(poll) * random_.uniform(1, 1.2));
  }
}

}  // namespace gpuspan::truth
