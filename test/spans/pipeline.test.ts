// SPDX-License-Identifier: Apache-2.0
//
// How the pipeline moves through lanes: positions, wraps, turns, counts, and segments that make no sense.

import { describe, expect, test } from 'vitest';

import type { SpanBatch, SpanPipeline } from '../../lib/spans/pipeline';
import { payload } from '../segment/payload-builder';
import { Flag, Kind, SegmentBuilder } from '../segment/segment-builder';
import { buildSegment, hex, pipelineOver, readAll } from './span-fixture';

function appendSlices(segment: SegmentBuilder, lane: number, count: number, first = 1): void {
  for (let index = 0; index < count; index++) segment.append(lane, { kind: Kind.host, span: BigInt(first + index) });
}

function ids(batch: SpanBatch | undefined): string[] {
  return (batch?.spans ?? []).map((span) => span.spanContext().spanId);
}

function acknowledge(segment: SegmentBuilder, batch: SpanBatch | undefined): void {
  for (const { lane, low, high, slices } of batch?.lanes ?? []) segment.advance(lane, low, high, slices);
}

function drain(pipeline: SpanPipeline, segment: SegmentBuilder): string[] {
  const batch = pipeline.read(10_000);
  acknowledge(segment, batch);
  return ids(batch);
}

describe('reading', () => {
  test('gives nothing when nothing was published', () => {
    expect(pipelineOver(buildSegment()).read(100)).toBeUndefined();
    expect(pipelineOver(new SegmentBuilder()).read(100)).toBeUndefined();
  });

  test('continues where it stopped, whether or not positions were advanced', () => {
    const segment = buildSegment();
    const pipeline = pipelineOver(segment);
    appendSlices(segment, 0, 2);
    expect(ids(pipeline.read(100))).toEqual([hex(1n), hex(2n)]);
    expect(pipeline.read(100)).toBeUndefined();
    appendSlices(segment, 0, 1, 3);
    const batch = pipeline.read(100);
    expect(ids(batch)).toEqual([hex(3n)]);
    expect(batch!.lanes).toEqual([{ lane: 0, low: 3, high: 0, slices: 1, owners: 0, full: false }]);
  });

  test('begins at the read position, which a reader before it may have moved', () => {
    const segment = buildSegment();
    appendSlices(segment, 0, 5);
    segment.advance(0, 3, 0, 3);
    expect(ids(pipelineOver(segment).read(100))).toEqual([hex(4n), hex(5n)]);
  });

  test('counts slices and owners apart, per lane and in total', () => {
    const segment = buildSegment();
    segment.claim(1);
    segment.append(0, { kind: Kind.host });
    segment.append(0, { kind: Kind.worker });
    segment.append(1, { kind: Kind.root, payload: payload().name('x') });
    const batch = pipelineOver(segment).read(100)!;
    expect(batch).toMatchObject({ slices: 1, owners: 2, corrupt: 0 });
    expect(batch.lanes).toEqual([
      { lane: 0, low: 2, high: 0, slices: 1, owners: 1, full: false },
      { lane: 1, low: 2, high: 0, slices: 0, owners: 1, full: false },
    ]);
  });

  test('says that a ring is at least half full', () => {
    const segment = buildSegment({ ringSlots: 64 });
    appendSlices(segment, 0, 31);
    expect(pipelineOver(segment).read(100)!.lanes[0]!.full).toBe(false);
    appendSlices(segment, 0, 1, 32);
    expect(pipelineOver(segment).read(100)!.lanes[0]!.full).toBe(true);
  });

  test.each([
    ['2^32', 2n ** 32n - 40n],
    ['2^64', 2n ** 64n - 40n],
  ])('follows positions over %s, and payloads over the end of the ring', (_, firstPosition) => {
    const segment = buildSegment({ ringSlots: 64, firstPosition });
    const key = segment.key('text');
    const pipeline = pipelineOver(segment);
    const text = 'x'.repeat(200);
    for (let index = 1; index <= 100; index++) {
      segment.append(0, { kind: Kind.host, span: BigInt(index), payload: payload().string(key, `${text}${index}`) });
      const batch = pipeline.read(10);
      expect(batch!.spans[0]!.attributes['text']).toBe(`${text}${index}`);
      acknowledge(segment, batch);
    }
  });

  test('reads more slots than it copies at a time, records across the seam included', () => {
    const segment = buildSegment({ ringSlots: 8192 });
    const key = segment.key('n');
    for (let index = 1; index <= 2500; index++) {
      segment.append(0, {
        kind: Kind.host,
        span: BigInt(index),
        payload: payload()
          .int(key, index)
          .string(key + 1, 'x'.repeat(90)),
      });
    }
    const spans = readAll(segment);
    expect(spans).toHaveLength(2500);
    expect(spans.every((span, index) => span.attributes['n'] === index + 1)).toBe(true);
  });

  test('makes at most about as many spans as asked for, and the rest next time', () => {
    const segment = buildSegment({ ringSlots: 1024 });
    const pipeline = pipelineOver(segment);
    appendSlices(segment, 0, 1000);
    const sizes = [];
    for (let batch = pipeline.read(300); batch !== undefined; batch = pipeline.read(300))
      sizes.push(batch.spans.length);
    expect(sizes).toEqual([300, 300, 300, 100]);
  });

  test('lets every lane have its turn while one is flooded', () => {
    const segment = buildSegment({ ringSlots: 4096 });
    segment.claim(1);
    segment.claim(2);
    appendSlices(segment, 0, 4096);
    appendSlices(segment, 1, 1, 5001);
    appendSlices(segment, 2, 1, 5002);
    const pipeline = pipelineOver(segment);
    expect(ids(pipeline.read(300))).toEqual(expect.arrayContaining([hex(5001n), hex(5002n)]));
    appendSlices(segment, 1, 1, 5003);
    appendSlices(segment, 2, 1, 5004);
    const next = [...ids(pipeline.read(256)), ...ids(pipeline.read(256))];
    expect(next).toEqual(expect.arrayContaining([hex(5003n), hex(5004n)]));
  });

  test('finds lanes that are claimed later', () => {
    const segment = buildSegment();
    const pipeline = pipelineOver(segment);
    expect(pipeline.read(10)).toBeUndefined();
    segment.claim(1);
    segment.claim(2);
    appendSlices(segment, 2, 1, 9);
    expect(drain(pipeline, segment)).toEqual([hex(9n)]);
  });

  test('takes up clock snapshots that came since', () => {
    const segment = buildSegment();
    const pipeline = pipelineOver(segment);
    appendSlices(segment, 0, 1);
    pipeline.read(10);
    const later = 4_000_000_000_000_000_000n;
    segment.snapshot(10_000_000_000n, 10_000_000_000n, later);
    segment.append(0, { kind: Kind.host, start: 10_000_000_000n });
    expect(pipeline.read(10)!.spans[0]!.startTime).toEqual([4_000_000_000, 0]);
  });

  test('reads a name that was published after it was first asked for', () => {
    const segment = buildSegment();
    const pipeline = pipelineOver(segment);
    segment.append(0, { kind: Kind.host, stage: 1 });
    expect(pipeline.read(10)!.spans[0]!.name).toBe('other');
    segment.stage('late');
    segment.append(0, { kind: Kind.host, stage: 1 });
    expect(pipeline.read(10)!.spans[0]!.name).toBe('late');
  });
});

describe('a malformed record', () => {
  const cases: readonly (readonly [string, (bytes: Buffer, at: number) => void])[] = [
    ['an unknown kind', (bytes, at) => bytes.writeUInt8(99, at)],
    ['no kind', (bytes, at) => bytes.writeUInt8(0, at)],
    ['no span id', (bytes, at) => bytes.fill(0, at + 40, at + 48)],
    ['no trace id', (bytes, at) => bytes.fill(0, at + 24, at + 40)],
  ];
  test.each(cases)('with %s is passed alone and counted', (_, damage) => {
    const segment = buildSegment();
    const at = segment.append(0, { kind: Kind.host, payload: payload().int(0, 1) });
    damage(segment.bytes, at);
    segment.append(0, { kind: Kind.host, span: 5n });
    const batch = pipelineOver(segment).read(100)!;
    expect(ids(batch)).toEqual([hex(5n)]);
    expect(batch).toMatchObject({ slices: 1, corrupt: 1 });
    expect(batch.lanes[0]).toMatchObject({ low: 3, slices: 2 });
  });

  test.each([0, 16, 255])(
    'that claims %i continuation slots gives up what is published, once, and reads on',
    (count) => {
      const segment = buildSegment();
      const pipeline = pipelineOver(segment);
      const at = segment.append(0, { kind: Kind.host, payload: payload().int(0, 1) });
      segment.bytes[at + 64] = count;
      appendSlices(segment, 0, 3);
      const batch = pipeline.read(100)!;
      expect(batch).toMatchObject({ spans: [], slices: 0, corrupt: 4 });
      expect(batch.lanes[0]).toMatchObject({ low: 5, slices: 4 });
      appendSlices(segment, 0, 1, 8);
      expect(ids(pipeline.read(100))).toEqual([hex(8n)]);
    },
  );

  test('whose continuation slots are not published is given up', () => {
    const segment = buildSegment();
    segment.append(0, { kind: Kind.host, flags: Flag.continued });
    expect(pipelineOver(segment).read(100)).toMatchObject({ spans: [], corrupt: 1 });
  });

  test('does not let a key replace the prototype of the attributes', () => {
    const segment = buildSegment();
    const key = segment.key('__proto__');
    segment.append(0, { kind: Kind.host, payload: payload().numbers(key, [1]) });
    expect(Object.getPrototypeOf(readAll(segment)[0]!.attributes)).toBe(Object.prototype);
  });
});

describe('positions that make no sense', () => {
  test.each([
    ['more slots than the ring has', 500n, 0n],
    ['the end before the reader', 3n, 10n],
  ])('(%s) make the reader go on at the end of what is published, and count', (_, written, read) => {
    const segment = buildSegment();
    const pipeline = pipelineOver(segment);
    appendSlices(segment, 0, 5);
    pipeline.read(2);
    segment.bytes.writeBigUInt64LE(written, segment.lane(0));
    segment.bytes.writeBigUInt64LE(read, segment.lane(0) + 128);
    const batch = pipeline.read(100)!;
    expect(batch).toMatchObject({ spans: [], corrupt: 3 });
    expect(batch.lanes[0]).toMatchObject({ low: Number(written), high: 0, slices: 3 });
  });
});
