// SPDX-License-Identifier: Apache-2.0
//
// Timestamps of performance.now() as times of slices and events. With the addon.
import { defineEvents, defineStages } from 'gpuspan';
import { afterAll, describe, expect, it } from 'vitest';
import { runProgram } from './child';
import { lossesOf, startExported } from './exported';

const stages = defineStages('performance-clock', { past: { level: 1 } });
const events = defineEvents('performance-clock', { hint: { level: 1 } });
const { tracer } = startExported();

afterAll(() => tracer.shutdown());

describe('fromPerformance', () => {
  it('is on the clock of now, to a microsecond', () => {
    for (let i = 0; i < 100; i++) {
      const before = tracer.now();
      const converted = tracer.fromPerformance(performance.now());
      const after = tracer.now();
      expect(converted).toBeGreaterThanOrEqual(before - 1_000n);
      expect(converted).toBeLessThanOrEqual(after + 1_000n);
    }
  });

  it('keeps the distance of timestamps, before the start of the thread as well', () => {
    const at = tracer.fromPerformance(1_000_000.25);
    expect(tracer.fromPerformance(1_000_001.25) - at).toBe(1_000_000n);
    expect(at - tracer.fromPerformance(-10.75)).toBe(1_000_011_000_000n);
  });

  it('gives -1n, which is a counted loss, for what is no time of this clock', () => {
    const request = tracer.request();
    for (const wrong of [Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY, -1e15, '5', undefined, 5n]) {
      const time = tracer.fromPerformance(wrong as number);
      expect(time).toBe(-1n);
      expect(lossesOf(tracer, () => request.record(stages.past, time, tracer.now()))).toEqual({ invalid: 1 });
      expect(lossesOf(tracer, () => request.event(events.hint, {}, { time }))).toEqual({ invalid: 1 });
    }
    expect(lossesOf(tracer, () => request.record(stages.past, 0n, tracer.fromPerformance(1e300)))).toEqual({
      invalid: 1,
    });
    request.finish();
  });

  it('counts from the start of the thread that calls it', async () => {
    const measure = `
      const tracer = start();
      const before = tracer.now();
      const at = tracer.fromPerformance(performance.now());
      const right = before - 1000n <= at && at <= tracer.now() + 1000n;
    `;
    const there = `
      const { start } = require('gpuspan');
      ${measure}
      require('node:worker_threads').parentPort.postMessage(right);
    `;
    const program = `
      import { Worker } from 'node:worker_threads';
      import { start } from 'gpuspan';
      ${measure}
      const worker = new Worker(${JSON.stringify(there)}, { eval: true, execArgv: [] });
      worker.on('message', (right_there) => print([right, right_there]));
    `;
    const { output, stderr } = await runProgram(program);
    expect(stderr).toBe('');
    expect(output).toEqual([true, true]);
  });
});
