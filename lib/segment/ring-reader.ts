// SPDX-License-Identifier: Apache-2.0
//
// Steps through the published slots of one lane, record by record. Slots are copied out in batches, and a batch
// that wraps around the ring's end becomes contiguous in the copy, so a record and its payload never do. The
// caller reads the current record's words from `words` at `base`; the copy cannot change under it.

import type { SegmentHeader } from './header';
import type { LaneCursor } from './lane';
import {
  FLAG,
  KIND,
  MAX_OWNER_CONTINUATIONS,
  MAX_SLICE_CONTINUATIONS,
  SLOT_BYTES,
  SLOT_WORD,
  SLOT_WORDS,
} from './layout';
import type { SegmentSource } from './source';

/** What `next` found. A malformed slot is passed and counts as one slice, a broken stretch as what it held. */
export const STEP = { end: 0, record: 1, malformed: 2 } as const;
export type Step = (typeof STEP)[keyof typeof STEP];

const BATCH_SLOTS = 2048;
/** Slots that are looked through for what belongs to a record. */
const MOST_AHEAD = 256;

export class RingReader {
  /** The copied slots. Signed, because ids kept as int32 stay small integers in V8. */
  readonly words: Int32Array;
  readonly bytes: Buffer;
  readonly view: DataView;
  /** Index in `words` of the current record. */
  base = 0;
  kind = 0;
  flags = 0;
  stage = 0;
  /** The record's payload in `bytes`: [payloadStart, payloadEnd). */
  payloadStart = 0;
  payloadEnd = 0;
  /** Slices given up with the last `malformed` step. */
  skipped = 0;

  // The copy holds `count` slots of the lane from position `first` (its low half) on; `index` is the next one.
  private lane: LaneCursor | undefined;
  private most = BATCH_SLOTS;
  private first = 0;
  private index = 0;
  private count = 0;

  constructor(
    private readonly source: SegmentSource,
    private readonly header: SegmentHeader,
  ) {
    const memory = new ArrayBuffer(BATCH_SLOTS * SLOT_BYTES);
    this.words = new Int32Array(memory);
    this.bytes = Buffer.from(memory);
    this.view = new DataView(memory);
  }

  /**
   * The next steps are along `lane`. What was copied of it stays, unless another one had a turn since, its cursor has
   * jumped, or so much is used up that `ahead` would soon see less than there is.
   */
  turnTo(lane: LaneCursor): void {
    const copied = this.count - this.index;
    const isAtCursor = lane === this.lane && lane.low === (this.first + this.index) >>> 0;
    if (isAtCursor && (copied >= BATCH_SLOTS / 2 || copied >= lane.pending)) return;
    // Where lanes take turns, each turn copies anew, more than it uses.
    this.most = lane === this.lane ? BATCH_SLOTS : BATCH_SLOTS / 2;
    this.lane = lane;
    this.restart();
  }

  /** The lane's next record; its fields are valid until the next call. Passes the lane's cursor over it. */
  next(lane: LaneCursor): Step {
    if (this.index >= this.count && !this.fill(lane)) return STEP.end;
    const slots = this.measure();
    if (slots > this.count - this.index && lane.pending > this.count - this.index) {
      // The record goes on behind the copy; start the copy at it.
      this.count = 0;
      return this.next(lane);
    }
    if (slots === 0 || slots > lane.pending) return this.giveUp(lane);
    this.index += slots;
    return this.take(lane, slots);
  }

  /**
   * Of the records close behind the current one, as far as they are copied, the first of `kind` and of the same trace: its
   * index in `words`; -1: there is none.
   */
  ahead(kind: number): number {
    const { words, bytes, base } = this;
    const end = Math.min(this.count, this.index + MOST_AHEAD);
    for (let slot = this.index; slot < end; ) {
      const at = slot * SLOT_WORDS;
      const head = words[at]!;
      if ((head & 0xff) === kind && this.hasSameTrace(base, at)) return at;
      slot += ((head >>> 8) & FLAG.continued) === 0 || slot + 1 >= this.count ? 1 : 1 + bytes[(slot + 1) * SLOT_BYTES]!;
    }
    return -1;
  }

  private hasSameTrace(one: number, other: number): boolean {
    const { words } = this;
    for (let word = SLOT_WORD.traceId; word < SLOT_WORD.spanId; word++) {
      if (words[one + word] !== words[other + word]) return false;
    }
    return true;
  }

  private take(lane: LaneCursor, slots: number): Step {
    const base = this.base;
    const { words } = this;
    const wellFormed =
      this.kind >= KIND.hostSlice &&
      this.kind <= KIND.batchGpuSlice &&
      (words[base + SLOT_WORD.spanId]! | words[base + SLOT_WORD.spanId + 1]!) !== 0 &&
      (words[base + SLOT_WORD.traceId]! |
        words[base + SLOT_WORD.traceId + 1]! |
        words[base + SLOT_WORD.traceId + 2]! |
        words[base + SLOT_WORD.traceId + 3]!) !==
        0;
    if (!wellFormed) {
      this.skipped = 1;
      lane.pass(slots, 1);
      return STEP.malformed;
    }
    const start = (base + SLOT_WORDS) * 4;
    this.payloadStart = start + 1;
    this.payloadEnd = slots === 1 ? this.payloadStart : start + (slots - 1) * SLOT_BYTES;
    lane.pass(slots, isOwner(this.kind) ? 0 : 1);
    return STEP.record;
  }

  private restart(): void {
    this.index = 0;
    this.count = 0;
  }

  private giveUp(lane: LaneCursor): Step {
    this.skipped = lane.skipPending();
    this.restart();
    return STEP.malformed;
  }

  // Slots of the record at `index`, 0 when its length cannot be known; more than are copied when they must be.
  private measure(): number {
    this.base = this.index * SLOT_WORDS;
    const head = this.words[this.base]!;
    this.kind = head & 0xff;
    this.flags = (head >>> 8) & 0xff;
    this.stage = head >>> 16;
    if ((this.flags & FLAG.continued) === 0) return 1;
    if (this.index + 1 >= this.count) return 2;
    const continuations = this.bytes[(this.index + 1) * SLOT_BYTES]!;
    const most = isOwner(this.kind) ? MAX_OWNER_CONTINUATIONS : MAX_SLICE_CONTINUATIONS;
    return continuations === 0 || continuations > most ? 0 : 1 + continuations;
  }

  private fill(lane: LaneCursor): boolean {
    this.restart();
    this.first = lane.low;
    const { ringSlots, ringOffset } = this.header;
    const count = Math.min(lane.pending, this.most);
    if (count <= 0) return false;
    const first = (lane.low & (ringSlots - 1)) >>> 0;
    const straight = Math.min(count, ringSlots - first);
    const ring = lane.offset + ringOffset;
    if (!this.source.read(ring + first * SLOT_BYTES, straight * SLOT_BYTES, this.bytes)) return false;
    if (straight < count) {
      const rest = this.bytes.subarray(straight * SLOT_BYTES);
      if (!this.source.read(ring, (count - straight) * SLOT_BYTES, rest)) return false;
    }
    this.count = count;
    return true;
  }
}

/** Root, worker and batch spans: counted apart from slices. */
export function isOwner(kind: number): boolean {
  return kind >= KIND.root && kind <= KIND.batch;
}
