// SPDX-License-Identifier: Apache-2.0
//
// GPU slices on a real OpenCL queue, marked from JavaScript and from C, in one process: the device is opened once.
import { join } from 'node:path';
import { Worker } from 'node:worker_threads';
import { beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { CONFIG, IDENTITY, Lane, loadAddon, ROOT, where } from '../native-addon/addon';
import { records } from '../native-addon/segment-view';
import { type Consumer, loadConsumers, STAGE } from './consumer';

const native = loadAddon();
const lane = new Lane(native, { ...CONFIG, device: 'opencl' });
const stage = lane.stage('kernel');
let consumer: Consumer;
let queue = 0n;

beforeAll(() => {
  ({ consumer } = loadConsumers());
  queue = consumer.makeQueue();
}, 300_000);

beforeEach(({ skip }) => {
  if (queue === 0n && process.env['GPUSPAN_REQUIRE_OPENCL'] !== '1') skip('no OpenCL device on this machine');
});

const resolver = () => native.stats().lanes.find(({ kind }) => kind === 'resolver')?.lane ?? -1;

/** Waits for `count` GPU slices that the resolver finished, and reads them. */
async function finished(count: number) {
  consumer.finishQueue(queue);
  await expect
    .poll(() => native.stats().lanes.find(({ kind }) => kind === 'resolver')?.inRing, { timeout: 20_000 })
    .toBe(count);
  return records(native, resolver(), { consume: true });
}

describe('on an OpenCL queue', () => {
  it('names the device it times', () => {
    expect(native.gpuOpen()).toMatchObject({ source: 'opencl', description: expect.stringContaining('OpenCL') });
  });

  it('refuses a handle that is no queue by name', () => {
    expect(() => native.gpuStream(0x10n)).toThrow(
      expect.objectContaining({ code: 'GPUSPAN_STREAM', message: expect.stringMatching(/0x10/) }),
    );
  });

  it('hangs a slice from JavaScript under the host slice that launched it', async () => {
    const stream = native.gpuStream(queue);
    const request = lane.start();
    const host = native.begin(where(request, stage));
    const token = native.gpuBegin(where(request, stage), stream);
    expect(token).toBeGreaterThan(0);
    native.gpuEnd(token, 0);
    native.end(host);
    native.requestFinish(request, 0);
    const [gpu] = await finished(1);
    const [slice] = records(native, lane.lane, { consume: true });
    expect(gpu).toMatchObject({ kind: 'gpu', stage, parent: slice?.span, trace: slice?.trace });
    expect(gpu && gpu.end >= gpu.start).toBe(true);
  });

  it('hangs a slice from C under the host slice of C, with its attributes', async () => {
    const request = lane.start();
    const adopted = consumer.adopt(lane.handle());
    const host = consumer.begin(STAGE.load, adopted);
    const token = consumer.gpuBegin(STAGE.run, adopted, queue);
    expect(token).toBeGreaterThan(0);
    consumer.gpuEnd(token);
    consumer.end(host);
    consumer.leave(adopted);
    native.requestFinish(request, 0);
    const [gpu] = await finished(1);
    const [slice] = records(native, lane.lane, { consume: true });
    expect(gpu).toMatchObject({ kind: 'gpu', parent: slice?.span });
    const ratio = Buffer.alloc(8);
    ratio.writeDoubleLE(0.5);
    expect(gpu?.payload.includes(ratio)).toBe(true);
  });

  it('counts tokens that are stale, ended twice or made up', () => {
    const request = lane.start();
    const token = native.gpuBegin(where(request, stage), native.gpuStream(queue));
    native.gpuEnd(token, 0);
    const before = native.stats().lost['stale'] ?? 0;
    native.gpuEnd(token, 0);
    native.gpuEnd(0x7fffffff, 0);
    consumer.gpuEnd(token);
    // Native code's end also gave it two attributes.
    expect(native.stats().lost['stale']).toBe(before + 5);
    native.requestFinish(request, 0);
  });

  it('counts a launch on a stream that was never opened', () => {
    const request = lane.start();
    const before = native.stats().lost['gpu_device'] ?? 0;
    expect(native.gpuBegin(where(request, stage), 60_000)).toBe(0);
    expect(native.gpuBegin(where(request, stage), -1)).toBe(0);
    expect(native.stats().lost['gpu_device']).toBe(before + 2);
    native.requestFinish(request, 0);
  });

  it('gives a slice up that a Worker left open, and its lane back', async () => {
    const body = `
      const { native } = require(${JSON.stringify(join(ROOT, 'dist', 'native.js'))}).loadNative();
      const { scratch } = native.attach(${JSON.stringify(IDENTITY)});
      new Uint8Array(scratch).fill(0, 0, 64);
      const place = (native.requestStart(2, 0) << 16) | ${stage};
      const token = native.gpuBegin(place, native.gpuStream(${queue}n));
      require('node:worker_threads').parentPort.postMessage(token);
      for (;;) native.begin(place);`;
    const worker = new Worker(body, { eval: true });
    const token = await new Promise((resolve, reject) => worker.once('message', resolve).once('error', reject));
    expect(token).toBeGreaterThan(0);
    await worker.terminate();
    // A resolver that sleeps is woken by the reader, which looks for flush requests.
    const lost = () => {
      native.flushRequested();
      return native.stats().lost['gpu_shutdown'];
    };
    await expect.poll(lost, { timeout: 20_000 }).toBe(1);
    expect(native.stats().lanes.map(({ state }) => state)).toContain('orphaned');
    const counts = lane.counts();
    expect(counts.recorded).toBe(counts.consumed + counts.inRing + counts.lost);
  });

  it('waits for what is in flight when it is stopped, and counts nothing twice', () => {
    const request = lane.start();
    const token = native.gpuBegin(where(request, stage), native.gpuStream(queue));
    native.gpuEnd(token, 0);
    native.requestFinish(request, 0);
    native.closeLane();
    native.gpuStop(20_000);
    native.gpuStop(0);
    const { recorded, consumed, inRing, lost } = lane.counts();
    expect(recorded).toBe(consumed + inRing + lost);
  });
});
