// SPDX-License-Identifier: Apache-2.0
//
// Batches: their members, looked up once per read of the pipeline, the links between batch and members, and the
// expansion of one batch slice into a span in every member's trace (docs/design/spans.md has the rules).

import type { Attributes, HrTime, Link } from '@opentelemetry/api';
import type { TimedEvent } from '@opentelemetry/sdk-trace-base';

import { FLAG, KIND, SLOT_WORD } from '../segment/layout';
import type { BatchEntry, BatchMember, MemberReader } from '../segment/members';
import type { Payload, PayloadColumn } from '../segment/payload';
import type { RingReader } from '../segment/ring-reader';
import { timedEvents } from './events';
import { GpuspanSpan, SAMPLED, type SpanOrigin } from './gpuspan-span';
import { memberSpanId } from './member-id';
import type { RecordClock } from './record-clock';
import { spanIdHex, type TraceIds } from './span-id';

/** OpenTelemetry's default limit of links a span. */
export const MAX_LINKS = 128;
/**
 * A GPU slice belongs to the members present at its launch. Launch times and departures are read from different
 * clocks; with a departure this close after the launch the member's share is left out, lest its parent is missing.
 */
const CLOCK_MARGIN_NANOS = 1000;

/** A batch slice that was launched or begun at a given moment, and its span in the batch's own trace. */
export interface BatchSlice {
  readonly span: GpuspanSpan;
  readonly level: number;
  /** When it was begun, or launched, in epoch time. */
  readonly since: readonly [number, number];
}

export class BatchExpander {
  private readonly entries = new Map<number, { generation: number; entry: BatchEntry | undefined }>();
  private readonly id = new Int32Array(2);
  private readonly parent = new Int32Array(2);

  constructor(
    private readonly origin: SpanOrigin,
    private readonly expandLevel: number,
    private readonly reader: MemberReader,
    private readonly ring: RingReader,
    private readonly payload: Payload,
    private readonly clock: RecordClock,
    private readonly traceIds: TraceIds,
  ) {}

  /** To be called after positions were read and before records are: what is kept was current then. */
  forget(): void {
    this.entries.clear();
  }

  find(lane: number, batch: number, generation: number): BatchEntry | undefined {
    const key = lane * 65_536 + batch;
    const known = this.entries.get(key);
    if (known !== undefined && known.generation === generation) return known.entry;
    const entry = this.reader.read(lane, batch, generation);
    this.entries.set(key, { generation, entry });
    return entry;
  }

  /** Links of a batch span: to its members' worker spans. Those that are not sampled have no spans to link to. */
  linkMembers(span: GpuspanSpan, entry: BatchEntry): void {
    const sampled = entry.members.filter((member) => member.level > 0);
    span.batchLinks = sampled.slice(0, MAX_LINKS).map((member) => ({
      context: {
        traceId: this.traceIds.hex(...member.trace),
        spanId: spanIdHex(member.workerLow, member.workerHigh),
        traceFlags: SAMPLED,
      },
    }));
    span.droppedLinksCount = sampled.length - span.batchLinks.length;
  }

  /** Appends the member spans of the ring reader's current record. */
  expand(slice: BatchSlice, entry: BatchEntry, out: GpuspanSpan[]): void {
    if (slice.level > this.expandLevel) return;
    const { words, base } = this.ring;
    const parentLow = words[base + SLOT_WORD.parentSpanId]!;
    const parentHigh = words[base + SLOT_WORD.parentSpanId + 1]!;
    const underBatch = parentLow === entry.spanLow && parentHigh === entry.spanHigh;
    const underMember = underBatch || this.isRetroactive();
    const links = batchLink(slice.span, entry);
    for (let index = 0; index < entry.members.length; index++) {
      const member = entry.members[index]!;
      if (member.level === 0 || member.level < slice.level || !this.wasMember(member, slice)) continue;
      if (underMember) {
        this.parent[0] = member.parentLow;
        this.parent[1] = member.parentHigh;
      } else {
        memberSpanId(parentLow, parentHigh, member.workerLow, member.workerHigh, this.parent);
      }
      out.push(this.memberSpan(slice.span, member, index, links));
    }
  }

  private memberSpan(span: GpuspanSpan, member: BatchMember, index: number, links: Link[]): GpuspanSpan {
    const { words, base } = this.ring;
    const sliceLow = words[base + SLOT_WORD.spanId]!;
    const sliceHigh = words[base + SLOT_WORD.spanId + 1]!;
    memberSpanId(sliceLow, sliceHigh, member.workerLow, member.workerHigh, this.id);
    const columns = this.payload.columns;
    const times = this.clock.isOne
      ? { start: span.startTime, end: span.endTime, events: span.events }
      : this.timesOf(member);
    const copy = new GpuspanSpan(
      this.origin,
      span.name,
      span.kind,
      this.traceIds.hex(...member.trace),
      this.id[0]!,
      this.id[1]!,
      this.parent[0]!,
      this.parent[1]!,
      times.start,
      times.end,
      columns === undefined ? span.attributes : this.withColumns(span.attributes, columns, index),
    );
    copy.status = span.status;
    copy.events = times.events ?? copy.events;
    copy.droppedAttributesCount = span.droppedAttributesCount;
    copy.batchLinks = links;
    return copy;
  }

  // A member that was open when realtime stepped keeps its clock; the batch may be younger.
  private timesOf(member: BatchMember): { start: HrTime; end: HrTime; events: TimedEvent[] | undefined } {
    this.clock.useTrace(member.trace[0], member.trace[1]);
    const start = this.clock.start();
    const end = this.clock.end(start);
    const events = timedEvents(this.payload, this.clock, end);
    this.clock.useOwnTrace();
    return { start, end, events };
  }

  private withColumns(attributes: Attributes, columns: readonly PayloadColumn[], member: number): Attributes {
    const all = { ...attributes };
    for (const column of columns) {
      const value = this.payload.columnValue(column, member);
      if (value !== undefined) all[column.key] = value;
    }
    return all;
  }

  // A retroactive slice may be older than the batch slice it was recorded under, which some of its members may not
  // have been there for; so it hangs directly below what the member had open.
  private isRetroactive(): boolean {
    return this.ring.kind === KIND.batchSlice && (this.ring.flags & FLAG.monotonic) !== 0;
  }

  private wasMember(member: BatchMember, slice: BatchSlice): boolean {
    if ((member.leftLow | member.leftHigh) === 0) return true;
    if ((this.ring.flags & FLAG.monotonic) === 0) {
      const at = this.ring.base + SLOT_WORD.start;
      const { words } = this.ring;
      return this.clock.ticksPrecede(words[at]! >>> 0, words[at + 1]! >>> 0, member.leftLow, member.leftHigh);
    }
    const left = this.clock.at(member.leftLow, member.leftHigh, false);
    return (left[0] - slice.since[0]) * 1e9 + (left[1] - slice.since[1]) > CLOCK_MARGIN_NANOS;
  }
}

function batchLink(span: GpuspanSpan, entry: BatchEntry): Link[] {
  const { traceId } = span.spanContext();
  return [{ context: { traceId, spanId: spanIdHex(entry.spanLow, entry.spanHigh), traceFlags: SAMPLED } }];
}
