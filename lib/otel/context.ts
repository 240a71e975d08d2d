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
import { isHeaderText, MAX_BAGGAGE_LENGTH, toTraceState } from '../carrier-check';
import { RawTraceState } from '../spans/trace-state';
import type { TraceContext } from '../trace-context';
import { formatBaggage } from './propagation';

/** Where a request begins, and what it hands on from there. */
export interface Beginning {
  readonly parent: TraceContext | undefined;
  /** W3C baggage. */
  readonly baggage: string | undefined;
}

/** What `RequestOptions.parent` may be. */
export type ParentLike = Context | Span | SpanContext;

const baggagePropagator = new W3CBaggagePropagator();
// Taken once: OpenTelemetry's module gives each of its names through a getter, and these are asked for at every request.
const contexts = context;
const rootContext = ROOT_CONTEXT;

/**
 * Where a request begins below what the application gave: the span of a context, none where it has none, which is how
 * OpenTelemetry says "a root"; a span; a span context. Below the active span where it gave nothing, or none of them.
 * Baggage is `carried`, what came with the headers, else that of the context.
 */
export function beginningBelow(given: unknown, carried: string | undefined): Beginning {
  const around = isContext(given) ? given : contexts.active();
  // Most programs have no active context: nothing to look for.
  if (around === rootContext && given === undefined) return { parent: undefined, baggage: carried };
  const parent = around === given ? undefined : positionOf(spanContextGiven(given));
  return {
    parent: parent ?? positionOf(trace.getSpanContext(around)),
    baggage: carried ?? baggageOf(around),
  };
}

/** As a header has it. */
function baggageOf(around: Context): string | undefined {
  const baggage = propagation.getBaggage(around);
  const text = baggage === undefined ? undefined : formatBaggage(baggage);
  return isHeaderText(text, MAX_BAGGAGE_LENGTH) ? text : undefined;
}

/** The active context with our span as its span, and the request's baggage if it has any. */
export function contextAt(position: TraceContext | undefined, baggage: string | undefined): Context {
  const active = context.active();
  return withBaggage(position === undefined ? active : trace.setSpanContext(active, spanContextOf(position)), baggage);
}

/** For samplers: the context that was given, else the active one, with the parent as its span, or none. */
export function samplerContext(given: unknown, parent: TraceContext | undefined, baggage: string | undefined): Context {
  const around = isContext(given) ? given : context.active();
  if (parent !== undefined) return withBaggage(trace.setSpanContext(around, spanContextOf(parent)), baggage);
  return withBaggage(trace.getSpan(around) === undefined ? around : trace.deleteSpan(around), baggage);
}

function withBaggage(around: Context, baggage: string | undefined): Context {
  if (baggage === undefined) return around;
  const read = propagation.getBaggage(baggagePropagator.extract(ROOT_CONTEXT, { baggage }, GETTER));
  return read === undefined ? around : propagation.setBaggage(around, read);
}

const GETTER = {
  get: (headers: Readonly<Record<string, string>>, name: string) => headers[name],
  keys: (headers: Readonly<Record<string, string>>) => Object.keys(headers),
};

function isContext(given: unknown): given is Context {
  if (typeof given !== 'object' || given === null) return false;
  const { getValue, spanContext } = given as Partial<Context & Span>;
  return typeof getValue === 'function' && typeof spanContext !== 'function';
}

function spanContextGiven(given: unknown): SpanContext | undefined {
  if (typeof given !== 'object' || given === null) return undefined;
  const { spanContext } = given as Partial<Span>;
  return typeof spanContext === 'function' ? (given as Span).spanContext() : (given as SpanContext);
}

function positionOf(span: SpanContext | undefined): TraceContext | undefined {
  if (span === undefined || !isSpanContextValid(span)) return undefined;
  const state = toTraceState(span.traceState?.serialize());
  return {
    traceId: span.traceId.toLowerCase(),
    spanId: span.spanId.toLowerCase(),
    sampled: (span.traceFlags & TraceFlags.SAMPLED) !== 0,
    ...(!span.isRemote && { local: true }),
    ...(state !== undefined && { state }),
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
