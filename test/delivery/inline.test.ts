// SPDX-License-Identifier: Apache-2.0
//
// Delivery to an exporter object given to start(), on the application's own thread.
import { expect, it } from 'vitest';
import { runScript } from './child';

const SPANS_OF_TEN_REQUESTS = 120;

async function runInline(mode: string): Promise<Record<string, number>> {
  const ended = await runScript('inline.cjs', [mode], '');
  expect(ended, ended.stderr).toMatchObject({ code: 0, stderr: '' });
  return JSON.parse(ended.stdout);
}

it('keeps a process that ends naturally alive until an asynchronous exporter has everything', async () => {
  expect(await runInline('natural')).toMatchObject({ spans: SPANS_OF_TEN_REQUESTS, inFlight: 0 });
});

it('lets a process end naturally although the exporter refuses everything, and says so once', async () => {
  const ended = await runScript('inline.cjs', ['refused'], '');
  expect(ended.code).toBe(0);
  expect(
    ended.stderr.match(/export to the exporter given to start\(\) fails: the exporter gives no reason/g),
  ).toHaveLength(1);
  expect(JSON.parse(ended.stdout)).toMatchObject({ spans: SPANS_OF_TEN_REQUESTS });
});

it('ends naturally within exitTimeoutMillis although the exporter never answers, and says so once', async () => {
  const ended = await runScript('inline.cjs', ['never'], '');
  expect(ended).toMatchObject({ code: 0, signal: null });
  expect(
    ended.stderr.match(
      /GpuspanWarning: 16000 slices and 800 request, worker and batch spans were not delivered to the exporter given to start\(\) within 300 ms/g,
    ),
  ).toHaveLength(1);
});

it('hands everything to an exporter that answers at once when process.exit is called', async () => {
  expect(await runInline('exit')).toMatchObject({ spans: SPANS_OF_TEN_REQUESTS, inFlight: 0 });
});

it('drops nothing of a burst, with at most two exports of at most 512 spans in flight', async () => {
  const seen = await runInline('shutdown');
  expect(seen).toMatchObject({ spans: 400 * (2 + 2 * 20), mostInFlight: 2, inFlight: 0, shutdowns: 1 });
  expect(seen['mostSpans']).toBeLessThanOrEqual(512);
});

it('gets the slices of the other threads of the process', async () => {
  expect(await runInline('other-thread')).toMatchObject({ spans: SPANS_OF_TEN_REQUESTS, shutdowns: 1 });
});
