// SPDX-License-Identifier: Apache-2.0
//
// The data in a report's page, as JSON: written by page-data.ts, read by read-data.ts in the browser. Types only.
// Texts that occur often are numbers, places in `strings`. Times are ns: of a request and its spans from the request's
// start, of streams and of requests from `baseUnixNano`.

/** A place in `strings`. */
export type TextId = number;

export interface PageQuantiles {
  readonly count: number;
  readonly min: number;
  readonly p50: number;
  readonly p90: number;
  readonly p99: number;
  readonly max: number;
  readonly total: number;
  readonly exact: boolean;
}

export interface PageDistribution {
  readonly low: number;
  readonly ratio: number;
  readonly counts: readonly number[];
}

export interface PageStage {
  readonly name: string;
  readonly where: 'host' | 'gpu';
  readonly source?: string;
  readonly service: string;
  readonly durationNanos: PageQuantiles;
  readonly share?: number;
  readonly distribution: PageDistribution;
  readonly queueDelayNanos?: PageQuantiles;
}

export interface PageStream {
  readonly stream: string;
  readonly service: string;
  readonly pid: string;
  readonly slices: number;
  readonly busyNanos: number;
  readonly idleNanos: number;
}

export interface PageDevice {
  readonly device: string;
  readonly sources: readonly string[];
  readonly slices: number;
  readonly busyNanos: number;
  readonly idleNanos: number;
  readonly overlapNanos: number;
  readonly coarsenedNanos: number;
  readonly streams: readonly PageStream[];
}

export interface PageGpu {
  readonly devices: readonly PageDevice[];
  readonly queueDelayNanos: PageQuantiles;
  readonly boundNanos: PageQuantiles;
  readonly clamped: number;
  readonly sampled: number;
}

export interface PageSummary {
  readonly spans: number;
  readonly startUnixNano: string;
  readonly endUnixNano: string;
  readonly requests: {
    readonly count: number;
    readonly errors: number;
    readonly durationNanos: PageQuantiles;
    readonly distribution: PageDistribution;
  };
  readonly stages: readonly PageStage[];
  readonly batches: {
    readonly count: number;
    readonly size: PageQuantiles;
    readonly durationNanos: PageQuantiles;
  };
  readonly gpu?: PageGpu;
  readonly losses: { readonly total: number; readonly byReason: Readonly<Record<string, number>> };
  readonly flags: Readonly<Record<string, number>>;
}

/** Key and value, in turn. */
export type PageAttributes = readonly TextId[];

/** Name, time, attributes. */
export type PageEvent = readonly [TextId, number, PageAttributes];

/** Bits of `PageSpan`'s flags. */
export const SPAN = { request: 1, worker: 2, gpu: 4, error: 8, onPath: 16, ofBatch: 32 } as const;

export type PageSpan = readonly [
  name: TextId,
  /** Place of the parent in the request's spans, -1 without one. */
  parent: number,
  flags: number,
  track: TextId,
  start: number,
  duration: number,
  spanId: string,
  attributes: PageAttributes,
  events: readonly PageEvent[],
  /** Place of the request's previous first-level slice, -1 without one. */
  previous: number,
  /** Half-width of the interval that holds the true time; -1: not told. */
  bound: number,
  /** When it was launched; null: not told. */
  launch: number | null,
  /** Attributes and events that are not here. */
  left: number,
];

export interface PageRequest {
  readonly traceId: string;
  readonly spanId: string;
  readonly name: TextId;
  readonly id: string;
  readonly service: TextId;
  readonly start: number;
  readonly duration: number;
  readonly error: boolean;
  /** Why it is in the page. */
  readonly why: 'slowest' | 'failed' | 'sample';
  /** By start, parents before children of the same start. Empty: they did not fit. */
  readonly spans: readonly PageSpan[];
  /** Spans of it that are not here. */
  readonly left: number;
  /** Name, ns, ns of them while the GPU worked for the request; longest first. */
  readonly path: readonly (readonly [TextId, number, number])[];
}

export interface PageData {
  readonly madeBy: string;
  readonly files: readonly { readonly path: string; readonly spans: number; readonly problems: readonly string[] }[];
  readonly summary: PageSummary;
  readonly baseUnixNano: string;
  readonly strings: readonly string[];
  readonly requests: readonly PageRequest[];
  /** By start: name, track, start, duration of each GPU slice, in turn. */
  readonly streams: { readonly slices: readonly number[]; readonly left: number; readonly complete: number };
}
