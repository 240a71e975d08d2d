// SPDX-License-Identifier: Apache-2.0
//
// Reads W3C trace context and baggage through OpenTelemetry's own propagators. Loaded when the first request with such
// headers arrives, so that tracing off costs none of it. Writing takes none of them: lib/carrier.ts does.
import { type Baggage, propagation, ROOT_CONTEXT, TraceFlags, trace } from '@opentelemetry/api';
import { W3CBaggagePropagator, W3CTraceContextPropagator } from '@opentelemetry/core';
import type { TraceContext } from '../trace-context';

const propagator = new W3CTraceContextPropagator();
const baggagePropagator = new W3CBaggagePropagator();
/** Of those that must be propagated; more may be dropped. */
const MAX_BAGGAGE_MEMBERS = 64;
const PRINTABLE = /^[\x20-\x7e]*$/;

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

/** The members of a baggage header that are well-formed, up to the limits of W3C Baggage; undefined when there are none. */
export function parseBaggage(baggage: string): string | undefined {
  // The propagator keeps the properties of a member as they are, whatever characters they have.
  const printable = baggage
    .replaceAll('\t', ' ')
    .split(',')
    .filter((member) => PRINTABLE.test(member));
  const headers = { baggage: printable.join(',') };
  const read = propagation.getBaggage(baggagePropagator.extract(ROOT_CONTEXT, headers, getter));
  if (read === undefined) return undefined;
  return formatBaggage(read);
}

/** As a header has it; undefined when there is none of it. */
export function formatBaggage(baggage: Baggage): string | undefined {
  const kept = Object.fromEntries(baggage.getAllEntries().slice(0, MAX_BAGGAGE_MEMBERS));
  const written: { baggage?: string } = {};
  baggagePropagator.inject(propagation.setBaggage(ROOT_CONTEXT, propagation.createBaggage(kept)), written, setter);
  return written.baggage;
}
