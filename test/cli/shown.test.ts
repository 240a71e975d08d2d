// SPDX-License-Identifier: Apache-2.0
//
// What a report shows of more than it can keep: which requests, which of their spans, and how much of the GPU streams.
import type { ReceivedSpan } from 'gpuspan/testing';
import { describe, expect, it } from 'vitest';
import { ChosenRequests } from '../../dist/cli/model/chosen-requests';
import { ShownRequests } from '../../dist/cli/model/shown-requests';
import { StreamSlices } from '../../dist/cli/model/stream-slices';
import type { RequestRow } from '../../dist/cli/model/summary';
import { spanOf } from '../../dist/testing/otlp-json';
import { BASE, type MadeSpan, otlpSpan, spanId, traceId } from './otlp';

const row = (trace: number, start: number, durationNanos: number, error = false): RequestRow => ({
  traceId: traceId(trace),
  spanId: spanId(trace),
  name: 'request',
  id: '',
  service: 'x',
  startUnixNano: String(BASE + BigInt(start)),
  durationNanos,
  error,
});
const received = (span: MadeSpan): ReceivedSpan => spanOf(otlpSpan(span), {}, { name: 'gpuspan', version: '' });

describe('the requests that are chosen', () => {
  const choose = (count: number, limit: number) => {
    const requests = new ChosenRequests<RequestRow>(limit);
    for (let i = 1; i <= count; i++) requests.add(row(i, i, i * 10, i % 10 === 0));
    return requests.chosen();
  };

  it('are all of them, slowest first, where they are few enough', () => {
    expect(choose(8, 8).map(({ row: { durationNanos }, why }) => [durationNanos, why])).toEqual(
      [80, 70, 60, 50, 40, 30, 20, 10].map((duration) => [duration, 'slowest']),
    );
  });

  it('are the slowest, then failed ones, then others, each once and never more than the limit', () => {
    const chosen = choose(1000, 40);
    expect(chosen).toHaveLength(40);
    expect(new Set(chosen.map(({ row: { traceId: id } }) => id)).size).toBe(40);
    expect(chosen.slice(0, 20).map(({ row: { durationNanos } }) => durationNanos)).toEqual(
      Array.from({ length: 20 }, (_, i) => 10_000 - 10 * i),
    );
    const failed = chosen.filter(({ why }) => why === 'failed');
    expect(failed.length).toBeGreaterThan(5);
    expect(failed.every(({ row: { error } }) => error)).toBe(true);
    const sample = chosen.filter(({ why }) => why === 'sample').map(({ row: { durationNanos } }) => durationNanos);
    expect(Math.min(...sample)).toBeLessThan(3000);
  });

  it('are the same ones each time', () => {
    expect(choose(5000, 40)).toEqual(choose(5000, 40));
  });
});

describe('the spans that are shown', () => {
  it('are those of the first requests, when they are too many: the last go without, and say how many they had', () => {
    const rows = [1, 2, 3].map((trace) => row(trace, 0, 100));
    const shown = new ShownRequests(rows, BASE, { maxWeight: 1500 });
    for (let i = 0; i < 6; i++) {
      for (const trace of [3, 2, 1]) shown.add(received({ trace, id: 10 + i, start: i, end: i + 1 }));
    }
    const kept = shown.requests().map(({ spans, left }) => [spans.length, left]);
    expect(kept).toEqual([
      [6, 0],
      [6, 0],
      [0, 6],
    ]);
  });

  it('have attributes, events and launch only for a page, cut to a size', () => {
    const long = 'x'.repeat(10_000);
    const attributes = { 'gpu.time.source': 'simulated', 'gpu.launch_time_ns': String(BASE + 5n), text: long };
    const span = received({ trace: 1, id: 2, parent: 1, start: 9, end: 20, attributes, link: [1, 3] });
    const spansWith = (details: boolean) => {
      const shown = new ShownRequests([row(1, 0, 100)], BASE, { details });
      shown.add(span);
      return shown.requests()[0]!.spans[0]!;
    };
    expect(spansWith(false).details).toBeUndefined();
    const { details } = spansWith(true);
    expect(details).toMatchObject({ launch: 5, previousSpanId: spanId(3), ofBatch: false, left: 0 });
    expect(details?.attributes.find(([key]) => key === 'text')?.[1]).toHaveLength(200);
  });
});

describe('the GPU streams that are shown', () => {
  const slice = (start: number) =>
    received({ trace: 9, id: start + 1, start, end: start + 1, attributes: { 'gpu.time.source': 'simulated' } });

  it('are those around the requests', () => {
    const streams = new StreamSlices([row(1, 1000, 100), row(2, 5000, 100)], BASE);
    for (let at = 0; at < 10_000; at += 10) streams.add(slice(at));
    const { slices, left, complete } = streams.shown();
    expect(slices.every(({ start }) => (start >= 970 && start <= 1130) || (start >= 4970 && start <= 5130))).toBe(true);
    expect([slices.length, left, complete]).toEqual([30, 0, 2]);
  });

  it('are whole around the first requests only, when there is too much', () => {
    const rows = Array.from({ length: 8 }, (_, i) => row(i + 1, 1000 * (i + 1), 100));
    const streams = new StreamSlices(rows, BASE, 40);
    for (let at = 9990; at >= 0; at -= 10) streams.add(slice(at));
    const { slices, left, complete } = streams.shown();
    expect(complete).toBe(2);
    expect(slices.map(({ start }) => start).every((start) => start < 2200)).toBe(true);
    expect([slices.length, left > 0]).toEqual([30, true]);
  });
});
