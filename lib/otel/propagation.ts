// SPDX-License-Identifier: Apache-2.0
//
// W3C trace context in and out, through OpenTelemetry's own propagator. Loaded when the first request with a
// traceparent arrives or the first outgoing headers are asked for, so that tracing off costs none of it.
import { ROOT_CONTEXT, TraceFlags, trace } from '@opentelemetry/api';
import { TraceState, W3CTraceContextPropagator } from '@opentelemetry/core';
import type { TraceContext } from '../carrier';

const propagator = new W3CTraceContextPropagator();

const getter = {
  get: (headers: Readonly<Record<string, string>>, name: string) => headers[name],
  keys: (headers: Readonly<Record<string, string>>) => Object.keys(headers),
};
const setter = {
  set: (headers: Record<string, string>, name: string, value: string) => {
    headers[name] = value;
  },
};

/** The caller's position, or undefined when the traceparent is malformed: then the request starts a trace of its own. */
export function parseTraceHeaders(traceparent: string, tracestate: string | undefined): TraceContext | undefined {
  const headers = tracestate === undefined ? { traceparent } : { traceparent, tracestate };
  const context = trace.getSpanContext(propagator.extract(ROOT_CONTEXT, headers, getter));
  if (context === undefined) return undefined;
  const state = context.traceState?.serialize();
  return {
    traceId: context.traceId,
    spanId: context.spanId,
    sampled: (context.traceFlags & TraceFlags.SAMPLED) !== 0,
    ...(state && { state }),
  };
}

/** Headers that make whoever receives them a child of `context`. */
export function formatTraceHeaders(context: TraceContext): Record<string, string> {
  const headers: Record<string, string> = {};
  const spanContext = {
    traceId: context.traceId,
    spanId: context.spanId,
    traceFlags: context.sampled ? TraceFlags.SAMPLED : TraceFlags.NONE,
    ...(context.state && { traceState: new TraceState(context.state) }),
  };
  propagator.inject(trace.setSpanContext(ROOT_CONTEXT, spanContext), headers, setter);
  return headers;
}
