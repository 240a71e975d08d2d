// SPDX-License-Identifier: Apache-2.0
//
// Time by stage: each measurement counts once, and apart from that the time that requests spent in the stage, for which
// a batch slice counts in every member. Filled by the summary. Pure.
import type { ReceivedSpan } from '../../testing/otlp-json';
import { isGpuSlice, numberOf, serviceOf, textOf } from './classify';
import { type Distribution, Histogram, type Quantiles } from './histogram';

/** Stages beyond it are counted together, so that a file whose names are ids does not fill the memory. */
export const MAX_STAGES = 512;
const MAX_NAME = 256;
const BARS = 40;

export interface StageSummary {
  readonly name: string;
  readonly where: 'host' | 'gpu';
  /** gpu.time.source of GPU slices. */
  readonly source?: string;
  readonly service: string;
  readonly durationNanos: Quantiles;
  /** Of the time of all requests, 0 to 1 and more where slices nest or overlap; absent when none was in a request. */
  readonly share?: number;
  readonly distribution: Distribution;
  /** From launch to start, of GPU slices. */
  readonly queueDelayNanos?: Quantiles;
}

interface Stage {
  readonly name: string;
  readonly where: 'host' | 'gpu';
  readonly source: string | undefined;
  readonly service: string;
  readonly duration: Histogram;
  readonly queueDelay: Histogram;
  inRequests: number;
}

export class Stages {
  readonly #stages = new Map<string, Stage>();

  /** A measurement: no copy of a batch slice. */
  add(span: ReceivedSpan, nanos: number): void {
    const stage = this.#stageOf(span);
    stage.duration.add(nanos);
    const delay = stage.where === 'gpu' ? numberOf(span, 'gpu.queue_delay_ns') : undefined;
    if (delay !== undefined) stage.queueDelay.add(delay);
  }

  /** A slice in a request's trace, copies included. */
  addInRequest(span: ReceivedSpan, nanos: number): void {
    this.#stageOf(span).inRequests += nanos;
  }

  /** Those with the most time first. */
  summary(requestNanos: number): StageSummary[] {
    const rows = [...this.#stages.values()].map((stage) => summaryOf(stage, requestNanos));
    return rows.sort((a, b) => b.durationNanos.total - a.durationNanos.total || (a.name < b.name ? -1 : 1));
  }

  #stageOf(span: ReceivedSpan): Stage {
    const gpu = isGpuSlice(span);
    const source = gpu ? textOf(span.attributes, 'gpu.time.source') : undefined;
    const service = serviceOf(span);
    const key = [gpu, source, service, span.name].join('\n');
    return (
      this.#stages.get(key) ?? this.#create(key, { name: span.name, where: gpu ? 'gpu' : 'host', source, service })
    );
  }

  #create(key: string, stage: Pick<Stage, 'name' | 'where' | 'source' | 'service'>): Stage {
    const full = this.#stages.size >= MAX_STAGES;
    const kept = full ? `other ${stage.where}` : key;
    const known = this.#stages.get(kept);
    if (known !== undefined) return known;
    const named = full ? { name: '(other)', where: stage.where, source: undefined, service: '' } : stage;
    const created: Stage = {
      ...named,
      name: named.name.slice(0, MAX_NAME),
      duration: new Histogram(),
      queueDelay: new Histogram(),
      inRequests: 0,
    };
    this.#stages.set(kept, created);
    return created;
  }
}

function summaryOf(stage: Stage, requestNanos: number): StageSummary {
  const { name, where, source, service, duration, queueDelay, inRequests } = stage;
  return {
    name,
    where,
    ...(source !== undefined && { source }),
    service,
    durationNanos: duration.quantiles(),
    ...(inRequests > 0 && requestNanos > 0 && { share: inRequests / requestNanos }),
    distribution: duration.distribution(BARS),
    ...(queueDelay.count > 0 && { queueDelayNanos: queueDelay.quantiles() }),
  };
}
