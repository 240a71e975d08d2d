// SPDX-License-Identifier: Apache-2.0
//
// The traces that a lane has open: its requests and batches, with the time each began. A table is copied in pieces, as
// far as it was ever used, so this is not for every record. The producer may be changing an entry meanwhile; what is seen
// of it is then that of either owner.

import type { SegmentHeader } from './header';
import { BATCH, REQUEST } from './layout';
import type { SegmentSource } from './source';

/** One open request's or batch's trace. */
export interface OpenOwner {
  /** Trace id, int32 words in memory order. */
  readonly trace: readonly [number, number, number, number];
  /** Ticks when it began in this process, as u32 halves. */
  readonly startLow: number;
  readonly startHigh: number;
}

const ENTRIES_A_PIECE = 64;
/** Where both kinds of entries have it. */
const GENERATION = BATCH.generation;

export class OwnerReader {
  private readonly bytes = new Uint8Array(ENTRIES_A_PIECE * Math.max(REQUEST.bytes, BATCH.bytes));
  private readonly view = new DataView(this.bytes.buffer);

  constructor(
    private readonly source: SegmentSource,
    private readonly header: SegmentHeader,
  ) {}

  /** Calls `visit` for every owner that is open on the lane and has recorded something. */
  forEach(lane: number, visit: (owner: OpenOwner) => void): void {
    const { header } = this;
    const at = header.lanesOffset + lane * header.laneStride;
    this.scan(at + header.requestsOffset, header.requestCapacity, REQUEST.bytes, (entry) => {
      if (this.view.getUint8(entry + REQUEST.state) === 0) return;
      // Of an adopted request the root's start lies in another lane or process.
      const own = this.view.getUint8(entry + REQUEST.ownsRoot) !== 0;
      this.tell(entry + REQUEST.traceId, entry + (own ? REQUEST.rootStart : REQUEST.workerStart), visit);
    });
    this.scan(at + header.batchesOffset, header.batchCapacity, BATCH.bytes, (entry) => {
      if (this.view.getUint8(entry + BATCH.state) === 0) return;
      this.tell(entry + BATCH.traceId, entry + BATCH.start, visit);
    });
  }

  private scan(offset: number, capacity: number, entryBytes: number, each: (entry: number) => void): void {
    for (let first = 0; first < capacity; first += ENTRIES_A_PIECE) {
      const count = Math.min(ENTRIES_A_PIECE, capacity - first);
      if (!this.source.read(offset + first * entryBytes, count * entryBytes, this.bytes)) return;
      for (let index = 0; index < count; index++) each(index * entryBytes);
      // Entries are first used in the order of their indices, and their generation is never 0 again.
      if (this.view.getUint32((count - 1) * entryBytes + GENERATION, true) === 0) return;
    }
  }

  private tell(trace: number, start: number, visit: (owner: OpenOwner) => void): void {
    const { view } = this;
    const startLow = view.getUint32(start, true);
    const startHigh = view.getUint32(start + 4, true);
    if ((startLow | startHigh) === 0) return;
    const word = (index: number): number => view.getInt32(trace + index * 4, true);
    visit({ trace: [word(0), word(1), word(2), word(3)], startLow, startHigh });
  }
}
