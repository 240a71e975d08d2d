// SPDX-License-Identifier: Apache-2.0
//
// Environments that end in the middle of recording.
import { execFileSync } from 'node:child_process';
import { join } from 'node:path';
import { Worker } from 'node:worker_threads';
import { expect, it } from 'vitest';
import { CONFIG, IDENTITY, loadAddon, ROOT } from './addon';

const native = loadAddon();
native.open(CONFIG);

/** Runs `body` in a worker_thread with `native` loaded there; resolves with what it posts, once it has ended. */
function inWorker(body: string): Promise<unknown> {
  const loader = JSON.stringify(join(ROOT, 'dist', 'native.js'));
  const worker = new Worker(
    `const { parentPort } = require('node:worker_threads');
     const { native } = require(${loader}).loadNative();
     const IDENTITY = ${JSON.stringify(IDENTITY)};
     ${body}`,
    { eval: true },
  );
  return new Promise((resolve, reject) => {
    let posted: unknown;
    worker.on('message', (message) => {
      posted = message;
    });
    worker.once('error', reject).once('exit', () => resolve(posted));
  });
}

it('survives 100 worker_threads terminated mid-slice, 5 times over, in constant memory', { timeout: 240_000 }, () => {
  const script = join(ROOT, 'test', 'native-addon', 'terminate-workers.cjs');
  const output = execFileSync(process.execPath, ['--expose-gc', script], { encoding: 'utf8' });
  const result = JSON.parse(output);
  const lost = Object.values(result.lost as Record<string, number>).reduce((sum, count) => sum + count, 0);
  expect(result.terminated).toBe(500);
  expect(result.recorded).toBe(result.consumed + result.inRing + lost);
  expect(result.lanes).toBeLessThanOrEqual(100);
  expect(result.states).toEqual(['orphaned']);
  // A sanitizer keeps freed memory in quarantine; its own leak check speaks for it.
  if (process.env['LD_PRELOAD'] === undefined)
    expect(result.resident[4]).toBeLessThanOrEqual(result.resident[1] * 1.05);
});

it('frees the lease of an environment that ends, and only its own', async () => {
  const id = await inWorker(`const id = native.environment(); native.leaseAcquire(id); parentPort.postMessage(id);`);
  expect(id).not.toBe(native.environment());
  expect(native.leaseHolder()).toBe(0);
  native.leaseAcquire(native.environment());
  await inWorker('native.environment()');
  expect(native.leaseHolder()).toBe(native.environment());
  native.leaseRelease(native.environment());
});

it('gives every environment an id and a lane of its own', async () => {
  const { lane } = native.attach(IDENTITY);
  const body = 'parentPort.postMessage([native.environment(), native.attach(IDENTITY).lane])';
  const [first, second] = (await Promise.all([inWorker(body), inWorker(body)])) as [number[], number[]];
  expect(new Set([native.environment(), first[0], second[0]]).size).toBe(3);
  expect(first[1]).not.toBe(lane);
  expect(second[1]).not.toBe(lane);
});

it('writes what a natural end leaves open', async () => {
  const lane = (await inWorker(`
    const { lane, scratch } = native.attach(IDENTITY);
    new Uint8Array(scratch).fill(0, 0, 64);
    const stage = native.intern('stage', native.intern('module', 0, 0, 'test').id, 1, 'open').id;
    native.begin((native.requestStart(2, 0) << 16) | stage);
    parentPort.postMessage(lane);`)) as number;
  const stats = native.stats().lanes.find((each) => each.lane === lane);
  expect(stats).toMatchObject({ state: 'orphaned', recorded: 1, inRing: 1 });
  expect(stats?.lost).toEqual({});
});
