// SPDX-License-Identifier: Apache-2.0
//
// What is delivered when a process or a thread ends, by default delivery to a healthy receiver.
import { type Receiver, query, startReceiver } from 'gpuspan/testing';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { runScript } from './child';

const REQUESTS = 10;
const SLICES = 5;
// Root span, worker span, and two slices a round.
const SPANS = REQUESTS * (2 + 2 * SLICES);

let receiver: Receiver;

beforeEach(async () => {
  receiver = await startReceiver();
});

afterEach(() => receiver.close());

function expectDelivered(requests: number): void {
  const ids = new Set(receiver.spans.map(({ spanId }) => spanId));
  expect(ids.size).toBe((requests * SPANS) / REQUESTS);
  const asked = query(receiver.spans);
  expect(asked.orphans()).toEqual([]);
  expect(asked.roots()).toHaveLength(requests);
}

describe('everything recorded before it arrives', () => {
  it.each<[string, string, number]>([
    ['the process ends naturally', 'natural', 0],
    ['process.exit is called right after recording, while the delivery worker boots', 'exit', 0],
    ['process.exit is called later', 'exit-later', 3],
    ['an error is thrown and not caught', 'throw', 1],
    ['a rejection is not handled', 'unhandled-rejection', 1],
    ['a worker_thread recorded and ended', 'worker-ends', 0],
    ['a worker_thread threw', 'worker-throws', 0],
    ['a worker_thread was terminated', 'worker-terminated', 0],
    ['only a worker_thread called start, and it ends', 'worker-only', 0],
    ['only a worker_thread called start, and it throws', 'worker-only-throws', 0],
    ['process.exit is called while the reader belongs to a worker_thread', 'reader-elsewhere', 0],
  ])('when %s', async (_, mode, code) => {
    const ended = await runScript('ends.cjs', [mode], receiver.url);
    expect(ended).toMatchObject({ code, signal: null });
    expectDelivered(REQUESTS);
    expect(receiver.spans).toHaveLength(SPANS);
  });

  it('when the worker_thread that owned the reader is terminated and the main thread takes over', async () => {
    const ended = await runScript('ends.cjs', ['reader-terminated'], receiver.url);
    expect(ended).toMatchObject({ code: 0, signal: null });
    expectDelivered(2 * REQUESTS);
  });
});

describe('the end of a process', () => {
  it('is the signal itself when SIGTERM meets no handler of the application', async () => {
    const ended = await runScript('ends.cjs', ['sigterm'], receiver.url);
    expect(ended).toMatchObject({ code: null, signal: 'SIGTERM' });
  });

  it('delivers what was still open, flagged', async () => {
    await runScript('ends.cjs', ['open'], receiver.url);
    const open = receiver.spans.filter(({ name }) => name === 'outer');
    expect(open.map(({ attributes }) => attributes['gpuspan.unfinished'])).toEqual([true]);
    expect(query(receiver.spans).orphans()).toEqual([]);
  });

  it('sends nothing and says nothing when nothing was recorded', async () => {
    const ended = await runScript('ends.cjs', ['nothing-recorded'], receiver.url);
    expect(ended).toMatchObject({ code: 0, stderr: '' });
    expect(receiver.requests).toBe(0);
  });

  it('is not held up beyond the deadline by a receiver that does not answer, and says what was not delivered', async () => {
    receiver.behave({ delayMillis: 20_000 });
    const ended = await runScript('ends.cjs', ['exit'], receiver.url, { TEST_EXIT_TIMEOUT: '400' });
    expect(ended.code).toBe(0);
    expect(ended.stderr).toMatch(
      /gpuspan: 100 slices and 20 request, worker and batch spans were not delivered to http:\S+ within 400 ms/,
    );
  });

  it('says on stderr what was recorded when there was nowhere to send it, after one warning at the start', async () => {
    const ended = await runScript('ends.cjs', ['worker-ends'], '');
    expect(ended.code).toBe(0);
    expect(ended.stderr.match(/nowhere to send them: set OTEL_EXPORTER_OTLP_ENDPOINT/g)).toHaveLength(1);
    expect(ended.stderr).toMatch(
      /gpuspan: 100 slices of 20 requests, worker spans and batches were recorded; 100 were never read/,
    );
  });

  it('says so once, of all threads, when only worker_threads called start, one after another', async () => {
    const ended = await runScript('ends.cjs', ['two-workers'], '');
    expect(ended.code).toBe(0);
    expect(ended.stderr.match(/nowhere to send them: set OTEL_EXPORTER_OTLP_ENDPOINT/g)).toHaveLength(1);
    expect(ended.stderr.match(/gpuspan: \d+ slices of .*/g)).toEqual([
      expect.stringMatching(/^gpuspan: 200 slices of 40 requests, .*; 200 were never read/),
    ]);
  });

  it('counts what nobody read as no_reader, and the equation holds', async () => {
    const ended = await runScript('ends.cjs', ['stats'], '', { OTEL_TRACES_EXPORTER: 'none' });
    expect(ended).toMatchObject({ code: 0, stderr: '' });
    const stats = JSON.parse(ended.stdout);
    expect(stats).toMatchObject({ recorded: 100, consumed: 0, inRing: 0 });
    expect(stats.lost).toEqual({ no_reader: 100 });
  });

  it('is quiet when OTEL_TRACES_EXPORTER=none asks for no export', async () => {
    const ended = await runScript('ends.cjs', ['natural'], '', { OTEL_TRACES_EXPORTER: 'none' });
    expect(ended).toMatchObject({ code: 0, stderr: '' });
  });
});

describe('shutdown', () => {
  it('leaves the reading to a thread that goes on', async () => {
    const ended = await runScript('ends.cjs', ['after-shutdown'], receiver.url);
    expect(ended).toMatchObject({ code: 0, stderr: '' });
    expectDelivered(2 * REQUESTS);
    expect(receiver.spans).toHaveLength(2 * SPANS);
  });

  it('resolves when everything is delivered, and the books are closed', async () => {
    const ended = await runScript('ends.cjs', ['shutdown'], receiver.url);
    expect(ended.code).toBe(0);
    expectDelivered(REQUESTS);
    const stats = JSON.parse(ended.stdout);
    const slices = REQUESTS * 2 * SLICES;
    expect(stats).toMatchObject({ recorded: slices, consumed: slices, inRing: 0 });
    expect(stats.reader).toMatchObject({ delivered: slices, held: 0 });
    expect([stats.lost, stats.reader.lost]).toEqual([{}, {}]);
  });

  it('gives up after 30 s in all when the receiver does not answer, and says once what was not delivered', async () => {
    receiver.behave({ delayMillis: 20_000 });
    const ended = await runScript('ends.cjs', ['shutdown-in-vain'], receiver.url);
    expect(ended).toMatchObject({ code: 0, stdout: 'over\n' });
    expect(
      ended.stderr.match(
        /GpuspanWarning: 100 slices and 20 request, worker and batch spans were not delivered to http:\S+ within 30000 ms/g,
      ),
    ).toHaveLength(1);
    expect(ended.stderr.match(/not delivered/g)).toHaveLength(1);
  });
});
