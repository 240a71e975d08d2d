// SPDX-License-Identifier: Apache-2.0
//
// GPU slices through the public API, from a real OpenCL queue to exported spans. The addon of test/c-api makes the
// queue, as an application's own addon would.
import type { ReadableSpan } from '@opentelemetry/sdk-trace-base';
import { defineStages, type GpuStream, start } from 'gpuspan';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { type Consumer, loadConsumers } from '../c-api/consumer';
import { loadDetails } from '../c-api/details';

process.env['GPUSPAN'] = '1';

const stages = defineStages('gpu_slices', { launch: { level: 1 }, forward: { level: 1 } });
const exported: ReadableSpan[] = [];
const exporter = {
  export(spans: ReadableSpan[], done: (result: { code: number }) => void) {
    exported.push(...spans);
    done({ code: 0 });
  },
  async shutdown() {},
};
const tracer = start({ exporter, device: 'opencl', worker: { label: 'GpuWorker' } });
let consumer: Consumer;
let queue = 0n;
let stream: GpuStream;

beforeAll(() => {
  ({ consumer } = loadConsumers());
  queue = consumer.makeQueue();
  stream = tracer.gpu().stream(queue);
}, 300_000);

beforeEach(async ({ skip }) => {
  if (queue === 0n && process.env['GPUSPAN_REQUIRE_OPENCL'] !== '1') skip('no OpenCL device on this machine');
  await tracer.flush();
  exported.length = 0;
});
afterAll(() => tracer.shutdown());

/** What was recorded, once the device has passed every mark, by name. */
async function spansNamed(name: string): Promise<ReadableSpan[]> {
  consumer.finishQueue(queue);
  await tracer.flush();
  return exported.filter((span) => span.name === name);
}

const idOf = (span: ReadableSpan) => span.spanContext().spanId;
const traceOf = (span: ReadableSpan) => span.spanContext().traceId;
const parentOf = (span: ReadableSpan) => span.parentSpanContext?.spanId;
const nanos = ([seconds, nanoseconds]: readonly [number, number]) =>
  BigInt(seconds) * 1_000_000_000n + BigInt(nanoseconds);

/** Source, bound, and times that are where the host says the work was. */
function expectTimed(span: ReadableSpan, launch: ReadableSpan): void {
  expect(span.attributes['gpu.time.source']).toBe('opencl');
  expect(span.attributes['gpu.stream']).toBe(0);
  const bound = BigInt(span.attributes['gpu.time.bound_ns'] as number);
  expect(bound).toBeGreaterThan(0n);
  expect(nanos(span.startTime)).toBeGreaterThanOrEqual(nanos(launch.startTime) - bound);
  expect(nanos(span.endTime)).toBeGreaterThanOrEqual(nanos(span.startTime));
  expect(nanos(span.endTime)).toBeLessThanOrEqual(BigInt(Date.now() + 1) * 1_000_000n + bound);
}

describe('a stream of the application’s', () => {
  it('is one object for its handle, on a device with a name', () => {
    const gpu = tracer.gpu();
    expect([gpu.source, gpu.reason, stream.reason]).toEqual(['opencl', '', '']);
    expect(gpu.description).toMatch(/OpenCL/);
    expect(gpu.stream(queue)).toBe(stream);
  });

  it('is inert and says why when the handle is no queue', () => {
    const wrong = tracer.gpu().stream(0x10n);
    expect(wrong.reason).toMatch(/0x10/);
    const request = tracer.request();
    const lost = tracer.stats().lost['gpu_device'] ?? 0;
    expect(request.beginGpu(stages.forward, wrong)).toBe(0);
    expect(tracer.stats().lost['gpu_device']).toBe(lost + 1);
    request.finish();
  });
});

describe('a GPU slice', () => {
  it('from native code has the attributes that it was given, of each kind', async () => {
    const details = loadDetails();
    const request = tracer.request();
    const launch = request.begin(stages.launch);
    expect(details.recordGpu(request.handle, queue)).toBeGreaterThan(0);
    request.end(launch);
    request.finish();
    const [span] = await spansNamed('load');
    expect(span?.attributes).toMatchObject({ bytes: 4096, ratio: 0.5, peer: 'decode-3', long: 'cut', last: true });
    const [host] = await spansNamed('launch');
    expect(span === undefined ? undefined : parentOf(span)).toBe(idOf(host!));
  });

  it('of a request is a span under the host slice that launched it, with source, bound and attributes', async () => {
    const request = tracer.request();
    request.slice(stages.launch, () => {
      const token = request.beginGpu(stages.forward, stream);
      expect(token).toBeGreaterThan(0);
      request.endGpu(token, { tokens: 17 });
    });
    request.finish();
    const [span, ...more] = await spansNamed('forward');
    expect(more).toEqual([]);
    const [launch] = await spansNamed('launch');
    expect([parentOf(span!), traceOf(span!)]).toEqual([idOf(launch!), traceOf(launch!)]);
    expect(span!.attributes['tokens']).toBe(17);
    expectTimed(span!, launch!);
  });

  it('of a request with nothing open is a span under its worker span', async () => {
    const request = tracer.request();
    request.endGpu(request.beginGpu(stages.forward, stream));
    request.finish();
    const [span] = await spansNamed('forward');
    const [worker] = await spansNamed('GpuWorker');
    expect(parentOf(span!)).toBe(idOf(worker!));
    expectTimed(span!, worker!);
  });

  it('of a batch of 256 gives every member its value, beside attributes of the slice', async () => {
    const members = Array.from({ length: 256 }, () => tracer.request());
    const batch = tracer.batch(members);
    const counts = members.map((_, index) => 100_000 + 200 * index);
    batch.endGpu(batch.beginGpu(stages.forward, stream), { step: 3, forward_mode: 'decode' }, { decode_ct: counts });
    batch.end();
    for (const member of members) member.finish();
    const spans = await spansNamed('forward');
    const values = spans.filter((span) => 'decode_ct' in span.attributes).map((span) => span.attributes['decode_ct']);
    expect(values).toEqual(counts);
    expect(spans.filter((span) => span.attributes['step'] === 3)).toHaveLength(257);
    expect(spans.some((span) => 'gpuspan.dropped_attributes' in span.attributes)).toBe(false);
  });

  it('gets attributes until its end, of a batch a value for each member too', async () => {
    const members = [tracer.request(), tracer.request()];
    const batch = tracer.batch(members);
    const token = batch.beginGpu(stages.forward, stream);
    batch.annotateGpu(token, { grid: 64 }, { rows: [3, 4] });
    batch.endGpu(token, { step: 1 });
    batch.end();
    const single = members[0]!.beginGpu(stages.forward, stream);
    members[0]!.annotateGpu(single, { grid: 1 });
    members[0]!.annotateGpu(single, { name: 'x'.repeat(300) });
    members[0]!.endGpu(single, { step: 2 });
    const stale = tracer.stats().lost['stale'] ?? 0;
    members[0]!.annotateGpu(single, { late: true });
    batch.annotateGpu(token, { late: true });
    expect(tracer.stats().lost['stale']).toBe(stale + 2);
    for (const member of members) member.finish();
    const spans = (await spansNamed('forward')).map(({ attributes }) => attributes);
    expect(spans.filter(({ step }) => step === 1).map(({ grid, rows }) => [grid, rows])).toEqual([
      [64, undefined],
      [64, 3],
      [64, 4],
    ]);
    const alone = { grid: 1, name: 'x'.repeat(255), step: 2, 'gpuspan.truncated': true };
    expect(spans.filter(({ step }) => step === 2)).toEqual([expect.objectContaining(alone)]);
    expect(spans.some((attributes) => 'late' in attributes)).toBe(false);
  });

  it('of a batch is a span of the batch and of every member, with the column value of each', async () => {
    const members = [tracer.request(), tracer.request(), tracer.request()];
    const batch = tracer.batch(members);
    batch.slice(stages.launch, () => {
      const token = batch.beginGpu(stages.forward, stream);
      batch.endGpu(token, { step: 3 }, { accepted: [10, 20, 300] });
    });
    batch.end();
    for (const member of members) member.finish();

    const spans = await spansNamed('forward');
    const launches = await spansNamed('launch');
    const [own] = await spansNamed('batch');
    expect([spans.length, launches.length]).toEqual([4, 4]);
    for (const span of spans) {
      const launch = launches.find((other) => traceOf(other) === traceOf(span))!;
      expect(parentOf(span)).toBe(idOf(launch));
      expect(span.attributes['step']).toBe(3);
      expectTimed(span, launch);
    }
    const valueIn = (trace: string) => spans.find((span) => traceOf(span) === trace)!.attributes['accepted'];
    const traces = members.map((member) => member.carrier()!.trace);
    expect(traces.map(valueIn)).toEqual([10, 20, 300]);
    expect(valueIn(traceOf(own!))).toBeUndefined();
    const ofMembers = spans.filter((span) => traceOf(span) !== traceOf(own!));
    expect(ofMembers.map(({ links }) => links.map(({ context }) => context.spanId))).toEqual(
      ofMembers.map(() => [idOf(own!)]),
    );
  });

  it('adds what the two marks cost to the histogram of the library’s calls', async () => {
    const before = tracer.stats().gpu!.recordCalls.count;
    const request = tracer.request();
    for (let i = 0; i < 10; i++) request.endGpu(request.beginGpu(stages.forward, stream));
    request.finish();
    await spansNamed('forward');
    const { count, p50Nanos, p99Nanos, maxNanos, powersOfTwo } = tracer.stats().gpu!.recordCalls;
    expect(powersOfTwo.reduce((sum, calls) => sum + calls, 0)).toBe(count);
    expect(powersOfTwo.findLastIndex((calls) => calls > 0)).toBe(Math.floor(Math.log2(maxNanos)) + 1);
    expect(count).toBe(before + 20);
    expect(p50Nanos).toBeGreaterThan(0);
    expect(p99Nanos).toBeGreaterThanOrEqual(p50Nanos);
    expect(maxNanos).toBeGreaterThanOrEqual(p99Nanos);
  });

  it('is lost, and counted, when it is ended twice', async () => {
    const request = tracer.request();
    const token = request.beginGpu(stages.forward, stream);
    request.endGpu(token);
    const stale = tracer.stats().lost['stale'] ?? 0;
    request.endGpu(token, { again: true });
    expect(tracer.stats().lost['stale']).toBe(stale + 1);
    request.finish();
    const [span, ...more] = await spansNamed('forward');
    expect(more).toEqual([]);
    expect(span!.attributes).not.toHaveProperty('again');
  });
});
