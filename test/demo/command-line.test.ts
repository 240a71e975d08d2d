// SPDX-License-Identifier: Apache-2.0
//
// The demo's command line: what it refuses, and the endpoint of the user's own collector.
import { startReceiver } from 'gpuspan/testing';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { expect, it, onTestFinished } from 'vitest';
import { forwardTo } from '../../examples/text-server/demo/forward.mjs';
import { readOptions } from '../../examples/text-server/demo/options.mjs';
import { CORPUS, runDemo } from './run-demo';

it.each([
  [['--requests', '0'], /--requests must be an integer from 1 to 10000, got '0'/],
  [['--requests', 'many'], /--requests must be an integer/],
  [['--device', 'tpu'], /--device must be one of auto, cuda, opencl, sim, threads, got 'tpu'/],
  [['--corpus', 'nowhere.txt'], /--corpus: no file nowhere.txt/],
  [['--out', '/dev/null/spans.jsonl'], /--out: E/],
  [['--trace', '/dev/null/x.pftrace'], /--report or --trace: E/],
  [['--report', ''], /--report needs the name of a file/],
  [['--report', 'x.html', '--trace', './x.html'], /--out, --report and --trace need different files/],
  [['--fast'], /Unknown option '--fast'/],
])('refuses %j with a message and exit code 2', async (args, message) => {
  const run = await runDemo(args);
  expect(run.stderr).toMatch(message);
  expect(run.stderr).toContain('npm run demo -- [options]');
  expect(run.status).toBe(2);
});

it('explains its options with --help', async () => {
  const run = await runDemo(['--help']);
  expect(run.status).toBe(0);
  expect(run.stdout).toContain('--device D');
});

it.each([
  [{}, [], 'auto'],
  [{ GPUSPAN_DEVICE: 'opencl' }, [], 'auto'],
  [{ GPUSPAN_DEVICE: 'cuda' }, [], 'cuda'],
  [{ GPUSPAN_DEVICE: 'sim' }, [], 'sim'],
  [{ GPUSPAN_DEVICE: 'sim' }, ['--device', 'threads'], 'threads'],
])('with %j and %j computes on %s', (env, args, device) => {
  expect(readOptions(args, env).device).toBe(device);
});

it('answers the same with --off, whatever GPUSPAN says, and records nothing', async () => {
  const run = await runDemo(['--off', '--device', 'threads', '--corpus', CORPUS, '--requests', '4'], { GPUSPAN: '1' });
  expect(run.status, run.stdout + run.stderr).toBe(0);
  expect(run.stdout).toContain('4 of 4 continuations equal the CPU reference');
  expect(run.stdout).toContain('tracing is off: no process has loaded the addon of gpuspan');
  expect([run.spans, run.files]).toEqual([[], []]);
});

it('also exports to the endpoint that the user has set', async () => {
  const receiver = await startReceiver();
  onTestFinished(() => receiver.close());
  const args = ['--device', 'threads', '--corpus', CORPUS, '--requests', '2'];
  const run = await runDemo(args, { OTEL_EXPORTER_OTLP_ENDPOINT: receiver.url });
  expect(run.status, run.stdout + run.stderr).toBe(0);
  expect(run.stdout).toContain(`forwarded to ${receiver.url}/v1/traces`);
  expect(receiver.spans.length).toBeGreaterThan(0);
  expect(new Set(receiver.spans.map(({ spanId }) => spanId))).toEqual(new Set(run.spans.map(({ spanId }) => spanId)));
});

it('fails, and says so, when that endpoint refuses', async () => {
  const receiver = await startReceiver({ status: 503 });
  onTestFinished(() => receiver.close());
  const args = ['--device', 'threads', '--corpus', CORPUS, '--requests', '2'];
  const run = await runDemo(args, { OTEL_EXPORTER_OTLP_ENDPOINT: receiver.url });
  expect(run.stdout).toContain(`not forwarded to ${receiver.url}/v1/traces: it answered 503`);
  expect(run.status).toBe(1);
});

it('sends the headers that the user has set along, whatever is in their values', async () => {
  const seen: unknown[] = [];
  const collector = createServer(({ headers }, response) => {
    seen.push([headers.authorization, headers['x-team'], headers['x-bad']]);
    response.end();
  });
  onTestFinished(() => void collector.close());
  await new Promise<void>((resolve) => collector.listen(0, '127.0.0.1', resolve));
  const { port } = collector.address() as AddressInfo;
  const forward = forwardTo(
    `http://127.0.0.1:${port}`,
    'Authorization=Basic dXNlcjpwYXNz==, x-team=a%20b,x-bad=%zz,nonsense',
  );
  forward.write({} as Parameters<typeof forward.write>[0]);
  expect(await forward.problem()).toBeUndefined();
  expect(seen).toEqual([['Basic dXNlcjpwYXNz==', 'a b', undefined]]);
});
