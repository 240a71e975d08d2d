// SPDX-License-Identifier: Apache-2.0
//
// What a batch asks of the addon, and which members it refuses. Runs on a fake addon.
import { beforeEach, describe, expect, it } from 'vitest';
import { type Batch, defineBatch, INERT_BATCH } from '../../lib/batch';
import { GpuStream } from '../../lib/gpu';
import type { Lane } from '../../lib/lane';
import { Loss } from '../../lib/loss';
import { INERT_REQUEST, type Request } from '../../lib/request';
import { inertRequest, startRequest } from '../../lib/request-start';
import { bindDeclarations, defineEvents, defineStages, type Level } from '../../lib/stage';
import { FakeNative } from './fake-native';

const stages = defineStages('batches', { forward: { level: 1 }, detail: { level: 4 } });
const events = defineEvents('batches', { swap: { level: 1 } });
const stream = new GpuStream(5, '');

let fake: FakeNative;
let lane: Lane;

beforeEach(() => {
  fake = new FakeNative();
  bindDeclarations(fake.native, undefined);
  lane = fake.lane(2);
});

function member(level: Level = 2): Request {
  const at = level === 2 ? lane : fake.lane(level);
  const request = startRequest(at, { id: undefined, name: undefined, parent: undefined, attributes: undefined });
  fake.take();
  return request;
}

function define(members: Request[]): Batch {
  const batch = defineBatch(lane, members, undefined);
  fake.take();
  return batch;
}

describe('definition', () => {
  it('passes member indices and attributes, and takes the highest level of a member', () => {
    const members = [member(2), member(3), member(1)];
    const batch = defineBatch(lane, members, { attributes: { forward_mode: 'decode' } });
    expect(fake.take()).toEqual(["batchDefine 1+2+3 forward_mode='decode'"]);
    expect(batch.level).toBe(3);
    expect(batch.handle).toBe(0xfedc_ba98_7654_3205n);
  });

  it('keeps its members when a getter among its attributes records, and passes over one that this ends', () => {
    const members = [member(), member(), member()];
    const attributes = {
      a: 1,
      get b() {
        const inner = defineBatch(lane, [members[1]!, members[0]!], { attributes: { inner: 1 } });
        inner.end({ attributes: { inner: 2 } });
        members[1]!.finish({ attributes: { inner: 3 } });
        return 2;
      },
    };
    const batch = defineBatch(lane, members, { attributes });
    batch.endSlice(batch.begin(stages.forward), undefined, { accepted: [10, 20, 30] });
    expect(fake.take()).toEqual([
      'batchDefine 2+1 inner=1',
      'batchEnd 4 inner=2',
      'requestFinish 2 inner=3',
      'batchDefine 1+3 gpuspan.dropped_attributes=true',
      'begin batch5/forward',
      'endWith 101 accepted:1=[10|30]',
    ]);
    expect(fake.lost).toEqual([Loss.closed]);
  });

  it('ends without attributes when the getter of those throws', () => {
    const batch = defineBatch(lane, [member()], undefined);
    const throwing = {
      get attributes(): never {
        throw new Error('no');
      },
    };
    batch.end(throwing);
    expect(fake.take()[1]).toMatch(/^batchEnd \d+$/);
  });

  it('passes the attributes of an odd and an even number of members', () => {
    for (const count of [1, 2, 3]) {
      const members = Array.from({ length: count }, () => member());
      defineBatch(lane, members, { attributes: { mode: 'decode', n: count } });
      expect(fake.take().at(-1)).toMatch(new RegExp(` mode='decode' n=${count}$`));
    }
  });

  it('names the batch that it continues, ended or not, and nothing for one that recorded nothing', () => {
    const earlier = define([member()]);
    earlier.end();
    fake.take();
    defineBatch(lane, [member()], { previous: earlier, attributes: { step: 2 } });
    const ids = `${'aa'.repeat(16)} ${'dd'.repeat(8)}`;
    expect(fake.take()).toEqual([`batchDefine 3 link(${ids}) step=2`]);
    defineBatch(lane, [member()], { previous: INERT_BATCH });
    expect(fake.take()).toEqual(['batchDefine 5']);
  });

  it('refuses a previous batch that is none', () => {
    const previous = { ids: new Int32Array(14) } as unknown as Batch;
    expect(() => defineBatch(lane, [member()], { previous })).toThrow(/previous batch.*must be a batch, got \[object/);
  });

  it('takes any iterable', () => {
    defineBatch(lane, new Set([member(), member()]), undefined);
    expect(fake.take()).toEqual(['batchDefine 1+2']);
  });

  it('refuses a duplicate, something that is no request, and what is no list', () => {
    const request = member();
    const refused = (members: unknown) => () => defineBatch(lane, members as Request[], undefined);
    expect(refused([request, member(), request])).toThrow(expect.objectContaining({ code: 'GPUSPAN_BATCH' }));
    expect(refused([request, {}])).toThrow(expect.objectContaining({ code: 'GPUSPAN_BATCH' }));
    expect(refused(undefined)).toThrow(expect.objectContaining({ code: 'GPUSPAN_BATCH' }));
    expect(refused(request)).toThrow(expect.objectContaining({ code: 'GPUSPAN_BATCH' }));
    expect(refused([request, member()])).not.toThrow();
  });

  it('passes over members that are inert, and counts one that has ended', () => {
    const ended = member();
    ended.finish();
    const inert = inertRequest(lane, undefined, undefined);
    fake.take();
    const members = [inert, member(), ended, INERT_REQUEST, member()];
    const batch = defineBatch(lane, members, undefined);
    const token = batch.begin(stages.forward);
    batch.endSlice(token, undefined, { accepted: [10, 20, 30, 40, 50] });
    expect(fake.take()).toEqual(['batchDefine 2+3', 'begin batch4/forward', `endWith ${token} accepted:1=[20|50]`]);
    expect(fake.lost).toEqual([Loss.closed]);
  });

  it('passes over, and counts, one that has left where it was started, instead of losing the whole batch', () => {
    const left = member();
    left.leave();
    fake.take();
    const others = [member(), member()];
    defineBatch(lane, [others[0]!, left, others[1]!], undefined);
    expect(fake.take()).toEqual(['batchDefine 2+3']);
    expect(fake.lost).toEqual([Loss.closed]);
  });

  it('gives the inert batch for no live members and for no room', () => {
    expect(define([])).toBe(INERT_BATCH);
    expect(define([INERT_REQUEST])).toBe(INERT_BATCH);
    const request = member();
    fake.full = true;
    expect(define([request])).toBe(INERT_BATCH);
  });
});

describe('recording', () => {
  it('begins and ends slices, host and GPU, with one column value a member', () => {
    const batch = define([member(), member()]);
    const host = batch.begin(stages.forward);
    const gpu = batch.beginGpu(stages.forward, stream);
    batch.endGpu(gpu, { pp_mb_id: 2 }, { accepted_tokens: [3, 400] });
    const next = batch.next(host, stages.forward, { n: 1 });
    batch.endSlice(next);
    batch.record(stages.forward, 1n, 2n);
    batch.event(events.swap);
    batch.setAttributes({ a: 1 });
    expect(fake.take()).toEqual([
      'begin batch3/forward',
      'gpuBegin batch3/forward 5',
      `gpuEnd ${gpu} pp_mb_id=2 accepted_tokens:2=[3|400]`,
      `nextWith ${host} forward n=1`,
      `end ${next}`,
      'record batch3/forward 1 2',
      'event batch3/swap 0',
      'annotateWorker 32771 a=1',
    ]);
  });

  it('does nothing for a stage above the level of every member', () => {
    const batch = define([member(2)]);
    expect(batch.begin(stages.detail)).toBe(0);
    batch.endSlice(0);
    expect(fake.take()).toEqual([]);
  });

  it('closes its span once; what comes later is a counted loss', () => {
    const batch = define([member()]);
    batch.end({ attributes: { done: true } });
    expect(fake.take()).toEqual(['batchEnd 2 done=true']);
    batch.end();
    batch.begin(stages.forward);
    batch.beginGpu(stages.forward, stream);
    batch.event(events.swap);
    batch.setAttributes({ a: 1 });
    expect(fake.take()).toEqual([]);
    expect(fake.lost).toEqual([Loss.closed, Loss.closed, Loss.closed, Loss.closed, Loss.closed]);
  });

  it('runs a body in a slice that a throw ends with error status', () => {
    const batch = define([member()]);
    const fails = () => {
      throw new Error('out of memory');
    };
    expect(() => batch.slice(stages.forward, fails)).toThrow('out of memory');
    expect(fake.take().at(-1)).toBe("endWith 101 status(2 'out of memory') exception('Error' 'out of memory')");
  });

  it('counts wrong arguments and never throws; inert, it does nothing at all', () => {
    const nonsense = [undefined, null, {}, 7n, 'x', Symbol('x')] as never[];
    for (const batch of [define([member()]), INERT_BATCH]) {
      for (const wrong of nonsense) {
        batch.begin(wrong);
        batch.endSlice(wrong, wrong, wrong);
        batch.endGpu(wrong, wrong, wrong);
        batch.event(wrong);
        batch.record(wrong, wrong, wrong);
        batch.beginGpu(stages.forward, wrong);
      }
    }
    expect(fake.take()).toEqual([]);
    expect(fake.lost).toEqual(Array.from({ length: 36 }, () => Loss.invalid));
  });
});
