// SPDX-License-Identifier: Apache-2.0
//
// Spans of batches: the links between batch and members, and one batch slice as a span in every member's trace.
// Which members those are, batch-members.ts says.

import type { Attributes, HrTime, Link } from '@opentelemetry/api';
import type { TimedEvent } from '@opentelemetry/sdk-trace-base';

import type { BatchEntry, BatchMember } from '../segment/members';
import type { Payload, PayloadColumn } from '../segment/payload';
import { type BatchMembers, type BatchSlice, MAX_LINKS, sampledMembers } from './batch-members';
import { timedEvents } from './events';
import { GpuspanSpan, SAMPLED, type SpanOrigin } from './gpuspan-span';
import type { RecordClock } from './record-clock';
import { spanIdHex, type TraceIds } from './span-id';

export class BatchExpander {
  constructor(
    private readonly origin: SpanOrigin,
    private readonly members: BatchMembers,
    private readonly payload: Payload,
    private readonly clock: RecordClock,
    private readonly traceIds: TraceIds,
  ) {}

  /** Links of a batch span: to the batch it continues, if any, and to its members' worker spans. */
  link(span: GpuspanSpan, entry: BatchEntry | undefined): void {
    const earlier = this.payload.links ?? [];
    const sampled = entry === undefined ? [] : sampledMembers(entry);
    const links = earlier.slice(0, MAX_LINKS).map(({ trace, spanLow, spanHigh }) => this.to(trace, spanLow, spanHigh));
    for (const { trace, workerLow, workerHigh } of sampled.slice(0, MAX_LINKS - links.length))
      links.push(this.to(trace, workerLow, workerHigh));
    span.batchLinks = links;
    span.droppedLinksCount = earlier.length + sampled.length - links.length;
  }

  private to(trace: BatchMember['trace'], spanLow: number, spanHigh: number): Link {
    const traceId = this.traceIds.hex(...trace);
    return { context: { traceId, spanId: spanIdHex(spanLow, spanHigh), traceFlags: SAMPLED } };
  }

  /** Appends the member spans of the ring reader's current record, whose span in the batch's own trace is given. */
  expand(span: GpuspanSpan, slice: BatchSlice, entry: BatchEntry, out: GpuspanSpan[]): void {
    const links = batchLink(span, entry);
    this.members.forEach(slice, entry, (member, index) => out.push(this.memberSpan(span, member, index, links)));
  }

  private memberSpan(span: GpuspanSpan, member: BatchMember, index: number, links: Link[]): GpuspanSpan {
    const { id, parent } = this.members;
    const columns = this.payload.columns;
    const times = this.clock.isOne
      ? { start: span.startTime, end: span.endTime, events: span.events }
      : this.timesOf(member);
    const copy = new GpuspanSpan(
      this.origin,
      span.name,
      span.kind,
      this.traceIds.hex(...member.trace),
      id[0]!,
      id[1]!,
      parent[0]!,
      parent[1]!,
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
}

function batchLink(span: GpuspanSpan, entry: BatchEntry): Link[] {
  const { traceId } = span.spanContext();
  return [{ context: { traceId, spanId: spanIdHex(entry.spanLow, entry.spanHigh), traceFlags: SAMPLED } }];
}
