// SPDX-License-Identifier: Apache-2.0
//
// Delivery gives way to the application: its thread has the lower priority, every other one keeps its own.
import { getPriority } from 'node:os';
import { startReceiver } from 'gpuspan/testing';
import { expect, it } from 'vitest';
import { runScript } from './child';

const NICE_MAX = 19;

it('runs the delivery worker, and no other thread, five nice levels behind the application', async (ctx) => {
  const nice = getPriority();
  if (nice === NICE_MAX) return ctx.skip('the tests themselves run at the lowest priority');
  const receiver = await startReceiver();
  const { stdout, stderr } = await runScript('priority.cjs', [], receiver.url);
  await receiver.close();
  expect(receiver.spans, stderr).toHaveLength(3);
  const behind = Math.min(nice + 5, NICE_MAX);
  const threads: number[] = JSON.parse(stdout);
  expect(threads.filter((value) => value === behind)).toHaveLength(1);
  expect(threads.filter((value) => value !== behind)).toEqual(new Array(threads.length - 1).fill(nice));
});
