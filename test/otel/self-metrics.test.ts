// SPDX-License-Identifier: Apache-2.0
//
// observeMetrics: what a meter provider of SDK 2.x collects of a process that records, loses and delivers.
import { metrics } from '@opentelemetry/api';
import {
  AggregationTemporality,
  DataPointType,
  InMemoryMetricExporter,
  MeterProvider,
  PeriodicExportingMetricReader,
} from '@opentelemetry/sdk-metrics';
import { defineStages } from 'gpuspan';
import { observeMetrics } from 'gpuspan/otel';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { startExported } from '../api/exported';

const { tracer } = startExported({ ringSlots: 1_024 });
const stages = defineStages('metrics', { slice: { level: 1 } });
const exporter = new InMemoryMetricExporter(AggregationTemporality.CUMULATIVE);
const reader = new PeriodicExportingMetricReader({ exporter, exportIntervalMillis: 3_600_000 });
const provider = new MeterProvider({ readers: [reader] });

type Points = Readonly<Record<string, number>>;

/** Values by instrument, then by the text of the attributes. */
async function collect(): Promise<ReadonlyMap<string, Points>> {
  exporter.reset();
  await provider.forceFlush();
  const scopes = exporter.getMetrics().flatMap(({ scopeMetrics }) => scopeMetrics);
  return new Map(
    scopes.flatMap(({ metrics: told }) =>
      told.map((metric) => {
        expect(metric.dataPointType).not.toBe(DataPointType.HISTOGRAM);
        const points = metric.dataPoints.map(
          ({ attributes, value }) => [Object.values(attributes).join(), value as number] as const,
        );
        return [metric.descriptor.name, Object.fromEntries(points)] as const;
      }),
    ),
  );
}

let observation: ReturnType<typeof observeMetrics>;
beforeAll(() => {
  metrics.setGlobalMeterProvider(provider);
  observation = observeMetrics(tracer);
});
afterAll(() => provider.shutdown());

function record(slices: number): void {
  const request = tracer.request();
  for (let i = 0; i < slices; i++) request.end(request.begin(stages.slice));
  request.finish();
}

it('tells what was recorded, delivered and lost by reason, as stats() does', async () => {
  record(5_000); // more than the ring holds, before it can be read
  await tracer.flush();
  const told = await collect();
  const stats = tracer.stats();
  expect(stats.lost['ring']).toBeGreaterThan(0);
  expect(told.get('gpuspan.slice.recorded')).toEqual({ '': 5_000 });
  expect(told.get('gpuspan.slice.delivered')).toEqual({ '': stats.reader.delivered });
  expect(told.get('gpuspan.slice.lost')).toEqual(stats.lost);
  expect(told.get('gpuspan.owner.recorded')).toEqual({ '': 2 });
  expect(told.get('gpuspan.owner.delivered')).toEqual({ '': 2 });
});

it('tells how full the rings were and how far the reader is behind', async () => {
  record(10);
  const told = await collect();
  expect(told.get('gpuspan.reader.lag')).toEqual({ '': 10 });
  await tracer.flush();
  const flushed = await collect();
  expect(flushed.get('gpuspan.reader.lag')).toEqual({ '': 0 });
  expect(flushed.get('gpuspan.reader.inflight')).toEqual({ '': 0 });
  expect(flushed.get('gpuspan.ring.capacity')).toEqual({ '': 1_024 });
  const { javascript } = flushed.get('gpuspan.ring.high_water')!;
  expect(javascript).toBeGreaterThan(512);
  expect(javascript).toBeLessThanOrEqual(1_024);
});

it("tells the calls of the device's library as a cumulative histogram, once there are any", async () => {
  const NAME = 'gpuspan.gpu.record_call.duration.bucket';
  expect((await collect()).get(NAME)).toBeUndefined();
  const powersOfTwo = new Array<number>(40).fill(0);
  powersOfTwo[3] = 1; // below a microsecond
  powersOfTwo[12] = 5;
  powersOfTwo[39] = 2; // far above a second
  const recordCalls = { count: 8, p50Nanos: 0, p99Nanos: 0, maxNanos: 0, powersOfTwo };
  const withGpu = { enabled: true, stats: () => ({ ...tracer.stats(), gpu: { recordCalls } }) };
  const other = observeMetrics(withGpu);
  const buckets = (await collect()).get(NAME)!;
  other.stop();
  const bounds = Object.keys(buckets).filter((bound) => bound !== '+Inf');
  expect(bounds.map(Number)).toEqual(Array.from({ length: 21 }, (_, i) => 2 ** (10 + i) / 1e9));
  expect(Object.values(buckets).slice(0, 4)).toEqual([1, 1, 6, 6]);
  expect(buckets['+Inf']).toBe(8);
});

it('tells nothing more once it is stopped', async () => {
  observation.stop();
  const before = (await collect()).get('gpuspan.slice.recorded');
  record(5);
  expect((await collect()).get('gpuspan.slice.recorded')).toEqual(before);
});

it('makes no instrument for a tracer that is off', () => {
  const provider = { getMeter: () => expect.unreachable('a meter was made') };
  observeMetrics({ enabled: false, stats: () => tracer.stats() }, provider).stop();
});
