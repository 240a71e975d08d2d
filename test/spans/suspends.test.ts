// SPDX-License-Identifier: Apache-2.0
//
// What a suspend of the machine does to spans: the traces that were open keep their clock and say so, and no slice of
// a request is placed before an earlier one, whatever the tick counter did meanwhile.

import fc from 'fast-check';
import { describe, expect, test } from 'vitest';

import type { GpuspanSpan } from '../../lib/spans/gpuspan-span';
import { Flag, Kind, SegmentBuilder, TRACE, type TestMember } from '../segment/segment-builder';
import { momentsAnywhere, snapshotsOf, type WhileSuspended, worlds } from '../timeline/world';
import { EPOCH, nanos, readAll } from './span-fixture';

const SECOND = 1_000_000_000n;
const HOUR = 3_600n * SECOND;
const BOOT_TICKS = 100_000n * SECOND;
const OTHER = 'ff'.repeat(16);
const SUSPENDED_AT = (3n * SECOND) / 2n;

/** A segment with a counter of 1 ns a tick, suspended for an hour at SUSPENDED_AT; and its ticks after so long awake. */
function suspendedSegment(
  what: WhileSuspended,
  step = 0n,
): { segment: SegmentBuilder; ticks: (awake: bigint) => bigint } {
  const segment = new SegmentBuilder({ clock: 2 });
  const ticks = (awake: bigint): bigint => {
    if (awake <= SUSPENDED_AT || what === 'stops') return BOOT_TICKS + awake;
    return what === 'counts' ? BOOT_TICKS + awake + HOUR : awake - SUSPENDED_AT + 1n;
  };
  for (let awake = 0n; awake <= 4n * SECOND; awake += SECOND) {
    const suspended = awake > SUSPENDED_AT ? HOUR : 0n;
    const moved = awake > SUSPENDED_AT ? HOUR + step : 0n;
    segment.snapshot(ticks(awake), awake, EPOCH + awake + moved, suspended);
  }
  segment.claim(0);
  return { segment, ticks };
}

function times(spans: readonly GpuspanSpan[]): [start: bigint, end: bigint][] {
  return spans.map((span) => [nanos(span.startTime) - EPOCH, nanos(span.endTime) - EPOCH]);
}

function events(span: GpuspanSpan): unknown[] {
  return span.events.map(({ name, attributes, time }) => [name, attributes, nanos(time) - EPOCH]);
}

describe.each(['stops', 'counts', 'restarts'] as const)('when the machine is suspended and the counter %s', (what) => {
  test('the slices of a request that was open stay in order, on the clock it began with', () => {
    const { segment, ticks } = suspendedSegment(what);
    segment.request(0, 1, TRACE, { rootStart: ticks(SECOND) });
    const slices = [
      [SECOND, SUSPENDED_AT - 2n],
      [SUSPENDED_AT - 1n, SUSPENDED_AT + 1n],
      [SUSPENDED_AT + 1n, 3n * SECOND],
      [SECOND, 3n * SECOND + 7n],
    ] as const;
    for (const [start, end] of slices) segment.append(0, { kind: Kind.host, start: ticks(start), end: ticks(end) });
    expect(times(readAll(segment))).toEqual(slices);
  });

  test('a request that began later is on the new clock', () => {
    const { segment, ticks } = suspendedSegment(what);
    segment.request(0, 1, OTHER, { rootStart: ticks(3n * SECOND) });
    const [start, end] = [3n * SECOND, 3n * SECOND + 9n];
    segment.append(0, { kind: Kind.host, trace: OTHER, start: ticks(start), end: ticks(end) });
    expect(times(readAll(segment))).toEqual([[start + HOUR, end + HOUR]]);
  });

  test('root and worker spans say for how long, and report no step', () => {
    const { segment, ticks } = suspendedSegment(what);
    segment.request(0, 0, TRACE, { rootStart: ticks(SECOND) });
    const owner = { owner: { lane: 0, level: 2 } };
    const [start, end] = [ticks(SECOND), ticks(3n * SECOND)];
    for (const kind of [Kind.worker, Kind.root]) segment.append(0, { kind, start, end, ...owner });
    for (const span of readAll(segment)) {
      expect(events(span)).toEqual([
        ['gpuspan.clock.suspend', { 'gpuspan.clock.suspended_ns': Number(HOUR) }, 2n * SECOND],
      ]);
    }
  });

  test('they report a step as well where realtime moved by more than that', () => {
    const { segment, ticks } = suspendedSegment(what, -60n * SECOND);
    segment.request(0, 0, TRACE, { rootStart: ticks(SECOND) });
    segment.append(0, { kind: Kind.root, start: ticks(SECOND), end: ticks(3n * SECOND), owner: { lane: 0, level: 2 } });
    expect(events(readAll(segment)[0]!)).toEqual([
      ['gpuspan.clock.suspend', { 'gpuspan.clock.suspended_ns': Number(HOUR) }, 2n * SECOND],
      ['gpuspan.clock.step', { 'gpuspan.clock.change_ns': Number(-60n * SECOND) }, 2n * SECOND],
    ]);
  });

  test('a member that left a batch before has no share in what the batch did after', () => {
    const { segment, ticks } = suspendedSegment(what);
    const stage = segment.stage('forward');
    const members: TestMember[] = [SECOND, 3n * SECOND + 5n].map((left, index) => ({
      trace: `${index + 1}0`.repeat(16),
      worker: BigInt(21 + index),
      parent: BigInt(21 + index),
      leftAt: ticks(left),
      level: 2,
    }));
    segment.batch(0, 1, 5, 50n, members);
    const batch = { lane: 0, batch: 1, generation: 5 };
    const start = ticks(3n * SECOND);
    segment.append(0, { kind: Kind.batchSlice, stage, trace: OTHER, parent: 50n, start, end: start, batch });
    expect(readAll(segment).map((span) => span.spanContext().traceId)).toEqual([OTHER, '20'.repeat(16)]);
  });

  test('a slice whose trace is not held ends after its true duration where the clock was set back', () => {
    const { segment, ticks } = suspendedSegment(what, -2n * HOUR);
    segment.append(0, { kind: Kind.host, start: ticks(SECOND), end: ticks(3n * SECOND) });
    expect(times(readAll(segment))).toEqual([[SECOND, 3n * SECOND]]);
  });
});

describe('a request that is open through any steps and suspends', () => {
  const places = fc.array(fc.double({ min: 0, max: 1, noNaN: true }), { minLength: 2, maxLength: 6 });
  test.each([
    ['ticks', 0],
    ['monotonic', Flag.monotonic],
  ] as const)('has its slices in the order in which they began (%s)', (clock, flags) => {
    fc.assert(
      fc.property(worlds, places, (world, where) => {
        const segment = new SegmentBuilder({ clock: 2, clockHz: BigInt(world.hz), snapshotCapacity: 512 });
        const snapshots = snapshotsOf(world);
        for (const { ticks, monotonic, realtime, boottimeOffset } of snapshots) {
          segment.snapshot(ticks, monotonic, realtime, boottimeOffset);
        }
        segment.claim(0);
        segment.request(0, 0, TRACE, { rootStart: snapshots[0]!.ticks });
        for (const moment of momentsAnywhere(
          world,
          [...where].sort((a, b) => a - b),
        )) {
          const start = moment[clock];
          segment.append(0, { kind: Kind.host, flags, start, end: start });
        }
        const begun = times(readAll(segment)).map(([start]) => start);
        for (let index = 1; index < begun.length; index++) expect(begun[index]! >= begun[index - 1]!).toBe(true);
      }),
    );
  });
});
