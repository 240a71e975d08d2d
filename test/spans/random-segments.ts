// SPDX-License-Identifier: Apache-2.0
//
// Random segments for property tests of the read side: records of every kind with payloads of every item, and batches.

import fc from 'fast-check';

import { payload, type PayloadBuilder } from '../segment/payload-builder';
import { Flag, Kind, SegmentBuilder, type TestMember, type TestRecord } from '../segment/segment-builder';
import { EPOCH } from './span-fixture';

const STAGES = 5;
const KEYS = 6;

const id = fc.bigInt(1n, 2n ** 64n - 1n);
const trace = fc.bigInt(1n, 2n ** 128n - 1n).map((value) => value.toString(16).padStart(32, '0'));
const key = fc.integer({ min: STAGES + 1, max: STAGES + KEYS });
const text = fc.string({ unit: 'grapheme', maxLength: 12 });

type Add = (items: PayloadBuilder) => void;
const attribute: fc.Arbitrary<Add> = fc.oneof(
  fc.tuple(key, fc.bigInt(-(2n ** 63n), 2n ** 63n - 1n)).map(
    ([k, v]): Add =>
      (items) =>
        items.int(k, v),
  ),
  fc.tuple(key, fc.integer()).map(
    ([k, v]): Add =>
      (items) =>
        items.int(k, v),
  ),
  fc.tuple(key, fc.double({ noNaN: true })).map(
    ([k, v]): Add =>
      (items) =>
        items.double(k, v),
  ),
  fc.tuple(key, fc.boolean()).map(
    ([k, v]): Add =>
      (items) =>
        items.bool(k, v),
  ),
  fc.tuple(key, text).map(
    ([k, v]): Add =>
      (items) =>
        items.string(k, v),
  ),
  fc.tuple(key, fc.array(text, { maxLength: 3 })).map(
    ([k, v]): Add =>
      (items) =>
        items.strings(k, v),
  ),
  fc.tuple(key, fc.array(fc.double({ noNaN: true }), { maxLength: 3 })).map(
    ([k, v]): Add =>
      (items) =>
        items.numbers(k, v),
  ),
);

const stamp = fc.bigInt(0n, 5_000_000_000n);
const width = fc.constantFrom(1, 2, 4, 8);
const extra: fc.Arbitrary<Add> = fc.oneof(
  fc.tuple(stamp, fc.boolean(), fc.array(attribute, { maxLength: 2 })).map(
    ([time, monotonic, attributes]): Add =>
      (items) => {
        items.event(1, time, monotonic ? 1 : 0, attributes.length);
        for (const add of attributes) add(items);
      },
  ),
  fc.tuple(fc.constantFrom(1, 2), text).map(
    ([code, message]): Add =>
      (items) =>
        items.status(code, message),
  ),
  fc.tuple(key, width, fc.array(fc.integer({ min: -100, max: 100 }), { maxLength: 4 })).map(([k, w, values]): Add => {
    return (items) => items.column(k, w as 1 | 2 | 4 | 8, values);
  }),
  fc
    .tuple(key, fc.constantFrom(1 as const, 2 as const), fc.integer(), fc.array(fc.nat(255), { maxLength: 4 }))
    .map(([k, w, base, above]): Add => {
      const low = Math.min(base, 2 ** 31 - 256);
      return (items) =>
        items.offsetColumn(
          k,
          w,
          low,
          above.map((value) => low + value),
        );
    }),
  fc.tuple(fc.bigInt(1n, 2n ** 128n - 1n), fc.bigInt(1n, 2n ** 64n - 1n)).map(
    ([trace, span]): Add =>
      (items) =>
        items.link(trace.toString(16).padStart(32, '0'), span.toString(16).padStart(16, '0')),
  ),
  fc.tuple(text, text).map(
    ([type, message]): Add =>
      (items) =>
        items.exception(type, message),
  ),
  text.map(
    (name): Add =>
      (items) =>
        items.name(name),
  ),
  text.map(
    (state): Add =>
      (items) =>
        items.traceState(state),
  ),
);

const flags = fc.subarray([
  Flag.dropped,
  Flag.unfinished,
  Flag.truncated,
  Flag.remoteParent,
  Flag.clamped,
  Flag.firstLevel,
]);
function recordsOf(
  kind: fc.Arbitrary<number>,
  flag: fc.Arbitrary<number[]>,
  attributes: fc.Arbitrary<Add[]>,
  extras: fc.Arbitrary<Add[]>,
): fc.Arbitrary<TestRecord> {
  return fc
    .record({
      kind,
      flags: flag.map((set) => set.reduce((all, one) => all | one, 0)),
      monotonic: fc.boolean(),
      stage: fc.integer({ min: 1, max: STAGES }),
      start: fc.bigInt(1n, 4_000_000_000n),
      length: fc.bigInt(0n, 900_000_000n),
      trace,
      span: id,
      parent: fc.oneof(fc.constant(0n), fc.constant(0xb00n), id),
      tail: fc.tuple(fc.nat(0xffff_ffff), fc.nat(0xffff), fc.nat(3)),
      uuid: fc.constantFrom(0, STAGES + KEYS + 1),
      sampling: fc.constantFrom(0, 1, 2, 0xffff),
      attributes,
      extras,
    })
    .map((drawn): TestRecord => {
      const items = payload();
      const gpu = drawn.kind === Kind.gpu || drawn.kind === Kind.batchGpuSlice;
      if (gpu)
        items.gpu(drawn.start - 1n, 1 + (drawn.tail[1] % 4), drawn.tail[2], drawn.span, drawn.uuid, drawn.sampling);
      if (drawn.kind === Kind.batchGpuSlice) items.batchRef(0, 1, 7);
      for (const add of [...drawn.attributes, ...drawn.extras]) add(items);
      const [bound, stream, lane] = drawn.tail;
      const { stage, start, span, parent } = drawn;
      const common = { kind: drawn.kind, stage, start, end: start + drawn.length, trace: drawn.trace, span, parent };
      const set = drawn.flags | (gpu || drawn.monotonic ? Flag.monotonic : 0);
      const full: TestRecord = { ...common, flags: set, ...(items.bytes.length > 0 ? { payload: items } : {}) };
      if (drawn.kind === Kind.host) return { ...full, previous: BigInt(bound) };
      if (gpu) return { ...full, gpu: { bound, stream, lane } };
      if (drawn.kind === Kind.batch || drawn.kind === Kind.batchSlice)
        return { ...full, batch: { lane: 0, batch: 1, generation: 7 } };
      return { ...full, owner: { lane, level: stream & 3 } };
    });
}

/** One record of any kind, its payload as its kind and flags need it. */
export const record = recordsOf(
  fc.integer({ min: 1, max: 7 }),
  flags,
  fc.array(attribute, { maxLength: 4 }),
  fc.array(extra, { maxLength: 3 }),
);

type KeyedAdd = (key: number) => Add;
const plainItem: fc.Arbitrary<KeyedAdd> = fc.oneof(
  fc.maxSafeInteger().map(
    (value): KeyedAdd =>
      (k) =>
      (items) =>
        items.int(k, value),
  ),
  fc.double({ noNaN: true }).map(
    (value): KeyedAdd =>
      (k) =>
      (items) =>
        items.double(k, value),
  ),
  fc.boolean().map(
    (value): KeyedAdd =>
      (k) =>
      (items) =>
        items.bool(k, value),
  ),
  text.map(
    (value): KeyedAdd =>
      (k) =>
      (items) =>
        items.string(k, value),
  ),
  fc.string({ maxLength: 255 }).map((value): KeyedAdd => {
    return (k) => (items) => items.string(k, value.slice(0, 255));
  }),
  fc.tuple(width, fc.array(fc.integer({ min: -100, max: 100 }), { maxLength: 20 })).map(([w, values]): KeyedAdd => {
    return (k) => (items) => items.column(k, w as 1 | 2 | 4 | 8, values);
  }),
);

const plainItems = fc
  .uniqueArray(fc.tuple(key, plainItem), { maxLength: 3, selector: ([k]) => k })
  .map((all) => all.map(([k, add]) => add(k)));

/** A slice with plain attributes and columns, each key once: what most are. */
export const plainSlice = recordsOf(
  fc.constantFrom(Kind.host, Kind.gpu, Kind.batchSlice, Kind.batchGpuSlice),
  fc.subarray([Flag.clamped, Flag.firstLevel]),
  plainItems,
  fc.constant([]),
);

const names = fc.array(
  text.map(
    (name): Add =>
      (items) =>
        items.name(name),
  ),
  { maxLength: 1 },
);

/** Root and worker spans with plain attributes, each key once, and as a recorder writes them: a root's name comes first. */
export const plainOwner = fc.oneof(
  recordsOf(
    fc.constant(Kind.root),
    fc.subarray([Flag.remoteParent]),
    fc.tuple(names, plainItems).map(([name, items]) => [...name, ...items]),
    fc.constant([]),
  ),
  recordsOf(fc.constant(Kind.worker), fc.constant([]), plainItems, fc.constant([])),
);

export const member = fc
  .record({
    trace,
    worker: id,
    parent: id,
    level: fc.integer({ min: 0, max: 4 }),
    leftAt: fc.constantFrom(0n, 1n, 5_000_000_000n),
  })
  .map((drawn): TestMember => drawn);

/** A segment that holds the records in one lane and the members in one batch. */
export function build(records: readonly TestRecord[], members: readonly TestMember[]): SegmentBuilder {
  const segment = new SegmentBuilder({ ringSlots: 2048, clock: 2, firstPosition: 2n ** 64n - 20n });
  for (let stage = 1; stage <= STAGES; stage++) segment.name(2, `stage-${stage}`, stage % 5);
  for (let index = 1; index <= KEYS; index++) segment.key(`key-${index}`);
  segment.name(5, 'GPU-01234567-89ab-cdef-0123-456789abcdef');
  // Slightly different rates, and a realtime that is slewed.
  for (let second = 0n; second <= 5n; second++) {
    segment.snapshot(second * 1_000_000_000n, second * 999_999_000n, EPOCH + second * 1_000_000_100n);
  }
  segment.claim(0);
  segment.batch(0, 1, 7, 0xb00n, members);
  for (const one of records) segment.append(0, one);
  return segment;
}
