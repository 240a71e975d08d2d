// SPDX-License-Identifier: Apache-2.0
//
// Receivers that refuse, hang up or are not there, and a delivery worker that cannot start: counted, said once, and
// never the application's problem.
import { type Receiver, startReceiver } from 'gpuspan/testing';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { runScript } from './child';

let receiver: Receiver;

beforeEach(async () => {
  receiver = await startReceiver();
});

afterEach(() => receiver.close());

it('counts what a receiver refuses as export_failed and says so once, naming endpoint and status', async () => {
  receiver.behave({ status: 400 });
  const ended = await runScript('ends.cjs', ['shutdown'], receiver.url);
  expect(ended.code).toBe(0);
  expect(JSON.parse(ended.stdout)).toMatchObject({
    recorded: 100,
    consumed: 100,
    inRing: 0,
    owners: 20,
    reader: { delivered: 0, held: 0, owners: 0, lostOwners: 20, lost: { export_failed: 100 } },
  });
  expect(ended.stderr.match(/gpuspan: export to http:\S+\/v1\/traces fails: .*Bad Request/g)).toHaveLength(1);
});

it('ends within the deadline when nothing listens at the endpoint', async () => {
  const { url } = receiver;
  await receiver.close();
  const ended = await runScript('ends.cjs', ['exit'], url, { TEST_EXIT_TIMEOUT: '700' });
  expect(ended).toMatchObject({ code: 0, signal: null });
  expect(ended.stderr).toMatch(/gpuspan: 100 slices and 20 .* were not delivered to \S+ within 700 ms/);
});

it('goes by the general endpoint, after one warning, when that of traces is no http URL', async () => {
  const ended = await runScript('ends.cjs', ['natural'], receiver.url, {
    OTEL_EXPORTER_OTLP_TRACES_ENDPOINT: 'localhost:4318',
  });
  expect(ended.code).toBe(0);
  expect(ended.stderr.match(/TRACES_ENDPOINT=localhost:4318 is not an http or https URL/g)).toHaveLength(1);
  expect(ended.stderr).not.toContain('fails');
  expect(receiver.spans).toHaveLength(120);
});

it('goes on without delivery, after one warning, when worker threads are not permitted', async () => {
  const permissions = ['--experimental-permission', '--allow-addons', '--allow-fs-read=*', '--allow-fs-write=*'];
  const ended = await runScript('ends.cjs', ['natural'], receiver.url, { NODE_OPTIONS: '' }, permissions);
  expect(ended.code).toBe(0);
  expect(ended.stderr.match(/the delivery worker ended \(.*\); next attempt in 1 s/g)).toHaveLength(1);
  expect(ended.stderr).toMatch(/gpuspan: 100 slices and 20 .* were not delivered to/);
  expect(receiver.requests).toBe(0);
});

it('does not pass NODE_OPTIONS on to the delivery worker', async () => {
  // Preloaded there too, it would say so a second time.
  const preload = "data:text/javascript,process.stderr.write('preloaded')";
  const ended = await runScript('ends.cjs', ['natural'], receiver.url, { NODE_OPTIONS: `--import ${preload}` });
  expect(ended).toMatchObject({ code: 0, stderr: 'preloaded' });
  expect(receiver.spans).toHaveLength(120);
});
