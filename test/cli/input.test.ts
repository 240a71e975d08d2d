// SPDX-License-Identifier: Apache-2.0
//
// The reader of OTLP JSON files: every shape of file, and what is damaged, hostile or too large.
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { readOtlpFile } from '../../dist/cli/input/otlp-file';
import { OtlpText } from '../../dist/cli/input/otlp-text';
import type { ReceivedSpan } from 'gpuspan/testing';
import { BASE, fileOf, otlpRequest, otlpSpan, spanId, traceId } from './otlp';

async function read(content: string | Uint8Array | readonly object[]) {
  const spans: ReceivedSpan[] = [];
  const account = await readOtlpFile(fileOf(content), { onSpan: (span) => spans.push(span) });
  return { spans, account };
}

/** Through the text reader alone, cut into chunks of `size` bytes. */
function readChunks(text: string, size: number) {
  const seen = { spans: [] as ReceivedSpan[], badSpans: 0, badLines: [] as number[], truncated: false };
  const reader = new OtlpText({
    span: (span) => seen.spans.push(span),
    badSpan: () => seen.badSpans++,
    badLine: (number) => seen.badLines.push(number),
    truncated: () => (seen.truncated = true),
  });
  const bytes = Buffer.from(text);
  for (let at = 0; at < bytes.length; at += size) reader.write(bytes.subarray(at, at + size));
  reader.end();
  return seen;
}

const two = [
  otlpRequest([
    { id: 1, name: 'a' },
    { id: 2, name: 'b' },
  ]),
  otlpRequest([{ id: 3, name: 'c' }], 'other'),
];
const lines = two.map((request) => JSON.stringify(request));
const oneObject = { resourceSpans: two.flatMap((request) => request.resourceSpans) };
const names = (spans: readonly ReceivedSpan[]) => spans.map((span) => `${span.name}@${span.resource['service.name']}`);
const ALL = ['a@decoder', 'b@decoder', 'c@other'];

const SHAPES = {
  'a request a line': `${lines.join('\n')}\n`,
  'lines without a last newline, blank ones between': lines.join('\n\n'),
  'Windows line ends': lines.join('\r\n'),
  'one array on one line': JSON.stringify(two),
  'one array, indented': JSON.stringify(two, null, 2),
  'one array, an element a line': `[\n${lines.join(',\n')}\n]\n`,
  'one object on one line': JSON.stringify(oneObject),
  'one object, indented': JSON.stringify(oneObject, null, 2),
  'objects one behind the other': lines.join(''),
};

describe('a file', () => {
  for (const [shape, text] of Object.entries(SHAPES)) {
    it(`is read when it is ${shape}, however its bytes arrive`, () => {
      for (const size of [1, 7, 100_000]) {
        const { spans, badLines, badSpans, truncated } = readChunks(text, size);
        expect(names(spans)).toEqual(ALL);
        expect({ badLines, badSpans, truncated }).toEqual({ badLines: [], badSpans: 0, truncated: false });
      }
    });
  }

  it('gives spans with all they have, ids in hex or base64', async () => {
    const made = otlpSpan({ id: 0xab, parent: 2, name: 'x', start: 1, end: 9, attributes: { n: 3, text: 'ä' } });
    const base64 = (hex: string) => Buffer.from(hex, 'hex').toString('base64');
    const other = {
      ...made,
      traceId: base64(made.traceId),
      spanId: base64(made.spanId),
      parentSpanId: base64(spanId(2)),
    };
    const { spans } = await read([{ resourceSpans: [{ scopeSpans: [{ spans: [made, other] }] }] }]);
    expect(spans[0]).toMatchObject({
      traceId: traceId(1),
      spanId: spanId(0xab),
      parentSpanId: spanId(2),
      startTimeUnixNano: BASE + 1n,
      attributes: { n: 3, text: 'ä' },
    });
    expect(spans[1]).toEqual(spans[0]);
  });

  it('passes on what the taker of its spans throws: that is no bad line', async () => {
    const full = new Error('the disk is full');
    const onSpan = () => {
      throw full;
    };
    for (const text of [JSON.stringify(oneObject, null, 2), `${lines[0]}\n${lines[1]!.slice(0, -3)}`, lines.join('')]) {
      await expect(readOtlpFile(fileOf(text), { onSpan })).rejects.toBe(full);
    }
  });

  it('has a span whose status or event is named by no text as a malformed one', async () => {
    const odd = [
      { ...otlpSpan({ id: 1 }), status: { code: 2, message: { no: 'text' } } },
      { ...otlpSpan({ id: 2 }), events: [{ name: 7, timeUnixNano: '1' }] },
      otlpSpan({ id: 3, name: 'sound' }),
    ];
    const { spans, account } = await read([{ resourceSpans: [{ scopeSpans: [{ spans: odd }] }] }]);
    expect(spans.map(({ name }) => name)).toEqual(['sound']);
    expect(account.badSpans).toBe(2);
  });

  it('streams a line that is too long to be parsed at once', async () => {
    const many = Array.from({ length: 12_000 }, (_, i) => ({
      id: i + 1,
      name: 'stage',
      attributes: { pad: 'x'.repeat(200) },
    }));
    const text = [lines[0], JSON.stringify(otlpRequest(many)), lines[1]].join('\n');
    expect(text.length).toBeGreaterThan(4 * 1024 * 1024);
    const { spans, account } = await read(text);
    expect(spans).toHaveLength(12_003);
    expect(spans.at(-2)?.resource).toEqual({ 'service.name': 'decoder' });
    expect(account).toMatchObject({ spans: 12_003, badLines: 0, badSpans: 0, truncated: false, bytes: text.length });
  });

  it('gives the same spans whether they are parsed a line or a span at a time, whatever is in their strings', () => {
    const text = fc.string({ unit: fc.constantFrom('"', '\\', '{', '}', '[', ']', ',', ':', 'ä', '\n', 'true', ' ') });
    const made = fc.record({ id: fc.integer({ min: 1, max: 99 }), name: text, attributes: fc.dictionary(text, text) });
    const requests = fc.array(fc.tuple(fc.array(made, { maxLength: 4 }), text), { minLength: 1, maxLength: 4 });
    fc.assert(
      fc.property(requests, fc.integer({ min: 1, max: 40 }), fc.constantFrom(undefined, 1), (groups, size, indent) => {
        const whole = groups.map(([spans, service]) => otlpRequest(spans, service));
        const expected = readChunks(`${whole.map((request) => JSON.stringify(request)).join('\n')}\n`, 1_000_000);
        const array = readChunks(JSON.stringify(whole, null, indent), size);
        const object = { resourceSpans: whole.flatMap((request) => request.resourceSpans) };
        expect(array).toEqual(expected);
        expect(readChunks(`{\n"resourceSpans":${JSON.stringify(object.resourceSpans)}\n}`, size)).toEqual(expected);
      }),
    );
  });

  it('keeps times and integers exact that were written without quotes', () => {
    const made = otlpSpan({ id: 1, start: 1, end: 999, attributes: { handle: 0 } });
    const bare = JSON.stringify({ resourceSpans: [{ scopeSpans: [{ spans: [made] }] }] })
      .replace(/Nano":"(\d+)"/g, 'Nano":$1')
      .replace('"intValue":"0"', '"intValue":9007199254740993');
    for (const text of [bare, bare.replace('{', '{\n')]) {
      const [span] = readChunks(text, 100).spans;
      expect(span).toMatchObject({ startTimeUnixNano: BASE + 1n, endTimeUnixNano: BASE + 999n });
      expect(span?.attributes).toEqual({ handle: 9_007_199_254_740_993n });
    }
  });

  it('is used up to where it was cut', async () => {
    const { spans, account } = await read(`${lines[1]}\n${lines[0]!.slice(0, -60)}`);
    expect(names(spans)).toEqual(['c@other', 'a@decoder']);
    expect(account).toMatchObject({ truncated: true, badLines: 0 });
    const indented = await read(SHAPES['one object, indented'].slice(0, -120));
    expect(indented.account).toMatchObject({ truncated: true, spans: 2 });
  });

  it('is read around lines that are not JSON, which are counted and told', async () => {
    const { spans, account } = await read(['no JSON', lines[0], '{"resourceSpans":[}', '\u0000', lines[1]].join('\n'));
    expect(names(spans)).toEqual(ALL);
    expect(account.badLines).toBe(3);
    expect(account.notes[0]).toMatch(/^line 1: /);
    expect(account.notes[1]).toMatch(/^line 3: /);
  });

  it('may hold logs and metrics too, which have no spans', async () => {
    const { spans, account } = await read([
      { resourceLogs: [] },
      two[0]!,
      { resourceMetrics: [{}] },
      { resourceSpans: 5 },
    ]);
    expect(spans).toHaveLength(2);
    expect(account).toMatchObject({ badLines: 0, badSpans: 0 });
  });
});

const sound = otlpSpan({ id: 1 });
const HOSTILE: Record<string, unknown> = {
  'no object': 5,
  null: null,
  'without ids': { name: 'x' },
  'an id that is no hex': { ...sound, spanId: 'zzzzzzzzzzzzzzzz' },
  'an id of zeros': { ...sound, traceId: '0'.repeat(32) },
  'an id of a megabyte': { ...sound, spanId: 'a'.repeat(1_000_000) },
  'a parent that is no id': { ...sound, parentSpanId: 'x' },
  'a time that is no number': { ...sound, startTimeUnixNano: 'now' },
  'a time before 1970': { ...sound, startTimeUnixNano: '-1' },
  'a time of 300 digits': { ...sound, endTimeUnixNano: '9'.repeat(300) },
  'a time that is a fraction': { ...sound, endTimeUnixNano: 0.5 },
  'attributes that are no list': { ...sound, attributes: 7 },
  'an integer of a million digits': {
    ...sound,
    attributes: [{ key: 'n', value: { intValue: '9'.repeat(1_000_000) } }],
  },
  'a name that is a list': { ...sound, name: ['x'] },
  'links that are no objects': { ...sound, links: [null] },
};

describe('a malformed span', () => {
  for (const [what, span] of Object.entries(HOSTILE)) {
    it(`is counted and left out, the others are kept: ${what}`, async () => {
      const { spans, account } = await read([{ resourceSpans: [{ scopeSpans: [{ spans: [span, sound] }] }] }]);
      expect(spans).toHaveLength(1);
      expect(account).toMatchObject({ badSpans: 1, badLines: 0 });
    });
  }

  it('may be nested 100,000 deep', async () => {
    const deep = '{"kvlistValue":{"values":[{"key":"k","value":'.repeat(100_000);
    const text = JSON.stringify(otlpRequest([{ id: 1, attributes: { a: 1 } }])).replace('{"intValue":"1"}', () => deep);
    const { account } = await read(`${text}\n${lines[1]}`);
    expect(account).toMatchObject({ spans: 1, badLines: 1 });
  });

  it('ends before its start: the start is taken for its end', async () => {
    const { spans } = await read([otlpRequest([{ id: 1, start: 9, end: 3 }])]);
    expect(spans[0]).toMatchObject({ startTimeUnixNano: BASE + 9n, endTimeUnixNano: BASE + 9n });
  });

  it('cannot change what objects inherit', async () => {
    const hostile = otlpRequest([{ id: 1, attributes: { ['__proto__']: 'x', constructor: 'y' } }]);
    const { spans } = await read([hostile]);
    expect(Object.getPrototypeOf(spans[0]!.attributes)).toBe(Object.prototype);
    expect(({} as Record<string, unknown>)['x']).toBeUndefined();
  });
});

describe('a file that cannot be used', () => {
  const failing = (content: Uint8Array) => readOtlpFile(fileOf(content), { onSpan: () => {} });

  it('is refused when it is compressed, with what to do', async () => {
    await expect(failing(Uint8Array.of(0x1f, 0x8b, 8, 0))).rejects.toMatchObject({
      exitCode: 3,
      message: expect.stringContaining('gunzip'),
    });
  });

  it('is refused when it is no text', async () => {
    await expect(failing(new Uint8Array(100))).rejects.toMatchObject({ exitCode: 3 });
  });

  it('is refused when it is a folder or is not there', async () => {
    await expect(readOtlpFile('/', { onSpan: () => {} })).rejects.toMatchObject({ exitCode: 3 });
    await expect(readOtlpFile('/nowhere', { onSpan: () => {} })).rejects.toMatchObject({ exitCode: 3 });
  });
});
