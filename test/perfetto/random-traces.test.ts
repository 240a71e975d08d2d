// SPDX-License-Identifier: Apache-2.0
//
// Random records as a Perfetto trace, against the same records as span objects: what a viewer shows is each of them once,
// nested, with its name, times, arguments, events and flows.

import { isDeepStrictEqual } from 'node:util';

import fc from 'fast-check';
import { describe, expect, test } from 'vitest';

import type { GpuspanSpan } from '../../lib/spans/gpuspan-span';
import { Kind, SegmentBuilder, type TestRecord } from '../segment/segment-builder';
import { build, member, record } from '../spans/random-segments';
import { EPOCH, nanos, pipelineOver } from '../spans/span-fixture';
import { viewOf } from './trace-fixture';
import type { Slice, View } from './viewer';

const RUNS = 1000;
const PATIENCE_MILLIS = 300_000;
/** Named otherwise or not at all in a trace, which has tracks and flows for them. */
const OTHERWISE = /^(gpuspan\.worker\.|thread\.id$|gpu\.(device|stream|launch_time_ns|uuid|time\.clamped)$)/;

function expectShown(shown: View, spans: readonly GpuspanSpan[]): void {
  let instants = shown.loose.length;
  for (const slice of shown.slices) instants += slice.instants.length;
  expect(instants).toBe(spans.reduce((sum, span) => sum + span.events.length, 0));
  expect(shown.slices.map((slice, index) => inTrace(slice, spans[index]))).toEqual(spans.map(inSpan));
}

interface Shown {
  readonly name: string;
  readonly start: bigint;
  readonly end: bigint;
  readonly args: Readonly<Record<string, unknown>>;
}

function inSpan(span: GpuspanSpan): Shown {
  const given = Object.entries(span.attributes).filter(([key]) => !OTHERWISE.test(key));
  const args = Object.fromEntries(given.map(([key, value]) => [key, plain(value)]));
  return { name: span.name, start: nanos(span.startTime), end: nanos(span.endTime), args };
}

// Of the arguments those that the span has.
function inTrace({ name, start, end, args }: Slice, span: GpuspanSpan | undefined): Shown {
  const due = span === undefined ? start : nanos(span.startTime);
  // Earlier by one for each slice inside it that begins with it, at most.
  const isClose = start <= due && start >= due - 20n && start <= end;
  const own = Object.entries(span?.attributes ?? {}).filter(
    ([key]) => Object.hasOwn(args, key) && !OTHERWISE.test(key),
  );
  return {
    name,
    start: isClose ? due : start,
    end,
    args: Object.fromEntries(own.map(([key, value]) => [key, oneOf(args[key]!.map(plain), plain(value))])),
  };
}

// A key that was given twice is there twice, and the span has one of the values.
function oneOf(values: readonly unknown[], wanted: unknown): unknown {
  return values.find((value) => isDeepStrictEqual(value, wanted)) ?? values[0];
}

// 0 and -0 are one number in a trace.
function plain(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(plain);
  return typeof value === 'number' ? value + 0 : value;
}

function expectNested(shown: View): void {
  const outside = shown.slices.filter(
    ({ start, end, parent }) => parent !== undefined && (start < parent.start || end > parent.end),
  );
  expect(outside).toEqual([]);
}

function spansOf(segment: SegmentBuilder): readonly GpuspanSpan[] {
  return pipelineOver(segment, -1).read(100_000)?.spans ?? [];
}

/** Slices, stays and batches of three requests in a few nanoseconds, so that most of them touch or coincide. */
const crowded = fc
  .array(
    fc.record({
      kind: fc.constantFrom(Kind.host, Kind.host, Kind.host, Kind.worker, Kind.root, Kind.batchSlice, Kind.batch),
      request: fc.integer({ min: 1, max: 3 }),
      start: fc.integer({ min: 1, max: 30 }),
      length: fc.integer({ min: 0, max: 12 }),
      span: fc.bigInt(1n, 2n ** 64n - 1n),
    }),
    { minLength: 1, maxLength: 25 },
  )
  .chain((drawn) => fc.boolean().map((inOrder) => (inOrder ? drawn.toSorted((a, b) => endOf(a) - endOf(b)) : drawn)))
  .map((drawn) =>
    drawn.map(({ kind, request, start, length, span }): TestRecord => {
      const trace = request.toString(16).padStart(32, '0');
      const common = { kind, stage: 1, start: BigInt(start), end: BigInt(start + length), trace, span };
      if (kind === Kind.batch || kind === Kind.batchSlice) {
        return { ...common, batch: { lane: 0, batch: 1, generation: 7 } };
      }
      return kind === Kind.host ? common : { ...common, owner: { lane: 0, level: 2 } };
    }),
  );

function endOf({ start, length }: { readonly start: number; readonly length: number }): number {
  return start + length;
}

function crowdedSegment(records: readonly TestRecord[]): SegmentBuilder {
  const segment = new SegmentBuilder({ ringSlots: 256 });
  segment.stage('stage');
  segment.snapshot(0n, 0n, EPOCH);
  segment.snapshot(1_000_000_000n, 1_000_000_000n, EPOCH + 1_000_000_000n);
  segment.claim(0);
  for (const one of records) segment.append(0, one);
  return segment;
}

describe('a Perfetto trace of random records', () => {
  test(
    'shows each of them once, with what its span has',
    () => {
      fc.assert(
        fc.property(
          fc.array(record, { minLength: 1, maxLength: 8 }),
          fc.array(member, { maxLength: 20 }),
          (records, members) => {
            const segment = build(records, members);
            const shown = viewOf(segment);
            expectShown(shown, spansOf(segment));
            expectNested(shown);
          },
        ),
        { numRuns: RUNS },
      );
    },
    PATIENCE_MILLIS,
  );

  test(
    'shows each of them once and nested, however they overlap and coincide',
    () => {
      fc.assert(
        fc.property(crowded, (records) => {
          const segment = crowdedSegment(records);
          const shown = viewOf(segment);
          expectShown(shown, spansOf(segment));
          expectNested(shown);
        }),
        { numRuns: RUNS },
      );
    },
    PATIENCE_MILLIS,
  );
});
