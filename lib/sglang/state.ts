// SPDX-License-Identifier: Apache-2.0
//
// SGLang's trace state of a request, as its processes hand it on in JSON (`_trace_state`), to a carrier and back. What
// it has beyond a carrier is kept by writing into the state that was read. Pure, loads no addon; nothing throws.
//
// Fields after SGLang's `TraceReqContext.__getstate__` (python/sglang/srt/observability/trace.py, 2026): traceparent and
// tracestate in `root_span_context`, ids in `last_span_context` as integers, `trace_level` 0 to 4.
import type { Carrier } from '../carrier';
import { checkCarrier, isCarrierId, makeCarrier, toBaggage, toTraceState } from '../carrier-check';
import { formatTraceparent } from '../trace-context';
import { parseExactJson, stringifyExactJson } from './exact-json';

/** Why a state gives no carrier, and what that means in words. */
export const SGLANG_REFUSALS = {
  type: 'it is neither an object nor the JSON text of one',
  size: 'it is longer than 65,536 characters',
  off: 'SGLang did not trace the request: tracing_enable is not true',
  root: 'its root_span_context has no well-formed traceparent',
  rounded: 'an id of its last_span_context was rounded by JSON.parse; pass the text, or parse it with parseExactJson',
  link: 'its last_span_context is neither null nor a pair of ids',
  level: 'its trace_level is no integer of 0 or more',
  unreadable: 'reading it threw',
} as const;

export type SglangRefusal = keyof typeof SGLANG_REFUSALS;

/** A carrier, or why there is none. */
export type SglangReading =
  | { readonly carrier: Carrier; readonly refused?: undefined }
  | { readonly carrier?: undefined; readonly refused: SglangRefusal };

/** What `toSglang` writes that a carrier does not have. */
export interface SglangDefaults {
  /** Name of SGLang's module. Default `request`. */
  readonly moduleName?: string;
  /** Role of the sender: `prefill`, `decode`, `null` for a server that is both. Default `null`. */
  readonly role?: string;
  /** The request's bootstrap room, an unsigned 64-bit number. Default none. */
  readonly bootstrapRoom?: number | bigint;
}

const MAX_TEXT = 65_536;
const TRACEPARENT = /^00-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})$/;
const DEFAULT_LEVEL = 3;
/** SGLang takes any level from 0 up; from here on there is nothing more to record. */
const MAX_LEVEL = 4;
const NANOS_PER_MILLI = 1_000_000n;

/** What `root_span_context` says of a carrier. */
const ROOT_FIELDS = ['trace', 'root', 'flags', 'state', 'baggage'] as const;

type Fields = Record<string, unknown>;

/**
 * The carrier of SGLang's state: its JSON text, or the object that `parseExactJson` made of it. Adopt it with
 * `tracer.adopt`; its levels mean what SGLang's mean. A link into another trace than the root's stays behind, as does an
 * id, tracestate or baggage that a carrier does not take: `toSglang` finds them in the state that was received.
 */
export function fromSglang(state: unknown): SglangReading {
  try {
    const fields = readFields(state);
    if (typeof fields === 'string') return { refused: fields };
    const read = readCarrier(fields);
    return typeof read === 'string' ? { refused: read } : { carrier: read };
  } catch {
    return { refused: 'unreadable' };
  }
}

/**
 * SGLang's state of a carrier, as JSON text. With `received`, the state that the carrier was made of (text or object),
 * only what has changed is written into it: every other field stays as it came, whatever it is. With nothing changed, and
 * for undefined or what is no carrier, it is the same state, a text to the last character. Without `received`, a state of
 * its own, and undefined where there is no carrier. Undefined, too, when `received` is no state.
 */
export function toSglang(
  carrier: Carrier | undefined,
  received?: unknown,
  defaults: SglangDefaults = {},
): string | undefined {
  try {
    const checked = checkCarrier(carrier);
    const known = typeof checked === 'string' ? undefined : checked;
    if (received === undefined) return known && stringifyExactJson(newState(known, defaults));
    const kept = readFields(received);
    if (typeof kept === 'string') return undefined;
    const changes = known === undefined ? {} : changesOf(known, kept);
    if (typeof received === 'string' && Object.keys(changes).length === 0) return received;
    return stringifyExactJson({ ...kept, ...changes });
  } catch {
    return undefined;
  }
}

function readFields(state: unknown): Fields | SglangRefusal {
  if (typeof state === 'string' && state.length > MAX_TEXT) return 'size';
  const value = typeof state === 'string' ? parseText(state) : state;
  return typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as Fields) : 'type';
}

function parseText(text: string): unknown {
  try {
    return parseExactJson(text);
  } catch {
    return undefined;
  }
}

function readCarrier(fields: Fields): Carrier | SglangRefusal {
  if (own(fields, 'tracing_enable') !== true) return 'off';
  const root = own(fields, 'root_span_context');
  const parent = isFields(root) ? TRACEPARENT.exec(String(own(root, 'traceparent'))) : null;
  if (!isFields(root) || parent === null) return 'root';
  const [, trace, span, flags] = parent as unknown as [string, string, string, string];
  const link = readLink(own(fields, 'last_span_context'), trace);
  if (link === 'link' || link === 'rounded') return link;
  const level = readLevel(own(fields, 'trace_level'));
  if (level === undefined) return 'level';
  const rid = own(fields, 'rid');
  const sampled = (Number.parseInt(flags, 16) & 1) as 0 | 1;
  const id = isCarrierId(rid) ? rid : undefined;
  const state = toTraceState(own(root, 'tracestate'));
  const checked = checkCarrier(
    makeCarrier(trace, span, link, level, sampled, id, state, toBaggage(own(root, 'baggage'))),
  );
  return typeof checked === 'string' ? 'root' : checked;
}

function readLevel(given: unknown): number | undefined {
  if (given === undefined || given === null) return DEFAULT_LEVEL;
  if (typeof given !== 'bigint' && !Number.isInteger(given)) return undefined;
  const level = Math.min(Number(given), MAX_LEVEL);
  return level >= 0 ? level : undefined;
}

/** The span id to link to, or why there is none. A link into another trace than the root's has no place in a carrier. */
export function readLink(last: unknown, trace: string): string | undefined | 'link' | 'rounded' {
  if (last === undefined || last === null) return undefined;
  if (!isFields(last)) return 'link';
  const span = readId(own(last, 'span_id'), 64);
  const itsTrace = readId(own(last, 'trace_id'), 128);
  if (span === 'rounded' || itsTrace === 'rounded') return 'rounded';
  if (span === undefined || itsTrace === undefined) return 'link';
  return itsTrace === trace ? span : undefined;
}

/** An id in hexadecimal; undefined: it is none. */
function readId(value: unknown, bits: 64 | 128): string | undefined | 'rounded' {
  if (typeof value === 'number' && !Number.isSafeInteger(value)) return Number.isInteger(value) ? 'rounded' : undefined;
  if (typeof value !== 'number' && typeof value !== 'bigint') return undefined;
  const id = BigInt(value);
  return id > 0n && id >> BigInt(bits) === 0n ? id.toString(16).padStart(bits / 4, '0') : undefined;
}

/** Ids as SGLang writes them; safe integers as numbers, as `parseExactJson` reads them. */
export function writeLink(carrier: Carrier): Fields | null {
  if (carrier.link === undefined) return null;
  return { span_id: toInteger(carrier.link), trace_id: toInteger(carrier.trace) };
}

function toInteger(hex: string): number | bigint {
  const id = BigInt(`0x${hex}`);
  return id <= BigInt(Number.MAX_SAFE_INTEGER) ? Number(id) : id;
}

/** The propagation fields of a carrier, as OpenTelemetry's propagators name them. */
export function writeRoot(carrier: Carrier): Fields {
  const context = { traceId: carrier.trace, spanId: carrier.root, sampled: carrier.flags === 1 };
  const root: Fields = { traceparent: formatTraceparent(context) };
  if (carrier.state !== undefined) root['tracestate'] = carrier.state;
  if (carrier.baggage !== undefined) root['baggage'] = carrier.baggage;
  return root;
}

/** The fields to write into a state so that it says what the carrier says. */
function changesOf(carrier: Carrier, kept: Fields): Fields {
  const before = readCarrier(kept);
  const was: Partial<Carrier> = typeof before === 'string' ? {} : before;
  const changes: Fields = {};
  if (typeof before === 'string') changes['tracing_enable'] = true;
  if (ROOT_FIELDS.some((field) => was[field] !== carrier[field])) changes['root_span_context'] = writeRoot(carrier);
  if (was.link !== carrier.link || typeof before === 'string') changes['last_span_context'] = writeLink(carrier);
  if (was.level !== carrier.level) changes['trace_level'] = carrier.level;
  if (was.id !== carrier.id) changes['rid'] = carrier.id ?? null;
  return changes;
}

function newState(carrier: Carrier, { moduleName = 'request', role = 'null', bootstrapRoom }: SglangDefaults): Fields {
  return {
    tracing_enable: true,
    rid: carrier.id ?? '',
    bootstrap_room: bootstrapRoom ?? null,
    start_time_ns: BigInt(Date.now()) * NANOS_PER_MILLI,
    role,
    trace_level: carrier.level,
    module_name: moduleName,
    is_copy: true,
    pid: process.pid,
    thread_context: null,
    root_span: null,
    root_span_context: writeRoot(carrier),
    last_span_context: writeLink(carrier),
  };
}

function isFields(value: unknown): value is Fields {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** Never what an object inherits: `__proto__` and `constructor` are names like any other in JSON. */
function own(fields: Fields, name: string): unknown {
  return Object.hasOwn(fields, name) ? fields[name] : undefined;
}
