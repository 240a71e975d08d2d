// SPDX-License-Identifier: Apache-2.0
//
// `gpuspan/register`, and the ids that log lines take along.
import { execFileSync } from 'node:child_process';
import { defineStages } from 'gpuspan';
import { afterAll, describe, expect, it } from 'vitest';
import { idOf, startExported } from './exported';

const ROOT = new URL('../..', import.meta.url).pathname;
const PROGRAM = `
  const { Worker, isMainThread, parentPort } = require('node:worker_threads');
  const { start } = require('gpuspan');
  const seen = [start().enabled, start().enabled];
  new Worker(\`require('node:worker_threads').parentPort.postMessage(require('gpuspan').start().stats().lanes.length)\`, { eval: true })
    .on('message', (lanes) => console.log(JSON.stringify([...seen, lanes])));`;

function run(env: Record<string, string>): unknown {
  const inherited = Object.entries(process.env).filter(([name]) => !/^(GPUSPAN|OTEL_|NODE_OPTIONS|VITEST)/.test(name));
  const options = { cwd: ROOT, env: { ...Object.fromEntries(inherited), ...env }, encoding: 'utf8' as const };
  return JSON.parse(execFileSync(process.execPath, ['--import', 'gpuspan/register', '--eval', PROGRAM], options));
}

describe('gpuspan/register', () => {
  it('starts tracing before the program, in worker_threads as well', () => {
    const env = { GPUSPAN: '1', GPUSPAN_DEVICE: 'none', OTEL_TRACES_EXPORTER: 'none', GPUSPAN_RING_SLOTS: '1024' };
    expect(run(env)).toEqual([true, true, 2]);
  });

  it('does nothing while GPUSPAN is unset', () => {
    expect(run({})).toEqual([false, false, 0]);
  });
});

describe('the ids of a request', () => {
  const stages = defineStages('ids', { one: { level: 1 } });
  const { tracer, named } = startExported();
  afterAll(() => tracer.shutdown());

  it('are those of the slice that is open, else of the worker or root span', async () => {
    const request = tracer.request({ name: 'root' });
    const before = request.ids;
    const token = request.begin(stages.one);
    const within = request.ids;
    request.end(token);
    request.finish();
    const [root, one] = [await named('root'), await named('one')];
    const trace = root.spanContext().traceId;
    expect(before).toEqual({ trace_id: trace, span_id: idOf(root), trace_flags: '01' });
    expect(within).toEqual({ trace_id: trace, span_id: idOf(one), trace_flags: '01' });
  });

  it("are the caller's where nothing is recorded, and none where there is no trace", () => {
    const [trace, caller] = ['0af7651916cd43dd8448eb211c80319c', 'b7ad6b7169203331'];
    const request = tracer.request({ headers: { traceparent: `00-${trace}-${caller}-00` } });
    expect(request.ids).toEqual({ trace_id: trace, span_id: caller, trace_flags: '00' });
    expect(tracer.current().ids).toBeUndefined();
  });
});
