// SPDX-License-Identifier: Apache-2.0
//
// What a span is in gpuspan's model (docs/design/spans.md), told from the span alone, because a file of any length is
// read once and in any order. Spans of other libraries, SGLang's among them, are slices or, without a parent, requests.
import type { ReceivedSpan } from '../../testing/otlp-json';

export type SpanKind =
  /** A request's root span. */
  | 'request'
  /** A span without a parent, of another library: a request where the file has none of gpuspan's. */
  | 'foreign-root'
  | 'worker'
  | 'batch'
  | 'slice'
  /** A batch slice again, in a member's trace: the same measurement. */
  | 'copy';

const SDK = 'gpuspan';
/**
 * Attribute of a batch's slices from a trace that has no copies of them for the members: how many members they count for.
 * Given by the reader of Perfetto traces; no span has it.
 */
export const BATCH_MEMBERS = 'gpuspan.batch.members';

export function kindOf(span: ReceivedSpan): SpanKind {
  const { attributes } = span;
  if ('gpuspan.batch.size' in attributes) return 'batch';
  if ('gpuspan.worker.label' in attributes) return 'worker';
  if ('gpuspan.request.level' in attributes) return 'request';
  if (!isOurs(span)) return span.parentSpanId === '' ? 'foreign-root' : 'slice';
  // Its only link out of its trace is the one to the batch span, which has a trace of its own.
  return span.links.some(({ traceId }) => traceId !== span.traceId) ? 'copy' : 'slice';
}

export function isGpuSlice(span: ReceivedSpan): boolean {
  return typeof span.attributes['gpu.time.source'] === 'string';
}

function isOurs({ scope, resource }: ReceivedSpan): boolean {
  return scope.name === SDK || resource['telemetry.sdk.name'] === SDK;
}

/** A number attribute, whether it came as a number, a bigint or decimal text. */
export function numberOf(span: ReceivedSpan, key: string): number | undefined {
  const value = span.attributes[key];
  if (typeof value !== 'number' && typeof value !== 'bigint' && typeof value !== 'string') return undefined;
  const number = Number(value);
  return value !== '' && Number.isFinite(number) ? number : undefined;
}

/** A text attribute of the span or its resource; undefined when it is another type or empty. */
export function textOf(attributes: ReceivedSpan['attributes'], key: string): string | undefined {
  const value = attributes[key];
  if (typeof value === 'number' || typeof value === 'bigint') return String(value);
  return typeof value === 'string' && value !== '' ? value : undefined;
}

export function serviceOf({ resource }: ReceivedSpan): string {
  return textOf(resource, 'service.name') ?? 'unknown';
}
