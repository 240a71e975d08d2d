// SPDX-License-Identifier: Apache-2.0
//
// Delivery gives way to the application: its thread has the lower priority, every other one keeps its own.
import { getPriority } from 'node:os';
import { spawn } from 'node:child_process';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { startReceiver } from 'gpuspan/testing';
import { expect, it, vi } from 'vitest';

const NICE_MAX = 19;

it('runs the delivery worker, and no other thread, five nice levels behind the application', async (ctx) => {
  const nice = getPriority();
  if (nice === NICE_MAX) return ctx.skip('the tests themselves run at the lowest priority');
  const receiver = await startReceiver();
  // A name, which is looked up on the process's thread pool.
  const url = new URL(receiver.url);
  url.hostname = 'localhost';
  const child = spawn(process.execPath, [join(import.meta.dirname, 'scripts', 'priority.cjs')], {
    env: { ...process.env, GPUSPAN: '1', OTEL_EXPORTER_OTLP_ENDPOINT: url.href },
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  await vi.waitFor(() => expect(receiver.spans).toHaveLength(3), { timeout: 30_000 });
  child.kill('SIGUSR2');
  const stdout = await text(child.stdout);
  await receiver.close();
  const behind = Math.min(nice + 5, NICE_MAX);
  const threads: number[] = JSON.parse(stdout);
  expect(threads.filter((value) => value === behind)).toHaveLength(1);
  expect(threads.filter((value) => value !== behind)).toEqual(new Array(threads.length - 1).fill(nice));
});
