// SPDX-License-Identifier: Apache-2.0
//
// When the stay began that a record is the first one of. Records come when they end, so the first one of a stay tells
// little of its begin, and what is drawn on a track since then would be overlapped by the stay's own slice. It is known
// from the tables of what is open, or where it is over already, from its own slice, if that is among what was copied of
// the ring. On the thread that reads.

import type { OwnerReader } from '../segment/owners';
import { KIND, SLOT_WORD } from '../segment/layout';
import type { RingReader } from '../segment/ring-reader';

/** Nanoseconds as the assembler counts them, of an instant in the lane's ticks as u32 halves. */
export type ToTime = (low: number, high: number) => number;

export class StayStarts {
  /** By lane, what was open when it was first asked for in this read: starts by the key of the trace. */
  private readonly open = new Map<number, ReadonlyMap<number, number>>();

  constructor(
    private readonly ring: RingReader,
    private readonly owners: OwnerReader,
    private readonly toTime: ToTime,
  ) {}

  /** To be called after each read: what was open then is old. */
  forget(): void {
    if (this.open.size > 0) this.open.clear();
  }

  /** Of the stay, or the batch, of the current record, which has that key and is not its owner; undefined: unknown. */
  find(lane: number, key: number): number | undefined {
    const { kind } = this.ring;
    return this.opened(lane).get(key) ?? this.ahead(kind === KIND.batchSlice ? KIND.batch : KIND.worker);
  }

  private ahead(kind: number): number | undefined {
    const { ring } = this;
    const own = ring.ahead(kind);
    if (own < 0) return undefined;
    const root = kind === KIND.worker ? ring.ahead(KIND.root) : -1;
    const at = (root < 0 ? own : root) + SLOT_WORD.start;
    return this.toTime(ring.words[at]! >>> 0, ring.words[at + 1]! >>> 0);
  }

  private opened(lane: number): ReadonlyMap<number, number> {
    const known = this.open.get(lane);
    if (known !== undefined) return known;
    const found = new Map<number, number>();
    this.owners.forEach(lane, ({ trace: [a, b, c, d], startLow, startHigh }) => {
      found.set(keyOfTrace(a, b, c, d), this.toTime(startLow, startHigh));
    });
    this.open.set(lane, found);
    return found;
  }
}

/** 53 bits of the trace id: ids are random, and a clash only puts two requests on one track. */
export function keyOfTrace(a: number, b: number, c: number, d: number): number {
  return ((a ^ c) >>> 0) * 0x20_0000 + ((b ^ d) & 0x1f_ffff);
}
