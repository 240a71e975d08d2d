// SPDX-License-Identifier: Apache-2.0
//
// Segments with random damage: the reader neither crashes nor hangs, what it makes is bounded, and every span of it
// is one that an exporter can take.

import fc from 'fast-check';
import { describe, expect, test } from 'vitest';

import { GpuspanError } from '../../lib/errors';
import type { GpuspanSpan } from '../../lib/spans/gpuspan-span';
import type { SpanPipeline } from '../../lib/spans/pipeline';
import { payload } from '../segment/payload-builder';
import { Flag, Kind, type SegmentBuilder, type TestMember, TRACE } from '../segment/segment-builder';
import { buildSegment, pipelineOver } from './span-fixture';

const RUNS = 200;
const LANES = 3;
const RING_SLOTS = 64;

function everything(): SegmentBuilder {
  const segment = buildSegment({ lanes: LANES, ringSlots: RING_SLOTS, clock: 2, firstPosition: 2n ** 32n - 9n });
  segment.claim(1, { label: segment.name(5, 'label'), ranks: [0, 1, 2, 3], gpuIndex: 1, gpuUuid: 2 });
  segment.claim(2, { kind: 2 });
  const stage = segment.stage('stage', 1);
  const event = segment.name(3, 'event', 1);
  const key = segment.key('key');
  const members: TestMember[] = Array.from({ length: 40 }, (_, index) => {
    return { trace: TRACE, worker: BigInt(index + 1), parent: 7n, level: 2, leftAt: BigInt(index % 3) };
  });
  segment.batch(0, 1, 7, 0xb00n, members);
  const batch = { lane: 0, batch: 1, generation: 7 };
  const scalars = payload().int(key, 1).double(key, 1.5).bool(key, true).string(key, 'text');
  const lists = payload().strings(key, ['a', 'b']).numbers(key, [1, 2]).exception('E', 'm').status(2, 'm');
  const notes = payload()
    .event(event, 5n, 0, 1)
    .int(key, 1)
    .losses([[0, 4n]])
    .traceState('a=1')
    .name('name');
  for (const items of [scalars, lists, notes])
    segment.append(0, { kind: Kind.host, flags: Flag.firstLevel, stage, payload: items });
  segment.append(0, { kind: Kind.root, flags: Flag.remoteParent, parent: 4n, payload: notes });
  segment.append(1, { kind: Kind.worker, owner: { lane: 1, level: 2 }, payload: notes });
  segment.append(0, { kind: Kind.batch, span: 0xb00n, batch });
  segment.append(0, {
    kind: Kind.batchSlice,
    stage,
    parent: 0xb00n,
    batch,
    payload: payload().column(key, 2, [1, 2, 3]),
  });
  const gpu = { bound: 5, stream: 1, lane: 0 };
  segment.append(2, { kind: Kind.gpu, flags: Flag.monotonic, stage, gpu, payload: payload().gpu(4n, 2, 0, 1n) });
  const items = payload().gpu(4n, 2, 0, 1n).batchRef(0, 1, 7).column(key, 8, [1, 2]);
  segment.append(2, { kind: Kind.batchGpuSlice, flags: Flag.monotonic, stage, parent: 0xb00n, gpu, payload: items });
  return segment;
}

function isTime(time: readonly [number, number]): boolean {
  return Number.isInteger(time[0]) && time[0] >= 0 && Number.isInteger(time[1]) && time[1] >= 0 && time[1] < 1e9;
}

// One expectation a span would take longer than all the reading.
function isFit(span: GpuspanSpan): boolean {
  const contexts = [span.spanContext(), ...span.links.map((link) => link.context)];
  if (span.parentSpanContext !== undefined) contexts.push(span.parentSpanContext);
  const times = [span.startTime, span.endTime, span.duration, ...span.events.map((event) => event.time)];
  return (
    contexts.every(({ traceId, spanId }) => /^[0-9a-f]{32}$/.test(traceId) && /^[0-9a-f]{16}$/.test(spanId)) &&
    times.every(isTime) &&
    span.links.length <= 128 &&
    Object.values(span.attributes).every((value) => value !== undefined)
  );
}

// A whole read of a segment that nobody writes to makes at most one span a slot and one a member of each.
const MAX_SPANS = LANES * RING_SLOTS * 4097;

function readToEnd(pipeline: SpanPipeline): number {
  let total = 0;
  for (let reads = 0; reads <= LANES * RING_SLOTS + LANES; reads++) {
    const batch = pipeline.read(1000);
    if (batch === undefined) return total;
    total += batch.spans.length;
    expect(batch.lanes.reduce((sum, lane) => sum + lane.slices, 0)).toBe(batch.slices + batch.corrupt);
    const unfit = batch.spans.find((span) => !isFit(span));
    expect(unfit).toBeUndefined();
    expect(total).toBeLessThanOrEqual(MAX_SPANS);
  }
  throw new Error('the pipeline found something to read for ever');
}

// What a number in a segment should not be.
const hostileWords = fc.oneof(
  fc.constantFrom(0, 1, 2, 15, 16, 63, 64, 65, 255, 0xffff, 0x7fff_ffff, 0x8000_0000, 0xffff_ffff),
  fc.integer({ min: 0, max: 0xffff_ffff }),
);

function damageBetween(from: number, to: number): fc.Arbitrary<{ at: number; word: number }[]> {
  const at = fc.integer({ min: from, max: to - 4 });
  return fc.array(fc.record({ at, word: hostileWords }), { minLength: 1, maxLength: 40 });
}

// xorshift32: a counterexample is one number.
function randomBytes(seed: number, length: number): Uint8Array {
  let state = seed | 1;
  return Uint8Array.from({ length }, () => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return state & 0xff;
  });
}

describe('a damaged segment', () => {
  const whole = everything();
  const lanes = Array.from({ length: LANES }, (_, lane) => lane);
  const regions: readonly (readonly [string, fc.Arbitrary<{ at: number; word: number }[]>])[] = [
    ['its dictionary and snapshots', damageBetween(1024, whole.lanesOffset)],
    [
      'its lane headers',
      fc.constantFrom(...lanes).chain((lane) => damageBetween(whole.lane(lane), whole.lane(lane) + 640)),
    ],
    ['its batch tables', damageBetween(whole.lane(0) + whole.batchesOffset, whole.lane(0) + whole.ringOffset)],
    [
      'its rings',
      fc
        .constantFrom(...lanes)
        .chain((lane) => damageBetween(whole.lane(lane) + whole.ringOffset, whole.lane(lane) + whole.laneStride)),
    ],
    ['anything', damageBetween(0, whole.bytes.length)],
  ];

  test('reads whole while it is whole', () => {
    const batch = pipelineOver(everything()).read(1000)!;
    expect(batch.corrupt).toBe(0);
    expect(batch).toMatchObject({ slices: 6, owners: 3 });
  });

  test.each(regions)('in %s is read to an end', (_, damage) => {
    fc.assert(
      fc.property(damage, (words) => {
        const segment = everything();
        for (const { at, word } of words) segment.bytes.writeUInt32LE(word, at);
        let pipeline: SpanPipeline;
        try {
          pipeline = pipelineOver(segment);
        } catch (error) {
          expect(error).toBeInstanceOf(GpuspanError);
          return;
        }
        readToEnd(pipeline);
      }),
      { numRuns: RUNS },
    );
  });

  test('of random slots in a ring is read to an end', () => {
    fc.assert(
      fc.property(fc.integer(), (seed) => {
        const segment = buildSegment();
        const bytes = randomBytes(seed, 64 * RING_SLOTS);
        // Kinds and continuation counts that are plausible take the reader further.
        for (let slot = 0; slot < RING_SLOTS; slot++) bytes[slot * 64]! %= 9;
        segment.bytes.set(bytes, segment.slotOffset(0, 0n));
        segment.bytes.writeBigUInt64LE(BigInt(RING_SLOTS), segment.lane(0));
        readToEnd(pipelineOver(segment));
      }),
      { numRuns: RUNS },
    );
  });

  test('that changes while it is read is read to an end', () => {
    fc.assert(
      fc.property(damageBetween(1024, whole.bytes.length), (words) => {
        const segment = everything();
        const pipeline = pipelineOver(segment);
        for (const { at, word } of words) {
          pipeline.read(3);
          segment.bytes.writeUInt32LE(word, at);
        }
        readToEnd(pipeline);
      }),
      { numRuns: RUNS },
    );
  });

  test('that the source refuses to give is left alone', () => {
    const segment = everything();
    const source = segment.source();
    let refused = false;
    const pipeline = pipelineOver({
      source: () => ({ size: source.size, read: (o, l, into) => !refused && source.read(o, l, into) }),
    });
    pipeline.read(2);
    refused = true;
    expect(pipeline.read(10)).toBeUndefined();
  });
});
