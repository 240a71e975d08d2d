// SPDX-License-Identifier: Apache-2.0
//
// Spans out of OTLP JSON that anybody may have written: what does not have OTLP's types and ranges is refused, one
// span at a time, and never throws. Called by the file reader for each resource, scope and span.
import { type Attributes, attributesOf, type OtlpSpan, type ReceivedSpan, spanOf } from '../../testing/otlp-json';

const MAX_NANOS = 2n ** 63n - 1n;
const TRACE_ID_DIGITS = 32;
const SPAN_ID_DIGITS = 16;

export type Fields = Readonly<Record<string, unknown>>;

/** The fields of a JSON object, undefined for anything else. */
export function fieldsOf(value: unknown): Fields | undefined {
  return typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as Fields) : undefined;
}

/** Attributes of a resource; none when it is malformed. */
export function resourceOf(resource: unknown): Attributes {
  try {
    return attributesOf(fieldsOf(resource)?.['attributes'] as Parameters<typeof attributesOf>[0]);
  } catch {
    return {};
  }
}

/** Name and version of a scope; empty when it is malformed. */
export function scopeOf(scope: unknown): ReceivedSpan['scope'] {
  const fields = fieldsOf(scope);
  const text = (value: unknown) => (typeof value === 'string' ? value : '');
  return { name: text(fields?.['name']), version: text(fields?.['version']) };
}

/** The span, with ids as lowercase hex; undefined when it is malformed. An end before the start becomes the start. */
export function checkedSpan(
  raw: unknown,
  resource: Attributes,
  scope: ReceivedSpan['scope'],
): ReceivedSpan | undefined {
  const fields = fieldsOf(raw);
  const traceId = hexId(fields?.['traceId'], TRACE_ID_DIGITS);
  const spanId = hexId(fields?.['spanId'], SPAN_ID_DIGITS);
  if (fields === undefined || !traceId || !spanId) return undefined;
  const parentSpanId = hexId(fields['parentSpanId'] ?? '', SPAN_ID_DIGITS);
  if (parentSpanId === undefined) return undefined;
  try {
    const span = spanOf({ ...(fields as unknown as OtlpSpan), traceId, spanId, parentSpanId }, resource, scope);
    return isSound(span) ? inOrder(span) : undefined;
  } catch {
    return undefined;
  }
}

function isSound({ name, startTimeUnixNano, endTimeUnixNano, links, events, status }: ReceivedSpan): boolean {
  const times = [startTimeUnixNano, endTimeUnixNano];
  return (
    typeof name === 'string' &&
    times.every((time) => time >= 0n && time <= MAX_NANOS) &&
    links.every((link) => typeof link.traceId === 'string' && typeof link.spanId === 'string') &&
    events.every((event) => typeof event.name === 'string') &&
    typeof status.message === 'string'
  );
}

function inOrder(span: ReceivedSpan): ReceivedSpan {
  return span.endTimeUnixNano >= span.startTimeUnixNano ? span : { ...span, endTimeUnixNano: span.startTimeUnixNano };
}

/** OTLP's JSON has ids in hex, protobuf's general JSON mapping in base64. '' for none or all zero. */
function hexId(id: unknown, digits: number): string | undefined {
  if (typeof id !== 'string' || id.length > digits) return undefined;
  if (id === '') return '';
  if (id.length === digits) {
    if (!/^[0-9a-f]+$/i.test(id)) return undefined;
    return /^0+$/.test(id) ? '' : id.toLowerCase();
  }
  const hex = /^[A-Za-z0-9+/]+={0,2}$/.test(id) ? Buffer.from(id, 'base64').toString('hex') : '';
  return hex.length === digits ? hex : undefined;
}
