// SPDX-License-Identifier: Apache-2.0
//
// The second look at the input: the requests that a report shows whole, with their critical paths. Called by `gpuspan
// report` once the summary has named them. Pure; bounded: what is too much costs the last requests their spans.
import type { ReceivedSpan } from '../../testing/otlp-json';
import { kindOf } from './classify';
import { criticalPath, type PathStep, pathByName } from './critical-path';
import { type ShownSpan, shownSpan, weightOf } from './shown-span';
import type { RequestRow } from './summary';

const MAX_WEIGHT = 24 * 1024 * 1024;
const MAX_TRACE_SPANS = 20_000;

export interface ShownRequest {
  readonly row: RequestRow;
  readonly criticalPath: readonly PathStep[];
  /** Of the span's ids on the path, for the timeline. */
  readonly pathSpanIds: readonly string[];
  readonly spans: readonly ShownSpan[];
  /** Spans of its trace beyond the limits: neither shown nor on the path. */
  readonly left: number;
}

interface Trace {
  readonly spans: Map<string, ShownSpan>;
  weight: number;
  left: number;
  dropped: boolean;
}

export interface ShownOptions {
  /** Keep attributes and events. */
  readonly details?: boolean;
  /** About how many bytes the spans may take in a page. */
  readonly maxWeight?: number;
}

export class ShownRequests {
  readonly #base: bigint;
  readonly #rows: readonly RequestRow[];
  readonly #details: boolean;
  readonly #maxWeight: number;
  readonly #traces = new Map<string, Trace>();
  /** Those that still have spans; the last goes first. */
  readonly #order: Trace[] = [];
  #weight = 0;

  /** The first of `rows` matter most. */
  constructor(
    rows: readonly RequestRow[],
    base: bigint,
    { details = false, maxWeight = MAX_WEIGHT }: ShownOptions = {},
  ) {
    this.#base = base;
    this.#rows = rows;
    this.#details = details;
    this.#maxWeight = maxWeight;
    for (const { traceId } of rows) {
      if (this.#traces.has(traceId)) continue;
      const trace = { spans: new Map(), weight: 0, left: 0, dropped: false };
      this.#traces.set(traceId, trace);
      this.#order.push(trace);
    }
  }

  add(span: ReceivedSpan): void {
    const trace = this.#traces.get(span.traceId);
    // A span that was sent twice is one span.
    if (trace === undefined || trace.spans.has(span.spanId)) return;
    // Owners come last and are few; a path without its root would be none.
    const kind = kindOf(span);
    const owner = kind !== 'slice' && kind !== 'copy';
    if (trace.dropped || (trace.spans.size >= MAX_TRACE_SPANS && !owner)) {
      trace.left++;
      return;
    }
    const shown = shownSpan(span, this.#base, this.#details);
    const weight = weightOf(shown);
    trace.spans.set(span.spanId, shown);
    trace.weight += weight;
    this.#weight += weight;
    while (this.#weight > this.#maxWeight) this.#dropLast();
  }

  requests(): ShownRequest[] {
    return this.#rows.map((row) => this.#shown(row));
  }

  #dropLast(): void {
    const trace = this.#order.pop()!;
    this.#weight -= trace.weight;
    trace.left += trace.spans.size;
    trace.dropped = true;
    trace.spans.clear();
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
