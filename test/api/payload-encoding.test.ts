// SPDX-License-Identifier: Apache-2.0
//
// What attributes, columns and errors look like to the addon. Runs on the encoder and a fake addon.
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type Attributes, OWNER_LIMIT, PayloadEncoder, SLICE_LIMIT } from '../../lib/attributes';
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
  it('keeps safe integers as integers and other numbers as doubles', () => {
    expect(encoded({ a: 1, b: -1, c: 0, d: 2 ** 40 + 1, e: -(2 ** 40) - 1, f: 1.5, g: 2 ** 60, h: Number.NaN })).toBe(
      'a=1 b=-1 c=0 d=1099511627777 e=-1099511627777 f=1.5f g=1152921504606847000f h=NaNf',
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

  it('writes well-formed items within the limit for any attributes', () => {
    const value = fc.oneof(
      fc.integer(),
      fc.double(),
      fc.boolean(),
      fc.string({ unit: 'binary' }),
      fc.array(fc.string()),
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

  it('drops a column of the wrong length or with something that is no number', () => {
    expect(columns({ a: [1], b: [1, 2, 3], c: [1, 'x'], d: [1, 2] }, 2)).toBe(`d:1=[1|2] ${DROPPED}`);
  });

  it('leaves out the values of members that are not recorded', () => {
    expect(columns({ a: [10, 20, 30] }, 2, [0, 2], 3)).toBe('a:1=[10|30]');
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
    expect(fake.items(encode.begin(SLICE_LIMIT).error(Object.create(null)).finish())).toBe(
      "status(2 'a reason that cannot be shown')",
    );
  });
});
