// SPDX-License-Identifier: Apache-2.0
//
// Trace state that comes from outside: carriers and W3C headers, well-formed, malformed and hostile. Pure.
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type Carrier, hexToWords, readCarrier, wordsToHex } from '../../lib/carrier';
import { findHeader } from '../../lib/headers';
import { formatTraceHeaders, parseTraceHeaders } from '../../lib/otel/propagation';

const GOOD: Carrier = {
  v: 1,
  trace: '0af7651916cd43dd8448eb211c80319c',
  root: 'b7ad6b7169203331',
  link: '00f067aa0ba902b7',
  level: 2,
  id: 'r-1',
  flags: 1,
  state: 'vendor=1',
};

describe('a carrier', () => {
  it('is copied when it is well-formed, after any JSON hop', () => {
    expect(readCarrier(JSON.parse(JSON.stringify(GOOD)))).toEqual(GOOD);
    expect(readCarrier(structuredClone(GOOD))).toEqual(GOOD);
    const { link, id, state, ...least } = GOOD;
    expect(readCarrier(least)).toEqual(least);
    expect([link, id, state]).not.toContain(undefined);
  });

  it('loses what it should not have, and is never the object that came in', () => {
    const read = readCarrier({ ...GOOD, extra: 1 });
    expect(read).toEqual(GOOD);
    expect(readCarrier(GOOD)).not.toBe(GOOD);
  });

  it.each([
    { v: 2 },
    { v: '1' },
    { trace: '0'.repeat(32) },
    { trace: GOOD.trace.toUpperCase() },
    { trace: `${GOOD.trace}0` },
    { trace: undefined },
    { root: '0'.repeat(16) },
    { root: 7 },
    { link: 'short' },
    { link: null },
    { level: 5 },
    { level: -1 },
    { level: 1.5 },
    { level: '2' },
    { flags: 2 },
    { flags: true },
    { id: 7 },
    { id: 'x'.repeat(1025) },
    { state: 'x'.repeat(513) },
    { state: {} },
  ])('is refused with %j', (change) => {
    expect(readCarrier({ ...GOOD, ...change })).toBeUndefined();
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
    for (const value of [undefined, null, 1, 'x', [], throws, () => GOOD]) expect(readCarrier(value)).toBeUndefined();
    fc.assert(fc.property(fc.anything({ withNullPrototype: true }), (value) => readCarrier(value) === undefined));
  });

  it('has ids whose hexadecimal form lists bytes in memory order', () => {
    const words = new Int32Array(4);
    hexToWords(GOOD.trace, words, 0);
    expect(Buffer.from(words.buffer).toString('hex')).toBe(GOOD.trace);
    expect(wordsToHex(words, 0, 4)).toBe(GOOD.trace);
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
    expect(formatTraceHeaders(context)).toEqual({ traceparent: value, tracestate: 'a=1' });
    expect(formatTraceHeaders({ ...context, sampled: false }).traceparent).toBe(value.replace(/01$/, '00'));
  });
});
