// SPDX-License-Identifier: Apache-2.0
//
// Trace and span ids of several processes with several threads each, which were forked from one another and start at
// the same moment: none is zero, and none comes twice.
import { fork } from 'node:child_process';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';

const PROGRAM = join(import.meta.dirname, 'ids.mjs');
const THREADS = 4;
const REQUESTS = 1_000;
/** The one that this test forks, and two that fork each other from there on. */
const GENERATIONS = 3;

interface Ids {
  readonly traces: readonly string[];
  readonly spans: readonly string[];
}

describe('ids of forked processes with worker_threads', () => {
  let ids: Ids[];

  beforeAll(async () => {
    ids = await idsOf(fork(PROGRAM, [String(GENERATIONS), String(THREADS), String(REQUESTS)], { env: environment() }));
  }, 60_000);

  it('come from every thread of every process', () => {
    expect(ids).toHaveLength(GENERATIONS);
    for (const { traces, spans } of ids) {
      // The main thread records as well. A root span, a worker span and two slices a request.
      expect([traces.length, spans.length]).toEqual([(THREADS + 1) * REQUESTS, (THREADS + 1) * REQUESTS * 4]);
    }
  });

  it('are 128 bits of a trace and 64 of a span, and never zero', () => {
    const wrong = (pattern: RegExp, all: readonly string[]) => all.filter((id) => !pattern.test(id));
    for (const { traces, spans } of ids) {
      expect(wrong(/^(?!0{32})[0-9a-f]{32}$/, traces)).toEqual([]);
      expect(wrong(/^(?!0{16})[0-9a-f]{16}$/, spans)).toEqual([]);
    }
  });

  it('are all different', () => {
    const traces = ids.flatMap((one) => one.traces);
    const spans = ids.flatMap((one) => one.spans);
    expect([new Set(traces).size, new Set(spans).size]).toEqual([traces.length, spans.length]);
  });

  it('are random in both halves of a trace id', () => {
    const traces = ids.flatMap((one) => one.traces);
    for (const half of [0, 16]) {
      expect(new Set(traces.map((id) => id.slice(half, half + 16))).size).toBe(traces.length);
    }
  });
});

function environment(): NodeJS.ProcessEnv {
  const inherited = Object.entries(process.env).filter(([name]) => !/^(GPUSPAN|OTEL_|NODE_OPTIONS|VITEST)/.test(name));
  const prebuild = process.env['GPUSPAN_PREBUILD'];
  return {
    ...Object.fromEntries(inherited),
    GPUSPAN: '1',
    ...(prebuild !== undefined && { GPUSPAN_PREBUILD: prebuild }),
  };
}

/** What each process of the line found, in the one message of the first. */
function idsOf(child: ReturnType<typeof fork>): Promise<Ids[]> {
  return new Promise((resolve, reject) => {
    child.once('message', (message) => resolve(message as Ids[]));
    child.once('error', reject);
    // After whatever it sent, unlike 'exit'.
    child.once('disconnect', () => reject(new Error('it ended and sent nothing')));
  });
}
