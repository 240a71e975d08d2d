// SPDX-License-Identifier: Apache-2.0
//
// What is told of a slice or worker span while it is open: attributes, error status, events of another time or slice.
// With the addon, through to exported spans.
import { type HrTime, SpanStatusCode } from '@opentelemetry/api';
import type { ReadableSpan } from '@opentelemetry/sdk-trace-base';
import { type Attributes, defineEvents, defineStages, type Request } from 'gpuspan';
import { afterAll, beforeEach, describe, expect, it } from 'vitest';
import { idOf, lossesOf as lossesIn, parentOf, startExported } from './exported';

const stages = defineStages('annotations', {
  outer: { level: 1 },
  inner: { level: 1 },
  past: { level: 1 },
  detail: { level: 4 },
});
const events = defineEvents('annotations', { hint: { level: 1 }, noise: { level: 4 } });
const { tracer, spans, named, clear } = startExported();

beforeEach(clear);
afterAll(() => tracer.shutdown());

const lossesOf = (body: () => void) => lossesIn(tracer, body);
const nanos = ([seconds, rest]: HrTime) => BigInt(seconds) * 1_000_000_000n + BigInt(rest);
const eventsOf = (span: ReadableSpan) => span.events.map(({ name, attributes }) => [name, attributes]);

/** A request with one open slice. */
function open(): { request: Request; token: number } {
  const request = tracer.request();
  return { request, token: request.begin(stages.outer) };
}

describe('annotate', () => {
  it('adds up over several calls and the end, and names the slice even while another is innermost', async () => {
    const { request, token } = open();
    const inner = request.begin(stages.inner);
    request.annotate(token, { a: 1 });
    request.annotate(token, { b: 'two', c: [3, 4] });
    request.end(inner);
    request.end(token, { d: true });
    request.finish();
    expect((await named('outer')).attributes).toEqual({ a: 1, b: 'two', c: [3, 4], d: true });
    expect((await named('inner')).attributes).toEqual({});
  });

  it('cuts a string at 255 bytes and flags the slice', async () => {
    const { request, token } = open();
    request.annotate(token, { text: 'x'.repeat(256) });
    request.end(token);
    request.finish();
    expect((await named('outer')).attributes).toEqual({ text: 'x'.repeat(255), 'gpuspan.truncated': true });
  });

  it('keeps what fits into a slice, and flags the slice for the rest', async () => {
    const { request, token } = open();
    for (let i = 0; i < 5; i++) request.annotate(token, { [`part_${i}`]: 'x'.repeat(255) });
    request.end(token);
    request.finish();
    const { attributes } = await named('outer');
    expect(Object.keys(attributes)).toEqual(['part_0', 'part_1', 'part_2', 'gpuspan.dropped_attributes']);
  });

  it('gives a batch slice attributes, and each member its value', async () => {
    const members = [tracer.request({ id: 'x' }), tracer.request({ id: 'y' })];
    const batch = tracer.batch(members);
    const token = batch.begin(stages.outer);
    batch.annotate(token, { rows: 7 }, { tokens: [3, 5] });
    batch.annotate(token, { more: 1 });
    batch.endSlice(token);
    batch.end();
    for (const member of members) member.finish();
    const found = (await spans()).filter((span) => span.name === 'outer');
    expect(found.map(({ attributes }) => attributes)).toEqual([
      { rows: 7, more: 1 },
      { rows: 7, more: 1, tokens: 3 },
      { rows: 7, more: 1, tokens: 5 },
    ]);
  });

  it('does nothing with the token of nothing, and nothing without attributes', async () => {
    const { request, token } = open();
    const nothing = request.begin(stages.detail);
    expect(nothing).toBe(0);
    const lost = lossesOf(() => {
      request.annotate(nothing, { a: 1 });
      request.annotateGpu(0, { a: 1 });
      request.fail(0, 'x');
      request.annotate(token, undefined as never);
    });
    request.end(token);
    request.finish();
    expect(lost).toEqual({});
    expect((await named('outer')).attributes).toEqual({});
  });
});

describe('fail', () => {
  it('gives an open slice error status and an exception event of that time, and the slice goes on', async () => {
    const { request, token } = open();
    request.fail(token, new RangeError('too long'));
    request.end(request.begin(stages.inner));
    request.end(token, { retried: true });
    request.finish();
    const outer = await named('outer');
    const inner = await named('inner');
    expect(outer.status).toEqual({ code: SpanStatusCode.ERROR, message: 'too long' });
    expect(outer.attributes).toEqual({ retried: true });
    expect(eventsOf(outer)).toEqual([
      ['exception', { 'exception.type': 'RangeError', 'exception.message': 'too long' }],
    ]);
    expect(nanos(outer.events[0]!.time)).toBeLessThan(nanos(inner.endTime));
    expect(parentOf(inner)).toBe(idOf(outer));
    expect(inner.status.code).toBe(SpanStatusCode.UNSET);
  });

  it('has no event for a reason that is no Error, and the last of several decides the status', async () => {
    const { request, token } = open();
    request.fail(token, 'first');
    request.fail(token, 'x'.repeat(300));
    request.end(token);
    request.finish();
    const { status, events: list, attributes } = await named('outer');
    expect(status).toEqual({ code: SpanStatusCode.ERROR, message: 'x'.repeat(255) });
    expect(list).toEqual([]);
    expect(attributes).toEqual({ 'gpuspan.truncated': true });
  });

  it('gives each member its share of a failed batch slice', async () => {
    const member = tracer.request();
    const batch = tracer.batch([member]);
    const token = batch.begin(stages.outer);
    batch.fail(token, new Error('out of memory'));
    batch.endSlice(token);
    batch.end();
    member.finish();
    const found = (await spans()).filter((span) => span.name === 'outer');
    expect(found.map(({ status }) => status.message)).toEqual(['out of memory', 'out of memory']);
    expect(found.map(({ events: list }) => list.length)).toEqual([1, 1]);
  });
});

describe('setWorkerAttributes', () => {
  it('is of this stay: not of the root, not of the next stay', async () => {
    const { request, token } = open();
    request.setWorkerAttributes({ queue: 3 });
    request.end(token);
    const there = tracer.adopt(request.carrier());
    request.finish({ attributes: { tokens: 5 } });
    there.end(there.begin(stages.inner));
    there.setWorkerAttributes({ queue: 4 });
    there.leave({ attributes: { kv: 'warm' } });
    const workers = (await spans()).filter((span) => span.name === 'Worker');
    expect(workers.map(({ attributes }) => [attributes['queue'], attributes['kv']])).toEqual([
      [3, undefined],
      [4, 'warm'],
    ]);
    const root = await named('request');
    expect(root.attributes['queue']).toBeUndefined();
    expect(root.attributes['tokens']).toBe(5);
  });
});

describe('abort', () => {
  it('takes attributes along with the reason', async () => {
    tracer.request().abort(new TypeError('gone'), { attributes: { finish_reason: 'abort', tokens: 7 } });
    const root = await named('request');
    expect(root.status).toEqual({ code: SpanStatusCode.ERROR, message: 'gone' });
    expect(root.attributes).toMatchObject({ finish_reason: 'abort', tokens: 7 });
    expect(root.events.map(({ name }) => name)).toEqual(['exception']);
  });

  it('keeps the reason whatever its attributes are', async () => {
    const long = Object.fromEntries(Array.from({ length: 20 }, (_, i) => [`text_${i}`, 'x'.repeat(255)]));
    tracer.request({ name: 'full' }).abort('full', { attributes: long });
    const recording = {
      get a() {
        tracer.request({ name: 'other', attributes: { b: 1 } }).finish();
        return 1;
      },
    };
    tracer.request({ name: 'getter' }).abort('getter', { attributes: recording });
    const throwing = {
      get attributes(): never {
        throw new Error('no');
      },
    };
    tracer.request({ name: 'options' }).abort('options', throwing);
    for (const name of ['full', 'getter', 'options']) expect((await named(name)).status.message).toBe(name);
  });
});

describe('a getter among the attributes that ends the request and starts another in its place', () => {
  it.each<[string, (request: Request, attributes: Attributes) => void]>([
    ['leave', (request, attributes) => request.leave({ attributes })],
    ['finish', (request, attributes) => request.finish({ attributes })],
    ['abort', (request, attributes) => request.abort('reason', { attributes })],
    ['setAttributes', (request, attributes) => request.setAttributes(attributes)],
    ['setWorkerAttributes', (request, attributes) => request.setWorkerAttributes(attributes)],
    ['event', (request, attributes) => request.event(events.hint, attributes)],
    ['event of a time', (request, attributes) => request.event(events.hint, attributes, { time: tracer.now() })],
    ['record', (request, attributes) => request.record(stages.inner, 1n, 2n, attributes)],
  ])('leaves the other alone, in %s', async (_method, call) => {
    const request = tracer.request({ name: 'first' });
    let other = tracer.current();
    call(request, {
      before: 1,
      get ends() {
        request.finish();
        other = tracer.request({ name: 'other' });
        return 1;
      },
    });
    other.end(other.begin(stages.outer), { own: true });
    other.finish();
    expect((await named('outer')).attributes).toEqual({ own: true });
    const { attributes, status } = await named('other');
    expect(attributes).not.toHaveProperty('before');
    expect(status.code).toBe(SpanStatusCode.UNSET);
    expect((await spans()).filter(({ name }) => name === 'first' || name === 'other')).toHaveLength(2);
    expect((await spans()).flatMap((span) => span.events)).toEqual([]);
    expect((await spans()).some(({ name }) => name === 'inner')).toBe(false);
  });
});

describe('an event', () => {
  it('of a given time has that of the clock of record', async () => {
    const { request, token } = open();
    const from = tracer.now();
    request.event(events.hint, { kept: 3 }, { time: from });
    request.record(stages.past, from, tracer.now());
    request.end(token);
    request.finish();
    const outer = await named('outer');
    expect(eventsOf(outer)).toEqual([['hint', { kept: 3 }]]);
    expect(outer.events[0]!.time).toEqual((await named('past')).startTime);
  });

  it('of a given slice is not of the innermost one, nor of another time', async () => {
    const { request, token } = open();
    const inner = request.begin(stages.inner);
    request.event(events.hint, undefined, { slice: token });
    request.event(events.hint, { at: 0 }, { slice: 0 });
    request.end(inner);
    request.end(token);
    request.event(events.hint, { of: 'worker' }, {});
    request.finish();
    const outer = await named('outer');
    expect(eventsOf(outer)).toEqual([['hint', {}]]);
    expect(eventsOf(await named('inner'))).toEqual([['hint', { at: 0 }]]);
    expect(eventsOf(await named('Worker'))).toEqual([['hint', { of: 'worker' }]]);
    expect(nanos(outer.events[0]!.time)).toBeGreaterThanOrEqual(nanos(outer.startTime));
    expect(nanos(outer.events[0]!.time)).toBeLessThanOrEqual(nanos(outer.endTime));
  });

  it('keeps a time outside of its slice as it was told', async () => {
    const request = tracer.request();
    const early = tracer.now() - 5_000_000_000n;
    const token = request.begin(stages.outer);
    request.event(events.hint, undefined, { time: early, slice: token });
    request.record(stages.past, early, early);
    request.end(token);
    request.finish();
    expect((await named('outer')).events[0]!.time).toEqual((await named('past')).startTime);
  });

  it('of a batch takes both', async () => {
    const member = tracer.request();
    const batch = tracer.batch([member]);
    const token = batch.begin(stages.outer);
    const inner = batch.begin(stages.inner);
    const time = tracer.now();
    batch.event(events.hint, { n: 1 }, { slice: token, time });
    batch.record(stages.past, time, time);
    batch.endSlice(inner);
    batch.endSlice(token);
    batch.end();
    member.finish();
    const all = await spans();
    const past = all.find((span) => span.name === 'past')!;
    const outer = all.filter((span) => span.name === 'outer');
    expect(outer.map((span) => span.events.map((event) => event.time))).toEqual([[past.startTime], [past.startTime]]);
  });

  it('is a counted loss when the slice is ended or another request’s, or the time is none', async () => {
    const { request, token } = open();
    const other = open();
    const ended = request.begin(stages.inner);
    request.end(ended);
    const event = (options: object) => lossesOf(() => request.event(events.hint, { a: 1 }, options));
    expect(event({ slice: ended })).toEqual({ stale: 1 });
    expect(event({ slice: other.token })).toEqual({ stale: 1 });
    expect(event({ slice: -7 })).toEqual({ stale: 1 });
    for (const slice of ['1', 1.5, 2 ** 40, Number.NaN, {}]) expect(event({ slice })).toEqual({ invalid: 1 });
    for (const time of [-1n, 2n ** 63n, 5, 'now', Number.NaN]) expect(event({ time })).toEqual({ invalid: 1 });
    expect(event(null as never)).toEqual({ invalid: 1 });
    expect(lossesOf(() => request.event(events.noise, {}, { slice: ended }))).toEqual({});
    request.end(token);
    request.finish();
    other.request.finish();
    expect((await spans()).flatMap((span) => span.events)).toEqual([]);
  });
});

describe('what is ended', () => {
  it('is left alone, and each call is a counted loss', async () => {
    const { request, token } = open();
    request.end(token);
    expect(lossesOf(() => request.annotate(token, { late: 1 }))).toEqual({ stale: 1 });
    expect(lossesOf(() => request.fail(token, 'late'))).toEqual({ stale: 1 });
    expect(lossesOf(() => request.annotateGpu(77, { late: 1 }))).toEqual({ stale: 1 });
    for (const made of ['1', 1.5, {}, Symbol('x'), 3n]) {
      expect(lossesOf(() => request.annotate(made as never, { late: 1 }))).toEqual({ invalid: 1 });
      expect(lossesOf(() => request.annotateGpu(made as never, { late: 1 }))).toEqual({ invalid: 1 });
      expect(lossesOf(() => request.fail(made as never, 'late'))).toEqual({ invalid: 1 });
    }
    const open2 = request.begin(stages.inner);
    request.finish();
    expect(lossesOf(() => request.annotate(open2, { late: 1 }))).toEqual({ stale: 1 });
    expect(lossesOf(() => request.setWorkerAttributes({ late: 1 }))).toEqual({ closed: 1 });
    expect(lossesOf(() => request.abort('late', { attributes: { late: 1 } }))).toEqual({ closed: 1 });
    expect(lossesOf(() => request.event(events.hint, {}, { slice: open2 }))).toEqual({ closed: 1 });
    expect((await spans()).filter((span) => 'late' in span.attributes)).toEqual([]);
    expect((await spans()).map((span) => span.status.code)).toEqual([0, 0, 0, 0]);
  });
});

describe('an inert request, and an inert batch', () => {
  it('do nothing and count nothing, whatever they are given', async () => {
    const lost = lossesOf(() => {
      for (const owner of [tracer.current(), tracer.adopt(undefined)]) {
        owner.annotate(5, { a: 1 });
        owner.annotateGpu(5, { a: 1 });
        owner.fail('x' as never, new Error('x'));
        owner.setWorkerAttributes({ a: 1 });
        owner.event(events.hint, {}, { time: 'x' as never, slice: {} as never });
        owner.abort('x', { attributes: { a: 1 } });
      }
      const batch = tracer.batch([]);
      batch.annotate(5, { a: 1 }, { b: [1] });
      batch.annotateGpu(5, { a: 1 });
      batch.fail(5, 'x');
    });
    expect(lost).toEqual({});
    expect(await spans()).toEqual([]);
  });
});
