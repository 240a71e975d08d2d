// SPDX-License-Identifier: Apache-2.0
//
// flush, shutdown and process.exit while the receiver takes nothing: they end in the time that docs/opentelemetry.md
// states, deliver what can be delivered, and what cannot is counted.
import { describe, expect, it, vi } from 'vitest';
import { BEGIN, count, expectBalanced, flushAll, SHORT, startHttp, startProcess, startReceiver, WAIT } from './outage';
import type { Protocol } from './unruly-receiver';

vi.setConfig({ maxConcurrency: 4, testTimeout: 120_000 });

describe.concurrent('shutdown', () => {
  it.for<Protocol>(['http/protobuf', 'http/json', 'grpc'])(
    'counts everything as export_failed when the receiver stays down, over %s',
    async (protocol, context) => {
      const receiver = await startReceiver(protocol, context);
      const told = await startProcess(receiver, context, protocol, SHORT);
      await receiver.close();
      await told.tell({ type: 'flood', slices: 10_000 });
      const stats = await told.shutdown();
      expectBalanced(stats, receiver);
      expect(stats.reader).toMatchObject({ delivered: 0, lost: { export_failed: stats.consumed } });
      expect(await told.ended).toBe(0);
      expect(count(told.stderr, BEGIN)).toBe(1);
      expect(told.stderr.trim().split('\n')).toHaveLength(1);
    },
  );

  it('counts everything as export_failed when the receiver never answers', async (context) => {
    const receiver = await startHttp(context);
    receiver.answer = () => undefined;
    const told = await startProcess(receiver, context, 'http/protobuf', SHORT);
    await told.tell({ type: 'flood', slices: 10_000 });
    const stats = await told.shutdown();
    expectBalanced(stats, receiver);
    expect(stats.reader).toMatchObject({ delivered: 0, lost: { export_failed: stats.consumed } });
    expect(await told.ended).toBe(0);
    expect(receiver.books.mostOpen).toBeLessThanOrEqual(2);
  });

  it('does not wait for a receiver that wants to be left alone for an hour', async (context) => {
    const receiver = await startHttp(context);
    receiver.answer = ({ response }) => response.writeHead(503, { 'retry-after': '3600' }).end();
    const told = await startProcess(receiver, context);
    await told.tell({ type: 'flood', slices: 10_000 });
    await vi.waitFor(() => expect(told.stderr).toMatch(BEGIN), WAIT);
    const stats = await told.shutdown();
    expectBalanced(stats, receiver);
    expect(stats.reader).toMatchObject({ delivered: 0, lost: { export_failed: stats.consumed } });
    expect(await told.ended).toBe(0);
    expect(receiver.books.arrivals.length).toBeLessThanOrEqual(2);
  });

  it('delivers everything to a receiver that comes back meanwhile', async (context) => {
    const receiver = await startHttp(context);
    const told = await startProcess(receiver, context, 'http/protobuf', SHORT);
    await receiver.close();
    await told.tell({ type: 'record', requests: 100 });
    await vi.waitFor(() => expect(told.stderr).toMatch(BEGIN), WAIT);
    const shutdown = told.shutdown();
    await receiver.listen();
    const stats = await shutdown;
    expectBalanced(stats, receiver);
    expect(stats.reader).toMatchObject({ delivered: 1_000, owners: 200, lost: {} });
  });

  it('of a worker_thread that owns the delivery leaves what the receiver does not take to the next reader', async (context) => {
    const receiver = await startHttp(context);
    await receiver.close();
    const told = await startProcess(receiver, context, 'http/protobuf', { ...SHORT, TEST_READER: 'thread' });
    await told.tell({ type: 'record', requests: 10 });
    await told.tell({ type: 'end-reader' });
    expect(await told.stats()).toMatchObject({ recorded: 110, inRing: 110, reader: { lost: {} } });
    await told.tell({ type: 'record', requests: 10 });
    await receiver.listen();
    await flushAll(told);
    expectBalanced(await told.stats(), receiver);
    expect(receiver.books.slices.size).toBe(210);
  });
});

describe.concurrent('flush', () => {
  it('ends while the receiver is down and keeps what it could not deliver', async (context) => {
    const receiver = await startHttp(context);
    const told = await startProcess(receiver, context, 'http/protobuf', SHORT);
    await receiver.close();
    await told.tell({ type: 'record', requests: 10 });
    await told.tell({ type: 'flush' });
    expect(await told.stats()).toMatchObject({ inRing: 100, reader: { delivered: 0, lost: {} } });
    await receiver.listen();
    await flushAll(told);
    expectBalanced(await told.stats(), receiver);
    expect(receiver.books.slices.size).toBe(100);
    expect(told.stderr).not.toContain('not delivered');
  });
});

describe.concurrent('process.exit', () => {
  it('waits exitTimeoutMillis at most for a receiver that never answers, and says what it did not get', async (context) => {
    const receiver = await startHttp(context);
    receiver.answer = () => undefined;
    const told = await startProcess(receiver, context, 'http/protobuf', { TEST_EXIT_TIMEOUT: '400' });
    await told.tell({ type: 'record', requests: 10 });
    expect(await told.exit()).toBe(0);
    expect(told.stderr).toMatch(/gpuspan: 100 slices and 20 .* were not delivered to \S+ within 400 ms/);
  });
});
