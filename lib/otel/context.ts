// SPDX-License-Identifier: Apache-2.0
//
// OpenTelemetry's contexts: the span that is active where a request starts, what an application gives as parent, and a
// context in which a library's spans become children of ours. Loaded with the first request that needs it.
import {
  type Context,
  context,
  isSpanContextValid,
  propagation,
  ROOT_CONTEXT,
  type Span,
  type SpanContext,
  TraceFlags,
  trace,
} from '@opentelemetry/api';
import { W3CBaggagePropagator } from '@opentelemetry/core';
import { RawTraceState } from '../spans/trace-state';
import type { TraceContext } from '../trace-context';

/** What `RequestOptions.parent` may be. */
export type ParentLike = Context | Span | SpanContext;

const baggagePropagator = new W3CBaggagePropagator();

/** The active span's position; undefined when no span is active. */
export function activePosition(): TraceContext | undefined {
  return positionOf(trace.getSpanContext(context.active()));
}

/** The position of a context's span, of a span, or the one given. Undefined: it is none of them, or has no valid ids. */
export function parentPosition(parent: unknown): TraceContext | undefined {
  if (typeof parent !== 'object' || parent === null) return undefined;
  const { getValue, spanContext } = parent as Partial<Context & Span>;
  if (typeof spanContext === 'function') return positionOf((parent as Span).spanContext());
  if (typeof getValue === 'function') return positionOf(trace.getSpanContext(parent as Context));
  return positionOf(parent as SpanContext);
}

/** The active context with our span as its span, and the request's baggage if it has any. */
export function contextAt(position: TraceContext | undefined, baggage: string | undefined): Context {
  const active = context.active();
  const at = position === undefined ? active : trace.setSpanContext(active, spanContextOf(position));
  if (baggage === undefined) return at;
  const read = propagation.getBaggage(baggagePropagator.extract(ROOT_CONTEXT, { baggage }, GETTER));
  return read === undefined ? at : propagation.setBaggage(at, read);
}

/** For samplers: a context whose span is the parent, or none. */
export function parentContext(parent: TraceContext | undefined): Context {
  return parent === undefined ? ROOT_CONTEXT : trace.setSpanContext(ROOT_CONTEXT, spanContextOf(parent));
}

const GETTER = {
  get: (headers: Readonly<Record<string, string>>, name: string) => headers[name],
  keys: (headers: Readonly<Record<string, string>>) => Object.keys(headers),
};

function positionOf(span: SpanContext | undefined): TraceContext | undefined {
  if (span === undefined || !isSpanContextValid(span)) return undefined;
  const state = span.traceState?.serialize();
  return {
    traceId: span.traceId.toLowerCase(),
    spanId: span.spanId.toLowerCase(),
    sampled: (span.traceFlags & TraceFlags.SAMPLED) !== 0,
    ...(!span.isRemote && { local: true }),
    ...(state && { state }),
  };
}

function spanContextOf({ traceId, spanId, sampled, local, state }: TraceContext): SpanContext {
  return {
    traceId,
    spanId,
    traceFlags: sampled ? TraceFlags.SAMPLED : TraceFlags.NONE,
    ...(!local && { isRemote: true }),
    ...(state !== undefined && { traceState: new RawTraceState(state) }),
  };
}
