// SPDX-License-Identifier: Apache-2.0
//
// A request's trace state as it travels: the carrier (plain JSON, between threads, processes and hosts) and its form as
// a header. This is the entry `gpuspan/carrier`: it loads neither the addon nor OpenTelemetry, so that a process which
// does not trace, and does not even have gpuspan configured, can pass on what it was given.
import { checkCarrier, isHeaderText, MAX_BAGGAGE_LENGTH, passableCarrier } from './carrier-check';
import { findHeader, type HeaderSource, keepHeaders } from './find-header';
import { carrierBaggage, carrierContext, formatHeaders, formatTraceparent } from './trace-context';

export type { CarrierRefusal } from './carrier-check';
export type { HeaderSource } from './find-header';

/** What `request.carrier()` gives and `tracer.adopt()` takes. Plain JSON: survives postMessage, process.send, JSON text. */
export interface Carrier {
  /** Version of this format. */
  readonly v: 1;
  /** Trace id, 32 hexadecimal digits. */
  readonly trace: string;
  /** Span id of the root span, 16 hexadecimal digits; of the remote caller when the request is not sampled. */
  readonly root: string;
  /** Span id that the next worker's first slice links to. */
  readonly link?: string;
  /** 1 to 4; 0: context only, nothing is recorded for it. */
  readonly level: number;
  /** The application's request id; absent when it has more than 1,024 characters. */
  readonly id?: string;
  /** 1: sampled. */
  readonly flags: 0 | 1;
  /** W3C tracestate, at most 512 characters. */
  readonly state?: string;
  /** W3C baggage, at most 8,192 characters and 64 members. */
  readonly baggage?: string;
}

/** The name under which `carrierToHeader` goes best. */
export const CARRIER_HEADER = 'gpuspan-carrier';
/** No text of `carrierToHeader` is longer: proxies refuse what is. Bytes. */
export const MAX_CARRIER_HEADER = 4096;

const PRINTABLE = /^[\x20-\x7e]*$/;
const NOT_PRINTABLE = /[^\x20-\x7e]/g;
/** What stays behind, in this order, when a header would be too long. The baggage has a header of its own. */
const EXPENDABLE = ['baggage', 'id', 'state'] as const;
const MAX_TRACEPARENT_LENGTH = 512;
/** W3C Trace Context, section 3.3: at least so much must be propagated. */
const MAX_STATE_LENGTH = 512;

/**
 * The carrier as the value of one header: printable ASCII, at most `MAX_CARRIER_HEADER` bytes. Baggage, id and tracestate
 * stay behind, in this order, where all of it would be longer. Undefined for undefined (tracing is off) and for what is
 * no carrier. Never throws.
 */
export function carrierToHeader(carrier: Carrier | undefined): string | undefined {
  try {
    if (typeof carrier !== 'object' || carrier === null) return undefined;
    let text = toPrintable(carrier);
    if (text.length <= MAX_CARRIER_HEADER) return text;
    // A later version's fields are not ours to leave out.
    if (carrier.v !== 1) return undefined;
    const smaller: Record<string, unknown> = { ...carrier };
    for (const field of EXPENDABLE) {
      delete smaller[field];
      text = toPrintable(smaller);
      if (text.length <= MAX_CARRIER_HEADER) return text;
    }
    return undefined;
  } catch {
    return undefined;
  }
}

/**
 * The carrier of a header that `carrierToHeader` made, checked; one of a later version comes as it is, to be passed on.
 * Undefined when there is no header or it is malformed. Never throws.
 */
export function carrierFromHeader(text: string | readonly string[] | null | undefined): Carrier | undefined {
  const value = Array.isArray(text) && text.length === 1 ? (text[0] as unknown) : text;
  if (typeof value !== 'string') return undefined;
  const checked = checkCarrier(value);
  return typeof checked === 'string' ? passableCarrier(value) : checked;
}

/** W3C headers that continue a carrier's trace elsewhere: `traceparent`, `tracestate`, `baggage`. Empty for undefined. */
export function carrierToHeaders(carrier: Carrier | undefined): Record<string, string> {
  const context = carrierContext(carrier);
  return context === undefined ? {} : formatHeaders(context, carrierBaggage(carrier));
}

/** The value of the header `traceparent`: the position of the root span. Undefined for undefined and for what is no carrier. */
export function carrierToTraceparent(carrier: Carrier | undefined): string | undefined {
  const context = carrierContext(carrier);
  return context && formatTraceparent(context);
}

/**
 * The trace headers among `headers`, unchanged, for the outgoing calls of a process that does not trace: `traceparent`,
 * `tracestate`, `baggage`, `gpuspan-carrier`. Names in any case; what cannot be a header's value is left out.
 */
export function passOnHeaders(headers: HeaderSource | undefined): Record<string, string> {
  const passed: Record<string, string> = {};
  const kept = headers && keepHeaders(headers);
  const take = (name: string, maxLength: number): void => {
    const value = findHeader(kept, name);
    if (isHeaderText(value, maxLength)) passed[name] = value;
  };
  take('traceparent', MAX_TRACEPARENT_LENGTH);
  take('tracestate', MAX_STATE_LENGTH);
  take('baggage', MAX_BAGGAGE_LENGTH);
  take(CARRIER_HEADER, MAX_CARRIER_HEADER);
  return passed;
}

/** JSON has no control characters; what else is no printable ASCII is escaped as JSON allows. */
function toPrintable(value: unknown): string {
  const text = JSON.stringify(value);
  // Nearly all are: a look costs half of a replacement that finds nothing.
  if (PRINTABLE.test(text)) return text;
  return text.replace(NOT_PRINTABLE, (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`);
}
