// SPDX-License-Identifier: Apache-2.0
//
// Reads a segment lane by lane and has each record assembled into spans, in whatever form the assembler makes:
// objects (pipeline.ts) or OTLP bytes (lib/otlp). Pure over a SegmentSource: it never writes, so whoever calls it takes
// the clock snapshots before `read` and moves the read positions after it. Called by one thread, the holder of the
// reader's lease.

import { Dictionary } from '../segment/dictionary';
import { readHeader, type SegmentHeader } from '../segment/header';
import { LaneCursor } from '../segment/lane';
import { MemberReader } from '../segment/members';
import { OwnerReader } from '../segment/owners';
import { isOwner, RingReader, STEP } from '../segment/ring-reader';
import { type Snapshot, SnapshotReader } from '../segment/snapshots';
import type { SegmentSource } from '../segment/source';
import { Timeline } from '../timeline/timeline';
import { BatchMembers } from './batch-members';
import { HeldTraces } from './held-traces';
import { RecordClock } from './record-clock';

/** Where a lane's read position may move to, and what lies before it since the last batch. */
export interface LaneProgress {
  readonly lane: number;
  /** The position, as two u32 halves. */
  readonly low: number;
  readonly high: number;
  /** Slices passed, the corrupt ones included: what the lane counts as consumed. */
  readonly slices: number;
  readonly owners: number;
  /** The ring was at least half full when this read began. */
  readonly full: boolean;
}

/** What one read made. */
export interface Reading<Spans> {
  readonly spans: Spans;
  readonly spanCount: number;
  /** Leaf records that these spans came from. With `corrupt` it is the sum of the lanes' slices. */
  readonly slices: number;
  /** Root, worker and batch spans among them. */
  readonly owners: number;
  /** Slices passed as malformed: they made no span. */
  readonly corrupt: number;
  readonly lanes: readonly LaneProgress[];
}

/** What an assembler works with; made once, when the segment's clock is known. */
export interface RecordParts {
  /** Stands on the record to be assembled. */
  readonly ring: RingReader;
  readonly dictionary: Dictionary;
  readonly clock: RecordClock;
  readonly members: BatchMembers;
  readonly owners: OwnerReader;
}

export interface RecordAssembler<Spans> {
  /** Makes the spans of the ring reader's current record; how many. 0: the record lacks what its kind must have. */
  assemble(lane: LaneCursor): number;
  /** The spans made since the last call; they may be valid until the next record is assembled only. */
  take(): Spans;
  /** Told of every clock snapshot, in their order, before the records that come after it. */
  noteSnapshot?(snapshot: Snapshot): void;
}

export interface RecordOptions<Spans> {
  /** Batch slices up to this level become spans of every member; 0: of none. */
  readonly expandLevel: number;
  /** Called once. */
  readonly assembler: (parts: RecordParts) => RecordAssembler<Spans>;
}

/** Records that one lane may give before the next one has its turn. */
const TURN_RECORDS = 256;

class Lane extends LaneCursor {
  slices = 0;
  owners = 0;
  corrupt = 0;
}

export class RecordPipeline<Spans> {
  private readonly header: SegmentHeader;
  private readonly snapshots: SnapshotReader;
  private readonly ring: RingReader;
  private readonly lanes: Lane[];
  private timeline: Timeline | undefined;
  private held: HeldTraces | undefined;
  private assembler: RecordAssembler<Spans> | undefined;
  private members: BatchMembers | undefined;
  /** Made in this read. */
  private spanCount = 0;
  /** The timeline's, as of the last read. */
  private epoch = 0;
  /** Lanes that have been claimed at least once: those below this index. */
  private used = 0;
  /** The lane whose turn is first in the next read. */
  private turn = 0;

  /** Throws `GpuspanError` with code `GPUSPAN_SEGMENT` when the source is not a segment that this version reads. */
  constructor(
    private readonly source: SegmentSource,
    private readonly options: RecordOptions<Spans>,
  ) {
    this.header = readHeader(source);
    this.snapshots = new SnapshotReader(source, this.header);
    this.ring = new RingReader(source, this.header);
    this.lanes = Array.from({ length: this.header.lanes }, (_, lane) => new Lane(lane, source, this.header));
  }

  /**
   * Reads what was published by now and not read before: at most about `maxSpans` spans, the lanes in turn, so that
   * a flooded one does not starve the others. Undefined: there is nothing.
   */
  read(maxSpans: number): Reading<Spans> | undefined {
    const assembler = this.refreshTimeline();
    if (assembler === undefined) return undefined;
    const active = this.refreshLanes();
    if (this.timeline !== undefined && this.timeline.steps.epoch !== this.epoch) this.holdTraces(this.timeline);
    // Members are looked up after all positions were read, so their departures are at least as new as any record.
    this.members?.forget();
    this.spanCount = 0;
    let budget = maxSpans;
    for (let waiting = active; waiting.length > 0 && budget > 0; waiting = waiting.filter((lane) => lane.pending > 0)) {
      const made = this.takeTurns(waiting, assembler, budget);
      if (made === 0) break; // The source cannot be read.
      budget -= made;
    }
    return this.collect(active, assembler);
  }

  // One turn each, while the budget lasts.
  private takeTurns(lanes: readonly Lane[], assembler: RecordAssembler<Spans>, budget: number): number {
    let made = 0;
    for (const lane of lanes) {
      if (made >= budget) break;
      made += this.takeTurn(lane, assembler, Math.min(budget - made, TURN_RECORDS));
      this.turn = lane.lane + 1;
    }
    return made;
  }

  // Reads up to `budget` records or spans of one lane; returns how many it made of the two, whichever is more.
  private takeTurn(lane: Lane, assembler: RecordAssembler<Spans>, budget: number): number {
    const { ring } = this;
    let spans = 0;
    let records = 0;
    ring.turnTo(lane);
    while (records < budget && spans < budget) {
      const step = ring.next(lane);
      if (step === STEP.end) break;
      records += 1;
      if (step === STEP.malformed) {
        lane.corrupt += ring.skipped;
        continue;
      }
      const made = assembler.assemble(lane);
      spans += made;
      if (isOwner(ring.kind)) lane.owners += made > 0 ? 1 : 0;
      else if (made > 0) lane.slices += 1;
      else lane.corrupt += 1;
    }
    this.spanCount += spans;
    return Math.max(records, spans);
  }

  private refreshLanes(): Lane[] {
    const active: Lane[] = [];
    for (let index = 0; index < this.used; index++)
      this.refreshLane(this.lanes[(this.turn + index) % this.used]!, active);
    // Lanes are first claimed in the order of their indices, and the memory of one that never was is not to be
    // touched: on a full disk that would be fatal. So look at one unclaimed lane and no further.
    while (this.used < this.lanes.length) {
      const next = this.lanes[this.used]!;
      this.refreshLane(next, active);
      if (next.generation === 0) break;
      this.used += 1;
    }
    return active;
  }

  private refreshLane(lane: Lane, active: Lane[]): void {
    lane.slices = 0;
    lane.owners = 0;
    lane.corrupt = lane.refresh();
    if (lane.pending > 0 || lane.corrupt > 0) active.push(lane);
  }

  private collect(active: readonly Lane[], assembler: RecordAssembler<Spans>): Reading<Spans> | undefined {
    const lanes: LaneProgress[] = [];
    let slices = 0;
    let owners = 0;
    let corrupt = 0;
    for (const lane of active) {
      if (lane.slices + lane.owners + lane.corrupt === 0) continue;
      slices += lane.slices;
      owners += lane.owners;
      corrupt += lane.corrupt;
      const { low, high, full } = lane;
      lanes.push({ lane: lane.lane, low, high, slices: lane.slices + lane.corrupt, owners: lane.owners, full });
    }
    if (lanes.length === 0) return undefined;
    return { spans: assembler.take(), spanCount: this.spanCount, slices, owners, corrupt, lanes };
  }

  private refreshTimeline(): RecordAssembler<Spans> | undefined {
    for (const snapshot of this.snapshots.readNew()) {
      if (this.timeline === undefined) this.begin(snapshot);
      else this.timeline.add(snapshot);
      this.assembler?.noteSnapshot?.(snapshot);
    }
    return this.assembler;
  }

  // Right after the snapshot that saw the step: what has recorded before it is still in the tables or in the rings.
  private holdTraces(timeline: Timeline): void {
    this.epoch = timeline.steps.epoch;
    this.held?.hold(this.used);
  }

  // The writer takes the first snapshot before anyone can record, so everything else can wait for it.
  private begin(first: ConstructorParameters<typeof Timeline>[0]): void {
    const { source, header, ring } = this;
    const timeline = new Timeline(first, header.clockHz);
    const held = new HeldTraces(source, header, timeline);
    const clock = new RecordClock(ring, timeline, held);
    const members = new BatchMembers(this.options.expandLevel, new MemberReader(source, header), ring, clock);
    const dictionary = new Dictionary(source, header);
    const owners = new OwnerReader(source, header);
    this.assembler = this.options.assembler({ ring, dictionary, clock, members, owners });
    this.held = held;
    this.timeline = timeline;
    this.members = members;
  }
}
