// SPDX-License-Identifier: Apache-2.0
//
// The comparison. Nothing here forgives: an end that is further from the truth than its bound, by more than the truth
// itself is uncertain, is wrong.
#include "verdict.h"

#include <algorithm>
#include <cstdlib>
#include <unordered_map>

namespace gpuspan::truth {
namespace {

constexpr uint8_t kMonotonicAndContinued = 0x03, kClamped = 0x40;
constexpr uint8_t kGpuSliceKind = 2;
constexpr int64_t kIdleNs = 3'000'000'000;
// Looks at the clocks must have been good enough to tell.
constexpr int64_t kTruthLimitNs = 1'000;
// The duration is the device's own, in the device's seconds: the clocks differ by at most this, and ns are rounded.
constexpr int64_t kDurationPpm = 500, kRoundingNs = 100;
// Any bound would hold if it were wide enough: half of them must say more than this.
constexpr int64_t kTellingBoundNs = 100'000;
constexpr size_t kExamples = 10;
// A run this long must have let the device idle for more than kIdleNs.
constexpr double kLongRunSeconds = 60;

int64_t bound_of(const testing::Record& record) { return static_cast<uint32_t>(record.last); }

class Judge {
 public:
  Judge(const RawTimeline& truth, const Goal& goal, Findings& findings)
      : truth_(truth), goal_(goal), findings_(findings) {}

  void compare(const testing::Record& record, const DeviceSlice& device) {
    const TrueMoment start = truth_.at(device.begin.end_ns), end = truth_.at(device.end.end_ns);
    check_brackets(device);
    if (std::max(start.uncertainty_ns, end.uncertainty_ns) >= kTruthLimitNs) {
      ++unknown_;
      return;
    }
    Judged slice;
    slice.true_start_ns = start.ns;
    slice.true_end_ns = end.ns;
    slice.start_error_ns = static_cast<int64_t>(record.start) - start.ns;
    slice.end_error_ns = static_cast<int64_t>(record.end) - end.ns;
    slice.bound_ns = bound_of(record);
    slice.truth_ns = std::max(start.uncertainty_ns, end.uncertainty_ns);
    slice.device_ns = device.end.end_ns - device.begin.end_ns;
    slice.duration_off_ns = static_cast<int64_t>(record.end - record.start) - slice.device_ns;
    slice.clamped = (record.flags & kClamped) != 0;
    findings_.slices.push_back(slice);
  }

  void finish() {
    auto& slices = findings_.slices;
    std::sort(slices.begin(), slices.end(),
              [](const Judged& a, const Judged& b) { return a.true_start_ns < b.true_start_ns; });
    note_idle_gaps();
    for (const Judged& slice : slices) check(slice);
    summarize();
    conclude();
  }

 private:
  // The truth's own test: a stamp that the host bracketed must be mapped into its bracket.
  void check_brackets(const DeviceSlice& device) {
    const LaunchTimes& times = device.times;
    check_bracket(device.begin.queued_ns, times.begin_before, times.begin_after);
    check_bracket(device.end.queued_ns, times.end_before, times.end_after);
  }
  void check_bracket(int64_t queued_ns, uint64_t before, uint64_t after) {
    const TrueMoment queued = truth_.at(queued_ns);
    const bool inside = queued.uncertainty_ns < kTruthLimitNs &&
                        queued.ns + queued.uncertainty_ns >= static_cast<int64_t>(before) &&
                        queued.ns - queued.uncertainty_ns <= static_cast<int64_t>(after);
    if (!inside) ++brackets_missed_;
  }

  void note_idle_gaps() {
    int64_t busy_until = INT64_MAX;
    for (Judged& slice : findings_.slices) {
      slice.idle_before_ns = std::max<int64_t>(0, slice.true_start_ns - busy_until);
      if (slice.idle_before_ns > kIdleNs) ++findings_.idle_gaps_over_3s;
      findings_.longest_idle_s = std::max(findings_.longest_idle_s, static_cast<double>(slice.idle_before_ns) / 1e9);
      busy_until = busy_until == INT64_MAX ? slice.true_end_ns : std::max(busy_until, slice.true_end_ns);
    }
    if (!findings_.slices.empty()) {
      findings_.seconds = static_cast<double>(busy_until - findings_.slices.front().true_start_ns) / 1e9;
    }
  }

  void check(const Judged& slice) {
    const int64_t reach = slice.bound_ns + slice.truth_ns;
    const bool start_within = std::abs(slice.start_error_ns) <= reach;
    const bool end_within = std::abs(slice.end_error_ns) <= reach;
    findings_.starts_within += start_within;
    findings_.ends_within += end_within;
    findings_.clamped += slice.clamped;
    const int64_t allowed = slice.device_ns / 1'000'000 * kDurationPpm +
                            slice.device_ns % 1'000'000 * kDurationPpm / 1'000'000 + kRoundingNs;
    const bool duration_right = slice.clamped || std::abs(slice.duration_off_ns) <= allowed;
    if (!duration_right) ++durations_wrong_;
    if (!start_within || !end_within || !duration_right) give_example(slice);
  }

  void give_example(const Judged& slice) {
    if (examples_++ >= kExamples) return;
    const auto number = [](const char* what, int64_t value) { return std::string(what) + std::to_string(value); };
    say("  slice at " + std::to_string(slice.true_start_ns) + " of " + std::to_string(slice.device_ns) + " ns" +
        number(", start off by ", slice.start_error_ns) + number(", end by ", slice.end_error_ns) +
        number(", duration by ", slice.duration_off_ns) + number(", bound ", slice.bound_ns) +
        number(", truth known within ", slice.truth_ns) + number(", idle before for ", slice.idle_before_ns) +
        (slice.clamped ? ", clamped" : ""));
  }

  void summarize() {
    std::vector<int64_t> errors, bounds, durations, truths;
    for (const Judged& slice : findings_.slices) {
      const int64_t worse = std::max(std::abs(slice.start_error_ns), std::abs(slice.end_error_ns));
      errors.push_back(worse);
      bounds.push_back(slice.bound_ns);
      durations.push_back(slice.end_error_ns - slice.start_error_ns);
      truths.push_back(slice.truth_ns);
      const double share = static_cast<double>(worse) / static_cast<double>(std::max<int64_t>(1, slice.bound_ns));
      findings_.closest = std::max(findings_.closest, share);
    }
    findings_.error_ns = spread_of(errors);
    findings_.bound_ns = spread_of(bounds);
    findings_.duration_ns = spread_of(durations);
    findings_.truth_ns = spread_of(truths);
  }

  void conclude() {
    const uint64_t count = findings_.slices.size();
    expect_none(count - findings_.starts_within, "starts are further from the truth than their bound");
    expect_none(count - findings_.ends_within, "ends are further from the truth than their bound");
    expect_none(durations_wrong_, "durations are not the device's own");
    expect_none(brackets_missed_, "QUEUED stamps lie outside the host's bracket: the truth itself is wrong");
    if (findings_.bound_ns.p50 > kTellingBoundNs) say("most bounds are wider than 100 us, which says nothing");
    expect_none(unknown_, "slices whose truth is not known within 1 us");
    if (count < goal_.kernels)
      say("only " + std::to_string(count) + " slices, asked for " + std::to_string(goal_.kernels));
    if (findings_.seconds < goal_.seconds) say("the run was shorter than asked for");
    if (goal_.seconds >= kLongRunSeconds && findings_.idle_gaps_over_3s == 0) {
      say("the device never idled for more than 3 s");
    }
  }
  void expect_none(uint64_t count, const char* what) {
    if (count != 0) say(std::to_string(count) + " " + what);
  }
  void say(const std::string& sentence) { findings_.wrong.push_back(sentence); }

  const RawTimeline& truth_;
  const Goal& goal_;
  Findings& findings_;
  uint64_t brackets_missed_ = 0, unknown_ = 0, durations_wrong_ = 0;
  size_t examples_ = 0;
};

}  // namespace

Spread spread_of(std::vector<int64_t> values) {
  if (values.empty()) return {};
  for (int64_t& value : values) value = std::abs(value);
  std::sort(values.begin(), values.end());
  return {values[values.size() / 2], values[values.size() * 99 / 100], values.back()};
}

Findings judge(const std::vector<testing::Record>& records, const std::vector<DeviceSlice>& device,
               const RawTimeline& truth, const Goal& goal) {
  Findings findings;
  std::unordered_map<uint64_t, const DeviceSlice*> by_span;
  for (const DeviceSlice& slice : device) by_span[slice.span_id] = &slice;
  uint64_t malformed = 0;
  Judge judge(truth, goal, findings);
  for (const testing::Record& record : records) {
    const auto found = by_span.find(record.span_id);
    if (record.kind != kGpuSliceKind || (record.flags & kMonotonicAndContinued) != kMonotonicAndContinued ||
        record.end < record.start || found == by_span.end()) {
      ++malformed;
      continue;
    }
    judge.compare(record, *found->second);
    by_span.erase(found);
  }
  if (malformed != 0) {
    findings.wrong.push_back(std::to_string(malformed) +
                             " records are no GPU slice that the device finished, or end before they start");
  }
  if (!by_span.empty()) {
    findings.wrong.push_back(std::to_string(by_span.size()) + " slices that the device finished were never recorded");
  }
  judge.finish();
  return findings;
}

}  // namespace gpuspan::truth
