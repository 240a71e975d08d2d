// SPDX-License-Identifier: Apache-2.0
//
// What is kept of a span of a request that is shown: its place on the timeline and, for a page in which it can be looked
// at, its attributes and events, cut to a size. Called for each span of the shown requests. Pure.
import type { Attributes, AttributeValue, ReceivedSpan } from '../../testing/otlp-json';
import { isGpuSlice, kindOf, numberOf, serviceOf, textOf } from './classify';
import { placeOf } from './gpu-streams';
import { durationOf } from './summary';

const MAX_NAME = 256;
const MAX_KEY = 80;
const MAX_VALUE = 200;
const MAX_ATTRIBUTES = 48;
const MAX_EVENTS = 64;
/** About what a span takes in a page without attributes, in bytes. */
const SPAN_WEIGHT = 100;
const STATUS_ERROR = 2;

export type ShownAttributes = readonly (readonly [string, string])[];

export interface ShownEvent {
  readonly name: string;
  /** ns from the report's base. */
  readonly at: number;
  readonly attributes: ShownAttributes;
}

/** What is told of a span when it is looked at. */
export interface SpanDetails {
  readonly attributes: ShownAttributes;
  readonly events: readonly ShownEvent[];
  /** Attributes and events beyond the limits. */
  readonly left: number;
  /** The span of this trace that it links to: the request's previous first-level slice. */
  readonly previousSpanId?: string;
  /** It is the share of one request in a batch's slice. */
  readonly ofBatch: boolean;
  /** When a GPU slice was launched, ns from the report's base. */
  readonly launch?: number;
}

/** A span of a request that is shown. Times in ns from the report's base. */
export interface ShownSpan {
  readonly spanId: string;
  readonly parentSpanId: string;
  readonly name: string;
  readonly kind: 'request' | 'worker' | 'slice';
  readonly gpu: boolean;
  /** Service and process, and for GPU slices device and stream. */
  readonly track: string;
  readonly start: number;
  readonly end: number;
  readonly error: boolean;
  /** Half-width of the interval that holds the true time, of GPU slices. */
  readonly boundNanos?: number;
  readonly details?: SpanDetails;
}

export function shownSpan(span: ReceivedSpan, base: bigint, withDetails: boolean): ShownSpan {
  const kind = kindOf(span);
  const gpu = isGpuSlice(span);
  const start = Number(span.startTimeUnixNano - base);
  const bound = gpu ? numberOf(span, 'gpu.time.bound_ns') : undefined;
  return {
    spanId: span.spanId,
    parentSpanId: span.parentSpanId,
    name: span.name.slice(0, MAX_NAME),
    kind: kind === 'request' || kind === 'foreign-root' ? 'request' : kind === 'worker' ? 'worker' : 'slice',
    gpu,
    track: gpu ? gpuTrack(span) : hostTrack(span),
    start,
    end: start + durationOf(span),
    error: span.status.code === STATUS_ERROR,
    ...(bound !== undefined && { boundNanos: bound }),
    ...(withDetails && { details: detailsOf(span, base, kind === 'copy') }),
  };
}

/** About how many bytes it takes in a page. */
export function weightOf({ name, details }: ShownSpan): number {
  const events = details?.events ?? [];
  const lists = [details?.attributes ?? [], ...events.map(({ attributes }) => attributes)];
  const text = lists.flat().reduce((sum, [key, value]) => sum + key.length + value.length + 16, 0);
  return SPAN_WEIGHT + name.length + text + 32 * events.length;
}

export function hostTrack(span: ReceivedSpan): string {
  return [serviceOf(span), textOf(span.resource, 'process.pid')].filter((part) => part !== undefined).join(' ');
}

export function gpuTrack(span: ReceivedSpan): string {
  const { device, stream } = placeOf(span);
  return `GPU ${device}, stream ${stream}`;
}

function detailsOf(span: ReceivedSpan, base: bigint, ofBatch: boolean): SpanDetails {
  const { attributes, events, links, traceId, status } = span;
  const launch = launchOf(span, base);
  const previous = links.find((link) => link.traceId === traceId);
  const message = status.message === '' ? {} : { 'status.message': status.message };
  const all = { ...attributes, ...message };
  const left = Object.keys(all).length - MAX_ATTRIBUTES;
  return {
    attributes: shownAttributes(all),
    events: events.slice(0, MAX_EVENTS).map((event) => ({
      name: event.name.slice(0, MAX_NAME),
      at: Number(event.timeUnixNano - base),
      attributes: shownAttributes(event.attributes),
    })),
    left: Math.max(0, left) + Math.max(0, events.length - MAX_EVENTS),
    ofBatch,
    ...(previous !== undefined && { previousSpanId: previous.spanId }),
    ...(launch !== undefined && { launch }),
  };
}

function launchOf({ attributes }: ReceivedSpan, base: bigint): number | undefined {
  const text = attributes['gpu.launch_time_ns'];
  return typeof text === 'string' && /^\d{1,19}$/.test(text) ? Number(BigInt(text) - base) : undefined;
}

function shownAttributes(attributes: Attributes): ShownAttributes {
  const entries = Object.entries(attributes).slice(0, MAX_ATTRIBUTES);
  return entries.map(([key, value]) => [cut(key, MAX_KEY), cut(textOfValue(value), MAX_VALUE)] as const);
}

function cut(text: string, most: number): string {
  return text.length > most ? `${text.slice(0, most - 1)}…` : text;
}

function textOfValue(value: AttributeValue): string {
  if (value instanceof Uint8Array) return `${value.length} bytes`;
  if (typeof value !== 'object' || value === null) return String(value);
  return JSON.stringify(value, (_, part) => (typeof part === 'bigint' ? String(part) : part)) ?? '';
}
