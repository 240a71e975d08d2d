// SPDX-License-Identifier: Apache-2.0
//
// Converted stamps against the truth of a made-up world whose clocks are slewed, stepped and suspended.

import fc from 'fast-check';
import { describe, expect, test } from 'vitest';

import type { Snapshot } from '../../lib/segment/snapshots';
import { Timeline } from '../../lib/timeline/timeline';
import {
  MAX_NOISE,
  type Moment,
  momentsAnywhere,
  momentsAwayFromBreaks,
  SECOND,
  snapshotsOf,
  type World,
  worlds,
} from './world';

const MICROSECOND = 1000n;

/** Epoch ns of a moment, from what was stamped at it. */
type Convert = (moment: Moment) => bigint;
type MakeConvert = (snapshots: readonly Snapshot[], world: World) => Convert[];

function makeTimeline(snapshots: readonly Snapshot[], { hz }: World): Timeline {
  const timeline = new Timeline(snapshots[0]!, hz);
  for (const snapshot of snapshots.slice(1)) timeline.add(snapshot);
  return timeline;
}

function epochNanos(timeline: Timeline, stamp: bigint, monotonic: boolean): bigint {
  const [seconds, nanos] = timeline.toEpoch(Number(stamp & 0xffff_ffffn), Number(stamp >> 32n), monotonic);
  return BigInt(seconds) * SECOND + BigInt(nanos);
}

const withTimeline: MakeConvert = (snapshots, world) => {
  const timeline = makeTimeline(snapshots, world);
  return [({ ticks }) => epochNanos(timeline, ticks, false), ({ monotonic }) => epochNanos(timeline, monotonic, true)];
};

/** The mutant: the offset of the newest snapshot, as of the moment of draining, for all stamps. */
const withTheNewestOffset: MakeConvert = (snapshots) => {
  const newest = snapshots[snapshots.length - 1]!;
  return [({ monotonic }) => monotonic + (newest.realtime - newest.monotonic)];
};

/** Another mutant: one offset for the life of the process. */
const withTheFirstOffset: MakeConvert = (snapshots) => {
  const first = snapshots[0]!;
  return [({ monotonic }) => monotonic + (first.realtime - first.monotonic)];
};

const places = fc.array(fc.double({ min: 0, max: 1, noNaN: true }), { minLength: 1, maxLength: 5 });

function isTrueAwayFromBreaks(make: MakeConvert) {
  return fc.property(worlds, places, (world, where) => {
    const converts = make(snapshotsOf(world), world);
    return momentsAwayFromBreaks(world, where).every((moment) =>
      converts.every((convert) => isNear(convert(moment), moment.realtime, MICROSECOND)),
    );
  });
}

function isNear(a: bigint, b: bigint, bound: bigint): boolean {
  return a - b <= bound && b - a <= bound;
}

describe('a stamp at least a snapshot interval away from steps, suspends and changes of rate', () => {
  test('is placed within a microsecond of the truth, whatever the clocks went through', () => {
    fc.assert(isTrueAwayFromBreaks(withTimeline), { numRuns: 300 });
  });

  test.each([
    ['newest', withTheNewestOffset],
    ['first', withTheFirstOffset],
  ])('would not be if all were converted with the offset of the %s snapshot', (_, mutant) => {
    expect(fc.check(isTrueAwayFromBreaks(mutant), { numRuns: 300 }).failed).toBe(true);
  });

  test('is placed alike when it is read at once and when it is read at the end', () => {
    fc.assert(
      fc.property(worlds, places, (world, where) => {
        const snapshots = snapshotsOf(world);
        const late = makeTimeline(snapshots, world);
        for (const { ticks, monotonic } of momentsAwayFromBreaks(world, where)) {
          const next = snapshots.findIndex((snapshot) => snapshot.monotonic >= monotonic);
          const soon = makeTimeline(snapshots.slice(0, next + 1), world);
          expect(epochNanos(soon, ticks, false)).toBe(epochNanos(late, ticks, false));
          expect(epochNanos(soon, monotonic, true)).toBe(epochNanos(late, monotonic, true));
        }
      }),
    );
  });
});

describe('a stamp in an interval in which only the rates changed', () => {
  test('is off by a quarter of that change times the interval at most', () => {
    const smooth = worlds.map((world) => ({
      ...world,
      phases: world.phases.map((phase) => ({ ...phase, step: 0n, suspended: 0n })),
    }));
    fc.assert(
      fc.property(smooth, places, (world, where) => {
        const converts = withTimeline(snapshotsOf(world), world);
        // Two rates of up to 500 ppm either way, of ticks and of realtime.
        const bound = BigInt(Math.ceil((world.interval * 2000e-6) / 4)) + MICROSECOND;
        for (const moment of momentsAnywhere(world, where)) {
          for (const convert of converts) expect(isNear(convert(moment), moment.realtime, bound)).toBe(true);
        }
      }),
    );
  });
});

describe('a suspend', () => {
  test('is told from a step by its length, within the reading errors', () => {
    fc.assert(
      fc.property(worlds, (world) => {
        const { steps } = makeTimeline(snapshotsOf(world), world);
        const expected = world.phases.slice(0, -1).filter(({ step, suspended }) => step !== 0n || suspended !== 0n);
        const found = Array.from({ length: steps.epoch }, (_, epoch) => steps.after(epoch)!);
        expect(found).toHaveLength(expected.length);
        found.forEach(({ changeNanos, suspendedNanos }, index) => {
          const { step, suspended } = expected[index]!;
          expect(isNear(suspendedNanos, suspended, BigInt(MAX_NOISE))).toBe(true);
          // A slew of 500 ppm over the interval belongs to the change as well.
          expect(isNear(changeNanos - suspendedNanos, step, 501_000n)).toBe(true);
        });
      }),
    );
  });
});
