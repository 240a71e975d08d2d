// SPDX-License-Identifier: Apache-2.0
//
// What a step of realtime (the clock was set, the machine was suspended) does to spans: nothing inside a trace that was
// open, and everything after it is on the new clock.

import fc from 'fast-check';
import { describe, expect, test } from 'vitest';

import type { GpuspanSpan } from '../../lib/spans/gpuspan-span';
import { payload } from '../segment/payload-builder';
import { Kind, type SegmentBuilder, TRACE } from '../segment/segment-builder';
import { buildSegment, EPOCH, nanos, pipelineOver, readAll } from './span-fixture';

const SECOND = 1_000_000_000n;
const HOUR = 3_600n * SECOND;
const OTHER = 'ff'.repeat(16);

/** A snapshot `seconds` after the fixture's tick 0, realtime being `step` off by then. */
function snapshot(segment: SegmentBuilder, seconds: bigint, step: bigint): void {
  segment.snapshot(seconds * SECOND, seconds * SECOND, EPOCH + seconds * SECOND + step);
}

function times(spans: readonly GpuspanSpan[]): [start: bigint, end: bigint][] {
  return spans.map((span) => [nanos(span.startTime) - EPOCH, nanos(span.endTime) - EPOCH]);
}

describe.each([
  ['back', -HOUR],
  ['forward', HOUR],
])('when realtime steps %s by an hour', (_, step) => {
  test('the slices of a request that was open stay in order, on the clock it began with', () => {
    const segment = buildSegment();
    segment.request(0, 1, TRACE, { rootStart: SECOND / 2n });
    const before = { kind: Kind.host, start: SECOND, end: SECOND + 5n };
    const across = { kind: Kind.host, start: SECOND + 5n, end: 3n * SECOND };
    const after = { kind: Kind.host, start: 3n * SECOND, end: 3n * SECOND + 7n };
    snapshot(segment, 2n, step);
    snapshot(segment, 4n, step);
    for (const record of [before, across, after]) segment.append(0, record);
    expect(times(readAll(segment))).toEqual([before, across, after].map(({ start, end }) => [start, end]));
  });

  test('a request that began later is on the new clock', () => {
    const segment = buildSegment();
    snapshot(segment, 2n, step);
    snapshot(segment, 4n, step);
    segment.request(0, 0, TRACE, { rootStart: SECOND });
    segment.request(0, 1, OTHER, { rootStart: 3n * SECOND });
    segment.append(0, { kind: Kind.host, trace: OTHER, start: 3n * SECOND, end: 3n * SECOND + 9n });
    expect(times(readAll(segment))).toEqual([[3n * SECOND + step, 3n * SECOND + 9n + step]]);
  });

  test('a stay that was open is held as well, and so are its events and GPU slices', () => {
    const segment = buildSegment();
    const event = segment.name(3, 'retract', 1);
    segment.request(0, 2, TRACE, { workerStart: SECOND });
    snapshot(segment, 2n, step);
    snapshot(segment, 4n, step);
    const gpu = payload().gpu(3n * SECOND, 3, 0, 77n);
    segment.append(0, {
      kind: Kind.host,
      start: 3n * SECOND,
      end: 3n * SECOND + 5n,
      payload: payload().event(event, 3n * SECOND + 1n, 0, 0),
    });
    segment.append(0, {
      kind: Kind.gpu,
      flags: 2,
      start: 3n * SECOND + 2n,
      end: 3n * SECOND + 4n,
      gpu: { bound: 1, stream: 0, lane: 0 },
      payload: gpu,
    });
    const [host, device] = readAll(segment);
    expect(nanos(host!.events[0]!.time)).toBe(EPOCH + 3n * SECOND + 1n);
    expect(times([device!])).toEqual([[3n * SECOND + 2n, 3n * SECOND + 4n]]);
    expect(device!.attributes['gpu.queue_delay_ns']).toBe(2);
    expect(device!.attributes['gpu.launch_time_ns']).toBe(String(EPOCH + 3n * SECOND));
  });

  test('root and worker spans that lasted through it say so, with its size, at its time', () => {
    const segment = buildSegment();
    segment.request(0, 0, TRACE, { rootStart: SECOND });
    snapshot(segment, 2n, step);
    snapshot(segment, 4n, step);
    const owner = { owner: { lane: 0, level: 2 } };
    segment.append(0, { kind: Kind.host, start: SECOND, end: 3n * SECOND });
    segment.append(0, { kind: Kind.worker, start: SECOND, end: 3n * SECOND, ...owner });
    segment.append(0, { kind: Kind.root, start: SECOND, end: 3n * SECOND, ...owner });
    segment.append(0, { kind: Kind.root, trace: OTHER, start: 3n * SECOND, end: 4n * SECOND, ...owner });
    const [slice, worker, root, later] = readAll(segment);
    for (const span of [worker!, root!]) {
      expect(span.events).toHaveLength(1);
      expect(span.events[0]).toMatchObject({
        name: 'gpuspan.clock.step',
        attributes: { 'gpuspan.clock.change_ns': Number(step) },
      });
      expect(nanos(span.events[0]!.time)).toBe(EPOCH + 2n * SECOND);
    }
    expect(slice!.events).toEqual([]);
    expect(later!.events).toEqual([]);
  });

  test("a younger batch is on the new clock, and in its older member's trace on that member's", () => {
    const segment = buildSegment();
    const stage = segment.stage('forward');
    segment.request(0, 0, TRACE, { rootStart: SECOND });
    const members = [
      { trace: TRACE, worker: 21n, parent: 21n, level: 2 },
      { trace: OTHER, worker: 22n, parent: 22n, level: 2 },
    ];
    segment.batch(0, 1, 5, 50n, members, 0, { trace: 'ab'.repeat(16), start: 3n * SECOND });
    snapshot(segment, 2n, step);
    snapshot(segment, 4n, step);
    const batch = { lane: 0, batch: 1, generation: 5 };
    const start = 3n * SECOND + 1n;
    segment.append(0, { kind: Kind.batchSlice, stage, trace: 'ab'.repeat(16), parent: 50n, start, end: start, batch });
    expect(times(readAll(segment)).map(([begin]) => begin)).toEqual([start + step, start, start + step]);
  });
});

test('a trace is held through several steps, and let go once it is not open at one', () => {
  const segment = buildSegment();
  segment.request(0, 0, TRACE, { rootStart: SECOND });
  const pipeline = pipelineOver(segment);
  const read = (start: bigint): bigint => {
    segment.append(0, { kind: Kind.host, start, end: start });
    return times(pipeline.read(100)!.spans)[0]![0];
  };
  snapshot(segment, 2n, HOUR);
  expect(read(2n * SECOND + 1n)).toBe(2n * SECOND + 1n);
  snapshot(segment, 4n, -HOUR);
  expect(read(4n * SECOND + 1n)).toBe(4n * SECOND + 1n);
  segment.request(0, 0, OTHER, { rootStart: 5n * SECOND });
  snapshot(segment, 6n, HOUR);
  expect(read(6n * SECOND + 1n)).toBe(6n * SECOND + 1n + HOUR);
});

test('no trace inverts, whatever the clock does', () => {
  const steps = fc.array(fc.bigInt(-(2n ** 40n), 2n ** 40n), { minLength: 1, maxLength: 8 });
  fc.assert(
    fc.property(steps, fc.array(fc.nat({ max: 9_999 }), { minLength: 2, maxLength: 20 }), (changes, places) => {
      const segment = buildSegment({ snapshotCapacity: 32, ringSlots: 64 });
      segment.request(0, 0, TRACE, { rootStart: 1n });
      let offset = 0n;
      changes.forEach((change, index) => snapshot(segment, BigInt(index) + 2n, (offset += change)));
      const last = BigInt(changes.length + 2) * SECOND;
      const stamps = places.map((place) => 1n + (last * BigInt(place)) / 10_000n).sort((a, b) => (a < b ? -1 : 1));
      for (const start of stamps) segment.append(0, { kind: Kind.host, start, end: start });
      const begun = times(readAll(segment)).map(([start]) => start);
      for (let index = 1; index < begun.length; index++) expect(begun[index]! >= begun[index - 1]!).toBe(true);
    }),
  );
});
