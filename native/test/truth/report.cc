// SPDX-License-Identifier: Apache-2.0
//
// Judging outcomes, adding reports up and writing them.
#include "report.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstdlib>

namespace gpuspan::truth {
namespace {

constexpr size_t kMostExceptions = 200;
// A change of rate is unknown until the next anchor that is good enough to be kept...
constexpr int64_t kUnnoticed = 3 * AnchorSchedule::kCadenceNs;
// ...and until it has moved the clocks apart by more than anchors and ticks hide, about twice an anchor's width.
double hidden_ns(const World& world) { return 8e3 * world.latencies.scale + 4 * static_cast<double>(world.tick_ns); }
constexpr int64_t kLongestDuration = 2 * kSecond;

// Why a stamp may be outside its bound: the host's clock began to run differently, and no anchor could tell yet.
std::string explain(const World& world, int64_t at_ns) {
  double before = 0;
  for (const HostSlew& slew : world.slews) {
    const int64_t since = at_ns - slew.at_ns;
    const double change = std::abs(slew.ppb - before);
    const int64_t noticed = kUnnoticed + static_cast<int64_t>(hidden_ns(world) / (change + 1) * 1e9);
    // A slice may have begun before the slew and have been placed after it.
    if (since >= -kUnnoticed - kLongestDuration && since <= noticed && change > 500) {
      char text[96];
      std::snprintf(text, sizeof text, "CLOCK_MONOTONIC began to run %+.1f ppm differently %.2f s before",
                    (slew.ppb - before) / 1e3, static_cast<double>(since) / 1e9);
      return text;
    }
    before = slew.ppb;
  }
  return {};
}

void append(std::vector<Exception>& list, const std::vector<Exception>& other) {
  const size_t room = std::min(kMostExceptions - list.size(), other.size());
  list.insert(list.end(), other.begin(), other.begin() + static_cast<std::ptrdiff_t>(room));
}

}  // namespace

void Distribution::add(int64_t ns) noexcept {
  const auto value = static_cast<uint64_t>(std::clamp<int64_t>(ns, 0, int64_t{1} << 58));
  size_t index = value;
  if (value >= kPerOctave) {
    const auto octave = static_cast<size_t>(std::bit_width(value)) - std::bit_width(kPerOctave) + 1;
    index = octave * kPerOctave + (value >> (octave - 1)) - kPerOctave;
  }
  ++counts_[index];
  ++count_;
}

void Distribution::add(const Distribution& other) noexcept {
  for (size_t i = 0; i < counts_.size(); ++i) counts_[i] += other.counts_[i];
  count_ += other.count_;
}

int64_t Distribution::quantile(double q) const noexcept {
  const double wanted = q * static_cast<double>(count_);
  uint64_t below = 0;
  for (size_t index = 0; index < counts_.size(); ++index) {
    below += counts_[index];
    if (counts_[index] == 0 || static_cast<double>(below) < wanted) continue;
    if (index < kPerOctave) return static_cast<int64_t>(index);
    const size_t octave = index / kPerOctave;
    return static_cast<int64_t>((index % kPerOctave + kPerOctave + 1) << (octave - 1)) - 1;
  }
  return 0;
}

double Report::oracle_ratio() const {
  const int64_t oracle = oracle_bounds.quantile(0.5);
  return oracle == 0 ? 0 : static_cast<double>(bounds.quantile(0.5)) / static_cast<double>(oracle);
}

void Report::take(const World& world, const Outcome& outcome) {
  const auto bound = static_cast<int64_t>(outcome.placed.bound_ns);
  bounds.add(bound);
  if (outcome.oracle_bound_ns > 0) oracle_bounds.add(outcome.oracle_bound_ns);
  const int64_t found[] = {static_cast<int64_t>(outcome.placed.start_ns), static_cast<int64_t>(outcome.placed.end_ns)};
  const int64_t truth[] = {outcome.start_ns, outcome.end_ns};
  for (int i = 0; i < 2; ++i) {
    const int64_t error = std::abs(found[i] - truth[i]);
    ++stamps;
    errors.add(error);
    if (error <= bound) continue;
    ++outside;
    Exception exception{world.seed, static_cast<double>(outcome.age_ns) / 1e9, error, bound,
                        explain(world, truth[i] - kHostOriginNs)};
    unexplained += exception.why.empty() ? 1 : 0;
    // Those without a reason come first, so that the limit cannot hide them.
    auto& list = exception.why.empty() ? without_reason : with_reason;
    if (list.size() < kMostExceptions) list.push_back(std::move(exception));
  }
  if (!outcome.one_epoch || outcome.device_duration_ns > kLongestDuration) return;
  const int64_t error = std::abs(outcome.placed.duration_ns - outcome.device_duration_ns);
  worst_duration_error_ns = std::max(worst_duration_error_ns, error);
  worst_duration_beyond_tick_ns = std::max(worst_duration_beyond_tick_ns, error - world.tick_ns);
}

void Report::finish(const World& world) {
  ++worlds;
  if (oracle_ratio() <= worst_oracle_ratio) return;
  worst_oracle_ratio = oracle_ratio();
  worst_oracle_world = "seed " + std::to_string(world.seed) + ": " + describe(world);
}

void Report::add(const Report& other) {
  worlds += other.worlds;
  stamps += other.stamps;
  outside += other.outside;
  unexplained += other.unexplained;
  errors.add(other.errors);
  bounds.add(other.bounds);
  oracle_bounds.add(other.oracle_bounds);
  if (other.worst_oracle_ratio > worst_oracle_ratio) {
    worst_oracle_ratio = other.worst_oracle_ratio;
    worst_oracle_world = other.worst_oracle_world;
  }
  worst_duration_error_ns = std::max(worst_duration_error_ns, other.worst_duration_error_ns);
  worst_duration_beyond_tick_ns = std::max(worst_duration_beyond_tick_ns, other.worst_duration_beyond_tick_ns);
  append(without_reason, other.without_reason);
  append(with_reason, other.with_reason);
}

void write_json(FILE* file, const Report& report) {
  std::fprintf(file, "{\"worlds\": %llu, \"stamps\": %llu, \"outside\": %llu, \"unexplained\": %llu, ",
               static_cast<unsigned long long>(report.worlds), static_cast<unsigned long long>(report.stamps),
               static_cast<unsigned long long>(report.outside), static_cast<unsigned long long>(report.unexplained));
  std::fprintf(file, "\"coverage\": %.7f, \"medianErrorNs\": %lld, \"p999ErrorNs\": %lld, \"medianBoundNs\": %lld, ",
               report.coverage(), static_cast<long long>(report.errors.quantile(0.5)),
               static_cast<long long>(report.errors.quantile(0.999)),
               static_cast<long long>(report.bounds.quantile(0.5)));
  std::fprintf(file, "\"worstOracleRatio\": %.3f, \"worstOracleWorld\": \"%s\", \"worstDurationErrorNs\": %lld, ",
               report.worst_oracle_ratio, report.worst_oracle_world.c_str(),
               static_cast<long long>(report.worst_duration_error_ns));
  std::fprintf(file, "\"worstDurationBeyondTickNs\": %lld, \"exceptions\": [",
               static_cast<long long>(report.worst_duration_beyond_tick_ns));
  const char* separator = "\n  ";
  for (const auto* list : {&report.without_reason, &report.with_reason}) {
    for (const Exception& exception : *list) {
      std::fprintf(file, "%s{\"world\": %llu, \"atS\": %.3f, \"errorNs\": %lld, \"boundNs\": %lld, \"why\": \"%s\"}",
                   separator, static_cast<unsigned long long>(exception.world), exception.at_s,
                   static_cast<long long>(exception.error_ns), static_cast<long long>(exception.bound_ns),
                   exception.why.empty() ? "unexplained" : exception.why.c_str());
      separator = ",\n  ";
    }
  }
  std::fputs("]", file);
}

}  // namespace gpuspan::truth
