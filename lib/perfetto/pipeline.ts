// SPDX-License-Identifier: Apache-2.0
//
// Segment in, Perfetto trace out, and beside it, from the same records, whatever spans another sink takes. Pure over a
// SegmentSource as every record pipeline. Used by whoever holds the reader's lease.

import type { LaneCursor } from '../segment/lane';
import type { Snapshot } from '../segment/snapshots';
import type { SegmentSource } from '../segment/source';
import { type RecordAssembler, type RecordOptions, RecordPipeline } from '../spans/record-pipeline';
import { TraceAssembler, type TraceOptions } from './assembler';

/** What one read made. */
export interface Traced<Spans> {
  /** Whole packets of the trace; the bytes are valid until the next read, `finish` or `restart`. */
  readonly packets: Buffer;
  /** Slices in them, owners among them. */
  readonly slices: number;
  /** What the assembler beside made of the same records. */
  readonly spans: Spans;
}

class TracedAssembler<Spans> implements RecordAssembler<Traced<Spans>> {
  private slices = 0;

  constructor(
    readonly trace: TraceAssembler,
    private readonly beside: RecordAssembler<Spans> | undefined,
  ) {}

  assemble(lane: LaneCursor): number {
    const drawn = this.trace.assemble(lane);
    this.slices += drawn;
    return this.beside === undefined ? drawn : this.beside.assemble(lane);
  }

  take(): Traced<Spans> {
    const { slices } = this;
    this.slices = 0;
    return { packets: this.trace.take(), slices, spans: this.beside?.take() as Spans };
  }

  noteSnapshot(snapshot: Snapshot): void {
    this.trace.noteSnapshot(snapshot);
    this.beside?.noteSnapshot?.(snapshot);
  }
}

/** `Spans`: the form in which the sink beside takes them. */
export class TracePipeline<Spans = undefined> extends RecordPipeline<Traced<Spans>> {
  private readonly trace: () => TraceAssembler | undefined;

  /**
   * `beside`: what else is made of each record.
   * Throws `GpuspanError` with code `GPUSPAN_SEGMENT` when the source is not a segment that this version reads.
   */
  constructor(source: SegmentSource, options: TraceOptions, beside?: RecordOptions<Spans>) {
    let made: TracedAssembler<Spans> | undefined;
    super(source, {
      expandLevel: beside?.expandLevel ?? 0,
      assembler: (parts) => (made = new TracedAssembler(new TraceAssembler(parts, options), beside?.assembler(parts))),
    });
    this.trace = () => made?.trace;
  }

  /**
   * What belongs to the trace and no read has given: counters up to now. They are told again when more is
   * known. Valid until the next read.
   */
  finish(): Buffer {
    const trace = this.trace();
    trace?.finish();
    return trace?.take() ?? Buffer.alloc(0);
  }

  /** What was read last did not reach the file: what is read from now on is a trace without it. */
  restart(): void {
    this.trace()?.restart();
  }
}
