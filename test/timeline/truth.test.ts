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

/** Of the truth, of a snapshot's realtime and of what comes out: half a nanosecond each. */
const ROUNDING_NANOS = 2n;

/** How what was stamped at a moment becomes epoch ns. */
interface Conversion {
  convert: (moment: Moment) => bigint;
  /** The unit of the stamp, in ns of realtime. Stamp and snapshots are whole ones: each is off by up to a half. */
  unit: bigint;
}
type MakeConversions = (snapshots: readonly Snapshot[], world: World) => Conversion[];

function makeTimeline(snapshots: readonly Snapshot[], { hz }: World): Timeline {
  const timeline = new Timeline(snapshots[0]!, hz);
  for (const snapshot of snapshots.slice(1)) timeline.add(snapshot);
  return timeline;
}

function epochNanos(timeline: Timeline, stamp: bigint, monotonic: boolean): bigint {
  const [seconds, nanos] = timeline.toEpoch(Number(stamp & 0xffff_ffffn), Number(stamp >> 32n), monotonic);
  return BigInt(seconds) * SECOND + BigInt(nanos);
}

const withTimeline: MakeConversions = (snapshots, world) => {
  const timeline = makeTimeline(snapshots, world);
  // Clocks 500 ppm apart either way.
  const tick = BigInt(Math.ceil((1e9 / world.hz) * 1.0011));
  return [
    { convert: ({ ticks }) => epochNanos(timeline, ticks, false), unit: tick },
    { convert: ({ monotonic }) => epochNanos(timeline, monotonic, true), unit: 1n },
  ];
};

/** The mutant: the offset of the newest snapshot, as of the moment of draining, for all stamps. */
const withTheNewestOffset: MakeConversions = (snapshots) => {
  const newest = snapshots[snapshots.length - 1]!;
  return [{ convert: ({ monotonic }) => monotonic + (newest.realtime - newest.monotonic), unit: 1n }];
};

/** Another mutant: one offset for the life of the process. */
const withTheFirstOffset: MakeConversions = (snapshots) => {
  const first = snapshots[0]!;
  return [{ convert: ({ monotonic }) => monotonic + (first.realtime - first.monotonic), unit: 1n }];
};

// Worlds in which this was once wrong.
const evenly = { tickPpm: 0, slewPpm: 0, step: 0n, suspended: 0n, ticks: 'stops' } as const;
const aTickOfAMicrosecond: World = {
  hz: 1_000_010,
  interval: 50_000_000,
  phases: [{ ...evenly, nanos: 150_000_000 }],
  jitter: [0.9920723],
};
/** The last two snapshots are so close together that realtime reads less in the later one. */
const endsWithinAReadingError: World = {
  hz: 2_165_404,
  interval: 50_000_000,
  phases: [{ ...evenly, nanos: 150_000_000 }],
  jitter: [0, 0, 0.9999919799999998],
};
/** The same, and before it a step that undoes a suspend: one break, in which realtime ran along. */
const stepsBackBySuspend: World = {
  hz: 1_268_497,
  interval: 50_000_000,
  phases: [
    { ...evenly, step: -2_000_000n, suspended: 2_000_000n, nanos: 150_000_000 },
    { ...evenly, nanos: 500_000_000 },
  ],
  jitter: [0, 0, 0.9999986599999999],
};

const places = fc.array(fc.double({ min: 0, max: 1, noNaN: true }), { minLength: 1, maxLength: 5 });

function isTrueAwayFromBreaks(make: MakeConversions) {
  return fc.property(worlds, places, (world, where) => {
    const conversions = make(snapshotsOf(world), world);
    return momentsAwayFromBreaks(world, where).every((moment) =>
      conversions.every(({ convert, unit }) => isNear(convert(moment), moment.realtime, readable(unit))),
    );
  });
}

/** Closer to the truth nobody can come who knows it from such snapshots. */
function readable(unit: bigint): bigint {
  return unit + BigInt(MAX_NOISE) + ROUNDING_NANOS;
}

function isNear(a: bigint, b: bigint, bound: bigint): boolean {
  return a - b <= bound && b - a <= bound;
}

describe('a stamp at least a snapshot interval away from steps, suspends and changes of rate', () => {
  test('is placed within its unit and the reading errors of the truth, whatever the clocks went through', () => {
    fc.assert(isTrueAwayFromBreaks(withTimeline), { numRuns: 300, examples: [[aTickOfAMicrosecond, [0]]] });
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
        const conversions = withTimeline(snapshotsOf(world), world);
        // Two rates of up to 500 ppm either way, of ticks and of realtime.
        const bent = BigInt(Math.ceil((world.interval * 2000e-6) / 4));
        for (const moment of momentsAnywhere(world, where)) {
          for (const { convert, unit } of conversions) {
            expect(isNear(convert(moment), moment.realtime, bent + readable(unit))).toBe(true);
          }
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
      { examples: [[endsWithinAReadingError], [stepsBackBySuspend]] },
    );
  });
});
