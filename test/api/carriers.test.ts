// SPDX-License-Identifier: Apache-2.0
//
// Trace state that comes from outside: carriers and W3C headers, well-formed, malformed and hostile. Pure.
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Carrier } from '../../lib/carrier';
import { CARRIER_WORDS, type CarrierRefusal, checkCarrier } from '../../lib/carrier-check';
import { findHeader } from '../../lib/find-header';
import { SCRATCH } from '../../lib/native';
import { parseId, spanIdOf, traceIdOf } from '../../lib/hex';
import { parseBaggage, parseTraceHeaders } from '../../lib/otel/propagation';
import { formatHeaders } from '../../lib/trace-context';

const GOOD: Carrier = {
  v: 1,
  trace: '0af7651916cd43dd8448eb211c80319c',
  root: 'b7ad6b7169203331',
  link: '00f067aa0ba902b7',
  level: 2,
  id: 'r-1',
  flags: 1,
  state: 'vendor=1',
  baggage: 'tenant=7;p=1,user=x%20y',
};

describe('a carrier', () => {
  it('is copied when it is well-formed, after any JSON hop', () => {
    expect(checkCarrier(JSON.parse(JSON.stringify(GOOD)))).toEqual(GOOD);
    expect(checkCarrier(structuredClone(GOOD))).toEqual(GOOD);
    expect(checkCarrier(JSON.stringify(GOOD))).toEqual(GOOD);
    const { link, id, state, baggage, ...least } = GOOD;
    expect(Object.keys(checkCarrier(least))).toEqual(Object.keys(least));
    expect([link, id, state, baggage]).not.toContain(undefined);
  });

  it('loses what it should not have, and is never the object that came in', () => {
    const read = checkCarrier({ ...GOOD, extra: 1 });
    expect(read).toEqual(GOOD);
    expect(checkCarrier(GOOD)).not.toBe(GOOD);
  });

  it.each<[CarrierRefusal, Record<string, unknown>]>([
    ['version', { v: 2 }],
    ['version', { v: '1' }],
    ['version', { v: undefined }],
    ['trace', { trace: '0'.repeat(32) }],
    ['trace', { trace: GOOD.trace.toUpperCase() }],
    ['trace', { trace: `${GOOD.trace}0` }],
    ['trace', { trace: `${GOOD.trace}\n` }],
    ['trace', { trace: undefined }],
    ['root', { root: '0'.repeat(16) }],
    ['root', { root: 7 }],
    ['link', { link: 'short' }],
    ['link', { link: null }],
    ['level', { level: 5 }],
    ['level', { level: -1 }],
    ['level', { level: 1.5 }],
    ['level', { level: '2' }],
    ['flags', { flags: 2 }],
    ['flags', { flags: true }],
    ['id', { id: 7 }],
    ['id', { id: 'x'.repeat(1025) }],
    ['state', { state: 'x'.repeat(513) }],
    ['state', { state: {} }],
    ['state', { state: 'a=1\r\nset-cookie: b' }],
    ['baggage', { baggage: `a=${'x'.repeat(8191)}` }],
    ['baggage', { baggage: Array.from({ length: 65 }, (_, index) => `k${index}=1`).join(',') }],
    ['baggage', { baggage: 'a=\u00e9' }],
    ['baggage', { baggage: 1 }],
  ])('is refused for its %s: %j', (reason, change) => {
    expect(checkCarrier({ ...GOOD, ...change })).toBe(reason);
    expect(checkCarrier(JSON.stringify({ ...GOOD, ...change }))).toBe(reason);
  });

  it('is refused, without a throw, for anything else', () => {
    const throws = new Proxy(
      {},
      {
        get: () => {
          throw new Error('no');
        },
      },
    );
    expect(checkCarrier(throws)).toBe('unreadable');
    expect(checkCarrier('x'.repeat(16_385))).toBe('size');
    for (const value of [undefined, null, 1, 'x', '[', '7', 'null', () => GOOD])
      expect(checkCarrier(value)).toBe('type');
    expect(checkCarrier([])).toBe('version');
    fc.assert(
      fc.property(fc.anything({ withNullPrototype: true }), (value) => typeof checkCarrier(value) === 'string'),
    );
    fc.assert(fc.property(fc.json(), (text) => typeof checkCarrier(text) === 'string'));
  });

  it('has ids whose hexadecimal form lists bytes in memory order', () => {
    const words = new Int32Array(4);
    expect(parseId(GOOD.trace, 32, words, 0)).toBe(true);
    expect(Buffer.from(words.buffer).toString('hex')).toBe(GOOD.trace);
    expect([traceIdOf(words, 0), spanIdOf(words, 2)]).toEqual([GOOD.trace, GOOD.trace.slice(16)]);
  });

  it('takes as an id what the regular expression of W3C takes, and nothing else', () => {
    const unit = fc.oneof(
      fc.constantFrom(...'0123456789abcdef'),
      fc.constantFrom('A', 'g', '/', ':', '`', '\u0130', '\u00b0'),
    );
    const words = new Int32Array(4);
    const id = fc.oneof(
      { weight: 1, arbitrary: fc.string({ unit, minLength: 15, maxLength: 17 }) },
      {
        weight: 2,
        arbitrary: fc.string({ unit: fc.constantFrom(...'0123456789abcdef'), minLength: 16, maxLength: 16 }),
      },
      {
        weight: 1,
        arbitrary: fc.constantFrom('0'.repeat(16), `${'0'.repeat(15)}1`, 7, null, undefined, ['a'.repeat(16)]),
      },
    );
    fc.assert(
      fc.property(id, (given) => {
        const good = typeof given === 'string' && /^(?!0{16})[0-9a-f]{16}$/.test(given);
        expect(parseId(given, 16, words, 1)).toBe(good);
        if (good) expect(spanIdOf(words, 1)).toBe(given);
      }),
    );
  });

  it('has its ids where the addon reads them', () => {
    const { traceId, root, previous } = SCRATCH;
    expect(CARRIER_WORDS).toMatchObject({ trace: traceId / 4, root: root / 4, link: previous / 4 });
  });
});

describe('headers', () => {
  const value = `00-${GOOD.trace}-${GOOD.root}-01`;

  it.each([
    ['a plain object', { traceparent: value }],
    ['any case', { TraceParent: value }],
    ['array values', { traceparent: [value] }],
    ['a Headers instance', new Headers({ Traceparent: value })],
    ['a Map', new Map([['traceparent', value]])],
    ['pairs', [['TRACEPARENT', value]]],
    ['raw headers', ['Host', 'traceparent', 'TraceParent', value]],
    ['another get()', { get: (name: string) => (name === 'traceparent' ? value : null) }],
    ['no prototype', Object.assign(Object.create(null), { traceparent: value })],
  ])('are found in %s', (_, headers) => {
    expect(findHeader(headers, 'traceparent')).toBe(value);
  });

  it('are not found, without a throw, in anything else', () => {
    const throws = new Proxy(
      {},
      {
        ownKeys: () => {
          throw new Error('no');
        },
      },
    );
    for (const headers of [
      undefined,
      null,
      1,
      'traceparent',
      {},
      [],
      [1, null, [2]],
      ['traceparent'],
      throws,
      { traceparent: 7 },
      { traceparent: [] },
    ]) {
      expect(findHeader(headers, 'traceparent')).toBeUndefined();
    }
  });

  it('of the same name are joined, as HTTP says', () => {
    expect(
      findHeader(
        [
          ['tracestate', 'a=1'],
          ['tracestate', 'b=2'],
        ],
        'tracestate',
      ),
    ).toBe('a=1,b=2');
    expect(findHeader({ tracestate: ['a=1', 'b=2'] }, 'tracestate')).toBe('a=1,b=2');
  });
});

describe('W3C trace context', () => {
  const value = `00-${GOOD.trace}-${GOOD.root}-01`;

  it('is parsed with its sampled flag and state', () => {
    expect(parseTraceHeaders(value, 'a=1,b=2')).toEqual({
      traceId: GOOD.trace,
      spanId: GOOD.root,
      sampled: true,
      state: 'a=1,b=2',
    });
    expect(parseTraceHeaders(value.replace(/01$/, '00'), undefined)).toEqual({
      traceId: GOOD.trace,
      spanId: GOOD.root,
      sampled: false,
    });
    expect(parseTraceHeaders(value.replace(/01$/, '03'), undefined)).toMatchObject({ sampled: true });
    expect(parseTraceHeaders(`cc-${GOOD.trace}-${GOOD.root}-01-later`, undefined)).toMatchObject({
      traceId: GOOD.trace,
    });
  });

  it.each([
    '',
    'nonsense',
    `00-${GOOD.trace}-${GOOD.root}`,
    `00-${'0'.repeat(32)}-${GOOD.root}-01`,
    `00-${GOOD.trace}-${'0'.repeat(16)}-01`,
    `ff-${GOOD.trace}-${GOOD.root}-01`,
    `00-${GOOD.trace.toUpperCase()}-${GOOD.root}-01`,
    `00-${GOOD.trace}-${GOOD.root}-01-extra`,
    `00-${GOOD.trace}-${GOOD.root}-01,00-${GOOD.trace}-${GOOD.root}-01`,
  ])('is ignored when it is malformed: %j', (traceparent) => {
    expect(parseTraceHeaders(traceparent, undefined)).toBeUndefined();
  });

  it('comes out as it went in', () => {
    const context = { traceId: GOOD.trace, spanId: GOOD.root, sampled: true, state: 'a=1' };
    expect(formatHeaders(context, 'b=2')).toEqual({ traceparent: value, tracestate: 'a=1', baggage: 'b=2' });
    expect(formatHeaders({ ...context, sampled: false }, undefined)['traceparent']).toBe(value.replace(/01$/, '00'));
  });
});

describe('W3C baggage', () => {
  it('keeps its members with their properties', () => {
    expect(parseBaggage('tenant=7;p=1;q, user = x%20y')).toBe('tenant=7;p=1;q,user=x%20y');
  });

  it('loses malformed members and those beyond the limits, and nothing else', () => {
    expect(parseBaggage('a=1,,nonsense,=2,b=%zz,c=3')).toBe('a=1,c=3');
    expect(parseBaggage('nonsense')).toBeUndefined();
    expect(parseBaggage(`a=1,b=${'x'.repeat(8192)},c=3`)).toBe('a=1,c=3');
    const many = Array.from({ length: 100 }, (_, index) => `k${index}=1`);
    expect(parseBaggage(many.join(','))).toBe(many.slice(0, 64).join(','));
    const fits = `a=${'x'.repeat(4000)},b=${'x'.repeat(4000)}`;
    expect(parseBaggage(`${fits},c=${'x'.repeat(4000)}`)).toBe(fits);
  });

  it('that was read is always taken along by a carrier', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary', maxLength: 200 }), fc.string({ maxLength: 200 }), (wild, plain) => {
        for (const text of [wild, plain, `k=${wild}`, `a=1,${plain}`, `k=1;${wild}`, `k=1;${plain}`]) {
          const baggage = parseBaggage(text);
          if (baggage !== undefined) expect(checkCarrier({ ...GOOD, baggage })).toMatchObject({ baggage });
        }
      }),
    );
  });
});
