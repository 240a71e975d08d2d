// SPDX-License-Identifier: Apache-2.0
//
// Trace context and baggage in headers of any shape. OpenTelemetry's propagators (lib/otel/propagation.ts) read the
// formats; they take long to load, so they are loaded early where tracing is on and never where it is off.
import { findHeader, type HeaderSource } from './find-header';
import type { TraceContext } from './trace-context';
import { warnOnce } from './warn';

/** The position that `headers` carry. Undefined when there is none or it is malformed. Never throws. */
export function readTraceContext(headers: HeaderSource | undefined): TraceContext | undefined {
  const traceparent = headers === undefined ? undefined : findHeader(headers, 'traceparent');
  if (traceparent === undefined) return undefined;
  return loadPropagation()?.parseTraceHeaders(traceparent, findHeader(headers, 'tracestate'));
}

/**
 * The baggage that `headers` carry, without malformed members and those beyond the limits of W3C Baggage. Undefined when
 * there is none. Never throws.
 */
export function readBaggage(headers: HeaderSource | undefined): string | undefined {
  const baggage = headers === undefined ? undefined : findHeader(headers, 'baggage');
  return baggage === undefined ? undefined : loadPropagation()?.parseBaggage(baggage);
}

/** Undefined, and one warning, where OpenTelemetry's API, a peer dependency, is not installed. */
export function loadPropagation(): typeof import('./otel/propagation') | undefined {
  try {
    return require('./otel/propagation') as typeof import('./otel/propagation');
  } catch (error) {
    const reason = error instanceof Error ? error.message.split('\n', 1)[0] : String(error);
    warnOnce('propagation', `trace headers are not read: ${reason}`);
    return undefined;
  }
}
