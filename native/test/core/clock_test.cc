// SPDX-License-Identifier: Apache-2.0
//
// The clock's choice and snapshots, and the ids.
#include "native/core/clock.h"

#include <gtest/gtest.h>

#include <cstdlib>
#include <fstream>
#include <set>
#include <string>

#include "native/core/ids.h"

namespace gpuspan::testing {
namespace {

TEST(ClockTest, CountsNanosecondsWhenMonotonicIsAskedFor) {
  const char* reason = nullptr;
  const Clock clock = Clock::choose(ClockChoice::kMonotonic, &reason);
  EXPECT_EQ(clock.kind(), ClockKind::kMonotonic);
  EXPECT_STREQ(reason, "GPUSPAN_CLOCK asks for CLOCK_MONOTONIC");
  const uint64_t before = monotonic_ns(), now = clock.now(), after = monotonic_ns();
  EXPECT_LE(before, now);
  EXPECT_LE(now, after);
  const Snapshot snapshot = clock.snapshot();
  EXPECT_EQ(snapshot.ticks, snapshot.monotonic_ns);
}

TEST(ClockTest, UsesTheCounterOnlyWhereTheKernelDoes) {
  std::string source;
  std::ifstream("/sys/devices/system/clocksource/clocksource0/current_clocksource") >> source;
  const char* reason = nullptr;
  for (const ClockChoice choice : {ClockChoice::kAuto, ClockChoice::kTsc}) {
    const Clock clock = Clock::choose(choice, &reason);
    if (clock.kind() != ClockKind::kMonotonic) {
      EXPECT_TRUE(source == "tsc" || source == "arch_sys_counter");
    }
    EXPECT_GT(std::string(reason).size(), 20u);
  }
}

TEST(ClockTest, PutsASnapshotInsideItsBracket) {
  const char* reason = nullptr;
  const Clock clock = Clock::choose(ClockChoice::kAuto, &reason);
  for (const int rounds : {0, 1, 8}) {
    const uint64_t ticks_before = clock.now(), before = monotonic_ns();
    const Snapshot snapshot = clock.snapshot(rounds);
    const uint64_t after = monotonic_ns(), ticks_after = clock.now();
    EXPECT_LE(before, snapshot.monotonic_ns - snapshot.bracket_ns / 2);
    EXPECT_LE(snapshot.monotonic_ns, after);
    EXPECT_LE(ticks_before, snapshot.ticks);
    EXPECT_LE(snapshot.ticks, ticks_after);
    EXPECT_LE(snapshot.bracket_ns, after - before);
  }
}

TEST(ClockTest, SaysInASnapshotHowLongTheMachineWasSuspended) {
  const char* reason = nullptr;
  const Clock clock = Clock::choose(ClockChoice::kAuto, &reason);
  const auto offset = [] {
    const uint64_t monotonic = monotonic_ns();
    return static_cast<int64_t>(read_clock_ns(CLOCK_BOOTTIME) - monotonic);
  };
  const int64_t before = offset();
  const Snapshot first = clock.snapshot();
  const Snapshot second = clock.snapshot();
  // Each is off by what passed between its two reads: a moment, or as long as the thread was not running.
  constexpr int64_t kSecond = 1'000'000'000;
  EXPECT_LT(std::abs(first.boottime_offset_ns - before), kSecond);
  EXPECT_GE(first.boottime_offset_ns, 0);
  EXPECT_LE(std::abs(second.boottime_offset_ns - first.boottime_offset_ns),
            static_cast<int64_t>(first.bracket_ns + second.bracket_ns));
}

TEST(IdsTest, GivesDifferentLanesDifferentIdsAndNeverZero) {
  IdGenerator a(random_seed()), b(random_seed());
  std::set<uint64_t> ids;
  for (int i = 0; i < 10000; ++i) {
    ids.insert(a.next());
    ids.insert(b.next());
  }
  EXPECT_EQ(ids.size(), 20000u);
  EXPECT_EQ(ids.count(0), 0u);
}

TEST(IdsTest, DerivesOneIdPerSliceAndMember) {
  IdGenerator generator(42);
  const uint64_t member = generator.next();
  std::set<uint64_t> ids;
  for (int i = 0; i < 10000; ++i) ids.insert(member_span_id(generator.next(), member));
  EXPECT_EQ(ids.size(), 10000u);
  const uint64_t slice = generator.next();
  EXPECT_NE(member_span_id(slice, generator.next()), member_span_id(slice, generator.next()));
}

// The reader in TypeScript computes the same: docs/design/segment.md lists these pairs.
TEST(IdsTest, DerivesTheIdsOfTheDocumentedExamples) {
  EXPECT_EQ(member_span_id(0, 0), 0xcb4000317231744u);
  EXPECT_EQ(member_span_id(0x0123456789abcdef, 0xfedcba9876543210), 0xb906c6c3e52762d4u);
  EXPECT_EQ(member_span_id(1, 2), 0x10781b05f3de03e4u);
}

}  // namespace
}  // namespace gpuspan::testing
