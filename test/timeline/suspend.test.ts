// SPDX-License-Identifier: Apache-2.0
//
// What the timeline makes of a suspend: how it is told from a step of realtime, and how ticks are converted on both
// sides of it, whatever the counter did meanwhile.

import { describe, expect, test } from 'vitest';

import type { Snapshot } from '../../lib/segment/snapshots';
import { steppedNanos } from '../../lib/timeline/breaks';
import { MAX_RUNS } from '../../lib/timeline/tick-runs';
import { MAX_SNAPSHOTS, Timeline } from '../../lib/timeline/timeline';
import { EPOCH, SECOND, type WhileSuspended } from './world';

const HOUR = 3_600n * SECOND;
const MILLISECOND = 1_000_000n;
// Three ticks a nanosecond.
const HZ = 3_000_000_000;
const BOOT_TICKS = 3n * 100_000n * SECOND;
/** The machine is suspended after half the second between two snapshots. */
const SUSPENDED_AT = 2n * SECOND + SECOND / 2n;

/** The counter's ticks after `nanos` awake, with one suspend at SUSPENDED_AT. */
function ticksAt(nanos: bigint, what: WhileSuspended, suspended: bigint): bigint {
  if (nanos <= SUSPENDED_AT || what === 'stops') return BOOT_TICKS + 3n * nanos;
  if (what === 'counts') return BOOT_TICKS + 3n * (nanos + suspended);
  return 1_000n + 3n * (nanos - SUSPENDED_AT);
}

function snapshotAt(nanos: bigint, what: WhileSuspended, suspended: bigint, step: bigint): Snapshot {
  const over = nanos > SUSPENDED_AT;
  return {
    ticks: ticksAt(nanos, what, suspended),
    monotonic: nanos,
    realtime: EPOCH + nanos + (over ? suspended + step : 0n),
    boottimeOffset: 5n * SECOND + (over ? suspended : 0n),
  };
}

/** Snapshots every second for five seconds, and the suspend among them. */
function makeTimeline(what: WhileSuspended, suspended: bigint, step = 0n): Timeline {
  const timeline = new Timeline(snapshotAt(0n, what, suspended, step), HZ);
  for (let second = 1n; second <= 5n; second++) timeline.add(snapshotAt(second * SECOND, what, suspended, step));
  return timeline;
}

function halves(stamp: bigint): [low: number, high: number] {
  return [Number(stamp & 0xffff_ffffn), Number(stamp >> 32n)];
}

function toEpoch(timeline: Timeline, stamp: bigint, monotonic = false): bigint {
  const [seconds, nanos] = timeline.toEpoch(...halves(stamp), monotonic);
  return BigInt(seconds) * SECOND + BigInt(nanos) - EPOCH;
}

const behaviours = ['stops', 'counts', 'restarts'] as const;

describe.each(behaviours)('a suspend while which the counter %s', (what) => {
  const ticks = (nanos: bigint): bigint => ticksAt(nanos, what, HOUR);

  test('is reported by its length and as no step', () => {
    const { steps } = makeTimeline(what, HOUR);
    expect(steps.epoch).toBe(1);
    expect(steps.after(0)).toMatchObject({ changeNanos: HOUR, suspendedNanos: HOUR });
    expect(steppedNanos(steps.after(0)!)).toBe(0n);
  });

  test('leaves a step beside it a step', () => {
    const [step] = [1_000, -1_000].map((seconds) => {
      const found = makeTimeline(what, HOUR, BigInt(seconds) * SECOND).steps.after(0)!;
      expect(found.suspendedNanos).toBe(HOUR);
      return steppedNanos(found) / BigInt(seconds);
    });
    expect(step).toBe(SECOND);
  });

  test('does not change how stamps before it are converted', () => {
    const timeline = makeTimeline(what, HOUR);
    for (const nanos of [0n, SECOND / 3n, 2n * SECOND, 2n * SECOND + 7n, SUSPENDED_AT - MILLISECOND]) {
      expect(toEpoch(timeline, ticks(nanos))).toBe(nanos);
      expect(toEpoch(timeline, nanos, true)).toBe(nanos);
    }
  });

  test('is part of the time of stamps after the snapshot that saw it', () => {
    const timeline = makeTimeline(what, HOUR);
    for (const nanos of [3n * SECOND, 3n * SECOND + 7n, 4n * SECOND + SECOND / 3n, 5n * SECOND + 7n]) {
      expect(toEpoch(timeline, ticks(nanos))).toBe(nanos + HOUR);
      expect(toEpoch(timeline, nanos, true)).toBe(nanos + HOUR);
    }
  });

  test('leaves what was stamped between it and that snapshot on the clock of before, at the true distance', () => {
    const timeline = makeTimeline(what, HOUR);
    for (const nanos of [SUSPENDED_AT + 1n, SUSPENDED_AT + MILLISECOND, 3n * SECOND - 1n]) {
      expect(toEpoch(timeline, ticks(nanos))).toBe(nanos);
      expect(toEpoch(timeline, nanos, true)).toBe(nanos);
      expect(timeline.epochAt(...halves(ticks(nanos)), false)).toBe(0);
      expect(timeline.epochAt(...halves(nanos), true)).toBe(0);
    }
  });

  test('begins an epoch in which a trace of the one before goes on without it', () => {
    const timeline = makeTimeline(what, HOUR, 20n * SECOND);
    let before = -1n;
    for (let nanos = 0n; nanos < 6n * SECOND; nanos += 125n * MILLISECOND) {
      const [seconds, rest] = timeline.toEpochIn(0, ...halves(ticks(nanos)), false);
      const epoch = BigInt(seconds) * SECOND + BigInt(rest) - EPOCH;
      expect(epoch).toBe(nanos);
      expect(epoch > before).toBe(true);
      before = epoch;
      expect(timeline.epochAt(...halves(ticks(nanos)), false)).toBe(nanos < 3n * SECOND ? 0 : 1);
    }
  });

  test('puts stamps in the order in which they were taken', () => {
    const timeline = makeTimeline(what, HOUR);
    const stamps = [SECOND, 2n * SECOND, SUSPENDED_AT - 1n, SUSPENDED_AT + 1n, 4n * SECOND].map(ticks);
    stamps.forEach((stamp, index) => {
      const precedes = stamps.map((other) => timeline.ticksPrecede(...halves(stamp), ...halves(other)));
      expect(precedes).toEqual(stamps.map((_, other) => index < other));
    });
  });

  test('does not spoil the rate of what is stamped before there is a snapshot after it', () => {
    const timeline = new Timeline(snapshotAt(0n, what, HOUR, 0n), HZ * 1.0001);
    for (const second of [1n, 2n, 3n]) timeline.add(snapshotAt(second * SECOND, what, HOUR, 0n));
    expect(toEpoch(timeline, ticks(4n * SECOND))).toBe(4n * SECOND + HOUR);
  });
});

describe('a suspend', () => {
  test('shorter than the time awake between two snapshots keeps order where the counter goes on', () => {
    const short = 200n * MILLISECOND;
    const timeline = makeTimeline('counts', short);
    let before = -1n;
    for (let nanos = 2n * SECOND; nanos < 3n * SECOND; nanos += 10n * MILLISECOND) {
      const epoch = toEpoch(timeline, ticksAt(nanos, 'counts', short));
      if (nanos < SUSPENDED_AT) expect(epoch).toBe(nanos);
      expect(epoch >= before && epoch <= 3n * SECOND).toBe(true);
      before = epoch;
    }
    expect(toEpoch(timeline, ticksAt(3n * SECOND, 'counts', short))).toBe(3n * SECOND + short);
  });

  test('of less than a millisecond is taken for a slew', () => {
    const timeline = makeTimeline('stops', MILLISECOND);
    expect(timeline.steps.epoch).toBe(0);
    expect(toEpoch(timeline, ticksAt(SUSPENDED_AT, 'stops', MILLISECOND))).toBe(SUSPENDED_AT + MILLISECOND / 2n);
  });

  test('with a change of realtime that a slew can make beside it is no step', () => {
    for (const slewed of [MILLISECOND, -MILLISECOND]) {
      expect(steppedNanos(makeTimeline('stops', HOUR, slewed).steps.after(0)!)).toBe(0n);
    }
  });

  test('that a step of realtime undoes is both', () => {
    const { steps } = makeTimeline('stops', HOUR, -HOUR);
    expect(steps.after(0)).toMatchObject({ changeNanos: 0n, suspendedNanos: HOUR });
    expect(steppedNanos(steps.after(0)!)).toBe(-HOUR);
  });
});

describe('a counter that restarts', () => {
  test('without a suspend is not believed', () => {
    const timeline = makeTimeline('restarts', 0n);
    expect(timeline.snapshots).toBe(3);
    expect(toEpoch(timeline, ticksAt(SECOND, 'restarts', 0n))).toBe(SECOND);
  });

  test('gives a number of both runs to the newer one', () => {
    const at = (ticks: bigint, nanos: bigint, suspended: bigint): Snapshot => ({
      ticks,
      monotonic: nanos,
      realtime: EPOCH + nanos + suspended,
      boottimeOffset: suspended,
    });
    const timeline = new Timeline(at(0n, 0n, 0n), HZ);
    timeline.add(at(3n * SECOND, SECOND, 0n));
    expect(toEpoch(timeline, SECOND)).toBe(SECOND / 3n);
    timeline.add(at(3_000n, SECOND + SECOND / 2n, HOUR));
    timeline.add(at(3n * SECOND + 3_000n, 2n * SECOND + SECOND / 2n, HOUR));
    expect(toEpoch(timeline, 3n * SECOND)).toBe(2n * SECOND + SECOND / 2n + HOUR - 1_000n);
  });

  test('again and again keeps a bounded history, its newest stamps and their epoch', () => {
    // A few after the history was cut: the epochs are still known of runs from before that.
    const rounds = BigInt(MAX_SNAPSHOTS + 5);
    const at = (round: bigint): Snapshot => ({
      ticks: BOOT_TICKS - 3n * 30n * SECOND * round,
      monotonic: round * SECOND,
      realtime: EPOCH + round * (SECOND + HOUR),
      boottimeOffset: round * HOUR,
    });
    const timeline = new Timeline(at(0n), HZ);
    for (let round = 1n; round <= rounds; round++) timeline.add(at(round));
    expect(timeline.snapshots).toBeLessThanOrEqual(MAX_SNAPSHOTS);
    for (const back of [0n, 1n, 100n, BigInt(MAX_RUNS / 2)]) {
      const { ticks, realtime } = at(rounds - back);
      expect(toEpoch(timeline, ticks)).toBe(realtime - EPOCH);
      expect(timeline.epochAt(...halves(ticks), false)).toBe(Number(rounds - back));
    }
  });
});
