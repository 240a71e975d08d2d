// SPDX-License-Identifier: Apache-2.0
//
// Turns the ring reader's current record into spans: one, or for a batch slice also one per expanded member.
// docs/design/spans.md lists every name, attribute and link that comes out. Parents and links were written by the
// recorder; nothing is inferred here.

import type { Attributes, HrTime, SpanKind, SpanStatus } from '@opentelemetry/api';

import type { Dictionary } from '../segment/dictionary';
import type { LaneCursor } from '../segment/lane';
import { FLAG, KIND, LOSS_NAMES, SLOT_WORD } from '../segment/layout';
import type { BatchEntry } from '../segment/members';
import { Payload } from '../segment/payload';
import type { RingReader } from '../segment/ring-reader';
import type { BatchMembers } from './batch-members';
import { timedEvents } from './events';
import { BatchExpander } from './expand';
import { gpuAttributes } from './gpu-attributes';
import { GpuspanSpan, type SpanOrigin } from './gpuspan-span';
import type { RecordClock } from './record-clock';
import type { RecordAssembler, RecordParts } from './record-pipeline';
import { TraceIds } from './span-id';
import { WorkerDescriptions } from './worker-attributes';

/** The name of a root span that was given none. */
export const DEFAULT_ROOT_NAME = 'request';
export const BATCH_NAME = 'batch';

// OpenTelemetry's enums, which cannot be imported at run time here.
const INTERNAL = 0 as SpanKind;
const SERVER = 1 as SpanKind;
const STATUS_ERROR = 2;

const NOTABLE_FLAGS = FLAG.dropped | FLAG.unfinished | FLAG.truncated;

export class SpanAssembler implements RecordAssembler<GpuspanSpan[]> {
  private readonly ring: RingReader;
  private readonly dictionary: Dictionary;
  private readonly clock: RecordClock;
  private readonly members: BatchMembers;
  private readonly payload: Payload;
  private readonly workers: WorkerDescriptions;
  private readonly batches: BatchExpander;
  private readonly traceIds = new TraceIds();
  private spans: GpuspanSpan[] = [];

  constructor(
    { ring, dictionary, clock, members }: RecordParts,
    private readonly origin: SpanOrigin,
  ) {
    this.ring = ring;
    this.dictionary = dictionary;
    this.clock = clock;
    this.members = members;
    this.payload = new Payload(ring, dictionary);
    this.workers = new WorkerDescriptions(dictionary);
    this.batches = new BatchExpander(origin, members, this.payload, clock, this.traceIds);
  }

  assemble(lane: LaneCursor): number {
    const before = this.spans.length;
    this.payload.decode();
    this.clock.useOwnTrace();
    this.append(lane);
    return this.spans.length - before;
  }

  take(): GpuspanSpan[] {
    const { spans } = this;
    this.spans = [];
    return spans;
  }

  private append(lane: LaneCursor): void {
    switch (this.ring.kind) {
      case KIND.hostSlice:
        this.spans.push(this.hostSlice());
        return;
      case KIND.gpuSlice:
      case KIND.batchGpuSlice:
        this.gpuSlice();
        return;
      case KIND.root:
        this.spans.push(this.root());
        return;
      case KIND.worker:
        this.spans.push(this.worker(lane));
        return;
      case KIND.batch:
        this.spans.push(this.batch());
        return;
      default:
        this.batchSlice();
    }
  }

  private hostSlice(): GpuspanSpan {
    const span = this.make(
      this.dictionary.text(this.ring.stage),
      INTERNAL,
      this.payload.attributes,
      this.clock.start(),
    );
    if ((this.ring.flags & FLAG.firstLevel) !== 0) {
      const at = this.ring.base + SLOT_WORD.tail;
      span.previousLow = this.ring.words[at]!;
      span.previousHigh = this.ring.words[at + 1]!;
    }
    return span;
  }

  private gpuSlice(): void {
    const { gpu, batchRef } = this.payload;
    if (gpu === undefined) return;
    const at = this.ring.base + SLOT_WORD.tail;
    const start = this.clock.start();
    const launch = this.clock.at(gpu.launchLow, gpu.launchHigh, true);
    const attributes = gpuAttributes(this.payload.attributes, gpu, {
      launch,
      start,
      boundNanos: this.ring.words[at]! >>> 0,
      clamped: (this.ring.flags & FLAG.clamped) !== 0,
      stream: this.ring.words[at + 1]! & 0xffff,
    });
    const stage = this.dictionary.entry(this.ring.stage);
    const span = this.make(stage.text, INTERNAL, attributes, start);
    this.spans.push(span);
    if (this.ring.kind === KIND.batchGpuSlice && batchRef !== undefined) {
      this.expand(span, launch, this.members.find(batchRef.lane, batchRef.batch, batchRef.generation));
    }
  }

  private root(): GpuspanSpan {
    const remote = (this.ring.flags & FLAG.remoteParent) !== 0;
    const attributes = { ...this.payload.attributes, ...this.ownNotes() };
    const span = this.make(
      this.payload.name ?? DEFAULT_ROOT_NAME,
      remote ? SERVER : INTERNAL,
      attributes,
      this.clock.start(),
    );
    span.remoteParent = remote;
    return this.withSteps(span);
  }

  private worker(lane: LaneCursor): GpuspanSpan {
    const { name, attributes } = this.workers.of(lane);
    const own = { ...attributes, ...this.payload.attributes, ...this.ownNotes() };
    return this.withSteps(this.make(name, INTERNAL, own, this.clock.start()));
  }

  private batch(): GpuspanSpan {
    const entry = this.members.findOwn();
    const attributes = { ...this.payload.attributes };
    if (entry !== undefined) attributes['gpuspan.batch.size'] = entry.size;
    if ((this.ring.flags & FLAG.expired) !== 0) attributes['gpuspan.expired'] = true;
    const span = this.make(BATCH_NAME, INTERNAL, attributes, this.clock.start());
    this.batches.link(span, entry);
    return this.withSteps(span);
  }

  private batchSlice(): void {
    const start = this.clock.start();
    const span = this.make(this.dictionary.text(this.ring.stage), INTERNAL, this.payload.attributes, start);
    this.spans.push(span);
    this.expand(span, start, this.members.findOwn());
  }

  private expand(span: GpuspanSpan, since: HrTime, entry: BatchEntry | undefined): void {
    if (entry === undefined) return;
    this.batches.expand(span, { level: this.dictionary.entry(this.ring.stage).level, since }, entry, this.spans);
  }

  /** What a request's owners say besides what they were given. */
  private ownNotes(): Attributes {
    const level = (this.ring.words[this.ring.base + SLOT_WORD.tail]! >>> 16) & 0xff;
    return (this.ring.flags & FLAG.expired) === 0
      ? { 'gpuspan.request.level': level }
      : { 'gpuspan.request.level': level, 'gpuspan.expired': true };
  }

  private make(name: string, kind: SpanKind, attributes: Attributes, start: HrTime): GpuspanSpan {
    const { words, base, flags } = this.ring;
    const { payload } = this;
    const at = base + SLOT_WORD.traceId;
    const end = this.clock.end(start);
    const notable = (flags & NOTABLE_FLAGS) !== 0 || payload.broken || payload.losses !== undefined;
    const span = new GpuspanSpan(
      this.origin,
      name,
      kind,
      this.traceIds.hex(words[at]!, words[at + 1]!, words[at + 2]!, words[at + 3]!),
      words[base + SLOT_WORD.spanId]!,
      words[base + SLOT_WORD.spanId + 1]!,
      words[base + SLOT_WORD.parentSpanId]!,
      words[base + SLOT_WORD.parentSpanId + 1]!,
      start,
      end,
      notable ? this.withNotes(attributes) : attributes,
    );
    if (notable || payload.decoded) this.addPayload(span);
    return span;
  }

  // What attributes cannot carry. Apart from `make`, because most slices have none of it.
  private addPayload(span: GpuspanSpan): void {
    const { status, exception, traceState, broken } = this.payload;
    // How many were dropped nobody counted; consumers look for a value other than 0.
    if (broken || (this.ring.flags & FLAG.dropped) !== 0) span.droppedAttributesCount = 1;
    span.traceState = traceState;
    const events = timedEvents(this.payload, this.clock, span.endTime);
    if (events !== undefined) span.events = events;
    if (status !== undefined) {
      span.status = status.code <= STATUS_ERROR ? toStatus(status.code, status.message) : span.status;
    } else if (exception !== undefined) {
      span.status = toStatus(STATUS_ERROR, exception.message);
    }
  }

  // On owners only: they say it once a request and worker.
  private withSteps(span: GpuspanSpan): GpuspanSpan {
    const steps = this.clock.stepEvents();
    if (steps.length > 0) span.events = [...span.events, ...steps];
    return span;
  }

  private withNotes(attributes: Attributes): Attributes {
    const { flags } = this.ring;
    const all = { ...attributes };
    if ((flags & FLAG.unfinished) !== 0) all['gpuspan.unfinished'] = true;
    if ((flags & FLAG.truncated) !== 0) all['gpuspan.truncated'] = true;
    if ((flags & FLAG.dropped) !== 0 || this.payload.broken) all['gpuspan.dropped_attributes'] = true;
    for (const { reason, count } of this.payload.losses ?? []) {
      const name = LOSS_NAMES[reason];
      if (name !== undefined && count > 0) all[`gpuspan.lost.${name}`] = count;
    }
    return all;
  }
}

function toStatus(code: number, message: string): SpanStatus {
  return message === '' ? { code } : { code, message };
}
