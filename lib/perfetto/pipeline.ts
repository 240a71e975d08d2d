// SPDX-License-Identifier: Apache-2.0
//
// Segment in, Perfetto trace out. Pure over a SegmentSource as every record pipeline.

import type { SegmentSource } from '../segment/source';
import { RecordPipeline } from '../spans/record-pipeline';
import { TraceAssembler, type TraceOptions } from './assembler';

export class TracePipeline extends RecordPipeline<Buffer> {
  private readonly tail: () => Buffer;

  /** Throws `GpuspanError` with code `GPUSPAN_SEGMENT` when the source is not a segment that this version reads. */
  constructor(source: SegmentSource, options: TraceOptions) {
    let assembler: TraceAssembler | undefined;
    super(source, { expandLevel: 0, assembler: (parts) => (assembler = new TraceAssembler(parts, options)) });
    this.tail = () => {
      assembler?.finish();
      return assembler?.take() ?? Buffer.alloc(0);
    };
  }

  /** What belongs to the trace and no read has given yet: counters up to now. */
  finish(): Buffer {
    return this.tail();
  }
}
