// SPDX-License-Identifier: Apache-2.0
//
// What attributes, columns and errors look like to the addon. Runs on the encoder and a fake addon.
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type Attributes, type Columns, OWNER_LIMIT, SLICE_LIMIT } from '../../lib/attributes';
import { PayloadEncoder } from '../../lib/payload-encoder';
import { FakeNative } from './fake-native';

function encoder() {
  const fake = new FakeNative();
  return { fake, encode: new PayloadEncoder(fake.native, fake.scratch) };
}

function encoded(attributes: unknown, limit = SLICE_LIMIT) {
  const { fake, encode } = encoder();
  const bytes = encode
    .begin(limit)
    .attributes(attributes as Attributes)
    .finish();
  expect(bytes).toBeLessThanOrEqual(limit);
  return fake.items(bytes);
}

const DROPPED = 'gpuspan.dropped_attributes=true';
const TRUNCATED = 'gpuspan.truncated=true';

describe('attributes', () => {
  it('keeps every number as it is, whole or not', () => {
    expect(encoded({ a: 1, b: -1, c: 0, d: 2 ** 40 + 1, e: -(2 ** 40) - 1, f: 1.5, g: 2 ** 60, h: Number.NaN })).toBe(
      'a=1 b=-1 c=0 d=1099511627777 e=-1099511627777 f=1.5 g=1152921504606847000 h=NaN',
    );
  });

  it('keeps the extremes of what fits 64 bits and drops a bigint beyond', () => {
    const attributes = { low: Number.MIN_SAFE_INTEGER, high: Number.MAX_SAFE_INTEGER, big: 2n ** 63n - 1n };
    expect(encoded(attributes)).toBe('low=-9007199254740991 high=9007199254740991 big=9223372036854775807');
    expect(encoded({ big: 2n ** 63n })).toBe(DROPPED);
  });

  it('encodes booleans, strings and arrays of strings or numbers, and skips null and undefined', () => {
    expect(
      encoded({ yes: true, no: false, s: 'text', none: null, void: undefined, l: ['a', 'bé'], n: [1, 2.5], e: [] }),
    ).toBe("yes=true no=false s='text' l=[a|bé] n=[1|2.5] e=[]");
  });

  it('cuts a string at 255 bytes where a character ends, and says so', () => {
    expect(encoded({ s: 'x'.repeat(255) })).toBe(`s='${'x'.repeat(255)}'`);
    expect(encoded({ s: 'x'.repeat(256) })).toBe(`s='${'x'.repeat(255)}' ${TRUNCATED}`);
    // 'é' takes two bytes: the 128th would take bytes 255 and 256.
    expect(encoded({ s: 'é'.repeat(200) })).toBe(`s='${'é'.repeat(127)}' ${TRUNCATED}`);
  });

  it('drops what is no attribute value, keeps the rest, and says so', () => {
    expect(encoded({ f: () => 1, o: {}, y: Symbol('y'), m: ['a', 1], ok: 1 })).toBe(`ok=1 ${DROPPED}`);
    expect(encoded(7)).toBe(DROPPED);
    expect(encoded({ long: Array.from({ length: 256 }, () => 1) })).toBe(DROPPED);
  });

  it('survives a getter that throws', () => {
    const attributes = {
      a: 1,
      get b(): number {
        throw new Error('no');
      },
    };
    expect(encoded(attributes)).toBe(`a=1 ${DROPPED}`);
  });

  it('drops everything when a getter recorded attributes itself, instead of mixing the two', () => {
    const { fake, encode } = encoder();
    const attributes = {
      a: 1,
      get b(): number {
        encode.begin(OWNER_LIMIT).attributes({ inner: 1 }).finish();
        return 2;
      },
      c: 3,
    };
    expect(fake.items(encode.begin(SLICE_LIMIT).attributes(attributes).finish())).toBe(DROPPED);
  });

  it('drops an array with holes or with an element that throws, and keeps what is around it', () => {
    // biome-ignore lint/suspicious/noSparseArray: what it is about.
    expect(encoded({ a: 1, strings: ['x', , 'y'], numbers: [1, , 2], empty: new Array(3), z: 2 })).toBe(
      `a=1 z=2 ${DROPPED}`,
    );
    const throws = Object.defineProperty(['x', 'y'], 1, {
      get: () => {
        throw new Error('no');
      },
    });
    expect(encoded({ a: 1, throws })).toBe(`a=1 ${DROPPED}`);
  });

  it('drops everything, and stays within its limit, whichever way an attribute records others', () => {
    const nested = (encode: PayloadEncoder) => encode.begin(OWNER_LIMIT, 100).attributes({ inner: 1 }).finish();
    const ways: ((record: () => void) => unknown)[] = [
      (record) => ({
        a: 1,
        get b() {
          record();
          throw new Error('no');
        },
      }),
      (record) => ({ a: 1, b: Object.defineProperty(['x'], 0, { get: record }) }),
      (record) =>
        new Proxy(
          {},
          {
            ownKeys: () => {
              record();
              return [];
            },
          },
        ),
    ];
    for (const way of ways) {
      const { fake, encode } = encoder();
      encode.begin(SLICE_LIMIT).attributes({ first: 1 });
      encode.attributes(way(() => void nested(encode)) as Attributes);
      const full = Object.fromEntries(Array.from({ length: 8 }, (_, i) => [`k${i}`, 'y'.repeat(200)]));
      const bytes = encode.attributes(full).finish();
      expect(bytes).toBeLessThanOrEqual(SLICE_LIMIT);
      expect(fake.items(bytes)).toMatch(/^k0='y+' .* gpuspan\.dropped_attributes=true$/);
      expect(encode.items).toBe(5);
    }
  });

  it('drops whole items when the payload is full, and still says so', () => {
    const attributes = Object.fromEntries(Array.from({ length: 20 }, (_, i) => [`k${i}`, 'y'.repeat(200)]));
    const items = encoded(attributes).split(' ');
    expect(items.at(-1)).toBe(DROPPED);
    expect(items.slice(0, -1)).toEqual([0, 1, 2, 3].map((i) => `k${i}='${'y'.repeat(200)}'`));
  });

  it('names the key `other` when the dictionary is full, without remembering it', () => {
    const { fake, encode } = encoder();
    fake.dictionaryFull = true;
    expect(fake.items(encode.begin(SLICE_LIMIT).attributes({ made_up: 1 }).finish())).toBe('other=1');
    fake.dictionaryFull = false;
    expect(fake.items(encode.begin(SLICE_LIMIT).attributes({ made_up: 1 }).finish())).toBe('made_up=1');
  });

  it('names every attribute by its own key, whatever stood at its place in the payload before', () => {
    const key = fc.constantFrom('', 'a', 'b', 'c', 'd', 'longer key');
    const payloads = fc.array(fc.uniqueArray(key, { maxLength: 6 }), { minLength: 2, maxLength: 20 });
    fc.assert(
      fc.property(payloads, fc.integer(), (lists, value) => {
        const { fake, encode } = encoder();
        for (const keys of lists) {
          const attributes = Object.fromEntries(keys.map((name, index) => [name, value + index]));
          const bytes = encode.begin(SLICE_LIMIT).attributes(attributes).finish();
          expect(fake.items(bytes)).toBe(keys.map((name, index) => `${name}=${value + index}`).join(' '));
        }
      }),
    );
  });

  it('writes well-formed items within the limit for any attributes', () => {
    const value = fc.oneof(
      fc.integer(),
      fc.double(),
      fc.boolean(),
      fc.string({ unit: 'binary' }),
      fc.array(fc.string()),
      fc.sparseArray(fc.string()),
      fc.sparseArray(fc.double()),
      fc.bigInt(),
      fc.anything(),
    );
    fc.assert(
      fc.property(fc.dictionary(fc.string(), value), fc.integer({ min: 16, max: OWNER_LIMIT }), (attributes, limit) => {
        encoded(attributes, limit);
      }),
      { numRuns: 500 },
    );
  });
});

describe('columns', () => {
  function columns(values: unknown, members: number, positions?: number[], given = members) {
    const { fake, encode } = encoder();
    const at = positions === undefined ? undefined : Uint32Array.from(positions);
    return fake.items(
      encode
        .begin(SLICE_LIMIT)
        .columns(values as Record<string, number[]>, members, at, given)
        .finish(),
    );
  }

  it('takes the narrowest width that holds every value', () => {
    const values = {
      a: [127, -128],
      b: [128, 0],
      c: [32_768, 0],
      d: [2 ** 31, 0],
      e: [0.5, 1],
      f: Uint8Array.of(255, 1),
    };
    expect(columns(values, 2)).toBe(
      'a:1=[127|-128] b:2=[128|0] c:4=[32768|0] d:8=[2147483648|0] e:8=[0.5|1] f:2=[255|1]',
    );
  });

  it('counts from the smallest value where that makes the column shorter', () => {
    const far = Array.from({ length: 256 }, (_, index) => 100_000 + index);
    expect(columns({ far }, 256)).toBe(`far:1+100000=[${far.join('|')}]`);
    const wide = [-70_000, ...Array.from({ length: 255 }, (_, index) => index - 5000)];
    expect(columns({ wide }, 256)).toBe(`wide:2+-70000=[${wide.join('|')}]`);
  });

  it('gives back every value of any column', () => {
    const value = fc.oneof(fc.integer(), fc.integer({ min: 0, max: 300 }), fc.integer({ min: 1e6, max: 1e6 + 65_535 }));
    const list = fc.oneof(
      fc.array(value, { minLength: 1, maxLength: 100 }),
      fc.array(fc.double({ noNaN: true }), { minLength: 1, maxLength: 100 }),
    );
    fc.assert(
      fc.property(list, (values) => {
        const text = columns({ a: values }, values.length);
        expect(
          text
            .slice(text.indexOf('[') + 1, -1)
            .split('|')
            .map(Number),
        ).toEqual(values.map((item) => item + 0));
      }),
    );
  });

  it('drops a column of the wrong length or with something that is no number', () => {
    expect(columns({ a: [1], b: [1, 2, 3], c: [1, 'x'], d: [1, 2] }, 2)).toBe(`d:1=[1|2] ${DROPPED}`);
  });

  it('leaves out the values of members that are not recorded', () => {
    expect(columns({ a: [10, 20, 30] }, 2, [0, 2], 3)).toBe('a:1=[10|30]');
  });

  it('drops a column that throws half-way, and keeps the ones around it', () => {
    let reads = 0;
    const throws = {
      length: 2,
      get 1(): number {
        // The first read finds the width.
        if (++reads === 1) return 7;
        throw new Error('no');
      },
      0: 6,
    };
    expect(columns({ a: [1, 2], throws, z: [3, 4] }, 2)).toBe(`a:1=[1|2] ${DROPPED}`);
    expect(reads).toBe(2);
  });

  it('drops everything when a column recorded attributes itself, instead of mixing the two', () => {
    const ways: ((record: () => void) => unknown)[] = [
      (record) => ({
        a: [1, 2],
        get b() {
          record();
          return [3, 4];
        },
        c: [5, 6],
      }),
      (record) => ({ a: [1, 2], b: Object.defineProperty([3, 4], 1, { get: () => record() ?? 4 }), c: [5, 6] }),
    ];
    for (const way of ways) {
      const { fake, encode } = encoder();
      const record = () => void encode.begin(OWNER_LIMIT, 100).attributes({ inner: 1 }).finish();
      encode.begin(SLICE_LIMIT).attributes({ first: 1 });
      expect(fake.items(encode.columns(way(record) as Columns, 2, undefined, 2).finish())).toBe(DROPPED);
      expect(encode.items).toBe(1);
    }
  });

  it('writes well-formed items within the limit for any columns', () => {
    const value = fc.oneof(fc.integer(), fc.double(), fc.constant('x'));
    const list = fc.oneof(fc.array(value, { maxLength: 4 }), fc.sparseArray(fc.integer(), { maxLength: 4 }));
    fc.assert(
      fc.property(fc.dictionary(fc.string(), list), fc.integer({ min: 1, max: 4 }), (values, members) => {
        columns(values, members);
      }),
      { numRuns: 300 },
    );
  });

  it('drops a column that does not fit a slice', () => {
    expect(columns({ a: Array.from({ length: 200 }, () => 0.5) }, 200)).toBe(DROPPED);
  });
});

describe('owners', () => {
  it('encodes name and tracestate, and drops a tracestate that is too long instead of cutting it', () => {
    const { fake, encode } = encoder();
    expect(fake.items(encode.begin(OWNER_LIMIT).name('chat').traceState('a=1').finish())).toBe(
      "name('chat') state('a=1')",
    );
    expect(
      fake.items(
        encode
          .begin(OWNER_LIMIT)
          .traceState(`a=${'x'.repeat(511)}`)
          .finish(),
      ),
    ).toBe(DROPPED);
  });

  it('encodes an Error as status and exception, and anything else as status', () => {
    const { fake, encode } = encoder();
    expect(fake.items(encode.begin(SLICE_LIMIT).error(new TypeError('bad')).finish())).toBe(
      "status(2 'bad') exception('TypeError' 'bad')",
    );
    expect(fake.items(encode.begin(SLICE_LIMIT).error('cancelled').finish())).toBe("status(2 'cancelled')");
    const revoked = Proxy.revocable({}, {});
    revoked.revoke();
    expect(fake.items(encode.begin(SLICE_LIMIT).error(revoked.proxy).finish())).toBe(
      "status(2 'a reason that cannot be shown')",
    );
    expect(fake.items(encode.begin(SLICE_LIMIT).error(Object.create(null)).finish())).toBe(
      "status(2 'a reason that cannot be shown')",
    );
  });

  it('is not mixed with what the message of an Error records when it is read', () => {
    const { fake, encode } = encoder();
    const records = Object.defineProperty(new Error(), 'message', {
      get: () => String(encode.begin(OWNER_LIMIT, 100).attributes({ inner: 1 }).finish()),
    });
    expect(fake.items(encode.begin(SLICE_LIMIT).error(records).finish())).toBe(
      `status(2 '11') exception('Error' '11') ${DROPPED}`,
    );
  });
});
