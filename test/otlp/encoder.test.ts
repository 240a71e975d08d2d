// SPDX-License-Identifier: Apache-2.0
//
// The encoder against OpenTelemetry's own serializer: the same slices, once as span objects through that, once straight
// to bytes.

import { isDeepStrictEqual } from 'node:util';

import { ProtobufTraceSerializer } from '@opentelemetry/otlp-transformer';
import fc from 'fast-check';
import { afterEach, describe, expect, test, vi } from 'vitest';

import { OtlpPipeline } from '../../lib/otlp/pipeline';
import type { OtlpRequest } from '../../lib/otlp/request-memory';
import { MAX_REQUEST_BYTES, RequestCutter } from '../../lib/otlp/requests';
import { SpanAssembler } from '../../lib/spans/assemble';
import { spansOf } from '../../lib/testing/otlp-json';
import { decodeRequest } from '../../lib/testing/otlp-proto';
import { payload } from '../segment/payload-builder';
import { Kind, type SegmentBuilder } from '../segment/segment-builder';
import { build, member, plainOwner, plainSlice, record } from '../spans/random-segments';
import { pipelineOver, RESOURCE, SCOPE } from '../spans/span-fixture';
import { decodeBySchema } from './published-schema';

const ALL = 100_000;
/** Twice: more than a thousand random traces, each of up to twelve records. */
const RUNS = 600;
const TIMEOUT_MILLIS = 300_000;

function encode(segment: SegmentBuilder, expandLevel = 2): readonly OtlpRequest[] {
  const pipeline = new OtlpPipeline(segment.source(), { resource: RESOURCE, scope: SCOPE, expandLevel });
  return pipeline.read(ALL)?.spans ?? [];
}

function official(segment: SegmentBuilder, expandLevel = 2): Uint8Array {
  return ProtobufTraceSerializer.serializeRequest(pipelineOver(segment, expandLevel).read(ALL)?.spans ?? [])!;
}

function expectSameBytes(segment: SegmentBuilder): void {
  const made = encode(segment);
  expect(made).toHaveLength(1);
  const expected = official(segment);
  const decoded = decodeBySchema(made[0]!.bytes);
  const model = decodeBySchema(expected);
  if (!isDeepStrictEqual(decoded, model)) expect(decoded).toEqual(model);
  expect(Buffer.from(made[0]!.bytes).toString('hex')).toBe(Buffer.from(expected).toString('hex'));
}

describe('the encoder', () => {
  afterEach(() => vi.restoreAllMocks());

  test(
    'writes the bytes that the official serializer makes of the same records, for random traces',
    () => {
      fc.assert(
        fc.property(
          fc.array(record, { minLength: 1, maxLength: 12 }),
          fc.array(member, { maxLength: 20 }),
          (records, members) => expectSameBytes(build(records, members)),
        ),
        { numRuns: RUNS },
      );
    },
    TIMEOUT_MILLIS,
  );

  test.each([
    ['slices have nothing but attributes', plainSlice],
    ['owners have nothing but a name and attributes', plainOwner],
  ])(
    'does so without span objects where %s',
    (_what, plain) => {
      const assemble = vi.spyOn(SpanAssembler.prototype, 'assemble');
      fc.assert(
        fc.property(
          fc.array(plain, { minLength: 1, maxLength: 12 }),
          fc.array(member, { maxLength: 20 }),
          (records, members) => {
            const segment = build(records, members);
            assemble.mockClear();
            encode(segment);
            expect(assemble).not.toHaveBeenCalled();
            expectSameBytes(segment);
          },
        ),
        { numRuns: RUNS },
      );
    },
    TIMEOUT_MILLIS,
  );

  test('closes a request at 2,048 spans, in the middle of a batch slice if need be', () => {
    const members = Array.from({ length: 256 }, (_, index) => ({
      trace: (index + 1).toString(16).padStart(32, '0'),
      worker: BigInt(index + 1),
      parent: BigInt(index + 1001),
      level: 2,
    }));
    const one = { kind: Kind.batchSlice, stage: 1, batch: { lane: 0, batch: 1, generation: 7 } };
    const records = Array.from({ length: 17 }, (_, index) => ({ ...one, span: BigInt(index + 1) }));
    const made = encode(build(records, members));
    expect(made.map(({ spanCount }) => spanCount)).toEqual([2048, 2048, 273]);
    const spans = made.flatMap(({ bytes }) => spansOf(decodeRequest(bytes)));
    const whole = spansOf(decodeRequest(official(build(records, members))));
    expect(spans).toEqual(whole);
  });

  test('closes a request at two mebibytes', () => {
    const cutter = new RequestCutter({ resource: RESOURCE, scope: SCOPE });
    const write = (bytes: number): void => {
      cutter.writer.reserve(bytes);
      cutter.writer.at += bytes;
      cutter.spanWritten();
    };
    for (let left = 3; left > 0; left--) write(MAX_REQUEST_BYTES / 2);
    const made = cutter.take();
    expect(made.map(({ spanCount }) => spanCount)).toEqual([2, 1]);
    expect(made[0]!.bytes.length).toBeGreaterThanOrEqual(MAX_REQUEST_BYTES);
  });

  test('writes over the memory of requests that were let go, once, and of no other', () => {
    const cutter = new RequestCutter({ resource: RESOURCE, scope: SCOPE });
    const { writer } = cutter;
    const make = (byte: number): OtlpRequest => {
      writer.reserve(100_000);
      writer.bytes.fill(byte, writer.at, writer.at + 100_000);
      writer.at += 100_000;
      cutter.spanWritten();
      return cutter.take()[0]!;
    };
    const [first, second] = [make(1), make(2)];
    const kept = Buffer.from(second.bytes);
    first.letGo();
    first.letGo();
    const [third, fourth] = [make(3), make(4)];
    expect(third.bytes.buffer).toBe(first.bytes.buffer);
    expect(fourth.bytes.buffer).not.toBe(first.bytes.buffer);
    expect(Buffer.from(second.bytes).equals(kept)).toBe(true);
    expect([third.bytes.at(-1), fourth.bytes.at(-1)]).toEqual([3, 4]);
  });

  test('replaces what is no UTF-8, which no receiver would take', () => {
    const invalid = payload().raw([4, 6, 0, 3, 0x61, 0xff, 0xc0]);
    const segment = build([{ kind: Kind.host, stage: 1, payload: invalid }], []);
    expectSameBytes(segment);
    const [span] = spansOf(decodeRequest(encode(segment)[0]!.bytes));
    expect(span!.attributes).toEqual({ 'key-1': 'a\ufffd\ufffd' });
  });
});
