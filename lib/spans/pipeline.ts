// SPDX-License-Identifier: Apache-2.0
//
// Segment in, spans out: the one way in which sinks get spans, live or from what a dead process left. Pure over a
// SegmentSource: it never writes, so whoever calls it takes the clock snapshots before `read` and moves the read
// positions after it. Called by one thread, the holder of the reader's lease.

import type { InstrumentationScope } from '@opentelemetry/core';
import type { Resource } from '@opentelemetry/resources';

import { Dictionary } from '../segment/dictionary';
import { readHeader, type SegmentHeader } from '../segment/header';
import { LaneCursor } from '../segment/lane';
import { MemberReader } from '../segment/members';
import { Payload } from '../segment/payload';
import { isOwner, RingReader, STEP } from '../segment/ring-reader';
import { SnapshotReader } from '../segment/snapshots';
import type { SegmentSource } from '../segment/source';
import { Timeline } from '../timeline/timeline';
import { SpanAssembler } from './assemble';
import { BatchExpander } from './expand';
import type { GpuspanSpan } from './gpuspan-span';
import { HeldTraces } from './held-traces';
import { RecordClock } from './record-clock';
import { TraceIds } from './span-id';
import { WorkerDescriptions } from './worker-attributes';

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

export interface SpanBatch {
  readonly spans: GpuspanSpan[];
  /** Leaf records that these spans came from. With `corrupt` it is the sum of the lanes' slices. */
  readonly slices: number;
  /** Root, worker and batch spans among them. */
  readonly owners: number;
  /** Slices passed as malformed: they made no span. */
  readonly corrupt: number;
  readonly lanes: readonly LaneProgress[];
}

export interface PipelineOptions {
  readonly resource: Resource;
  readonly scope: InstrumentationScope;
  /** Batch slices up to this level become spans of every member; 0: of none. */
  readonly expandLevel: number;
}

/** Records that one lane may give before the next one has its turn. */
const TURN_RECORDS = 256;

class Lane extends LaneCursor {
  slices = 0;
  owners = 0;
  corrupt = 0;
}

export class SpanPipeline {
  private readonly header: SegmentHeader;
  private readonly snapshots: SnapshotReader;
  private readonly ring: RingReader;
  private readonly lanes: Lane[];
  private timeline: Timeline | undefined;
  private held: HeldTraces | undefined;
  private assembler: SpanAssembler | undefined;
  private batches: BatchExpander | undefined;
  /** The timeline's, as of the last read. */
  private epoch = 0;
  /** Lanes that have been claimed at least once: those below this index. */
  private used = 0;
  /** The lane whose turn is first in the next read. */
  private turn = 0;

  /** Throws `GpuspanError` with code `GPUSPAN_SEGMENT` when the source is not a segment that this version reads. */
  constructor(
    private readonly source: SegmentSource,
    private readonly options: PipelineOptions,
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
  read(maxSpans: number): SpanBatch | undefined {
    const assembler = this.refreshTimeline();
    if (assembler === undefined) return undefined;
    const active = this.refreshLanes();
    if (this.timeline !== undefined && this.timeline.steps.epoch !== this.epoch) this.holdTraces(this.timeline);
    // Members are looked up after all positions were read, so their departures are at least as new as any record.
    this.batches?.forget();
    const spans: GpuspanSpan[] = [];
    let budget = maxSpans;
    for (let waiting = active; waiting.length > 0 && budget > 0; waiting = waiting.filter((lane) => lane.pending > 0)) {
      const made = this.takeTurns(waiting, assembler, spans, budget);
      if (made === 0) break; // The source cannot be read.
      budget -= made;
    }
    return this.collect(active, spans);
  }

  // One turn each, while the budget lasts.
  private takeTurns(lanes: readonly Lane[], assembler: SpanAssembler, spans: GpuspanSpan[], budget: number): number {
    let made = 0;
    for (const lane of lanes) {
      if (made >= budget) break;
      made += this.takeTurn(lane, assembler, spans, Math.min(budget - made, TURN_RECORDS));
      this.turn = lane.lane + 1;
    }
    return made;
  }

  // Reads up to `budget` records or spans of one lane; returns how many it made of the two, whichever is more.
  private takeTurn(lane: Lane, assembler: SpanAssembler, spans: GpuspanSpan[], budget: number): number {
    const { ring } = this;
    const before = spans.length;
    let records = 0;
    ring.restart();
    while (records < budget && spans.length - before < budget) {
      const step = ring.next(lane);
      if (step === STEP.end) break;
      records += 1;
      if (step === STEP.malformed) lane.corrupt += ring.skipped;
      else if (isOwner(ring.kind)) lane.owners += assembler.assemble(lane, spans) ? 1 : 0;
      else if (assembler.assemble(lane, spans)) lane.slices += 1;
      else lane.corrupt += 1;
    }
    return Math.max(records, spans.length - before);
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

  private collect(active: readonly Lane[], spans: GpuspanSpan[]): SpanBatch | undefined {
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
    return lanes.length === 0 ? undefined : { spans, slices, owners, corrupt, lanes };
  }

  private refreshTimeline(): SpanAssembler | undefined {
    for (const snapshot of this.snapshots.readNew()) {
      if (this.timeline === undefined) this.begin(snapshot);
      else this.timeline.add(snapshot);
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
    const origin = { resource: this.options.resource, scope: this.options.scope };
    const dictionary = new Dictionary(source, header);
    const payload = new Payload(ring, dictionary);
    const traceIds = new TraceIds();
    const timeline = new Timeline(first, header.clockHz);
    const members = new MemberReader(source, header);
    const { expandLevel } = this.options;
    const held = new HeldTraces(source, header, timeline);
    const clock = new RecordClock(ring, timeline, held);
    const batches = new BatchExpander(origin, expandLevel, members, ring, payload, clock, traceIds);
    const workers = new WorkerDescriptions(dictionary);
    this.assembler = new SpanAssembler(origin, ring, payload, dictionary, clock, workers, batches, traceIds);
    this.held = held;
    this.timeline = timeline;
    this.batches = batches;
  }
}
