// SPDX-License-Identifier: Apache-2.0
//
// What `gpuspan report` and `gpuspan receive` say of spans: filled span by span, in any order, in bounded memory.
// Nothing is kept of a span but counts, except one row for each of the slowest requests. Pure.
import type { ReceivedSpan } from '../../testing/otlp-json';
import { BATCH_MEMBERS, isGpuSlice, kindOf, numberOf, serviceOf, textOf } from './classify';
import { type GpuSummary, GpuStreams } from './gpu-streams';
import { type Distribution, Histogram, type Quantiles } from './histogram';
import { type Chosen, ChosenRequests } from './chosen-requests';
import { Losses } from './losses';
import { type StageSummary, Stages } from './stages';

const MAX_TEXT = 256;
/** Slices of batches beyond it count as if they were in a request. */
const MAX_BATCH_TRACES = 1_000_000;
const BARS = 40;
const STATUS_ERROR = 2;

/** A root span. */
export interface RequestRow {
  readonly traceId: string;
  readonly spanId: string;
  readonly name: string;
  /** Attribute `rid` or `gen_ai.response.id`; '' without one. */
  readonly id: string;
  readonly service: string;
  /** Epoch nanoseconds in decimal. */
  readonly startUnixNano: string;
  readonly durationNanos: number;
  readonly error: boolean;
}

export interface RequestSummary {
  readonly count: number;
  readonly errors: number;
  readonly durationNanos: Quantiles;
  readonly distribution: Distribution;
  /** The slowest, slowest first. */
  readonly rows: readonly RequestRow[];
  /** The slowest, some that failed and some by chance. */
  readonly chosen: readonly Chosen<RequestRow>[];
}

export interface SummaryData {
  readonly spans: number;
  /** Epoch nanoseconds in decimal, of the first start and the last end; '0' without a span. */
  readonly startUnixNano: string;
  readonly endUnixNano: string;
  readonly requests: RequestSummary;
  readonly stages: readonly StageSummary[];
  readonly batches: { readonly count: number; readonly size: Quantiles; readonly durationNanos: Quantiles };
  readonly gpu?: GpuSummary;
  readonly losses: { readonly total: number; readonly byReason: Readonly<Record<string, number>> };
  /** Spans with the flag `gpuspan.<name>`. */
  readonly flags: Readonly<Record<(typeof FLAGS)[number], number>>;
}

const FLAGS = ['unfinished', 'expired', 'truncated', 'dropped_attributes'] as const;

class Requests {
  readonly #rows: ChosenRequests<RequestRow>;
  readonly #durations = new Histogram();
  #errors = 0;

  constructor(limit: number) {
    this.#rows = new ChosenRequests(limit);
  }

  get count(): number {
    return this.#durations.count;
  }

  get totalNanos(): number {
    return this.#durations.total;
  }

  add(span: ReceivedSpan): void {
    const row = rowOf(span);
    this.#durations.add(row.durationNanos);
    if (row.error) this.#errors++;
    this.#rows.add(row);
  }

  summary(): RequestSummary {
    return {
      count: this.count,
      errors: this.#errors,
      durationNanos: this.#durations.quantiles(),
      distribution: this.#durations.distribution(BARS),
      rows: this.#rows.slowest(),
      chosen: this.#rows.chosen(),
    };
  }
}

export class Summary {
  readonly #requests: Requests;
  readonly #foreign: Requests;
  readonly #stages = new Stages();
  readonly #gpu = new GpuStreams();
  readonly #losses = new Losses();
  readonly #batchSizes = new Histogram();
  readonly #batchDurations = new Histogram();
  /** Ids of the traces that are a batch's own. */
  readonly #batchTraces = new Set<string>();
  readonly #flags = { unfinished: 0, expired: 0, truncated: 0, dropped_attributes: 0 };
  #spans = 0;
  #base: bigint | undefined;
  #first = 0n;
  #last = 0n;

  /** Keeps a row for each of the `rows` slowest requests, and chooses as many to show. */
  constructor(rows = 1000) {
    this.#requests = new Requests(rows);
    this.#foreign = new Requests(rows);
  }

  /** The time that all relative times count from: the start of the first span that was added. */
  get base(): bigint {
    return this.#base ?? 0n;
  }

  add(span: ReceivedSpan): void {
    this.#spans++;
    this.#base ??= this.#first = span.startTimeUnixNano;
    if (span.startTimeUnixNano < this.#first) this.#first = span.startTimeUnixNano;
    if (span.endTimeUnixNano > this.#last) this.#last = span.endTimeUnixNano;
    for (const flag of FLAGS) if (span.attributes[`gpuspan.${flag}`] === true) this.#flags[flag]++;
    this.#count(span);
  }

  /**
   * The same spans again, after all of them were added: only then is it known which traces are batches' own. Without
   * it, stages have no share.
   */
  addAgain(span: ReceivedSpan): void {
    const kind = kindOf(span);
    const isBatch = kind === 'slice' && this.#batchTraces.has(span.traceId);
    const times = isBatch ? (numberOf(span, BATCH_MEMBERS) ?? 0) : kind === 'copy' || kind === 'slice' ? 1 : 0;
    if (times > 0) this.#stages.addInRequest(span, times * durationOf(span));
  }

  result(): SummaryData {
    const requests = this.#requests.count > 0 ? this.#requests : this.#foreign;
    const gpu = this.#gpu.summary();
    const byReason = this.#losses.byReason();
    return {
      spans: this.#spans,
      startUnixNano: String(this.#first),
      endUnixNano: String(this.#last),
      requests: requests.summary(),
      stages: this.#stages.summary(requests.totalNanos),
      batches: {
        count: this.#batchSizes.count,
        size: this.#batchSizes.quantiles(),
        durationNanos: this.#batchDurations.quantiles(),
      },
      ...(gpu !== undefined && { gpu }),
      losses: { total: Object.values(byReason).reduce((sum, count) => sum + count, 0), byReason },
      flags: { ...this.#flags },
    };
  }

  #count(span: ReceivedSpan): void {
    const kind = kindOf(span);
    if (kind === 'request') this.#requests.add(span);
    else if (kind === 'foreign-root') this.#foreign.add(span);
    else if (kind === 'worker') this.#losses.add(span);
    else if (kind === 'batch') this.#addBatch(span);
    else if (kind === 'slice') this.#measured(span);
  }

  #addBatch(span: ReceivedSpan): void {
    this.#batchSizes.add(numberOf(span, 'gpuspan.batch.size') ?? 0);
    this.#batchDurations.add(durationOf(span));
    if (this.#batchTraces.size < MAX_BATCH_TRACES) this.#batchTraces.add(span.traceId);
  }

  #measured(span: ReceivedSpan): void {
    this.#stages.add(span, durationOf(span));
    if (!isGpuSlice(span)) return;
    const start = Number(span.startTimeUnixNano - this.base);
    this.#gpu.add(span, start, start + durationOf(span));
  }
}

export function durationOf({ startTimeUnixNano, endTimeUnixNano }: ReceivedSpan): number {
  return Number(endTimeUnixNano - startTimeUnixNano);
}

function rowOf(span: ReceivedSpan): RequestRow {
  const { attributes } = span;
  return {
    traceId: span.traceId,
    spanId: span.spanId,
    name: span.name.slice(0, MAX_TEXT),
    id: (textOf(attributes, 'rid') ?? textOf(attributes, 'gen_ai.response.id') ?? '').slice(0, MAX_TEXT),
    service: serviceOf(span).slice(0, MAX_TEXT),
    startUnixNano: String(span.startTimeUnixNano),
    durationNanos: durationOf(span),
    error: span.status.code === STATUS_ERROR,
  };
}
