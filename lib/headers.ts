// SPDX-License-Identifier: Apache-2.0
//
// Trace context in headers of any shape. OpenTelemetry's propagator (lib/otel/propagation.ts) does the format; it takes
// long to load, so it is loaded early where tracing is on and never where it is off.
import type { TraceContext } from './carrier';
import { warnOnce } from './warn';

/**
 * Request headers: a plain object in any case with strings or arrays of strings (Node's `req.headers`), a `Headers`
 * instance, a Map, or pairs of name and value.
 */
export type HeaderSource =
  | Readonly<Record<string, string | readonly string[] | undefined>>
  | { get(name: string): string | null | undefined }
  | Iterable<readonly [string, string]>;

/** The values of a header, all joined by commas. `name` in lower case. Never throws. */
export function findHeader(headers: unknown, name: string): string | undefined {
  try {
    return typeof headers === 'object' && headers !== null ? lookUp(headers, name) : undefined;
  } catch {
    return undefined; // Not headers after all; a getter or iterator threw.
  }
}

function lookUp(headers: object, name: string): string | undefined {
  if (Object.hasOwn(headers, name)) return toText((headers as Record<string, unknown>)[name]);
  if (typeof Headers === 'function' && headers instanceof Headers) return headers.get(name) ?? undefined;
  const pairs = Symbol.iterator in headers ? (headers as Iterable<unknown>) : Object.entries(headers);
  const found: string[] = [];
  for (const pair of pairs) {
    if (!Array.isArray(pair) || typeof pair[0] !== 'string' || pair[0].toLowerCase() !== name) continue;
    const value = toText(pair[1]);
    if (value !== undefined) found.push(value);
  }
  if (found.length > 0) return found.join(',');
  return 'get' in headers && typeof headers.get === 'function' ? toText(headers.get(name)) : undefined;
}

function toText(value: unknown): string | undefined {
  if (typeof value === 'string') return value;
  return Array.isArray(value) && value.every((item) => typeof item === 'string') && value.length > 0
    ? value.join(',')
    : undefined;
}

/** The position that `headers` carry. Undefined when there is none or it is malformed. Never throws. */
export function readTraceContext(headers: HeaderSource | undefined): TraceContext | undefined {
  const traceparent = headers === undefined ? undefined : findHeader(headers, 'traceparent');
  if (traceparent === undefined) return undefined;
  return loadPropagation()?.parseTraceHeaders(traceparent, findHeader(headers, 'tracestate'));
}

/** Headers that make whoever receives them a child of `context`. */
export function writeTraceContext(context: TraceContext): Record<string, string> {
  return loadPropagation()?.formatTraceHeaders(context) ?? {};
}

/** Undefined, and one warning, where OpenTelemetry's API, a peer dependency, is not installed. */
export function loadPropagation(): typeof import('./otel/propagation') | undefined {
  try {
    return require('./otel/propagation') as typeof import('./otel/propagation');
  } catch (error) {
    const reason = error instanceof Error ? error.message.split('\n', 1)[0] : String(error);
    warnOnce('propagation', `trace headers are neither read nor written: ${reason}`);
    return undefined;
  }
}
