// SPDX-License-Identifier: Apache-2.0
//
// `gpuspan/carrier`: a carrier as one header, the headers it stands for, and what a process that does not trace passes on.
import fc from 'fast-check';
import {
  CARRIER_HEADER,
  type Carrier,
  carrierFromHeader,
  carrierToHeader,
  carrierToHeaders,
  carrierToTraceparent,
  MAX_CARRIER_HEADER,
  passOnHeaders,
} from 'gpuspan/carrier';
import { describe, expect, it } from 'vitest';
import { runProgram } from './child';

const LEAST: Carrier = {
  v: 1,
  trace: '0af7651916cd43dd8448eb211c80319c',
  root: 'b7ad6b7169203331',
  level: 2,
  flags: 1,
};
const TRACEPARENT = `00-${LEAST.trace}-${LEAST.root}-01`;
/** As a gpuspan of the future might send it. */
const LATER = { ...LEAST, v: 2, state: 'a=1', baggage: 'b=2', more: { deep: [1, 'é'] } };

const hex = (digits: number) =>
  fc
    .string({ unit: fc.constantFrom(...'0123456789abcdef'), minLength: digits - 1, maxLength: digits - 1 })
    .map((text) => `1${text}`);
const printable = (maxLength: number) =>
  fc.string({
    unit: fc.integer({ min: 0x20, max: 0x7e }).map((code) => String.fromCharCode(code)),
    minLength: 1,
    maxLength,
  });
/** Any string of UTF-16, halves of surrogate pairs included. */
const anyText = (maxLength: number) =>
  fc.array(fc.integer({ min: 0, max: 0xffff }), { maxLength }).map((codes) => String.fromCharCode(...codes));

const carriers = (idLength: number, baggageLength: number) =>
  fc.record(
    {
      v: fc.constant(1 as const),
      trace: hex(32),
      root: hex(16),
      level: fc.integer({ min: 0, max: 4 }),
      flags: fc.constantFrom(0 as const, 1 as const),
      link: hex(16),
      id: anyText(idLength),
      state: printable(512),
      baggage: printable(baggageLength).map((text) => text.replaceAll(',', ';')),
    },
    { requiredKeys: ['v', 'trace', 'root', 'level', 'flags'] },
  ) as fc.Arbitrary<Carrier>;

describe('a carrier as a header', () => {
  it('comes out as it went in, as printable ASCII, and as headers transport it', () => {
    fc.assert(
      fc.property(carriers(200, 1000), (carrier) => {
        const text = carrierToHeader(carrier)!;
        expect(text).toMatch(/^[\x20-\x7e]+$/);
        expect(carrierFromHeader(new Headers({ [CARRIER_HEADER]: text }).get(CARRIER_HEADER))).toEqual(carrier);
        expect(carrierFromHeader([text])).toEqual(carrier);
      }),
    );
  });

  it('is never longer than it may be: baggage, id and tracestate stay behind, in this order', () => {
    fc.assert(
      fc.property(carriers(1024, 8192), (carrier) => {
        const text = carrierToHeader(carrier)!;
        expect(text.length).toBeLessThanOrEqual(MAX_CARRIER_HEADER);
        const { baggage, id, state, ...least } = carrier;
        const back = carrierFromHeader(text)!;
        expect(back).toMatchObject(least);
        const stays = ['baggage', 'id', 'state'].map((field) => field in back || !(field in carrier));
        expect([...stays].sort()).toEqual(stays);
      }),
    );
    const full = { ...LEAST, id: 'é'.repeat(1024), state: 'a=1', baggage: `b=${'x'.repeat(8000)}` };
    expect(carrierFromHeader(carrierToHeader(full))).toEqual({ ...LEAST, state: 'a=1' });
  });

  it('is undefined for undefined, and for what is no carrier or cannot be JSON', () => {
    const loop: { self?: unknown } = {};
    loop.self = loop;
    for (const value of [undefined, null, 7, 'x', loop, { v: 1, n: 1n }]) {
      expect(carrierToHeader(value as Carrier)).toBeUndefined();
    }
  });

  it('is undefined where there is no header, two of them, or nonsense', () => {
    const text = carrierToHeader(LEAST)!;
    for (const value of [
      undefined,
      null,
      '',
      'x',
      '{}',
      '[]',
      `${text}, ${text}`,
      [],
      [text, text],
      'x'.repeat(20_000),
    ]) {
      expect(carrierFromHeader(value)).toBeUndefined();
    }
    fc.assert(fc.property(fc.anything(), (value) => carrierFromHeader(value as string) === undefined));
    fc.assert(fc.property(fc.json(), (value) => carrierFromHeader(value) === undefined));
  });

  it('of a later version passes unchanged in both directions', () => {
    const text = carrierToHeader(LATER as unknown as Carrier)!;
    expect(carrierFromHeader(text)).toEqual(LATER);
    expect(carrierToHeader(carrierFromHeader(text))).toBe(text);
    const large = { ...LATER, more: 'x'.repeat(5000) };
    expect(carrierToHeader(large as unknown as Carrier)).toBeUndefined();
  });
});

describe('the headers of a carrier', () => {
  it('continue its trace, with tracestate and baggage', () => {
    expect(carrierToTraceparent(LEAST)).toBe(TRACEPARENT);
    expect(carrierToTraceparent({ ...LEAST, flags: 0 })).toBe(TRACEPARENT.replace(/1$/, '0'));
    expect(carrierToHeaders({ ...LEAST, state: 'a=1', baggage: 'b=2' })).toEqual({
      traceparent: TRACEPARENT,
      tracestate: 'a=1',
      baggage: 'b=2',
    });
  });

  it('are those of a later version where it keeps the fields', () => {
    const later = LATER as unknown as Carrier;
    expect(carrierToHeaders(later)).toEqual({ traceparent: TRACEPARENT, tracestate: 'a=1', baggage: 'b=2' });
    expect(carrierToHeaders({ ...later, trace: 'other' })).toEqual({});
  });

  it('are none for anything else', () => {
    for (const value of [undefined, null, {}, 'x', { ...LEAST, root: 'x' }]) {
      expect(carrierToHeaders(value as Carrier)).toEqual({});
      expect(carrierToTraceparent(value as Carrier)).toBeUndefined();
    }
  });
});

describe('headers that are passed on', () => {
  it('are the trace headers as they came, in any case, and no others', () => {
    const incoming = {
      Host: 'x',
      TraceParent: 'cc-anything',
      tracestate: ['a=1', 'b=2'],
      Baggage: 'c=3',
      cookie: 'secret',
    };
    const text = carrierToHeader(LEAST)!;
    expect(passOnHeaders({ ...incoming, 'Gpuspan-Carrier': text })).toEqual({
      traceparent: 'cc-anything',
      tracestate: 'a=1,b=2',
      baggage: 'c=3',
      'gpuspan-carrier': text,
    });
    expect(passOnHeaders(new Headers({ traceparent: TRACEPARENT }))).toEqual({ traceparent: TRACEPARENT });
    expect(passOnHeaders(undefined)).toEqual({});
  });

  it('never have line breaks or excessive length', () => {
    const injected = {
      traceparent: `${TRACEPARENT}\r\nset-cookie: a=b`,
      baggage: `a=${'x'.repeat(9000)}`,
      tracestate: 'é',
    };
    expect(passOnHeaders(injected)).toEqual({});
  });
});

it('needs neither the addon nor OpenTelemetry, nor GPUSPAN', async () => {
  const program = `
    import { readFileSync } from 'node:fs';
    import { createRequire } from 'node:module';
    import { carrierFromHeader, carrierToHeader } from 'gpuspan/carrier';
    const require = createRequire(import.meta.url);
    const same = require('gpuspan/carrier').carrierToHeader === carrierToHeader;
    const text = ${JSON.stringify(carrierToHeader(LEAST))};
    print({
      same,
      passed: carrierToHeader(carrierFromHeader(text)) === text,
      loaded: Object.keys(require.cache).map((file) => file.split('/dist/')[1] ?? file).sort(),
      mapped: readFileSync('/proc/self/maps', 'utf8').includes('gpuspan.node'),
    });
  `;
  const { output, stderr } = await runProgram(program, { GPUSPAN: '1' });
  expect(stderr).toBe('');
  expect(output).toEqual({
    same: true,
    passed: true,
    loaded: ['carrier-check.js', 'carrier.js', 'find-header.js', 'hex.js', 'trace-context.js'],
    mapped: false,
  });
});
