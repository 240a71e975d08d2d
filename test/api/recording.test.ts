// SPDX-License-Identifier: Apache-2.0
//
// What a request asks of the addon, and what it refuses before. Runs on a fake addon.
import { beforeEach, describe, expect, it } from 'vitest';
import { GpuStream } from '../../lib/gpu';
import { CLOSED } from '../../lib/lane';
import { Loss } from '../../lib/loss';
import { INERT_REQUEST, type Request } from '../../lib/request';
import { adoptRequest, inertRequest, startRequest } from '../../lib/request-start';
import { bindDeclarations, defineEvents, defineStages } from '../../lib/stage';
import { FakeNative } from './fake-native';

const stages = defineStages('recording', { one: { level: 1 }, two: { level: 2 }, four: { level: 4 } });
const events = defineEvents('recording', { hint: { level: 1 }, detail: { level: 4 } });
const stream = new GpuStream(3, '');

const CARRIER = { v: 1, trace: '1'.repeat(32), root: '2'.repeat(16), level: 3, flags: 1 } as const;

let fake: FakeNative;

beforeEach(() => {
  fake = new FakeNative();
  bindDeclarations(fake.native, undefined);
});

function live(level: 1 | 2 | 3 | 4 = 2): Request {
  const request = startRequest(fake.lane(level), {
    id: undefined,
    name: undefined,
    parent: undefined,
    attributes: undefined,
  });
  fake.take();
  return request;
}

/** Calls everything that records, with one argument list. */
function recordEverything(request: Request) {
  const token = request.begin(stages.one);
  request.end(token);
  request.end(request.next(token, stages.one), { a: 1 });
  request.record(stages.one, 1n, 2n);
  request.event(events.hint);
  request.endGpu(request.beginGpu(stages.one, stream));
  request.setAttributes({ a: 1 });
  request.leave();
  request.finish();
  request.abort('x');
}

describe('a live request', () => {
  it('records a slice by its owner and stage, and names the parent token that it is given', () => {
    const request = live();
    const outer = request.begin(stages.one);
    const inner = request.begin(stages.two, outer);
    request.end(inner);
    request.end(outer, { tokens: 17 });
    expect(fake.take()).toEqual([
      'begin 1/one',
      `beginUnder 1/two ${outer}`,
      `end ${inner}`,
      `endWith ${outer} tokens=17`,
    ]);
  });

  it('takes the open slice as parent when the parent token is 0', () => {
    live().begin(stages.one, 0);
    expect(fake.take()).toEqual(['begin 1/one']);
  });

  it('does nothing for a stage above its level', () => {
    const request = live(2);
    expect(request.begin(stages.four)).toBe(0);
    request.record(stages.four, 1n, 2n);
    request.event(events.detail);
    expect(request.beginGpu(stages.four, stream)).toBe(0);
    request.end(0);
    request.endGpu(0);
    expect(fake.take()).toEqual([]);
    expect(fake.lost).toEqual([]);
  });

  it('does nothing for a stage whose module is off', () => {
    bindDeclarations(fake.native, new Set(['another']));
    expect(live(4).begin(stages.one)).toBe(0);
    expect(fake.lost).toEqual([]);
    bindDeclarations(fake.native, undefined);
  });

  it('ends one slice and begins the next in one call', () => {
    const request = live();
    const first = request.begin(stages.one);
    const second = request.next(first, stages.two);
    request.next(second, stages.one, { n: 1 });
    expect(fake.take()).toEqual(['begin 1/one', `next ${first} two`, `nextWith ${second} one n=1`]);
  });

  it('only ends the slice when the next stage is above its level, and only begins when there was none', () => {
    const request = live(2);
    const token = request.begin(stages.one);
    expect(request.next(token, stages.four, { n: 1 })).toBe(0);
    request.next(0, stages.two);
    expect(fake.take()).toEqual(['begin 1/one', `endWith ${token} n=1`, 'begin 1/two']);
  });

  it('records retroactive slices, events and GPU slices', () => {
    const request = live();
    request.record(stages.one, 5n, 7n, { a: true });
    request.event(events.hint, { kept: 3, from: 'x' });
    const gpu = request.beginGpu(stages.two, stream);
    request.endGpu(gpu, { b: 1 });
    expect(fake.take()).toEqual([
      'record 1/one 5 7 a=true',
      "event 1/hint kept=3 from='x' 2",
      'gpuBegin 1/two 3',
      `gpuEnd ${gpu} b=1`,
    ]);
  });

  it('counts a GPU slice on a stream that cannot be timed as lost', () => {
    expect(live().beginGpu(stages.one, new GpuStream(-1, 'no device'))).toBe(0);
    expect(fake.lost).toEqual([Loss.gpuDevice]);
  });

  it('passes attributes of the root, leave and finish on', () => {
    const request = live();
    request.setAttributes({ a: 1 });
    request.leave({ attributes: { c: 3 } });
    request.finish({ attributes: { b: 2 } });
    expect(fake.take()).toEqual(['annotateRoot 1 a=1', 'requestLink 1', 'requestLeave 1 c=3', 'requestFinish 1 b=2']);
  });

  it('gives error status to what it aborts, and an exception where the reason is one', () => {
    live().abort(new RangeError('late'));
    expect(fake.take()).toEqual(["requestFinish 1 status(2 'late') exception('RangeError' 'late')"]);
  });

  it('starts with id, name, tracestate and attributes, and with the ids of its parent', () => {
    const parent = {
      traceId: '0af7651916cd43dd8448eb211c80319c',
      spanId: 'b7ad6b7169203331',
      sampled: true,
      state: 'k=v',
    };
    startRequest(fake.lane(3), { id: 'r1', name: 'chat', parent, attributes: { model: 'm' } });
    expect(fake.take()).toEqual(["requestStart 3 name('chat') state('k=v') rid='r1' model='m'"]);
  });

  it('counts a use after its end as closed, without touching the owner that took its place', () => {
    const request = live();
    request.finish();
    fake.take();
    recordEverything(request);
    expect(fake.take()).toEqual([]);
    expect(new Set(fake.lost)).toEqual(new Set([Loss.closed]));
    expect(fake.lost).toHaveLength(9);
  });

  it('can still be ended where it was started after leaving, and nothing where it was adopted', () => {
    const request = live();
    request.leave();
    request.setAttributes({ a: 1 });
    request.finish();
    expect(fake.take()).toEqual(['requestLink 1', 'requestLeave 1', 'annotateRoot 1 a=1', 'requestFinish 1']);
    const there = adoptRequest(fake.lane(), CARRIER);
    fake.take();
    there.leave();
    there.begin(stages.one);
    there.finish();
    expect(fake.take()).toEqual(['requestLink 2', 'requestLeave 2']);
    expect(fake.lost).toEqual([Loss.closed, Loss.closed]);
  });

  it('keeps the link that its carrier takes along when it has left', () => {
    const there = adoptRequest(fake.lane(), CARRIER);
    there.leave();
    expect(there.carrier()?.link).toBe('cc'.repeat(8));
  });
});

describe('an inert request', () => {
  it('does and counts nothing, whatever is asked of it', () => {
    const unsampled = inertRequest(fake.lane(), undefined, undefined);
    for (const request of [INERT_REQUEST, unsampled]) {
      recordEverything(request);
      request.begin(undefined as never);
      request.end('x' as never);
      expect(request.carrier()).toBeUndefined();
      expect(request.headers()).toEqual({});
      expect(request.handle).toBe(0n);
      expect(request.run(() => 7)).toBe(7);
      expect(request.slice(stages.one, (token) => token)).toBe(0);
    }
    expect(fake.take()).toEqual([]);
    expect(fake.lost).toEqual([]);
  });

  it('is what a request without room becomes, and hands its caller on', () => {
    fake.full = true;
    const parent = { traceId: '1'.repeat(32), spanId: '2'.repeat(16), sampled: true };
    const request = startRequest(fake.lane(), { id: 'r', name: undefined, parent, attributes: undefined });
    expect(request.level).toBe(-1);
    expect(request.where).toBe(CLOSED);
    expect(request.carrier()).toEqual({
      v: 1,
      trace: parent.traceId,
      root: parent.spanId,
      level: 0,
      flags: 1,
      id: 'r',
    });
  });

  it('has the shape of a live one, so that call sites see one class', () => {
    expect(Object.keys(INERT_REQUEST)).toEqual(Object.keys(live()));
    expect(INERT_REQUEST.constructor).toBe(live().constructor);
  });
});

describe('wrong arguments', () => {
  const nonsense: unknown[] = [
    undefined,
    null,
    {},
    7,
    7n,
    'x',
    Symbol('x'),
    [],
    () => 1,
    events.hint,
    { gate: 1n, id: 1n },
  ];
  const hostile = new Proxy({}, { get: () => Symbol('x') });

  it('counts what is no stage or event as one loss, and never throws', () => {
    for (const stage of [...nonsense, hostile] as never[]) {
      const request = live();
      fake.lost.length = 0;
      expect(request.begin(stage)).toBe(0);
      request.record(stage, 1n, 2n);
      request.beginGpu(stage, stream);
      expect(request.slice(stage, () => 5)).toBe(5);
      expect(fake.lost).toEqual([Loss.invalid, Loss.invalid, Loss.invalid, Loss.invalid]);
      expect(fake.take()).toEqual([]);
    }
    for (const event of [...nonsense.filter((item) => item !== events.hint), stages.one] as never[])
      live().event(event);
    expect(fake.take()).toEqual([]);
  });

  it('ends the slice even when the next stage is none', () => {
    const request = live();
    const token = request.begin(stages.one);
    expect(request.next(token, undefined as never)).toBe(0);
    expect(fake.take()).toEqual(['begin 1/one', `end ${token}`]);
    expect(fake.lost).toEqual([Loss.invalid]);
  });

  it('counts what is no token, and passes made-up numbers to the addon, which knows', () => {
    const request = live();
    for (const token of [undefined, null, {}, 7n, 'x', 1.5, 2 ** 40, Number.NaN, Symbol('x')] as never[]) {
      request.end(token);
      request.end(token, { a: 1 });
      request.endGpu(token);
    }
    expect(fake.lost).toHaveLength(27);
    expect(fake.take()).toEqual([]);
    request.end(12_345);
    request.begin(stages.one, 12_345);
    expect(fake.take()).toEqual(['end 12345', 'beginUnder 1/one 12345']);
  });

  it('counts times that are no bigint in range, and streams that are none', () => {
    const request = live();
    for (const time of [1, -1n, 2n ** 64n, '1', undefined] as never[]) request.record(stages.one, time, 5n);
    for (const wrong of [undefined, {}, 3] as never[]) request.beginGpu(stages.one, wrong);
    expect(fake.lost).toHaveLength(8);
    expect(fake.take()).toEqual([]);
  });

  it('takes attributes of any type', () => {
    const request = live();
    const token = request.begin(stages.one);
    for (const attributes of [null, 7, 'text', () => 1, hostile, [1]] as never[]) {
      request.end(token, attributes);
      request.event(events.hint, attributes);
      request.setAttributes(attributes);
    }
    expect(fake.lost).toEqual([]);
  });
});

describe('the scope helper', () => {
  it('passes its token on, returns what the body returns and ends the slice', () => {
    const request = live();
    let seen = 0;
    expect(
      request.slice(stages.one, (token) => {
        seen = token;
        return 'done';
      }),
    ).toBe('done');
    expect(fake.take()).toEqual(['begin 1/one', `end ${seen}`]);
  });

  it('ends when the promise settles, not when the body returns', async () => {
    const request = live();
    const gate = deferred();
    const running = request.slice(stages.one, async () => {
      await gate.promise;
      return 3;
    });
    expect(fake.take()).toEqual(['begin 1/one']);
    gate.resolve(undefined);
    expect(await running).toBe(3);
    expect(fake.take()).toEqual(['end 101']);
  });

  it('ends with error status and exception on a throw and on a rejection, which pass on', async () => {
    const request = live();
    const error = new TypeError('bad input');
    const fails = () => {
      throw error;
    };
    expect(() => request.slice(stages.one, fails)).toThrow(error);
    await expect(request.slice(stages.one, async () => fails())).rejects.toBe(error);
    const ended = "status(2 'bad input') exception('TypeError' 'bad input')";
    expect(fake.take()).toEqual(['begin 1/one', `endWith 101 ${ended}`, 'begin 1/one', `endWith 102 ${ended}`]);
  });

  it('ends with error status when a thenable cannot be waited for, and passes the error on', () => {
    const request = live();
    const error = new TypeError('no then');
    const fails = (): never => {
      throw error;
    };
    const getter = Object.defineProperty({}, 'then', { get: fails });
    // biome-ignore lint/suspicious/noThenProperty: a thenable is what this is about.
    const method = { then: fails };
    expect(() => request.slice(stages.one, () => getter)).toThrow(error);
    expect(() => request.slice(stages.one, () => method)).toThrow(error);
    const ended = "status(2 'no then') exception('TypeError' 'no then')";
    expect(fake.take()).toEqual(['begin 1/one', `endWith 101 ${ended}`, 'begin 1/one', `endWith 102 ${ended}`]);
  });

  it('makes siblings of concurrent children that name its token', async () => {
    const request = live();
    await request.slice(stages.one, async (parent) => {
      await Promise.all([
        request.slice(stages.two, async () => 1, parent),
        request.slice(stages.two, async () => 2, parent),
      ]);
    });
    expect(fake.take().slice(0, 3)).toEqual(['begin 1/one', 'beginUnder 1/two 101', 'beginUnder 1/two 101']);
  });
});

function deferred() {
  let resolve: (value: unknown) => void = () => {};
  const promise = new Promise<unknown>((done) => {
    resolve = done;
  });
  return { promise, resolve };
}
