// SPDX-License-Identifier: Apache-2.0
//
// Segment in, span objects out: what exporters given by the application and JSON are fed with. OTLP protobuf is made
// without objects, by lib/otlp.

import type { InstrumentationScope } from '@opentelemetry/core';
import type { Resource } from '@opentelemetry/resources';

import type { SegmentSource } from '../segment/source';
import { SpanAssembler } from './assemble';
import type { GpuspanSpan } from './gpuspan-span';
import { type Reading, type RecordOptions, RecordPipeline } from './record-pipeline';

export type SpanBatch = Reading<GpuspanSpan[]>;

export interface PipelineOptions {
  readonly resource: Resource;
  readonly scope: InstrumentationScope;
  /** Batch slices up to this level become spans of every member; 0: of none. */
  readonly expandLevel: number;
}

/** What a pipeline needs to make span objects of its records. */
export function spanRecords({ resource, scope, expandLevel }: PipelineOptions): RecordOptions<GpuspanSpan[]> {
  return { expandLevel, assembler: (parts) => new SpanAssembler(parts, { resource, scope }) };
}

export class SpanPipeline extends RecordPipeline<GpuspanSpan[]> {
  /** Throws `GpuspanError` with code `GPUSPAN_SEGMENT` when the source is not a segment that this version reads. */
  constructor(source: SegmentSource, options: PipelineOptions) {
    super(source, spanRecords(options));
  }
}
