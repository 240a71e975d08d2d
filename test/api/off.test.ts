// SPDX-License-Identifier: Apache-2.0
//
// Tracing that is off or impossible: the same API, nothing behind it. Each case in a process of its own.
import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { runProgram } from './child';

const USE_EVERYTHING = `
  import { readdirSync, readFileSync } from 'node:fs';
  import { createRequire } from 'node:module';
  import { defineEvents, defineStages, start } from 'gpuspan';
  const threads = () => readdirSync('/proc/self/task').length;
  const before = threads();
  const { one } = defineStages('off', { one: { level: 1 } });
  const { hint } = defineEvents('off', { hint: { level: 1 } });
  const tracer = start({ serviceName: 'x', worker: { label: 'w' }, directory: process.env.FOLDER });
  const request = tracer.request({ id: '1', headers: { traceparent: '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01' } });
  const token = request.begin(one);
  request.end(request.next(token, one), { a: 1 });
  request.event(hint);
  request.record(one, 1n, tracer.now());
  const batch = tracer.batch([request, request], { attributes: { a: 1 } });
  batch.endGpu(batch.beginGpu(one, tracer.gpu().stream(1n)), {}, { c: [1, 2] });
  batch.end();
  const there = tracer.adopt(request.carrier());
  there.leave();
  const traced = await tracer.trace({}, async (inner) => inner.slice(one, async (t) => [t, inner.level]));
  const current = request.run(() => tracer.current().level);
  request.finish();
  await tracer.flush();
  await tracer.shutdown();
  print({
    enabled: tracer.enabled,
    reason: tracer.reason,
    carrier: request.carrier(),
    none: [tracer.request().carrier() === undefined, tracer.adopt(undefined).headers()],
    headers: request.headers(),
    handles: [request.handle, batch.handle, tracer.apiAddress].map(String),
    gpu: [tracer.gpu().source, tracer.gpu().reason],
    traced,
    current,
    recorded: tracer.stats().recorded,
    threads: threads() - before,
    mapped: readFileSync('/proc/self/maps', 'utf8').includes('gpuspan.node'),
    loaded: Object.keys(createRequire(import.meta.url).cache).filter((file) => /opentelemetry|sinks\\/delivery/.test(file)),
  });
`;

let folder: string;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'gpuspan-off-'));
});
afterEach(() => rmSync(folder, { recursive: true }));

it('loads nothing native, creates no file or thread and records nothing while GPUSPAN is unset', async () => {
  const { output, stderr, code } = await runProgram(USE_EVERYTHING, { FOLDER: folder, TMPDIR: folder });
  expect(stderr).toBe('');
  expect(code).toBe(0);
  expect(output).toEqual({
    enabled: false,
    reason: 'GPUSPAN is not set',
    carrier: { v: 1, trace: '0af7651916cd43dd8448eb211c80319c', root: 'b7ad6b7169203331', level: 0, flags: 1 },
    none: [true, {}],
    headers: { traceparent: '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01' },
    handles: ['0', '0', '0'],
    gpu: ['', 'GPUSPAN is not set'],
    traced: [0, -1],
    current: -1,
    recorded: 0,
    threads: 0,
    mapped: false,
    loaded: [],
  });
  expect(readdirSync(folder)).toEqual([]);
});

it('stays off with one warning when GPUSPAN is neither on nor off', async () => {
  const { output, stderr } = await runProgram(USE_EVERYTHING, { FOLDER: folder, GPUSPAN: 'yes' });
  expect(output).toMatchObject({ enabled: false, mapped: false });
  expect(stderr.match(/GpuspanWarning/g)).toHaveLength(1);
});

it('is inert, with a readable reason, on another operating system', async () => {
  const program = `
    Object.defineProperty(process, 'platform', { value: 'win32' });
    const { start } = await import('gpuspan');
    const tracer = start();
    print([tracer.enabled, tracer.reason]);
  `;
  const { output, stderr, code } = await runProgram(program, { GPUSPAN: '1' });
  expect(output).toEqual([false, expect.stringContaining('win32')]);
  expect(stderr.match(/GpuspanWarning/g)).toHaveLength(1);
  expect(code).toBe(0);
});

it('checks options, stages and stream handles as if it were on', async () => {
  const program = `
    import { defineStages, start } from 'gpuspan';
    const codeOf = (action) => {
      try {
        action();
      } catch (error) {
        return error.code;
      }
    };
    const wrong = [codeOf(() => start({ level: 9 })), codeOf(() => defineStages('m', { a: { level: 0 } }))];
    const tracer = start({ level: 1 });
    wrong.push(codeOf(() => start({ level: 2 })), codeOf(() => tracer.gpu().stream(7)), codeOf(() => start({ level: 1 })));
    print(wrong);
  `;
  const { output } = await runProgram(program);
  expect(output).toEqual(['GPUSPAN_OPTION', 'GPUSPAN_STAGE', 'GPUSPAN_STARTED', 'GPUSPAN_STREAM', null]);
});
