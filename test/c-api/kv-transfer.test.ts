// SPDX-License-Identifier: Apache-2.0
//
// A pool of native threads that continue requests of JavaScript, several on one request at a time: what SGLang's
// transfer workers do with copy_for_thread().
import type { ReadableSpan } from '@opentelemetry/sdk-trace-base';
import { defineStages } from 'gpuspan';
import { kvTransfer } from 'gpuspan/stages';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { idOf, isUnfinished, parentOf, startExported } from '../api/exported';
import { type Details, loadDetails } from './details';

const THREADS = 4;
const { tracer, spans, named, clear } = startExported({ level: 2 });
const stages = defineStages('kv_test', { prefill: { level: 1 } });
let details: Details;

beforeAll(() => {
  details = loadDetails();
}, 300_000);
beforeEach(clear);
afterAll(() => tracer.shutdown());

async function all(name: string): Promise<ReadableSpan[]> {
  return (await spans()).filter((span) => span.name === name);
}
const nativeLanes = () => tracer.stats().lanes.filter(({ kind }) => kind === 'native');
const linksOf = (span: ReadableSpan) => span.links.map(({ context }) => context.spanId);
const values = (from: readonly ReadableSpan[], key: string) =>
  from.map(({ attributes }) => Number(attributes[key])).sort((a, b) => a - b);

describe('KV transfer by native threads with their own stay', () => {
  beforeAll(() => {
    expect(details.startThreads(THREADS, 1)).toBe(THREADS);
  });
  afterAll(() => details.stopThreads());

  it('gives each thread a worker span with its thread id, its slices below, linked to the slice before', async () => {
    const request = tracer.request({ id: 'rid-1' });
    request.end(request.begin(stages.prefill));
    expect(details.transfer(request.handle, 1)).toBe(THREADS);
    request.finish();

    const ours = await named('Worker');
    const workers = await all('KVTransfer');
    expect(workers.map(parentOf)).toEqual(Array.from({ length: THREADS }, () => parentOf(ours)));
    expect(values(workers, 'transfer_worker')).toEqual([0, 1, 2, 3]);
    const threads = new Set(values([...workers, ours], 'thread.id'));
    expect(threads.size).toBe(THREADS + 1);
    expect(new Set(workers.map(({ attributes }) => attributes['gpuspan.worker.kind']))).toEqual(new Set(['native']));

    const sends = await all('mooncake_worker_send');
    expect(new Set(sends.map(parentOf))).toEqual(new Set(workers.map(idOf)));
    expect(values(sends, 'bytes')).toEqual([4096, 8192, 12_288, 16_384]);
    const before = idOf(await named('prefill'));
    expect(sends.map(linksOf)).toEqual(sends.map(() => [before]));

    const sessions = await all('mooncake_worker_send_session');
    const perSend = sends.map((send) => sessions.filter((session) => parentOf(session) === idOf(send)).length);
    expect(perSend).toEqual([2, 2, 2, 2]);
    expect((await spans()).filter(isUnfinished)).toEqual([]);
  });

  it('links to what JavaScript has open while the threads adopt', async () => {
    const request = tracer.request({ id: 'rid-2' });
    const open = request.begin(kvTransfer.mooncake_send);
    expect(details.transfer(request.handle, 1)).toBe(THREADS);
    request.end(open, { bytes: 40_960 });
    request.finish();
    const link = idOf(await named('mooncake_send'));
    const sends = await all('mooncake_worker_send');
    expect(sends.map(linksOf)).toEqual(Array.from({ length: THREADS }, () => [link]));
  });

  it('opens a stay for each job of a thread, and no further lane', async () => {
    const lanes = nativeLanes();
    const request = tracer.request({ id: 'rid-3' });
    expect(details.transfer(request.handle, 5)).toBe(5 * THREADS);
    request.finish();
    const workers = await all('KVTransfer');
    expect(workers).toHaveLength(5 * THREADS);
    expect(new Set(values(workers, 'thread.id')).size).toBe(THREADS);
    expect(nativeLanes().map(({ lane }) => lane)).toEqual(lanes.map(({ lane }) => lane));
  });

  it('adopts nothing once the request has finished, and counts it', async () => {
    const request = tracer.request({ id: 'rid-4' });
    const { handle } = request;
    request.finish();
    const before = tracer.stats().lostOwners['stale'] ?? 0;
    expect(details.transfer(handle, 3)).toBe(0);
    expect((tracer.stats().lostOwners['stale'] ?? 0) - before).toBe(3 * THREADS);
    expect(await all('KVTransfer')).toEqual([]);
  });

  it('records nothing for an inert request', async () => {
    const recorded = tracer.stats().recorded;
    expect(details.transfer(0n, 2)).toBe(0);
    expect(tracer.stats().recorded).toBe(recorded);
  });
});

it('names the worker spans of threads without a label `worker`', async () => {
  expect(details.startThreads(2, 0)).toBe(2);
  try {
    const request = tracer.request({ id: 'rid-5' });
    expect(details.transfer(request.handle, 1)).toBe(2);
    request.finish();
    const workers = await all('worker');
    expect(workers.map(({ attributes }) => attributes['gpuspan.worker.kind'])).toEqual(['native', 'native']);
  } finally {
    details.stopThreads();
  }
});
