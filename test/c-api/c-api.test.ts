// SPDX-License-Identifier: Apache-2.0
//
// gpuspan.h as native code of the same process uses it: through an addon of its own, on the JavaScript thread and on
// threads of its own, with gpuspan loaded before, after and not at all.
import { execFileSync } from 'node:child_process';
import { join } from 'node:path';
import { afterEach, beforeAll, describe, expect, it } from 'vitest';
import { BATCH_FLAG, NONE, SCRATCH } from '../../lib/native';
import { Lane, loadAddon, ROOT, where } from '../native-addon/addon';
import { type RecordView, records } from '../native-addon/segment-view';
import { type Consumer, loadConsumers, PLAN, STAGE } from './consumer';

const UNFINISHED = 1 << 3;

const native = loadAddon();
const lane = new Lane(native, {
  lanes: 16,
  ringSlots: 1024,
  requestTtlMillis: 0,
  clock: 'auto',
  directory: '',
  device: 'none',
  cudaLibrary: '',
  modules: ['native', 'test'],
});
const jsStage = lane.stage('javascript');
let folder: string;
let consumer: Consumer;
let stranger: Consumer;

beforeAll(() => {
  ({ folder, consumer, stranger } = loadConsumers());
}, 300_000);

/** Everything in the lanes' rings, by lane, read. */
function drain(): Map<number, RecordView[]> {
  const lanes = native.stats().lanes.map((each) => each.lane);
  return new Map(lanes.map((index) => [index, records(native, index, { consume: true })]));
}
const drainOwn = () => drain().get(lane.lane) ?? [];
const drainOthers = () => [...drain()].filter(([index]) => index !== lane.lane).flatMap(([, found]) => found);

afterEach(() => {
  drain();
  const { recorded, consumed, inRing, lost } = lane.counts();
  expect(recorded).toBe(consumed + inRing + lost);
});

function lossesOf(body: () => void) {
  const before = native.stats();
  body();
  const after = native.stats();
  const changes = (from: Readonly<Record<string, number>>, to: Readonly<Record<string, number>>) =>
    Object.fromEntries(
      Object.entries(to).flatMap(([name, count]) => (count === from[name] ? [] : [[name, count - (from[name] ?? 0)]])),
    );
  return { slices: changes(before.lost, after.lost), owners: changes(before.lostOwners, after.lostOwners) };
}

function startRequest(level = 2): { request: number; handle: bigint; worker: bigint; root: bigint } {
  const request = lane.start(level);
  const at = (place: number) => lane.view.getBigUint64(place, true);
  return { request, handle: lane.handle(), worker: at(SCRATCH.span), root: at(SCRATCH.root) };
}

/** Runs `script` in a process of its own; resolves to the JSON it prints. */
function inProcess(script: string): unknown {
  const prelude = `
    const loadGpuspan = () => require(${JSON.stringify(join(ROOT, 'dist', 'native.js'))}).loadNative().native;
    const loadConsumer = () => require(${JSON.stringify(join(folder, 'consumer.node'))});`;
  return JSON.parse(execFileSync(process.execPath, ['-e', prelude + script], { encoding: 'utf8' }));
}

describe('on the JavaScript thread', () => {
  it('nests under what JavaScript has open, in the same lane', () => {
    const { request, handle } = startRequest();
    const open = native.begin(where(request, jsStage));
    const adopted = consumer.adopt(handle);
    expect(adopted).toBe(handle);
    const outer = consumer.begin(STAGE.load, adopted);
    const inner = consumer.begin(STAGE.run, adopted);
    consumer.setInt(inner, 17);
    consumer.setDouble(inner, 0.5);
    consumer.end(inner);
    consumer.end(consumer.next(outer, STAGE.run, adopted));
    consumer.leave(adopted);
    native.end(open);
    native.requestFinish(request, 0);
    const [run, load, next, js] = drainOwn();
    expect([run?.parent, load?.parent, next?.parent]).toEqual([load?.span, js?.span, js?.span]);
    expect(next?.start).toBe(load?.end);
    expect(run?.payload.readUInt8(0)).toBe(1);
    expect(run?.payload.readBigInt64LE(3)).toBe(17n);
    expect(run?.payload.readDoubleLE(14)).toBe(0.5);
  });

  it('never ends what JavaScript holds, however often it leaves', () => {
    const { request, handle } = startRequest();
    const adopted = consumer.adopt(handle);
    consumer.leave(adopted);
    expect(lossesOf(() => consumer.leave(adopted)).owners).toEqual({ stale: 1 });
    const token = native.begin(where(request, jsStage));
    expect(token).not.toBe(0);
    native.end(token);
    native.requestFinish(request, 0);
    expect(drainOwn().map(({ kind }) => kind)).toEqual(['slice', 'worker', 'root']);
  });

  it('records on a batch', () => {
    const { request } = startRequest();
    lane.bytes.set(Buffer.from(new Uint16Array([request]).buffer), SCRATCH.payload);
    const batch = native.batchDefine(1, 0);
    expect(batch).not.toBe(NONE);
    const adopted = consumer.adopt(lane.handle());
    consumer.end(consumer.begin(STAGE.load, adopted));
    consumer.leave(adopted);
    expect(native.begin(where(batch | BATCH_FLAG, jsStage))).not.toBe(0);
    native.batchEnd(batch, 0);
    native.requestFinish(request, 0);
    expect(drainOwn().map(({ kind }) => kind)).toEqual(['batch-slice', 'batch-slice', 'batch', 'worker', 'root']);
  });

  it('records nothing above the request’s level or of a module that is off', () => {
    const { request, handle } = startRequest(2);
    const adopted = consumer.adopt(handle);
    const lost = lossesOf(() => {
      expect(consumer.begin(STAGE.detail, adopted)).toBe(0);
      expect(consumer.begin(STAGE.elsewhere, adopted)).toBe(0);
    });
    expect(lost).toEqual({ slices: {}, owners: {} });
    consumer.leave(adopted);
    native.requestFinish(request, 0);
  });

  it('follows a change of modules at once', () => {
    const { request, handle } = startRequest(2);
    const adopted = consumer.adopt(handle);
    const opens = (stage: number) => {
      const token = consumer.begin(stage, adopted);
      consumer.end(token);
      return token !== 0;
    };
    expect([opens(STAGE.load), opens(STAGE.elsewhere)]).toEqual([true, false]);
    native.setModules(['elsewhere']);
    expect([opens(STAGE.load), opens(STAGE.elsewhere)]).toEqual([false, true]);
    native.setModules(['native', 'test']);
    native.settings(true);
    expect([opens(STAGE.load), opens(STAGE.elsewhere)]).toEqual([true, false]);
    consumer.leave(adopted);
    native.requestFinish(request, 0);
  });

  it('counts GPU slices that have no device, and tells why once', () => {
    const { request, handle } = startRequest();
    const adopted = consumer.adopt(handle);
    const lost = lossesOf(() => {
      expect(consumer.gpuBegin(STAGE.load, adopted, 0x1000n)).toBe(0);
      expect(consumer.gpuBegin(STAGE.load, adopted, 0x1000n)).toBe(0);
      consumer.gpuEnd(0);
    });
    expect(lost.slices).toEqual({ gpu_device: 2 });
    consumer.leave(adopted);
    native.requestFinish(request, 0);
  });

  it('counts tokens and handles that are stale or made up', () => {
    const { request, handle } = startRequest();
    const adopted = consumer.adopt(handle);
    const done = consumer.begin(STAGE.load, adopted);
    consumer.end(done);
    consumer.leave(adopted);
    native.requestFinish(request, 0);
    const lost = lossesOf(() => {
      consumer.end(done);
      consumer.end(0xffffffff);
      expect(consumer.begin(STAGE.load, adopted)).toBe(0);
      expect(consumer.begin(STAGE.load, 0xffff_ffff_ffff_ffffn)).toBe(0);
      expect(consumer.next(0, STAGE.load, adopted)).toBe(0);
      consumer.setInt(done, 1);
    });
    expect(lost.slices['stale']).toBeGreaterThanOrEqual(5);
    for (const made of [handle, 0xffff_ffff_ffff_ffffn, 5n, 3n << 60n]) expect(consumer.adopt(made)).toBe(0n);
  });

  it('counts a stage that is none, reason invalid', () => {
    const { request } = startRequest(4);
    const handle = lane.handle() | 0xffn; // a low byte that lets level 9 through
    expect(lossesOf(() => expect(consumer.begin(STAGE.impossible, handle)).toBe(0)).slices).toEqual({ invalid: 1 });
    native.requestFinish(request, 0);
  });
});

describe('on threads of its own', () => {
  it('opens a worker span a thread, under the root, with the slices below it', () => {
    const { request, handle, root } = startRequest();
    expect(consumer.threads(handle, 4, 5, 1, PLAN.leave, 0)).toBe(4);
    const found = drainOthers();
    const workers = found.filter(({ kind }) => kind === 'worker');
    const slices = found.filter(({ kind }) => kind === 'slice');
    expect(workers.map(({ parent }) => parent)).toEqual([root, root, root, root]);
    expect(slices).toHaveLength(40);
    const known = new Set([...workers, ...slices].map(({ span }) => span));
    expect(slices.every(({ parent }) => known.has(parent))).toBe(true);
    native.requestFinish(request, 0);
  });

  it('uses a lane again when its thread has ended and it was read', () => {
    const { request, handle } = startRequest();
    for (let i = 0; i < 30; ++i) {
      expect(consumer.threads(handle, 1, 1, 0, PLAN.leave, 0)).toBe(1);
      drain();
    }
    expect(native.stats().lanes.filter(({ kind }) => kind === 'native').length).toBeLessThanOrEqual(4);
    native.requestFinish(request, 0);
  });

  it('closes and flags what a thread leaves open', () => {
    const { request, handle } = startRequest();
    consumer.threads(handle, 1, 0, 0, PLAN.endWithOpen, 0);
    const found = drainOthers();
    expect(found.map(({ kind }) => kind)).toEqual(['slice', 'worker']);
    expect(found.every(({ flags }) => (flags & UNFINISHED) !== 0)).toBe(true);
    expect(native.stats().lanes.every(({ kind, state }) => kind !== 'native' || state === 'orphaned')).toBe(true);
    native.requestFinish(request, 0);
  });

  it('counts another thread’s token where it was used and leaves the slice open', () => {
    const { request, handle } = startRequest();
    const token = native.begin(where(request, jsStage));
    expect(lossesOf(() => consumer.threads(handle, 1, 0, 0, PLAN.foreignToken, token)).slices).toEqual({ stale: 1 });
    native.end(token);
    native.requestFinish(request, 0);
    const found = drain();
    expect(found.get(lane.lane)?.[0]).toMatchObject({ kind: 'slice', stage: jsStage });
    const theirs = [...found].filter(([index]) => index !== lane.lane).flatMap(([, each]) => each);
    expect(theirs.map(({ kind, flags }) => [kind, flags & UNFINISHED])).toEqual([
      ['slice', 0],
      ['worker', 0],
    ]);
  });

  it('adopts nothing once the request has finished', () => {
    const { request, handle } = startRequest();
    native.requestFinish(request, 0);
    const lost = lossesOf(() => expect(consumer.threads(handle, 3, 2, 1, PLAN.leave, 0)).toBe(0));
    expect(lost.owners).toEqual({ stale: 3 });
    expect(lost.slices).toEqual({});
  });

  it('hands out no more threads than there are lanes', () => {
    const { request, handle } = startRequest();
    const adopted = consumer.threads(handle, 64, 1, 1, PLAN.leave, 0);
    expect(adopted).toBeGreaterThan(0);
    expect(native.stats().lanes.length).toBeLessThanOrEqual(16);
    native.requestFinish(request, 0);
  });
});

describe('finding gpuspan', () => {
  it('serves a request of one module in another that never adopted', () => {
    const { request, handle } = startRequest();
    const adopted = consumer.adopt(handle);
    stranger.end(stranger.begin(STAGE.load, adopted));
    stranger.leave(adopted);
    native.requestFinish(request, 0);
    expect(drainOwn()[0]?.kind).toBe('slice');
  });

  it('is found in either order of loading', () => {
    const found = 'console.log(JSON.stringify(consumer.available()));';
    expect(inProcess(`loadGpuspan(); const consumer = loadConsumer(); ${found}`)).toBe(1);
    expect(inProcess(`const consumer = loadConsumer(); consumer.available(); loadGpuspan(); ${found}`)).toBe(1);
  });

  it('is found after only a Worker loaded it, and the Worker has ended', () => {
    const loader = JSON.stringify(join(ROOT, 'dist', 'native.js'));
    expect(
      inProcess(`
        const { Worker } = require('node:worker_threads');
        new Worker(${JSON.stringify(`require(${loader}).loadNative()`)}, { eval: true }).once('exit', () => {
          const consumer = loadConsumer();
          console.log(JSON.stringify([consumer.available(), String(consumer.adopt(0x123456789abcde3n))]));
        });`),
    ).toEqual([1, '0']);
  });

  it('is found by its address, and memory that is no table is refused', () => {
    expect(
      inProcess(`
        const native = loadGpuspan(); const consumer = loadConsumer();
        const address = native.apiAddress();
        console.log(JSON.stringify([0n, address + 1n, consumer.decoy(), address].map((each) => consumer.useApi(each))));`),
    ).toEqual([0, 0, 0, 1]);
  });

  it('does nothing, without harm, where it is not loaded', () => {
    expect(
      inProcess(`
        const consumer = loadConsumer();
        const request = consumer.adopt(0x1002n);
        const made = 0x1003n;
        const token = consumer.begin(0, made);
        consumer.end(77); consumer.setInt(77, 1); consumer.leave(made); consumer.gpuEnd(77);
        const threads = consumer.threads(0x1002n, 2, 3, 1, 0, 0);
        console.log(JSON.stringify([consumer.available(), String(request), token, consumer.next(77, 0, made),
          consumer.gpuBegin(0, made, 1n), threads]));`),
    ).toEqual([0, '0', 0, 0, 0, 0]);
  });

  it('does nothing where it is loaded and not started', () => {
    expect(
      inProcess(`
        loadGpuspan(); const consumer = loadConsumer();
        const made = 0x1003n;
        const token = consumer.begin(0, made);
        consumer.end(77); consumer.leave(made);
        console.log(JSON.stringify([String(consumer.adopt(made)), token, consumer.threads(made, 2, 3, 1, 0, 0)]));`),
    ).toEqual(['0', 0, 0]);
  });
});
