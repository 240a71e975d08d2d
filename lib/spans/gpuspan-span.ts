// SPDX-License-Identifier: Apache-2.0
//
// A finished span as exporters take it: OpenTelemetry's ReadableSpan (2.x and 3.x). Made by the assembler, a
// million a second if need be: one shape for all, shared empties, and hex ids, links and contexts only when asked.

import type { Attributes, HrTime, Link, SpanContext, SpanKind, SpanStatus } from '@opentelemetry/api';
import type { InstrumentationScope } from '@opentelemetry/core';
import type { Resource } from '@opentelemetry/resources';
import type { ReadableSpan, TimedEvent } from '@opentelemetry/sdk-trace-base';

import { addNanos } from '../timeline/scale';
import { spanIdHex } from './span-id';
import { RawTraceState } from './trace-state';

/** TraceFlags.SAMPLED: what was not sampled was not recorded. */
export const SAMPLED = 1;

/** What all spans of a pipeline share; exporters group by the identity of these two objects. */
export interface SpanOrigin {
  readonly resource: Resource;
  readonly scope: InstrumentationScope;
}

const UNSET: SpanStatus = Object.freeze({ code: 0 });
const NO_EVENTS = Object.freeze([]) as unknown as TimedEvent[];
const NO_LINKS = Object.freeze([]) as unknown as Link[];

export class GpuspanSpan implements ReadableSpan {
  status: SpanStatus = UNSET;
  events: TimedEvent[] = NO_EVENTS;
  readonly ended = true;
  readonly resource: Resource;
  readonly instrumentationScope: InstrumentationScope;
  droppedAttributesCount = 0;
  readonly droppedEventsCount = 0;
  droppedLinksCount = 0;

  // The assembler's: set before the span is handed out.
  /** The parent lives in another process. */
  remoteParent = false;
  /** A W3C tracestate, as text. */
  traceState: string | undefined;
  /** Span id of the link within the trace: the request's previous first-level slice. Both 0: none. */
  previousLow = 0;
  previousHigh = 0;
  /** Links into other traces, shared between spans. */
  batchLinks: Link[] | undefined;

  private context: SpanContext | undefined;

  constructor(
    origin: SpanOrigin,
    readonly name: string,
    readonly kind: SpanKind,
    private readonly traceId: string,
    private readonly idLow: number,
    private readonly idHigh: number,
    private readonly parentLow: number,
    private readonly parentHigh: number,
    readonly startTime: HrTime,
    readonly endTime: HrTime,
    readonly attributes: Attributes,
  ) {
    this.resource = origin.resource;
    this.instrumentationScope = origin.scope;
  }

  spanContext(): SpanContext {
    return (this.context ??= this.makeContext(this.idLow, this.idHigh));
  }

  // Typed as always there, because ReadableSpan's optional property admits no undefined.
  get parentSpanContext(): SpanContext {
    if ((this.parentLow | this.parentHigh) === 0) return undefined as unknown as SpanContext;
    const parent = this.makeContext(this.parentLow, this.parentHigh);
    if (this.remoteParent) parent.isRemote = true;
    return parent;
  }

  get duration(): HrTime {
    const seconds = this.endTime[0] - this.startTime[0];
    return addNanos(seconds, 0, this.endTime[1] - this.startTime[1]);
  }

  get links(): Link[] {
    if (this.batchLinks !== undefined) return this.batchLinks;
    if ((this.previousLow | this.previousHigh) === 0) return NO_LINKS;
    return [{ context: this.makeContext(this.previousLow, this.previousHigh) }];
  }

  private makeContext(low: number, high: number): SpanContext {
    const context: SpanContext = { traceId: this.traceId, spanId: spanIdHex(low, high), traceFlags: SAMPLED };
    if (this.traceState !== undefined) context.traceState = new RawTraceState(this.traceState);
    return context;
  }
}
