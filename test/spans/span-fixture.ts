// SPDX-License-Identifier: Apache-2.0
//
// A built segment with a clock of 1 ns a tick, one lane claimed, and a pipeline over it.

import type { InstrumentationScope } from '@opentelemetry/core';
import type { Resource } from '@opentelemetry/resources';
import { resourceFromAttributes } from '@opentelemetry/resources';

import type { SegmentSource } from '../../lib/segment/source';
import type { GpuspanSpan } from '../../lib/spans/gpuspan-span';
import { SpanPipeline } from '../../lib/spans/pipeline';
import { SegmentBuilder, type SegmentShape } from '../segment/segment-builder';

/** Epoch of the fixture's tick 0, in nanoseconds. */
export const EPOCH = 1_800_000_000_123_456_789n;
export const RESOURCE: Resource = resourceFromAttributes({ 'service.name': 'test' });
export const SCOPE: InstrumentationScope = { name: 'gpuspan', version: '0' };

export function buildSegment(shape: Partial<SegmentShape> = {}): SegmentBuilder {
  const segment = new SegmentBuilder(shape);
  segment.snapshot(0n, 0n, EPOCH);
  segment.snapshot(1_000_000_000n, 1_000_000_000n, EPOCH + 1_000_000_000n);
  segment.claim(0);
  return segment;
}

export function pipelineOver(segment: { source(): SegmentSource }, expandLevel = 2): SpanPipeline {
  return new SpanPipeline(segment.source(), { resource: RESOURCE, scope: SCOPE, expandLevel });
}

/** Everything the segment holds, as spans. */
export function readAll(segment: SegmentBuilder, expandLevel = 2): GpuspanSpan[] {
  return pipelineOver(segment, expandLevel).read(100_000)?.spans ?? [];
}

export function nanos(time: readonly [number, number]): bigint {
  return BigInt(time[0]) * 1_000_000_000n + BigInt(time[1]);
}

/** The 16 hex digits of an id whose little-endian number is given. */
export function hex(id: bigint): string {
  const bytes = Buffer.alloc(8);
  bytes.writeBigUInt64LE(id);
  return bytes.toString('hex');
}
