// SPDX-License-Identifier: Apache-2.0
//
// A world whose clocks are known: phases in which all run evenly, with a break between two of them (a step of
// realtime, a suspend, or only other rates). Snapshots are taken of it without regard to the phases, as a reader does.

import fc from 'fast-check';

import type { Snapshot } from '../../lib/segment/snapshots';

export const SECOND = 1_000_000_000n;
export const EPOCH = 1_800_000_000_123_456_789n;
/** Reading errors of a snapshot, in ns. */
export const MAX_NOISE = 200;

/** Devices are stopped before a suspend and started after it: a time awake in which no process runs. */
export const FREEZE_NANOS = 2_000_000;

/** What the counter does while the machine is suspended. */
export type WhileSuspended = 'stops' | 'counts' | 'restarts';

export interface Phase {
  /** Nanoseconds awake. */
  nanos: number;
  /** How much faster than CLOCK_MONOTONIC the counter and realtime run. */
  tickPpm: number;
  slewPpm: number;
  /** At its end, in ns; 0: none. */
  step: bigint;
  suspended: bigint;
  ticks: WhileSuspended;
}

/** All clocks at one moment. */
export interface Moment {
  ticks: bigint;
  monotonic: bigint;
  realtime: bigint;
  boottimeOffset: bigint;
}

export interface World {
  hz: number;
  /** Longest time between two snapshots, in ns. */
  interval: number;
  phases: Phase[];
  /** Where in `[interval / 2, interval]` the next snapshot is taken, and its reading error, both 0 to 1; in turn. */
  jitter: number[];
}

/** When each phase begins, in ns awake, and the clocks then. */
function beginnings({ hz, phases }: World): { at: number; clocks: Moment; phase: Phase }[] {
  let clocks: Moment = {
    ticks: BigInt(hz) * 1_000_000n,
    monotonic: 90_000n * SECOND,
    realtime: EPOCH,
    boottimeOffset: 7n * SECOND,
  };
  let at = 0;
  let restarts = 0n;
  return phases.map((phase) => {
    const begun = { at, clocks, phase };
    const end = later(begun, phase.nanos, hz);
    const { step, suspended } = phase;
    let { ticks } = end;
    if (suspended > 0n && phase.ticks === 'counts') ticks += (suspended * BigInt(hz)) / SECOND;
    // Each time to far fewer ticks than ever, so that the number of a stamp tells its run.
    if (suspended > 0n && phase.ticks === 'restarts') ticks = BigInt(hz) * (900_000n - 100_000n * restarts++);
    const { monotonic } = end;
    const realtime = end.realtime + step + suspended;
    clocks = { ticks, monotonic, realtime, boottimeOffset: end.boottimeOffset + suspended };
    at += phase.nanos;
    return begun;
  });
}

function later({ clocks, phase }: { clocks: Moment; phase: Phase }, nanos: number, hz: number): Moment {
  return {
    ticks: clocks.ticks + BigInt(Math.round(nanos * (1 + phase.tickPpm * 1e-6) * (hz / 1e9))),
    monotonic: clocks.monotonic + BigInt(Math.round(nanos)),
    realtime: clocks.realtime + BigInt(Math.round(nanos * (1 + phase.slewPpm * 1e-6))),
    boottimeOffset: clocks.boottimeOffset,
  };
}

/** Moments of all phases, `places` (0 to 1) of what is at least an interval away from either end of a phase. */
export function momentsAwayFromBreaks(world: World, places: readonly number[]): Moment[] {
  return beginnings(world).flatMap((begun) => {
    const room = begun.phase.nanos - 2 * world.interval;
    return places.map((place) => later(begun, Math.round(world.interval + room * place), world.hz));
  });
}

/** The same, anywhere in the phases but for their first and last `FREEZE_NANOS`. */
export function momentsAnywhere(world: World, places: readonly number[]): Moment[] {
  return beginnings(world).flatMap((begun) => {
    const room = begun.phase.nanos - 2 * FREEZE_NANOS;
    return places.map((place) => later(begun, Math.round(FREEZE_NANOS + room * place), world.hz));
  });
}

/** A snapshot at the beginning, at the end, and at least one every interval in between. */
export function snapshotsOf(world: World): Snapshot[] {
  const begun = beginnings(world);
  const end = begun[begun.length - 1]!;
  const total = end.at + end.phase.nanos;
  const taken: Snapshot[] = [];
  for (let at = 0; ; ) {
    const place = world.jitter[taken.length % world.jitter.length]!;
    const phase = begun.findLast((candidate) => candidate.at <= at)!;
    const { ticks, monotonic, realtime, boottimeOffset } = later(phase, at - phase.at, world.hz);
    const noise = BigInt(Math.round(place * MAX_NOISE));
    taken.push({ ticks, monotonic, realtime: realtime + noise, boottimeOffset: boottimeOffset + noise });
    if (at === total) return taken;
    at = Math.min(total, at + Math.round((world.interval * (1 + place)) / 2));
  }
}

const change = fc.bigInt(2_000_000n, 2n ** 46n);
const suspend = fc.bigInt(2_000_000n, 2n ** 43n);
const none = fc.constant(0n);

/** Counters of 1 MHz to 5 GHz, slews to 500 ppm, steps to 19 hours either way, suspends to 2. */
export const worlds: fc.Arbitrary<World> = fc
  .record({
    hz: fc.integer({ min: 1_000_000, max: 5_000_000_000 }),
    interval: fc.integer({ min: 50_000_000, max: 1_000_000_000 }),
    phases: fc.array(
      fc.record({
        intervals: fc.double({ min: 3, max: 12, noNaN: true }),
        tickPpm: fc.double({ min: -500, max: 500, noNaN: true }),
        slewPpm: fc.double({ min: -500, max: 500, noNaN: true }),
        step: fc.oneof(
          none,
          change,
          change.map((nanos) => -nanos),
        ),
        suspended: fc.oneof(none, suspend),
        ticks: fc.constantFrom<WhileSuspended>('stops', 'counts', 'restarts'),
      }),
      { minLength: 1, maxLength: 5 },
    ),
    jitter: fc.array(fc.double({ min: 0, max: 1, noNaN: true }), { minLength: 1, maxLength: 7 }),
  })
  .map(({ phases, ...world }) => ({
    ...world,
    phases: phases.map(({ intervals, ...phase }) => ({ ...phase, nanos: Math.ceil(intervals * world.interval) })),
  }));
