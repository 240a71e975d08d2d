// SPDX-License-Identifier: Apache-2.0
//
// Which track a request is drawn on when its first record comes long after its begin.

import { expect, test } from 'vitest';

import { identityOf } from '../../lib/perfetto/identity';
import { TracePipeline } from '../../lib/perfetto/pipeline';
import { Kind, type SegmentBuilder } from '../segment/segment-builder';
import { buildSegment } from '../spans/span-fixture';
import { viewOf } from './trace-fixture';
import { type Slice, view } from './viewer';

const FIRST = 'a'.repeat(32);
const SECOND = 'b'.repeat(32);

/** A slice and the stay, or the stay alone. */
function record(segment: SegmentBuilder, kind: number, trace: string, start: bigint, end: bigint): void {
  segment.append(0, { kind, start, end, trace, span: start, owner: { lane: 0, level: 2 } });
}

function tracksOf(slices: readonly Slice[]): string[] {
  return slices.map(({ track }) => track);
}

test('a request that is open still is drawn where nothing was since it began', () => {
  const segment = buildSegment();
  segment.request(0, 2, SECOND, { rootStart: 20n, workerStart: 21n });
  record(segment, Kind.host, FIRST, 10n, 30n);
  record(segment, Kind.worker, FIRST, 10n, 40n);
  record(segment, Kind.host, SECOND, 50n, 60n); // within one that is open since 21
  const pipeline = new TracePipeline(segment.source(), { identity: identityOf('x'), processName: 'x', pid: 1 });
  const early = Buffer.from(pipeline.read(100)!.spans.packets);
  record(segment, Kind.host, SECOND, 21n, 65n);
  record(segment, Kind.worker, SECOND, 21n, 70n);
  const { slices, tracks } = view(Buffer.concat([early, pipeline.read(100)!.spans.packets]));
  const [first, firstStay, ...second] = tracksOf(slices);
  expect(firstStay).toBe(first);
  expect(new Set(second).size).toBe(1);
  expect(second[0]).not.toBe(first);
  expect([...tracks.values()].map(({ name }) => name)).not.toContain('overlapping');
});

test('a request of which nothing but a late slice is known takes the first track that is free then', () => {
  const segment = buildSegment();
  record(segment, Kind.worker, FIRST, 10n, 40n);
  record(segment, Kind.host, SECOND, 50n, 60n);
  const { slices } = viewOf(segment);
  expect(new Set(tracksOf(slices)).size).toBe(1);
});
