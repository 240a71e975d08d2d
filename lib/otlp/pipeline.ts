// SPDX-License-Identifier: Apache-2.0
//
// Segment in, OTLP export requests out: what the delivery worker feeds OpenTelemetry's transports with. Pure over a
// SegmentSource as every record pipeline.

import type { SegmentSource } from '../segment/source';
import type { LaneCursor } from '../segment/lane';
import { isOwner, type RingReader } from '../segment/ring-reader';
import { SpanAssembler } from '../spans/assemble';
import type { SpanOrigin } from '../spans/gpuspan-span';
import type { PipelineOptions } from '../spans/pipeline';
import { type RecordAssembler, type RecordOptions, type RecordParts, RecordPipeline } from '../spans/record-pipeline';
import { AttributeEncoder } from './attribute-encoder';
import { Names } from './names';
import { OwnerEncoder } from './owner-encoder';
import type { OtlpRequest } from './request-memory';
import { RequestCutter } from './requests';
import { SliceEncoder } from './slice-encoder';
import { writeSpan } from './span-object';

/** What has nothing but attributes goes straight to bytes, the rest through a span object. */
class OtlpAssembler implements RecordAssembler<OtlpRequest[]> {
  private readonly requests: RequestCutter;
  private readonly ring: RingReader;
  private readonly slices: SliceEncoder;
  private readonly owners: OwnerEncoder;
  private readonly objects: SpanAssembler;

  constructor(parts: RecordParts, origin: SpanOrigin) {
    this.requests = new RequestCutter(origin);
    this.ring = parts.ring;
    const names = new Names(parts.dictionary);
    const attributes = new AttributeEncoder(parts.ring, names, this.requests.writer);
    this.slices = new SliceEncoder(parts, names, attributes, this.requests);
    this.owners = new OwnerEncoder(parts, names, attributes, this.requests);
    this.objects = new SpanAssembler(parts, origin);
  }

  assemble(lane: LaneCursor): number {
    const written = isOwner(this.ring.kind) ? this.owners.encode(lane) : this.slices.encode();
    return written > 0 ? written : this.throughObjects(lane);
  }

  take(): OtlpRequest[] {
    return this.requests.take();
  }

  private throughObjects(lane: LaneCursor): number {
    const made = this.objects.assemble(lane);
    for (const span of this.objects.take()) {
      writeSpan(this.requests.writer, span);
      this.requests.spanWritten();
    }
    return made;
  }
}

/** What a pipeline needs to make OTLP requests of its records. */
export function otlpRecords({ resource, scope, expandLevel }: PipelineOptions): RecordOptions<OtlpRequest[]> {
  return { expandLevel, assembler: (parts) => new OtlpAssembler(parts, { resource, scope }) };
}

export class OtlpPipeline extends RecordPipeline<OtlpRequest[]> {
  /** Throws `GpuspanError` with code `GPUSPAN_SEGMENT` when the source is not a segment that this version reads. */
  constructor(source: SegmentSource, options: PipelineOptions) {
    super(source, otlpRecords(options));
  }
}
