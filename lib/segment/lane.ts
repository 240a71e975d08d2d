// SPDX-License-Identifier: Apache-2.0
//
// One lane as the reader follows it: how far it has read, how much is published, and who records there. The
// header is hostile input like everything else: positions that contradict each other make the cursor jump to the
// end of what is published, and what was skipped is counted as corrupt.

import type { SegmentHeader } from './header';
import { LANE, LOSS_COUNT } from './layout';
import { distance, WORD } from './position';
import type { SegmentSource } from './source';

/** Who records in a lane. Ranks are -1 and `gpuIndex` is undefined when not given. */
export interface LaneIdentity {
  readonly lane: number;
  /** 0 JavaScript, 1 native thread, 2 resolver. */
  readonly kind: number;
  /** OS thread id. */
  readonly tid: number;
  /** Node's threadId; -1 for native threads. */
  readonly workerThreadsId: number;
  /** Dictionary id; 0 if unnamed. */
  readonly label: number;
  readonly tpRank: number;
  readonly ppRank: number;
  readonly dpRank: number;
  readonly epRank: number;
  readonly gpuIndex: number | undefined;
  /** Dictionary id; 0 if unknown, which it may be at first. */
  readonly gpuUuid: number;
}

const NOT_GIVEN = 0xffff_ffff;
// One header is looked at a time.
const bytes = new Uint8Array(LANE.bytes);
const view = new DataView(bytes.buffer);
const words = new Uint32Array(bytes.buffer);

export class LaneCursor {
  /** Position of the next slot to read, as two u32 halves. */
  low = 0;
  high = 0;
  /** Slots published after the cursor, as of the last `refresh`. */
  pending = 0;
  /** The ring was at least half full at the last `refresh`. */
  full = false;
  /** Changes with every claim, so that what was derived from an identity can be kept until then. */
  generation = 0;
  identity: LaneIdentity | undefined;
  // Slices that went into the ring, and those of them that this cursor has passed: what is between them is what a
  // jump of the cursor skips.
  private settled = 0;
  private accounted = 0;

  constructor(
    readonly lane: number,
    private readonly source: SegmentSource,
    private readonly header: SegmentHeader,
  ) {}

  /** Where the lane begins in the segment. */
  get offset(): number {
    return this.header.lanesOffset + this.lane * this.header.laneStride;
  }

  /** Reads the lane's header. Returns how many slices were given up because its positions make no sense. */
  refresh(): number {
    this.pending = 0;
    if (!this.source.read(this.offset, LANE.bytes, bytes)) return 0;
    const generation = view.getUint32(LANE.generation, true);
    if (generation === 0) return 0;
    if (generation !== this.generation) {
      // The positions came before the generation, in memory and in the copy: they may still be from before the claim.
      if (!this.source.read(this.offset, LANE.bytes, bytes)) return 0;
      this.begin(generation);
    }
    this.settled = settledSlices();
    return this.measure();
  }

  /** Steps over `slots`, of which `slices` were slices. */
  pass(slots: number, slices: number): void {
    const low = this.low + slots;
    this.low = low >>> 0;
    if (low >= WORD) this.high = (this.high + 1) >>> 0;
    this.pending -= slots;
    this.accounted += slices;
  }

  /** Gives up everything published: how long the next record is cannot be known. Returns the slices skipped. */
  skipPending(): number {
    const skipped = this.skippable(this.pending);
    this.pass(this.pending, skipped);
    return skipped;
  }

  // A lane is claimed only when drained, so a new claim starts where the reader is, at the lane's read position.
  private begin(generation: number): void {
    this.generation = generation;
    this.low = words[LANE.read / 4]!;
    this.high = words[LANE.read / 4 + 1]!;
    this.accounted = word64(LANE.consumed);
    this.identity = undefined;
  }

  private measure(): number {
    const writtenLow = words[LANE.written / 4]!;
    const writtenHigh = words[LANE.written / 4 + 1]!;
    const readLow = words[LANE.read / 4]!;
    const readHigh = words[LANE.read / 4 + 1]!;
    const used = distance(writtenLow, writtenHigh, readLow, readHigh);
    const passed = distance(this.low, this.high, readLow, readHigh);
    this.full = used >= this.header.ringSlots / 2;
    if (used <= this.header.ringSlots && passed <= used) {
      this.pending = used - passed;
      // With records pending the lane is not drained, so nobody can be claiming it: the identity is whole.
      if (this.pending > 0) this.identify();
      return 0;
    }
    if (this.low === writtenLow && this.high === writtenHigh) return 0; // There already; nothing more is lost.
    this.low = writtenLow;
    this.high = writtenHigh;
    const skipped = this.skippable(this.header.ringSlots);
    this.accounted += skipped;
    return skipped;
  }

  private identify(): void {
    const known = this.identity;
    if (known !== undefined && known.gpuUuid === view.getUint16(LANE.gpuUuid, true)) return;
    this.identity = parseIdentity(this.lane);
  }

  private skippable(slots: number): number {
    return Math.max(1, Math.min(slots, this.settled - this.accounted));
  }
}

function word64(offset: number): number {
  return words[offset / 4]! + words[offset / 4 + 1]! * WORD;
}

// Settled is written to the ring or lost.
function settledSlices(): number {
  let settled = word64(LANE.recorded);
  for (let reason = 0; reason < LOSS_COUNT; reason++) settled -= word64(LANE.lost + reason * 8);
  return settled;
}

function parseIdentity(lane: number): LaneIdentity {
  const gpuIndex = view.getUint32(LANE.gpuIndex, true);
  return Object.freeze({
    lane,
    kind: view.getUint16(LANE.kind, true),
    tid: view.getUint32(LANE.tid, true),
    workerThreadsId: view.getInt32(LANE.workerThreadsId, true),
    label: view.getUint16(LANE.label, true),
    tpRank: view.getInt16(LANE.tpRank, true),
    ppRank: view.getInt16(LANE.ppRank, true),
    dpRank: view.getInt16(LANE.dpRank, true),
    epRank: view.getInt16(LANE.epRank, true),
    gpuIndex: gpuIndex === NOT_GIVEN ? undefined : gpuIndex,
    gpuUuid: view.getUint16(LANE.gpuUuid, true),
  });
}
