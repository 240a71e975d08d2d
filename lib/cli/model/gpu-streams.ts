// SPDX-License-Identifier: Apache-2.0
//
// Busy, idle and overlapping time of GPU streams and of the devices they belong to, and how well the times are known.
// Filled by the summary, with GPU slices that are no copies. Pure.
import type { ReceivedSpan } from '../../testing/otlp-json';
import { numberOf, serviceOf, textOf } from './classify';
import { Histogram, type Quantiles } from './histogram';
import { Intervals } from './intervals';

/** Beyond it, slices of further streams are counted together. */
const MAX_STREAMS = 256;

export interface StreamSummary {
  /** gpu.stream: in the order in which the process opened them. */
  readonly stream: string;
  readonly service: string;
  readonly pid: string;
  readonly slices: number;
  readonly busyNanos: number;
  /** Between its first slice's start and its last one's end. */
  readonly idleNanos: number;
}

export interface DeviceSummary {
  /** UUID, else host and index. */
  readonly device: string;
  readonly sources: readonly string[];
  readonly slices: number;
  readonly busyNanos: number;
  readonly idleNanos: number;
  /** Two or more of its streams were busy. */
  readonly overlapNanos: number;
  /** What busyNanos may be too high by, because there were too many slices to keep each. */
  readonly coarsenedNanos: number;
  readonly streams: readonly StreamSummary[];
}

export interface GpuSummary {
  readonly devices: readonly DeviceSummary[];
  /** From launch to start. */
  readonly queueDelayNanos: Quantiles;
  readonly boundNanos: Quantiles;
  /** Slices of which an end was moved to where causality allows it. */
  readonly clamped: number;
  /** Slices that stand for several, so busy times are too low. */
  readonly sampled: number;
}

interface Stream {
  readonly device: string;
  readonly stream: string;
  readonly service: string;
  readonly pid: string;
  slices: number;
  readonly intervals: Intervals;
}

export class GpuStreams {
  readonly #streams = new Map<string, Stream>();
  readonly #sources = new Map<string, Set<string>>();
  readonly #queueDelay = new Histogram();
  readonly #bound = new Histogram();
  #clamped = 0;
  #sampled = 0;

  /** Times in ns from the report's base. */
  add(span: ReceivedSpan, start: number, end: number): void {
    const stream = this.#streamOf(span);
    stream.slices++;
    stream.intervals.add(start, end);
    this.#sources.get(stream.device)?.add(textOf(span.attributes, 'gpu.time.source') ?? 'unknown');
    addTo(this.#queueDelay, numberOf(span, 'gpu.queue_delay_ns'));
    addTo(this.#bound, numberOf(span, 'gpu.time.bound_ns'));
    if (span.attributes['gpu.time.clamped'] === true) this.#clamped++;
    if ((numberOf(span, 'gpu.sampling_ratio') ?? 1) > 1) this.#sampled++;
  }

  /** undefined without a GPU slice. */
  summary(): GpuSummary | undefined {
    if (this.#streams.size === 0) return undefined;
    const devices = [...this.#sources].map(([device, sources]) => this.#deviceSummary(device, sources));
    return {
      devices: devices.sort((a, b) => b.busyNanos - a.busyNanos),
      queueDelayNanos: this.#queueDelay.quantiles(),
      boundNanos: this.#bound.quantiles(),
      clamped: this.#clamped,
      sampled: this.#sampled,
    };
  }

  #streamOf(span: ReceivedSpan): Stream {
    const place = placeOf(span);
    const key = [place.device, place.service, place.pid, place.stream].join('\n');
    const known = this.#streams.get(key);
    if (known !== undefined) return known;
    if (this.#streams.size >= MAX_STREAMS) return this.#other();
    const stream = { ...place, slices: 0, intervals: new Intervals() };
    this.#streams.set(key, stream);
    if (!this.#sources.has(place.device)) this.#sources.set(place.device, new Set());
    return stream;
  }

  #other(): Stream {
    const known = this.#streams.get('');
    if (known !== undefined) return known;
    const other = { device: 'other', stream: 'other', service: '', pid: '', slices: 0, intervals: new Intervals() };
    this.#streams.set('', other);
    this.#sources.set(other.device, new Set());
    return other;
  }

  #deviceSummary(device: string, sources: ReadonlySet<string>): DeviceSummary {
    const own = [...this.#streams.values()].filter((stream) => stream.device === device);
    const together = new Intervals();
    let coarsened = 0;
    const streams = own.map(({ stream, service, pid, slices, intervals }) => {
      const cover = intervals.cover();
      coarsened += cover.coarsened;
      for (const [start, end] of intervals.merged()) together.add(start, end);
      return { stream, service, pid, slices, busyNanos: cover.busy, idleNanos: cover.last - cover.first - cover.busy };
    });
    const cover = together.cover();
    return {
      device,
      sources: [...sources],
      slices: own.reduce((sum, { slices }) => sum + slices, 0),
      busyNanos: cover.busy,
      idleNanos: cover.last - cover.first - cover.busy,
      overlapNanos: cover.overlap,
      coarsenedNanos: coarsened + cover.coarsened,
      streams,
    };
  }
}

/** Which stream of which device of which process a GPU slice ran on. */
export function placeOf(span: ReceivedSpan): { device: string; stream: string; service: string; pid: string } {
  const { attributes, resource } = span;
  const host = textOf(resource, 'host.name') ?? '';
  const index = textOf(attributes, 'gpu.device') ?? '0';
  return {
    device: textOf(attributes, 'gpu.uuid') ?? `${host} device ${index}`.trim(),
    stream: textOf(attributes, 'gpu.stream') ?? '0',
    service: serviceOf(span),
    pid: textOf(resource, 'process.pid') ?? '',
  };
}

function addTo(histogram: Histogram, value: number | undefined): void {
  if (value !== undefined) histogram.add(value);
}
