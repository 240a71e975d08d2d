// SPDX-License-Identifier: Apache-2.0
//
// What gpuspan tells of itself through OpenTelemetry's metrics API: the counts of `tracer.stats()`, read when a reader of
// the application's collects and never otherwise. Names and attributes follow OpenTelemetry's conventions for SDKs
// (`otel.sdk.*`), with slices in the place of spans. Called on the thread whose meter provider it is.
import {
  type BatchObservableResult,
  type Meter,
  type MeterProvider,
  metrics,
  type MetricOptions,
  type Observable,
} from '@opentelemetry/api';
import type { Tracer, TracerStats } from '../tracer';
import { SCOPE } from './resource';

/** OpenTelemetry's name for why something failed. */
const ERROR_TYPE = 'error.type';
const LANE_KIND = 'gpuspan.lane.kind';
/** Upper bound in seconds, as in Prometheus' histograms. */
const LE = 'le';
/** 2^10 ns, about a microsecond: nothing of interest is faster. */
const FIRST_POWER = 10;
/** 2^30 ns, about a second. */
const LAST_POWER = 30;
const NANOS = 1e9;

type Counts = Readonly<Record<string, number>>;
type Observe = (value: number, attributes?: Record<string, string>) => void;

interface Instrument {
  readonly name: string;
  readonly kind: 'Counter' | 'UpDownCounter' | 'Gauge';
  readonly options: MetricOptions;
  readonly tell: (stats: TracerStats, observe: Observe) => void;
}

const SLICE = '{slice}';
const SPAN = '{span}';
const SLOT = '{slot}';

const INSTRUMENTS: readonly Instrument[] = [
  {
    name: 'gpuspan.slice.recorded',
    kind: 'Counter',
    options: { unit: SLICE, description: 'Slices recorded in this process, delivered or not.' },
    tell: ({ recorded }, observe) => observe(recorded),
  },
  {
    name: 'gpuspan.slice.delivered',
    kind: 'Counter',
    options: { unit: SLICE, description: 'Slices that the destination took.' },
    tell: ({ reader }, observe) => observe(reader.delivered),
  },
  {
    name: 'gpuspan.slice.lost',
    kind: 'Counter',
    options: { unit: SLICE, description: 'Slices that were recorded and not delivered, by reason.' },
    tell: ({ lost, reader }, observe) => {
      for (const [reason, count] of Object.entries(added(lost, reader.lost))) observe(count, { [ERROR_TYPE]: reason });
    },
  },
  {
    name: 'gpuspan.owner.recorded',
    kind: 'Counter',
    options: { unit: SPAN, description: 'Root, worker and batch spans recorded.' },
    tell: ({ owners }, observe) => observe(owners),
  },
  {
    name: 'gpuspan.owner.delivered',
    kind: 'Counter',
    options: { unit: SPAN, description: 'Root, worker and batch spans that the destination took.' },
    tell: ({ reader }, observe) => observe(reader.owners),
  },
  {
    name: 'gpuspan.owner.lost',
    kind: 'Counter',
    options: {
      unit: SPAN,
      description: 'Requests and batches that were not recorded, and spans of them not delivered.',
    },
    tell: ({ lostOwners, reader }, observe) => {
      for (const [reason, count] of Object.entries(lostOwners)) observe(count, { [ERROR_TYPE]: reason });
      if (reader.lostOwners > 0) observe(reader.lostOwners, { [ERROR_TYPE]: 'not_delivered' });
    },
  },
  {
    name: 'gpuspan.reader.lag',
    kind: 'UpDownCounter',
    options: { unit: SLICE, description: 'Slices in the rings that the reader has not settled yet.' },
    tell: ({ inRing }, observe) => observe(inRing),
  },
  {
    name: 'gpuspan.reader.inflight',
    kind: 'UpDownCounter',
    options: { unit: SLICE, description: 'Slices that have left their ring and are not answered yet.' },
    tell: ({ reader }, observe) => observe(reader.held),
  },
  {
    name: 'gpuspan.ring.capacity',
    kind: 'UpDownCounter',
    options: { unit: SLOT, description: "Slots of each thread's ring." },
    tell: ({ ringSlots }, observe) => observe(ringSlots),
  },
  {
    name: 'gpuspan.ring.high_water',
    kind: 'Gauge',
    options: { unit: SLOT, description: 'Most slots that were ever in use in one ring, by the kind of its thread.' },
    tell: ({ lanes }, observe) => {
      for (const [kind, slots] of highWaters(lanes)) observe(slots, { [LANE_KIND]: kind });
    },
  },
  {
    name: 'gpuspan.gpu.record_call.duration.bucket',
    kind: 'Counter',
    options: {
      unit: '{call}',
      description: "Calls of the device's own library that mark a GPU slice, by the seconds they took less than.",
    },
    tell: ({ gpu }, observe) => {
      if (gpu === undefined) return;
      for (const [bound, count] of cumulative(gpu.recordCalls.powersOfTwo)) observe(count, { [LE]: bound });
    },
  },
];

/** What `observeMetrics` has begun. */
export interface MetricsObservation {
  /** Ends it: nothing is told any more. */
  stop(): void;
}

/**
 * Tells the counts of `tracer` to `meterProvider` whenever it collects. Once a process, because the counts are the
 * process's; nothing for a tracer that is off. Default: the global provider, which has to be set before.
 */
export function observeMetrics(
  tracer: Pick<Tracer, 'enabled' | 'stats'>,
  meterProvider: MeterProvider = metrics.getMeterProvider(),
): MetricsObservation {
  if (!tracer.enabled) return { stop: () => undefined };
  const meter = meterProvider.getMeter(SCOPE.name, SCOPE.version);
  const observables = new Map(INSTRUMENTS.map((instrument) => [instrument, create(meter, instrument)]));
  const tell = (result: BatchObservableResult): void => {
    const stats = tracer.stats();
    for (const [instrument, observable] of observables)
      instrument.tell(stats, (value, attributes) => result.observe(observable, value, attributes));
  };
  meter.addBatchObservableCallback(tell, [...observables.values()]);
  return { stop: () => meter.removeBatchObservableCallback(tell, [...observables.values()]) };
}

function create(meter: Meter, { name, kind, options }: Instrument): Observable {
  switch (kind) {
    case 'Counter':
      return meter.createObservableCounter(name, options);
    case 'UpDownCounter':
      return meter.createObservableUpDownCounter(name, options);
    default:
      return meter.createObservableGauge(name, options);
  }
}

function added(left: Counts, right: Counts): Record<string, number> {
  const sums: Record<string, number> = { ...left };
  for (const [reason, count] of Object.entries(right)) sums[reason] = (sums[reason] ?? 0) + count;
  return sums;
}

function highWaters(lanes: TracerStats['lanes']): Map<string, number> {
  const highest = new Map<string, number>();
  for (const { kind, highWater } of lanes) highest.set(kind, Math.max(highest.get(kind) ?? 0, highWater));
  return highest;
}

// Every bound every time: a series that begins later has no beginning to be subtracted from.
function* cumulative(powersOfTwo: readonly number[]): Generator<[string, number]> {
  let count = 0;
  for (const [power, calls] of powersOfTwo.entries()) {
    count += calls;
    if (power >= FIRST_POWER && power <= LAST_POWER) yield [`${2 ** power / NANOS}`, count];
  }
  yield ['+Inf', count];
}
