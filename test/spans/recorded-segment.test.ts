// SPDX-License-Identifier: Apache-2.0
//
// A segment that the addon filled, read live by the pipeline and, as a copy, by the second decoder.

import { createRequire } from 'node:module';
import { join } from 'node:path';

import { beforeAll, describe, expect, test } from 'vitest';

import { BATCH_FLAG, type Native, SCRATCH } from '../../lib/native';
import { readHeader } from '../../lib/segment/header';
import { LiveSource } from '../../lib/segment/live-source';
import type { GpuspanSpan } from '../../lib/spans/gpuspan-span';
import { SpanPipeline } from '../../lib/spans/pipeline';
import { payload, type PayloadBuilder } from '../segment/payload-builder';
import { SecondDecoder } from '../segment/second-decoder';
import { Kind } from '../segment/segment-builder';
import { expandedSpans, expectSameSpan, memberSpans } from './span-comparison';
import { RESOURCE, SCOPE } from './span-fixture';

const load = createRequire(import.meta.url)('node-gyp-build') as (root: string) => Native;

let native: Native;
let scratch: Uint8Array;
let pipeline: SpanPipeline;
const stage: Record<string, number> = {};

function put(items: PayloadBuilder): number {
  scratch.set(items.bytes, SCRATCH.payload);
  return items.bytes.length;
}

function startRequest(): number {
  scratch.fill(0, 0, SCRATCH.payload);
  return native.requestStart(3, put(payload().name('generate')));
}

beforeAll(() => {
  native = load(join(import.meta.dirname, '../..'));
  native.open({
    lanes: 4,
    ringSlots: 1024,
    requestTtlMillis: 0,
    clock: 'auto',
    directory: '',
    device: 'none',
    cudaLibrary: '',
  });
  const ranks = { tpRank: 1, ppRank: -1, dpRank: 0, epRank: -1 };
  scratch = new Uint8Array(
    native.attach({ label: 'DecodeWorker', threadId: 0, ...ranks, gpuIndex: 2, gpuUuid: 'GPU-2' }).scratch,
  );
  const module = native.intern('module', 0, 0, 'test').id;
  for (const [name, level] of [
    ['prefill', 1],
    ['decode', 2],
    ['sample', 3],
  ] as const) {
    stage[name] = native.intern('stage', module, level, name).id;
  }
  native.leaseAcquire(native.environment());
  pipeline = new SpanPipeline(new LiveSource(native), { resource: RESOURCE, scope: SCOPE, expandLevel: 2 });
});

/** The segment as it is now, then everything unread in it as spans; positions are moved on. */
function capture(): { copy: Buffer; spans: GpuspanSpan[] } {
  native.snapshot();
  const copy = Buffer.alloc(native.segmentBytes());
  // Memory of lanes never claimed is left alone, as the reader does.
  const { lanesOffset, laneStride } = readHeader(new LiveSource(native));
  expect(native.read(0, lanesOffset + laneStride, copy)).toBe(true);
  const batch = pipeline.read(10_000)!;
  expect(batch.corrupt).toBe(0);
  for (const { lane, low, high, slices, owners } of batch.lanes) {
    expect(native.advance(lane, low, high, slices, owners)).toBe(true);
  }
  return { copy, spans: batch.spans };
}

function expectAgreement(copy: Buffer, spans: readonly GpuspanSpan[]): void {
  const second = new SecondDecoder(copy);
  let next = 0;
  for (const record of second.records()) {
    expectSameSpan(spans[next++]!, record, second);
    const expected = memberSpans(record, second, 2);
    expect(expandedSpans(spans.slice(next, next + expected.length))).toEqual(expected);
    next += expected.length;
  }
  expect(next).toBe(spans.length);
}

function byName(spans: readonly GpuspanSpan[], name: string): GpuspanSpan {
  return spans.find((span) => span.name === name)!;
}

/** Arguments of `endPlaced` and `nextPlaced`. */
function place(token: number, stage: number, bytes: number): void {
  const view = new DataView(scratch.buffer);
  view.setInt32(SCRATCH.integer, token, true);
  view.setUint16(SCRATCH.stage, stage, true);
  view.setUint16(SCRATCH.bytes, bytes, true);
}

function recordRequest(): void {
  const key = native.intern('key', 0, 0, 'tokens').id;
  const event = native.intern('event', 0, 1, 'retract').id;
  const request = startRequest();
  const outer = native.begin((request << 16) | stage['prefill']!);
  native.event((request << 16) | event, put(payload().int(key, 3)), 1);
  const inner = native.begin((request << 16) | stage['decode']!);
  place(inner, 0, put(payload().int(key, 17).double(key, 0.5).string(key, 'x'.repeat(200))));
  native.endPlaced();
  place(outer, stage['decode']!, 0);
  native.nextPlaced();
  native.endPlaced();
  const now = process.hrtime.bigint();
  native.record((request << 16) | stage['sample']!, now - 5000n, now, 0);
  native.requestFinish(request, put(payload().bool(key, true)));
}

describe('a segment that the addon filled', () => {
  test('holds a request as both decoders see it', () => {
    recordRequest();
    const { copy, spans } = capture();
    expectAgreement(copy, spans);
    expect(spans.map((span) => span.name).sort()).toEqual(
      ['DecodeWorker', 'decode', 'decode', 'generate', 'prefill', 'sample'].sort(),
    );
    const root = byName(spans, 'generate');
    const worker = byName(spans, 'DecodeWorker');
    expect(worker.parentSpanContext.spanId).toBe(root.spanContext().spanId);
    expect(worker.attributes).toMatchObject({ 'gpuspan.worker.tp_rank': 1, 'thread.id': expect.any(Number) });
    expect(byName(spans, 'prefill').parentSpanContext.spanId).toBe(worker.spanContext().spanId);
  });

  test('holds a batch as both decoders see it, and no member span is an orphan', () => {
    const requests = Array.from({ length: 20 }, startRequest);
    scratch.set(new Uint8Array(new Uint16Array(requests).buffer), SCRATCH.payload);
    const batch = native.batchDefine(requests.length, 0) | BATCH_FLAG;
    const decode = native.begin((batch << 16) | stage['decode']!);
    native.end(native.begin((batch << 16) | stage['decode']!));
    native.requestFinish(requests[3]!, 0);
    native.end(native.begin((batch << 16) | stage['decode']!));
    native.end(decode);
    native.end(native.begin((batch << 16) | stage['decode']!));
    native.batchEnd(batch & ~BATCH_FLAG, 0);
    for (const request of requests) if (request !== requests[3]) native.requestFinish(request, 0);
    const { copy, spans } = capture();
    expectAgreement(copy, spans);
    const known = new Set(spans.map((span) => span.spanContext().spanId));
    const orphans = spans.filter(
      (span) => span.parentSpanContext !== undefined && !known.has(span.parentSpanContext.spanId),
    );
    expect(orphans).toEqual([]);
    expect(byName(spans, 'batch').links).toHaveLength(20);
  });

  test('numbers its slices without a gap, owners in between', () => {
    recordRequest();
    const records = new SecondDecoder(capture().copy).records();
    const slices = records.filter(({ kind }) => kind < Kind.root || kind > Kind.batch);
    expect(slices.length).toBeLessThan(records.length);
    expect(slices.map(({ sequence }) => sequence - slices[0]!.sequence)).toEqual([...slices.keys()]);
  });

  test('is converted to realtime within a millisecond of this process', () => {
    const before = BigInt(Date.now()) * 1_000_000n;
    recordRequest();
    const after = BigInt(Date.now() + 1) * 1_000_000n;
    const slack = 1_000_000n;
    for (const span of capture().spans.filter(({ name }) => name !== 'sample')) {
      const start = BigInt(span.startTime[0]) * 1_000_000_000n + BigInt(span.startTime[1]);
      expect(start >= before - slack && start <= after + slack).toBe(true);
    }
  });

  test('counts every slice as consumed', () => {
    recordRequest();
    capture();
    expect(native.stats()).toMatchObject({ inRing: 0 });
    const { recorded, consumed } = native.stats();
    expect(consumed).toBe(recorded);
  });
});
