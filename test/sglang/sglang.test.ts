// SPDX-License-Identifier: Apache-2.0
//
// `gpuspan/sglang`: SGLang's trace state in and out, with ids that JSON.parse would round.
import fc from 'fast-check';
import type { Carrier } from 'gpuspan';
import {
  fromSglang,
  fromSglangHeader,
  parseExactJson,
  SGLANG_REFUSALS,
  stringifyExactJson,
  toSglang,
  toSglangHeader,
} from 'gpuspan/sglang';
import { describe, expect, it } from 'vitest';
import { runProgram } from '../api/child';

const TRACE = 'f'.repeat(15) + 'd'.padStart(17, '0');
const STATE = {
  tracing_enable: true,
  rid: 'worker_r-1',
  bootstrap_room: 2n ** 64n - 1n,
  start_time_ns: 1_769_000_000_123_456_789n,
  role: 'prefill',
  trace_level: 3,
  module_name: 'request',
  is_copy: true,
  pid: 4711,
  root_span_context: { traceparent: `00-${TRACE}-ffffffffffffffdd-01`, tracestate: 'a=1' },
  last_span_context: { span_id: 2n ** 64n - 3n, trace_id: BigInt(`0x${TRACE}`) },
  thread_context: null,
  root_span: null,
};
const TEXT = stringifyExactJson(STATE)!;

const id = (bits: number) => fc.bigInt({ min: 1n, max: 2n ** BigInt(bits) - 1n });
const state = fc
  .record({
    trace: id(128),
    root: id(64),
    last: fc.option(id(64)),
    room: fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }),
    level: fc.integer({ min: 0, max: 4 }),
    more: fc.dictionary(fc.string(), fc.jsonValue()),
  })
  .map(({ trace, root, last, room, level, more }) => ({
    ...more,
    ...STATE,
    bootstrap_room: room,
    trace_level: level,
    root_span_context: { traceparent: `00-${hex(trace, 32)}-${hex(root, 16)}-01` },
    last_span_context: last === null ? null : { span_id: last, trace_id: trace },
  }));

function hex(value: bigint, digits: number) {
  return value.toString(16).padStart(digits, '0');
}

describe("SGLang's _trace_state", () => {
  it('goes in and out unchanged with ids above 2^53, as text to the last character', () => {
    const { carrier } = fromSglang(TEXT);
    expect(carrier).toEqual({
      v: 1,
      trace: TRACE,
      root: 'ffffffffffffffdd',
      link: 'fffffffffffffffd',
      level: 3,
      flags: 1,
      id: 'worker_r-1',
      state: 'a=1',
    });
    expect(toSglang(carrier, TEXT)).toBe(TEXT);
    // The point of it: this is what JSON.parse makes of the same text.
    expect(JSON.stringify(JSON.parse(TEXT))).not.toBe(TEXT);
  });

  it('goes in and out as Python writes it: spaces, escapes, halves of surrogate pairs, names given twice alike', () => {
    const text =
      '{"more": {"__proto__": [1.0, 1e400]}, "tracing_enable": true, "rid": "caf\\u00e9 \\uD800", "more": {"__proto__": [1.0, 1e400]},' +
      ` "root_span_context": {"traceparent": "00-${TRACE}-ffffffffffffffdd-01"}, "last_span_context": null}`;
    const { carrier } = fromSglang(text);
    expect(carrier?.id).toBe('café \ud800');
    expect(toSglang(carrier, text)).toBe(text);
  });

  it('goes on as it came where SGLang did not trace, and where nothing became of the carrier', () => {
    const off = '{"tracing_enable": false}';
    expect(toSglang(fromSglang(off).carrier, off)).toBe(off);
    expect(toSglang(undefined, TEXT)).toBe(TEXT);
    expect(toSglang({ v: 1 } as Carrier, STATE)).toBe(TEXT);
    expect(toSglang(undefined)).toBeUndefined();
  });

  it.each([
    ['id', { ...STATE, rid: 'r'.repeat(1025) }],
    ['id', { ...STATE, rid: 7 }],
    ['state', { ...STATE, root_span_context: { ...STATE.root_span_context, tracestate: 'a'.repeat(513) } }],
    ['baggage', { ...STATE, root_span_context: { ...STATE.root_span_context, baggage: 'a\nb' } }],
  ] as const)('keeps to itself an %s that a carrier does not take', (field, given) => {
    const text = stringifyExactJson(given)!;
    const { carrier } = fromSglang(text);
    expect(carrier).toMatchObject({ trace: TRACE, level: 3 });
    expect(carrier).not.toHaveProperty(field);
    expect(toSglang(carrier, text)).toBe(text);
    const moved = parseExactJson(toSglang({ ...carrier!, link: 'fffffffffffffff1' }, text)!);
    expect(moved).toMatchObject({ rid: given.rid, root_span_context: given.root_span_context });
  });

  it.each([4, 5, 99, 2n ** 70n])('records everything from level 4 up, and keeps the number: %s', (level) => {
    const text = stringifyExactJson({ ...STATE, trace_level: level })!;
    const { carrier } = fromSglang(text);
    expect(carrier?.level).toBe(4);
    expect(toSglang(carrier, text)).toBe(text);
  });

  it('writes what else the carrier says otherwise', () => {
    const carrier: Carrier = { ...fromSglang(TEXT).carrier!, state: 'b=2', baggage: 'c=3', level: 1, id: 'mine' };
    expect(parseExactJson(toSglang(carrier, TEXT)!)).toEqual({
      ...STATE,
      rid: 'mine',
      trace_level: 1,
      root_span_context: { ...STATE.root_span_context, tracestate: 'b=2', baggage: 'c=3' },
    });
  });

  it('goes in and out unchanged whatever its ids, its level and its other fields are', () => {
    fc.assert(
      fc.property(state, (given) => {
        const text = stringifyExactJson(given)!;
        const { carrier, refused } = fromSglang(text);
        expect(refused).toBeUndefined();
        expect(toSglang(carrier, text)).toBe(text);
        expect(carrier!.trace).toBe(given.root_span_context.traceparent.slice(3, 35));
        expect(carrier!.link).toBe(
          given.last_span_context === null ? undefined : hex(given.last_span_context.span_id, 16),
        );
      }),
    );
  });

  it('can be the object that parseExactJson made of the message around it', () => {
    const message = parseExactJson(`{"role":"denoiser","_trace_state":${TEXT}}`) as Record<string, unknown>;
    const { carrier } = fromSglang(message['_trace_state']);
    message['_trace_state'] = parseExactJson(toSglang(carrier, message['_trace_state'])!);
    expect(stringifyExactJson(message)).toBe(`{"role":"denoiser","_trace_state":${TEXT}}`);
  });

  it('takes over where the request has got to here, and keeps the rest', () => {
    const carrier: Carrier = { ...fromSglang(TEXT).carrier!, link: 'fffffffffffffff1' };
    expect(parseExactJson(toSglang(carrier, TEXT)!)).toEqual({
      ...STATE,
      last_span_context: { span_id: 0xffff_ffff_ffff_fff1n, trace_id: BigInt(`0x${TRACE}`) },
    });
  });

  it('can be written for a request that began here, and read back', () => {
    const carrier = { ...fromSglang(TEXT).carrier!, id: 'mine' };
    const written = toSglang(carrier, undefined, {
      role: 'decode',
      bootstrapRoom: 2n ** 64n - 1n,
      moduleName: 'diffusion',
    });
    expect(fromSglang(written).carrier).toEqual(carrier);
    const room = { role: 'decode', module_name: 'diffusion', bootstrap_room: 2n ** 64n - 1n };
    expect(parseExactJson(written!)).toMatchObject(room);
  });

  it('drops a link into another trace, for which a carrier has no place', () => {
    const last = { span_id: 5, trace_id: 6 };
    expect(fromSglang({ ...STATE, last_span_context: last }).carrier?.link).toBeUndefined();
  });

  it.each<[keyof typeof SGLANG_REFUSALS, unknown]>([
    ['type', undefined],
    ['type', 'None'],
    ['type', '[1]'],
    ['type', '{"a":1,"a":2}'],
    ['type', '['.repeat(60_000)],
    ['size', `{"x":"${'x'.repeat(65_536)}"}`],
    ['off', { tracing_enable: false }],
    ['off', '{"__proto__":{"tracing_enable":true}}'],
    ['root', { ...STATE, root_span_context: null }],
    ['root', { ...STATE, root_span_context: {} }],
    ['root', { ...STATE, root_span_context: { traceparent: `00-${'0'.repeat(32)}-ffffffffffffffdd-01` } }],
    ['rounded', JSON.parse(TEXT)],
    ['link', { ...STATE, last_span_context: [] }],
    ['link', { ...STATE, last_span_context: { span_id: 0, trace_id: 1 } }],
    ['link', { ...STATE, last_span_context: { span_id: 2n ** 64n, trace_id: 1 } }],
    ['link', { ...STATE, last_span_context: { span_id: -1, trace_id: 1 } }],
    ['link', { ...STATE, last_span_context: { span_id: 1.5, trace_id: 1 } }],
    ['link', { ...STATE, last_span_context: { span_id: '12', trace_id: 1 } }],
    ['level', { ...STATE, trace_level: -1 }],
    ['level', { ...STATE, trace_level: 1.5 }],
    ['level', { ...STATE, trace_level: '3' }],
    [
      'unreadable',
      {
        get tracing_enable() {
          throw new Error('no');
        },
      },
    ],
  ])('is refused as %s, with words for it, and never throws', (reason, given) => {
    const { carrier, refused } = fromSglang(given);
    expect([carrier, refused]).toEqual([undefined, reason]);
    expect(SGLANG_REFUSALS[reason]).toMatch(/\w/);
    expect(toSglang(fromSglang(TEXT).carrier, reason === 'type' ? 7 : TEXT) === undefined).toBe(reason === 'type');
  });

  it('is refused or read, but never throws, whatever it is', () => {
    fc.assert(
      fc.property(fc.oneof(fc.anything(), fc.json(), fc.string()), (given) => {
        const { carrier } = fromSglang(given);
        toSglang(carrier, given);
        toSglang(given as Carrier);
        fromSglangHeader(given, 1);
        toSglangHeader(given as never);
      }),
    );
  });
});

describe("SGLang's header trace_context", () => {
  // As its first version writes it: spaces, a map by bootstrap room, and the word None.
  const header = Buffer.from(
    `{"7": {"root_span": {"traceparent": "00-${TRACE}-ffffffffffffffdd-01"}, "prev_span": "None"}, "8": ` +
      `{"root_span": {"traceparent": "00-${TRACE}-ffffffffffffffdd-01"}, "prev_span": {"span_id": 18446744073709551613, ` +
      `"trace_id": ${BigInt(`0x${TRACE}`)}}}, "9": null}`,
  ).toString('base64');

  it('gives the carrier of a room, and is written again for others', () => {
    const seventh = { v: 1, trace: TRACE, root: 'ffffffffffffffdd', level: 2, flags: 1 };
    const eighth = { ...seventh, link: 'fffffffffffffffd', level: 3 };
    expect(fromSglangHeader(header, 7).carrier).toEqual(seventh);
    expect(fromSglangHeader(header, 8n, 3).carrier).toEqual(eighth);
    const written = toSglangHeader({ 7: seventh as Carrier, 8: eighth as Carrier, 9: undefined });
    expect(fromSglangHeader(written, 8, 3).carrier).toEqual(eighth);
    expect(fromSglangHeader(written, 9).refused).toBe('off');
  });

  it('is refused when it is no base64 of JSON, has no such room, or is too long', () => {
    expect(fromSglangHeader('None', 7).refused).toBe('type');
    expect(fromSglangHeader(header, 'constructor').refused).toBe('off');
    expect(fromSglangHeader(header, 9).refused).toBe('off');
    expect(fromSglangHeader('a'.repeat(70_000), 7).refused).toBe('size');
    expect(toSglangHeader({})).toBeUndefined();
  });

  it('takes any name of a room', () => {
    const { carrier } = fromSglang(TEXT);
    const rooms = JSON.parse(`{"__proto__":${JSON.stringify(carrier)}}`) as Record<string, Carrier>;
    expect(fromSglangHeader(toSglangHeader(rooms), '__proto__', 3).carrier?.link).toBe(carrier?.link);
  });
});

describe('JSON with exact integers', () => {
  it('reads and writes numbers as they are written', () => {
    expect(parseExactJson('1107699297523626100')).toBe(1107699297523626100n);
    const text = '{"a":[1,-0,1.0,1e3,0.1,9007199254740993,-18446744073709551616,1e400],"__proto__":{"b":1}}';
    const value = parseExactJson(text) as Record<string, unknown>;
    expect(stringifyExactJson(value)).toBe(text);
    expect(Object.getPrototypeOf(value)).toBe(Object.prototype);
  });
});

describe('the entry gpuspan/sglang', () => {
  it('loads neither the addon nor OpenTelemetry', async () => {
    const program = `
      import { createRequire } from 'node:module';
      import 'gpuspan/sglang';
      const files = Object.keys(createRequire(import.meta.url).cache);
      print(files.map((file) => file.replace(/.*[/](dist|node_modules)[/]/, '')).sort());`;
    const { output, stderr } = await runProgram(program, { GPUSPAN: '1' });
    expect(stderr).toBe('');
    expect(output).toEqual([
      'carrier-check.js',
      'hex.js',
      'lossless-json/lib/umd/lossless-json.js',
      'sglang/exact-json.js',
      'sglang/header.js',
      'sglang/index.js',
      'sglang/state.js',
      'trace-context.js',
    ]);
  });
});
