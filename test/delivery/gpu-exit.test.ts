// SPDX-License-Identifier: Apache-2.0
//
// GPU slices that the device has not finished when the process ends: on a real OpenCL queue.
import { join } from 'node:path';
import { query, startReceiver } from 'gpuspan/testing';
import { beforeAll, expect, it } from 'vitest';
import { buildConsumer } from '../c-api/build.mjs';
import { runScript } from './child';

let addon: string;

beforeAll(() => {
  addon = join(buildConsumer(), 'consumer.node');
}, 300_000);

it('delivers GPU slices that are in flight when process.exit is called', async ({ skip }) => {
  const receiver = await startReceiver();
  const ended = await runScript('gpu-exit.cjs', [addon], receiver.url);
  await receiver.close();
  const counts = JSON.parse(ended.stdout);
  if (counts === null && process.env['GPUSPAN_REQUIRE_OPENCL'] !== '1') skip('no OpenCL device on this machine');
  expect(ended).toMatchObject({ code: 0, stderr: '' });
  expect(counts.finished).toBeLessThan(counts.begun);
  expect(receiver.spans.filter(({ name }) => name === 'inner')).toHaveLength(counts.begun);
  expect(query(receiver.spans).orphans()).toEqual([]);
});
