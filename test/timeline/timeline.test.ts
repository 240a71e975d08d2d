// SPDX-License-Identifier: Apache-2.0
//
// Conversion of stamps to realtime, against exact interpolation in BigInt.

import fc from 'fast-check';
import { describe, expect, test } from 'vitest';

import type { Snapshot } from '../../lib/segment/snapshots';
import { toWords } from '../../lib/timeline/scale';
import { MAX_SNAPSHOTS, Timeline } from '../../lib/timeline/timeline';

const SECOND = 1_000_000_000n;
const EPOCH = 1_800_000_000_123_456_789n;

function halves(value: bigint): [low: number, high: number] {
  return [Number(value & 0xffff_ffffn), Number(value >> 32n)];
}

function toEpoch(timeline: Timeline, stamp: bigint, monotonic = false): bigint {
  const [seconds, nanos] = timeline.toEpoch(...halves(stamp), monotonic);
  expect(Number.isInteger(seconds) && Number.isInteger(nanos) && nanos >= 0 && nanos < 1e9).toBe(true);
  const epoch = BigInt(seconds) * SECOND + BigInt(nanos);
  const words = new Uint32Array(2);
  timeline.toWords(Int32Array.of(...halves(stamp)), 0, monotonic, words);
  expect(new BigUint64Array(words.buffer)[0]).toBe(epoch);
  toWords([seconds, nanos], words);
  expect(new BigUint64Array(words.buffer)[0]).toBe(epoch);
  return epoch;
}

/** A snapshot of a machine that was never suspended. */
type Reading = Omit<Snapshot, 'boottimeOffset'>;

function awake(reading: Reading): Snapshot {
  return { ...reading, boottimeOffset: 0n };
}

function makeTimeline(readings: readonly Reading[], clockHz = 1e9): Timeline {
  const timeline = new Timeline(awake(readings[0]!), clockHz);
  for (const reading of readings.slice(1)) timeline.add(awake(reading));
  return timeline;
}

/** Times `scale`, so that fractions of a nanosecond can be compared. */
const SCALE = 1_000_000n;

function exact(snapshots: readonly Reading[], stamp: bigint, counter: 'ticks' | 'monotonic'): bigint {
  let index = snapshots.findLastIndex((snapshot) => snapshot[counter] <= stamp);
  index = Math.min(Math.max(index, 0), snapshots.length - 2);
  const from = snapshots[index]!;
  const to = snapshots[index + 1]!;
  const nanos = (stamp - from[counter]) * (to.realtime - from.realtime);
  return from.realtime * SCALE + (nanos * SCALE) / (to[counter] - from[counter]);
}

// Clocks of 1 MHz to 5 GHz, up to a century since boot, snapshots 0.2 s to a minute apart, realtime slewed by up to
// 0.05 % against CLOCK_MONOTONIC (a step would be more than a millisecond).
const histories = fc
  .record({
    hz: fc.bigInt(1_000_000n, 5_000_000_000n),
    uptime: fc.bigInt(0n, 3_000_000_000n),
    stretches: fc.array(
      fc.record({ nanos: fc.bigInt(200_000_000n, 60_000_000_000n), slew: fc.bigInt(-999_999n, 999_999n) }),
      {
        minLength: 1,
        maxLength: 8,
      },
    ),
  })
  .map(({ hz, uptime, stretches }) => {
    const snapshots: Reading[] = [{ ticks: uptime * hz, monotonic: uptime * SECOND, realtime: EPOCH }];
    for (const { nanos, slew } of stretches) {
      const last = snapshots[snapshots.length - 1]!;
      const ticks = last.ticks + (nanos * hz) / SECOND;
      const slewed = slew < -nanos / 2n ? 0n : slew;
      snapshots.push({ ticks, monotonic: last.monotonic + nanos, realtime: last.realtime + nanos + slewed });
    }
    return { hz, snapshots };
  });

describe('a stamp between two snapshots', () => {
  test.each(['ticks', 'monotonic'] as const)('is within 1 ns of exact interpolation (%s)', (counter) => {
    fc.assert(
      fc.property(
        histories,
        fc.array(fc.double({ min: 0, max: 1, noNaN: true }), { maxLength: 20 }),
        (history, places) => {
          const { snapshots, hz } = history;
          const timeline = makeTimeline(snapshots, Number(hz));
          const first = snapshots[0]![counter];
          const span = snapshots[snapshots.length - 1]![counter] - first;
          for (const place of places) {
            const stamp = first + BigInt(Math.floor(Number(span) * place));
            const error = toEpoch(timeline, stamp, counter === 'monotonic') * SCALE - exact(snapshots, stamp, counter);
            expect(error <= SCALE && error >= -SCALE).toBe(true);
          }
        },
      ),
    );
  });

  test('is never placed before an earlier stamp', () => {
    const gaps = fc.array(fc.bigInt(0n, 100n), { maxLength: 50 });
    fc.assert(
      fc.property(histories, fc.double({ min: 0, max: 1, noNaN: true }), gaps, ({ snapshots, hz }, place, steps) => {
        const timeline = makeTimeline(snapshots, Number(hz));
        const span = snapshots[snapshots.length - 1]!.ticks - snapshots[0]!.ticks;
        let stamp = snapshots[0]!.ticks + BigInt(Math.floor(Number(span) * place));
        let before = toEpoch(timeline, stamp);
        for (const step of steps) {
          stamp += step;
          const now = toEpoch(timeline, stamp);
          expect(now >= before).toBe(true);
          before = now;
        }
      }),
    );
  });

  test('is exact at the snapshots themselves, for uptimes beyond 2^53 ticks', () => {
    const base = 2n ** 60n + 12_345n;
    const snapshots = [0n, 1n, 2n].map((second) => ({
      ticks: base + second * 3_123_456_789n,
      monotonic: 2n ** 58n + second * SECOND,
      realtime: EPOCH + second * SECOND + second,
    }));
    const timeline = makeTimeline(snapshots);
    for (const { ticks, monotonic, realtime } of snapshots) {
      expect(toEpoch(timeline, ticks)).toBe(realtime);
      expect(toEpoch(timeline, monotonic, true)).toBe(realtime);
    }
  });
});

describe('a stamp outside the snapshots', () => {
  // Clocks of 2 ticks a ns, read with an error; the last (or first) pair is so close that it would double the rate.
  const at = (nanos: bigint, error = 0n): Reading => ({
    ticks: 2n * nanos,
    monotonic: nanos + error,
    realtime: EPOCH + nanos + error,
  });

  test('before the first is converted at the rate of at least the second after it', () => {
    const timeline = makeTimeline([at(SECOND), at(SECOND + 50n, 50n), at(3n * SECOND)]);
    expect(toEpoch(timeline, 1000n)).toBe(EPOCH + 500n);
    expect(toEpoch(timeline, 500n, true)).toBe(EPOCH + 500n);
  });

  test('after the last is converted at the rate of at least the last second', () => {
    const timeline = makeTimeline([at(0n), at(SECOND), at(SECOND + 50n, 50n)]);
    const error = toEpoch(timeline, 2n * (SECOND + 50n) + 2n * SECOND) - (EPOCH + 2n * SECOND + 100n);
    expect(error > -100n && error < 100n).toBe(true);
  });

  test('is converted at the rate of all there is while that is less than a second', () => {
    const timeline = makeTimeline([at(1000n), at(2000n), at(3000n)]);
    expect(toEpoch(timeline, 0n)).toBe(EPOCH);
    expect(toEpoch(timeline, 20_000n)).toBe(EPOCH + 10_000n);
  });

  test('is converted at the measured rate while there is one snapshot', () => {
    const timeline = makeTimeline([{ ticks: 7n, monotonic: 9n, realtime: EPOCH }], 2e9);
    expect(toEpoch(timeline, 7n + 2_000_000n)).toBe(EPOCH + 1_000_000n);
    expect(toEpoch(timeline, 9n + 1_000_000n, true)).toBe(EPOCH + 1_000_000n);
  });
});

describe('a step of realtime', () => {
  const second = (index: bigint, step: bigint): Reading => ({
    ticks: index * SECOND,
    monotonic: index * SECOND,
    realtime: EPOCH + index * SECOND + step,
  });

  test('of more than a millisecond holds the earlier offset until the snapshot that saw it', () => {
    const timeline = makeTimeline([
      second(0n, 0n),
      second(1n, 0n),
      second(2n, 3_600n * SECOND),
      second(3n, 3_600n * SECOND),
    ]);
    expect(toEpoch(timeline, 2n * SECOND - 1n)).toBe(EPOCH + 2n * SECOND - 1n);
    expect(toEpoch(timeline, 2n * SECOND)).toBe(EPOCH + 3_602n * SECOND);
    expect(toEpoch(timeline, 2n * SECOND - 1n, true)).toBe(EPOCH + 2n * SECOND - 1n);
  });

  test('of less is spread over the stretch', () => {
    const timeline = makeTimeline([second(0n, 0n), second(1n, 1_000_000n)]);
    expect(toEpoch(timeline, SECOND / 2n)).toBe(EPOCH + SECOND / 2n + 500_000n);
  });
});

describe('the history', () => {
  test('ignores snapshots that do not lie after the last one', () => {
    const timeline = makeTimeline([
      { ticks: 10n, monotonic: 10n, realtime: EPOCH },
      { ticks: 10n, monotonic: 20n, realtime: 0n },
      { ticks: 20n, monotonic: 10n, realtime: 0n },
    ]);
    expect(timeline.snapshots).toBe(1);
  });

  test('ignores snapshots closer together than realtime can be read, and takes them for no step', () => {
    const read = (nanos: bigint, error: bigint): Reading => {
      return { ticks: nanos, monotonic: nanos, realtime: EPOCH + nanos + error };
    };
    const timeline = makeTimeline([read(0n, 0n), read(SECOND, 200n), read(SECOND + 100n, 0n), read(SECOND + 200n, 0n)]);
    expect(timeline.snapshots).toBe(2);
    expect(timeline.steps.epoch).toBe(0);
    timeline.add(awake(read(SECOND + 201n, 0n)));
    expect(timeline.snapshots).toBe(3);
    expect(toEpoch(timeline, SECOND + 200n)).toBe(EPOCH + SECOND + 201n);
  });

  test('stays bounded over days and keeps converting old stamps', () => {
    const drift = (index: bigint): bigint => EPOCH + index * SECOND + index * 3n;
    const timeline = makeTimeline([{ ticks: 0n, monotonic: 0n, realtime: drift(0n) }]);
    const days = 200_000n;
    for (let index = 1n; index < days; index++) {
      timeline.add(awake({ ticks: index * 3n * SECOND, monotonic: index * SECOND, realtime: drift(index) }));
    }
    expect(timeline.snapshots).toBeLessThanOrEqual(MAX_SNAPSHOTS);
    for (const index of [0n, 1n, 777n, 100_000n, days - 1n]) {
      const error = toEpoch(timeline, index * 3n * SECOND) - drift(index);
      expect(error >= -1n && error <= 1n).toBe(true);
    }
  });

  test('keeps the snapshots around a step when it is thinned out', () => {
    const step = (index: bigint): bigint => (index > 500n ? 60n * SECOND : 0n);
    const real = (index: bigint): bigint => EPOCH + index * SECOND + step(index);
    const timeline = makeTimeline([{ ticks: 0n, monotonic: 0n, realtime: real(0n) }]);
    for (let index = 1n; index < 50_000n; index++) {
      timeline.add(awake({ ticks: index * SECOND, monotonic: index * SECOND, realtime: real(index) }));
    }
    expect(toEpoch(timeline, 500n * SECOND)).toBe(real(500n));
    expect(toEpoch(timeline, 501n * SECOND)).toBe(real(501n));
  });

  test('stays bounded when realtime steps all the time', () => {
    const timeline = makeTimeline([{ ticks: 0n, monotonic: 0n, realtime: EPOCH }]);
    for (let index = 1n; index < 10_000n; index++) {
      const realtime = EPOCH + index * SECOND * (1n + (index % 2n));
      timeline.add(awake({ ticks: index * SECOND, monotonic: index * SECOND, realtime }));
    }
    expect(timeline.snapshots).toBeLessThanOrEqual(MAX_SNAPSHOTS);
  });
});

describe('any snapshots and stamps', () => {
  test('give whole seconds and nanoseconds that OTLP can carry', () => {
    const u64 = fc.bigInt(0n, 2n ** 64n - 1n);
    const i64 = fc.bigInt(-(2n ** 63n), 2n ** 63n - 1n);
    const snapshot = fc.record({ ticks: u64, monotonic: u64, realtime: i64 });
    fc.assert(
      fc.property(
        fc.array(snapshot, { minLength: 1, maxLength: 6 }),
        u64,
        fc.boolean(),
        (snapshots, stamp, monotonic) => {
          const epoch = toEpoch(makeTimeline(snapshots), stamp, monotonic);
          expect(epoch >= 0n && epoch < 2n ** 64n).toBe(true);
        },
      ),
    );
  });
});
