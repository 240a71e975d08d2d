// SPDX-License-Identifier: Apache-2.0
//
// What becomes of batches: the batch's own span and slices, links both ways, and member spans.

import { describe, expect, test } from 'vitest';

import type { GpuspanSpan } from '../../lib/spans/gpuspan-span';
import { payload } from '../segment/payload-builder';
import { Flag, Kind, type SegmentBuilder, type TestMember, type TestRecord } from '../segment/segment-builder';
import { buildSegment, EPOCH, hex, readAll } from './span-fixture';

const BATCH_TRACE = 'ba'.repeat(16);
const BATCH_SPAN = 0xb00n;
const REF = { lane: 0, batch: 1, generation: 7 };

function traceOf(member: number): string {
  return (member + 1).toString(16).padStart(32, '0');
}

function makeMembers(count: number, changes: Partial<TestMember> = {}): TestMember[] {
  return Array.from({ length: count }, (_, index) => ({
    trace: traceOf(index),
    worker: 0x1000n + BigInt(index),
    parent: 0x2000n + BigInt(index),
    level: 2,
    ...changes,
  }));
}

function batchSegment(members: readonly TestMember[]): SegmentBuilder {
  const segment = buildSegment({ clock: 2, chunkCapacity: 16 });
  segment.batch(REF.lane, REF.batch, REF.generation, BATCH_SPAN, members);
  return segment;
}

function slice(changes: Partial<TestRecord> = {}): TestRecord {
  const times = { start: 1000n, end: 2000n };
  return {
    kind: Kind.batchSlice,
    trace: BATCH_TRACE,
    span: 0x55n,
    parent: BATCH_SPAN,
    batch: REF,
    ...times,
    ...changes,
  };
}

function inTrace(spans: readonly GpuspanSpan[], trace: string): GpuspanSpan[] {
  return spans.filter((span) => span.spanContext().traceId === trace);
}

describe('a batch span', () => {
  test('links to the worker spans of its members that are sampled', () => {
    const members = makeMembers(3);
    members[1]!.level = 0;
    const segment = batchSegment(members);
    segment.append(0, { kind: Kind.batch, trace: BATCH_TRACE, span: BATCH_SPAN, batch: REF });
    const [span] = readAll(segment);
    expect(span).toMatchObject({ name: 'batch', kind: 0, droppedLinksCount: 0 });
    expect(span!.attributes).toEqual({ 'gpuspan.batch.size': 3 });
    expect(span!.parentSpanContext).toBeUndefined();
    expect(span!.links.map((link) => link.context)).toEqual([
      { traceId: traceOf(0), spanId: hex(0x1000n), traceFlags: 1 },
      { traceId: traceOf(2), spanId: hex(0x1002n), traceFlags: 1 },
    ]);
  });

  test('has at most 128 links and counts the rest as dropped', () => {
    const segment = batchSegment(makeMembers(200));
    segment.append(0, { kind: Kind.batch, trace: BATCH_TRACE, span: BATCH_SPAN, batch: REF });
    const [span] = readAll(segment);
    expect(span!.links).toHaveLength(128);
    expect(span!.droppedLinksCount).toBe(72);
  });
});

describe('a batch that continues another', () => {
  const EARLIER = { trace: 'c'.repeat(32), span: 'd'.repeat(16) };
  const earlier = () => payload().link(EARLIER.trace, EARLIER.span);

  test('links to that one first, and then to its own members', () => {
    const segment = batchSegment(makeMembers(1));
    segment.append(0, { kind: Kind.batch, trace: BATCH_TRACE, span: BATCH_SPAN, batch: REF, payload: earlier() });
    const [span] = readAll(segment);
    expect(span!.links.map((link) => link.context)).toEqual([
      { traceId: EARLIER.trace, spanId: EARLIER.span, traceFlags: 1 },
      { traceId: traceOf(0), spanId: hex(0x1000n), traceFlags: 1 },
    ]);
  });

  test('keeps that link when its own members are too many or are gone', () => {
    const many = batchSegment(makeMembers(200));
    many.append(0, { kind: Kind.batch, trace: BATCH_TRACE, span: BATCH_SPAN, batch: REF, payload: earlier() });
    const [crowded] = readAll(many);
    expect(crowded!.links).toHaveLength(128);
    expect(crowded!.links[0]!.context.spanId).toBe(EARLIER.span);
    expect(crowded!.droppedLinksCount).toBe(73);
    const gone = batchSegment(makeMembers(1));
    const stale = { ...REF, generation: REF.generation + 1 };
    gone.append(0, { kind: Kind.batch, trace: BATCH_TRACE, span: BATCH_SPAN, batch: stale, payload: earlier() });
    expect(readAll(gone)[0]!.links.map((link) => link.context.spanId)).toEqual([EARLIER.span]);
  });
});

describe('a batch slice', () => {
  test('is one span in the batch trace and one in the trace of every member, which links to the batch', () => {
    const segment = batchSegment(makeMembers(40));
    const stage = segment.stage('decode');
    segment.append(0, slice({ stage }));
    const spans = readAll(segment);
    expect(spans).toHaveLength(41);
    const [own] = inTrace(spans, BATCH_TRACE);
    expect(own!.spanContext().spanId).toBe(hex(0x55n));
    expect(own!.parentSpanContext.spanId).toBe(hex(BATCH_SPAN));
    expect(own!.links).toEqual([]);
    const [member] = inTrace(spans, traceOf(39));
    expect(member).toMatchObject({ name: 'decode', startTime: own!.startTime, endTime: own!.endTime });
    expect(member!.attributes).toEqual({});
    expect(member!.parentSpanContext.spanId).toBe(hex(0x2027n));
    expect(member!.links.map((link) => link.context)).toEqual([
      { traceId: BATCH_TRACE, spanId: hex(BATCH_SPAN), traceFlags: 1 },
    ]);
    expect(new Set(spans.map((span) => span.spanContext().spanId)).size).toBe(41);
  });

  test('nests under the same member span of its parent slice', () => {
    const segment = batchSegment(makeMembers(2));
    segment.append(0, slice({ span: 0x66n, parent: 0x55n, start: 1200n, end: 1300n }));
    segment.append(0, slice({ span: 0x55n }));
    const spans = readAll(segment);
    for (const trace of [traceOf(0), traceOf(1)]) {
      const [inner, outer] = inTrace(spans, trace);
      expect(inner!.parentSpanContext.spanId).toBe(outer!.spanContext().spanId);
    }
  });

  test('is expanded for members whose level allows it, and up to the level asked for', () => {
    const members = makeMembers(4);
    members.forEach((member, index) => (member.level = index));
    const segment = batchSegment(members);
    segment.append(0, slice({ stage: segment.stage('one', 1) }));
    segment.append(0, slice({ stage: segment.stage('two', 2), span: 2n }));
    segment.append(0, slice({ stage: segment.stage('three', 3), span: 3n }));
    const count = (expandLevel: number, member: number): number =>
      inTrace(readAll(segment, expandLevel), traceOf(member)).length;
    expect([0, 1, 2, 3].map((member) => count(2, member))).toEqual([0, 1, 2, 2]);
    expect([0, 1, 2, 3].map((member) => count(4, member))).toEqual([0, 1, 2, 3]);
    expect([0, 1, 2, 3].map((member) => count(0, member))).toEqual([0, 0, 0, 0]);
    expect(inTrace(readAll(segment, 0), BATCH_TRACE)).toHaveLength(3);
  });

  test('leaves out members that had left when it began', () => {
    const members = makeMembers(3);
    members[0]!.leftAt = 1000n;
    members[1]!.leftAt = 1001n;
    const segment = batchSegment(members);
    segment.append(0, slice());
    const spans = readAll(segment);
    expect([0, 1, 2].map((member) => inTrace(spans, traceOf(member)).length)).toEqual([0, 1, 1]);
  });

  test('gives every member its own value of a column', () => {
    const segment = batchSegment(makeMembers(4));
    const keys = ['a', 'b', 'c', 'd', 'e'].map((key) => segment.key(key));
    const [a, b, c, d, e] = keys as [number, number, number, number, number];
    const items = payload()
      .int(segment.key('all'), 9)
      .column(a, 1, [1, -2, 3, 4])
      .column(b, 2, [1, -200, 3, 4])
      .column(c, 4, [1, -70_000, 3, 4])
      .column(d, 8, [0.5, 0.25])
      .offsetColumn(e, 2, -7, [-7, 65_528]);
    segment.append(0, slice({ payload: items }));
    const spans = readAll(segment);
    expect(inTrace(spans, traceOf(1))[0]!.attributes).toEqual({
      all: 9,
      a: -2,
      b: -200,
      c: -70_000,
      d: 0.25,
      e: 65_528,
    });
    expect(inTrace(spans, traceOf(3))[0]!.attributes).toEqual({ all: 9, a: 4, b: 4, c: 4 });
    expect(inTrace(spans, BATCH_TRACE)[0]!.attributes).toEqual({ all: 9 });
  });

  test('hangs directly below what the member had open when it was recorded after the fact', () => {
    const segment = batchSegment(makeMembers(1));
    segment.append(0, slice({ flags: Flag.monotonic, parent: 0x77n }));
    expect(inTrace(readAll(segment), traceOf(0))[0]!.parentSpanContext.spanId).toBe(hex(0x2000n));
  });

  test('is not expanded when the batch is gone', () => {
    const segment = batchSegment(makeMembers(2));
    segment.append(0, slice({ batch: { ...REF, generation: 8 } }));
    segment.append(0, slice({ batch: { lane: 900, batch: 1, generation: 7 }, span: 2n }));
    segment.append(0, slice({ batch: { lane: 0, batch: 9000, generation: 7 }, span: 3n }));
    expect(readAll(segment)).toHaveLength(3);
  });

  test('is expanded no further than its chunks hold members, however they are chained', () => {
    const segment = batchSegment(makeMembers(33));
    segment.bytes.writeUInt16LE(0, segment.chunk(0, 1));
    segment.append(0, slice());
    expect(readAll(segment)).toHaveLength(34);
    segment.bytes.writeUInt16LE(9999, segment.chunk(0, 1));
    expect(readAll(segment)).toHaveLength(33);
  });
});

describe('a GPU slice of a batch', () => {
  const gpuSlice = (launch: bigint): TestRecord => ({
    kind: Kind.batchGpuSlice,
    flags: Flag.monotonic,
    trace: BATCH_TRACE,
    parent: BATCH_SPAN,
    start: 50_000n,
    end: 60_000n,
    gpu: { bound: 10, stream: 0, lane: 0 },
    payload: payload().gpu(launch, 1, 0, 0n).batchRef(REF.lane, REF.batch, REF.generation),
  });

  test('is expanded for the members present at its launch, with the GPU attributes', () => {
    const members = makeMembers(3);
    members[0]!.leftAt = 15_000n;
    members[1]!.leftAt = 30_000n;
    const segment = batchSegment(members);
    segment.append(0, gpuSlice(20_000n));
    const spans = readAll(segment);
    expect([0, 1, 2].map((member) => inTrace(spans, traceOf(member)).length)).toEqual([0, 1, 1]);
    expect(inTrace(spans, traceOf(1))[0]!.attributes).toEqual({
      'gpu.time.source': 'cuda-event',
      'gpu.time.bound_ns': 10,
      'gpu.time.clamped': false,
      'gpu.device': 0,
      'gpu.stream': 0,
      'gpu.launch_time_ns': String(EPOCH + 20_000n),
      'gpu.queue_delay_ns': 30_000,
    });
  });
});
