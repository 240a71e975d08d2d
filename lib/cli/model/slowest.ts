// SPDX-License-Identifier: Apache-2.0
//
// The second look at the input: the slowest requests whole, with their critical paths, and what the GPU streams did
// around them. Called by `gpuspan report` once the summary has named the requests. Pure; bounded by the limits below.
import type { ReceivedSpan } from '../../testing/otlp-json';
import { isGpuSlice, kindOf, serviceOf, textOf } from './classify';
import { criticalPath, type PathStep, pathByName } from './critical-path';
import { placeOf } from './gpu-streams';
import { durationOf, type RequestRow } from './summary';

const MAX_SPANS = 200_000;
const MAX_TRACE_SPANS = 20_000;
const MAX_GPU_SLICES = 50_000;
/** Of a request's duration, what is shown before and after it. */
const AROUND = 0.25;
const MAX_NAME = 256;

/** A span of a request that is shown. Times in ns from the report's base. */
export interface ShownSpan {
  readonly spanId: string;
  readonly parentSpanId: string;
  readonly name: string;
  readonly kind: 'request' | 'worker' | 'slice';
  readonly gpu: boolean;
  /** Service and process, and for GPU slices device and stream. */
  readonly track: string;
  readonly start: number;
  readonly end: number;
  readonly error: boolean;
  /** Half-width of the interval that holds the true time, of GPU slices. */
  readonly boundNanos?: number;
}

/** A GPU slice near a shown request, of any request or batch. */
export interface StreamSlice {
  readonly name: string;
  readonly track: string;
  readonly start: number;
  readonly end: number;
}

export interface ShownRequest {
  readonly row: RequestRow;
  readonly criticalPath: readonly PathStep[];
  /** Of the span's ids on the path, for the timeline. */
  readonly pathSpanIds: readonly string[];
  readonly spans: readonly ShownSpan[];
  /** Spans of its trace beyond the limits: neither shown nor on the path. */
  readonly left: number;
}

interface Window {
  readonly start: number;
  readonly end: number;
}

export class Slowest {
  readonly #base: bigint;
  readonly #rows: readonly RequestRow[];
  readonly #traces = new Map<string, { readonly spans: Map<string, ShownSpan>; left: number }>();
  readonly #windows: readonly Window[];
  readonly #streams: StreamSlice[] = [];
  #kept = 0;
  #streamSlicesLeft = 0;

  constructor(rows: readonly RequestRow[], base: bigint) {
    this.#base = base;
    this.#rows = rows;
    for (const { traceId } of rows) this.#traces.set(traceId, { spans: new Map(), left: 0 });
    this.#windows = rows.map(({ startUnixNano, durationNanos }) => {
      const start = Number(BigInt(startUnixNano) - base);
      return { start: start - durationNanos * AROUND, end: start + durationNanos * (1 + AROUND) };
    });
  }

  add(span: ReceivedSpan): void {
    const trace = this.#traces.get(span.traceId);
    if (trace !== undefined) this.#keep(trace, span);
    if (isGpuSlice(span) && kindOf(span) === 'slice') this.#keepOnStream(span);
  }

  requests(): ShownRequest[] {
    return this.#rows.map((row) => this.#shown(row));
  }

  streams(): { readonly slices: readonly StreamSlice[]; readonly left: number } {
    return { slices: this.#streams, left: this.#streamSlicesLeft };
  }

  #keep(trace: { readonly spans: Map<string, ShownSpan>; left: number }, span: ReceivedSpan): void {
    // A span that was sent twice is one span.
    if (trace.spans.has(span.spanId)) return;
    // Owners come last and are few; a path without its root would be none.
    const owner = kindOf(span) !== 'slice' && kindOf(span) !== 'copy';
    const full = trace.spans.size >= MAX_TRACE_SPANS || this.#kept >= MAX_SPANS;
    if (full && !owner) {
      trace.left++;
      return;
    }
    trace.spans.set(span.spanId, this.#shownSpan(span));
    this.#kept++;
  }

  #keepOnStream(span: ReceivedSpan): void {
    const start = this.#nanos(span);
    const end = start + durationOf(span);
    if (!this.#windows.some((window) => start < window.end && end > window.start)) return;
    if (this.#streams.length >= MAX_GPU_SLICES) this.#streamSlicesLeft++;
    else this.#streams.push({ name: span.name.slice(0, MAX_NAME), track: gpuTrack(span), start, end });
  }

  #nanos(span: ReceivedSpan): number {
    return Number(span.startTimeUnixNano - this.#base);
  }

  #shownSpan(span: ReceivedSpan): ShownSpan {
    const kind = kindOf(span);
    const gpu = isGpuSlice(span);
    const start = this.#nanos(span);
    const bound = span.attributes['gpu.time.bound_ns'];
    return {
      spanId: span.spanId,
      parentSpanId: span.parentSpanId,
      name: span.name.slice(0, MAX_NAME),
      kind: kind === 'request' || kind === 'foreign-root' ? 'request' : kind === 'worker' ? 'worker' : 'slice',
      gpu,
      track: gpu ? gpuTrack(span) : hostTrack(span),
      start,
      end: start + durationOf(span),
      error: span.status.code === 2,
      ...(gpu && typeof bound === 'number' && { boundNanos: bound }),
    };
  }

  #shown(row: RequestRow): ShownRequest {
    const trace = this.#traces.get(row.traceId)!;
    const spans = [...trace.spans.values()].sort((a, b) => a.start - b.start || b.end - a.end);
    const root = trace.spans.get(row.spanId);
    const parts = root === undefined ? [] : criticalPath(root, spans);
    return {
      row,
      criticalPath: pathByName(parts, spans),
      pathSpanIds: [...new Set(parts.map(({ span }) => span.spanId))],
      spans,
      left: trace.left,
    };
  }
}

function hostTrack(span: ReceivedSpan): string {
  return [serviceOf(span), textOf(span.resource, 'process.pid')].filter((part) => part !== undefined).join(' ');
}

function gpuTrack(span: ReceivedSpan): string {
  const { device, stream } = placeOf(span);
  return `GPU ${device}, stream ${stream}`;
}
