// SPDX-License-Identifier: Apache-2.0
//
// The members of a batch, from the open-batch table of the lane that defined it. The writer keeps an entry until
// the reader has passed the batch's last record, so it is there; that it is still the same batch is checked by its
// generation. Chains of member chunks are followed no further than the batch's own count allows.

import type { SegmentHeader } from './header';
import { BATCH, CHUNK, CHUNK_MEMBERS, MAX_BATCH_MEMBERS, MEMBER, NO_INDEX } from './layout';
import type { SegmentSource } from './source';

/** A member as stored. Ids are int32 halves in memory order. */
export interface BatchMember {
  readonly trace: readonly [number, number, number, number];
  readonly workerLow: number;
  readonly workerHigh: number;
  readonly parentLow: number;
  readonly parentHigh: number;
  /** Ticks when it left, as u32 halves; both 0 while it is a member. */
  readonly leftLow: number;
  readonly leftHigh: number;
  /** 0: never expanded. */
  readonly level: number;
}

export interface BatchEntry {
  readonly spanLow: number;
  readonly spanHigh: number;
  /** As many as could be read; fewer than `size` only in a damaged segment. */
  readonly members: readonly BatchMember[];
  readonly size: number;
}

export class MemberReader {
  private readonly bytes = new Uint8Array(CHUNK.bytes);
  private readonly view = new DataView(this.bytes.buffer);

  constructor(
    private readonly source: SegmentSource,
    private readonly header: SegmentHeader,
  ) {}

  /** Undefined when the reference names no such batch any more. */
  read(lane: number, batch: number, generation: number): BatchEntry | undefined {
    const { header, view } = this;
    if (lane >= header.lanes || batch >= header.batchCapacity) return undefined;
    const offset = header.lanesOffset + lane * header.laneStride;
    if (!this.source.read(offset + header.batchesOffset + batch * BATCH.bytes, BATCH.bytes, this.bytes))
      return undefined;
    if (view.getUint32(BATCH.generation, true) !== generation || view.getUint8(BATCH.state) === 0) return undefined;
    const size = Math.min(view.getUint32(BATCH.members, true), MAX_BATCH_MEMBERS);
    const spanLow = view.getInt32(BATCH.spanId, true);
    const spanHigh = view.getInt32(BATCH.spanId + 4, true);
    const members = this.readChunks(offset + header.chunksOffset, view.getUint16(BATCH.firstChunk, true), size);
    return { spanLow, spanHigh, members, size };
  }

  private readChunks(chunks: number, first: number, size: number): BatchMember[] {
    const members: BatchMember[] = [];
    let chunk = first;
    while (members.length < size && chunk !== NO_INDEX && chunk < this.header.chunkCapacity) {
      if (!this.source.read(chunks + chunk * CHUNK.bytes, CHUNK.bytes, this.bytes)) break;
      const count = Math.min(CHUNK_MEMBERS, size - members.length);
      for (let index = 0; index < count; index++) members.push(this.member(CHUNK.members + index * MEMBER.bytes));
      chunk = this.view.getUint16(CHUNK.next, true);
    }
    return members;
  }

  private member(at: number): BatchMember {
    const int = (offset: number): number => this.view.getInt32(at + offset, true);
    return {
      trace: [int(MEMBER.traceId), int(MEMBER.traceId + 4), int(MEMBER.traceId + 8), int(MEMBER.traceId + 12)],
      workerLow: int(MEMBER.workerSpanId),
      workerHigh: int(MEMBER.workerSpanId + 4),
      parentLow: int(MEMBER.parentSpanId),
      parentHigh: int(MEMBER.parentSpanId + 4),
      leftLow: int(MEMBER.leftAt) >>> 0,
      leftHigh: int(MEMBER.leftAt + 4) >>> 0,
      level: this.view.getUint8(at + MEMBER.level),
    };
  }
}
