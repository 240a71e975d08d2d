// SPDX-License-Identifier: Apache-2.0
//
// What comes from outside as a carrier is hostile until it was checked and copied field by field here: by `adopt`, and
// by the header form. Pure, never throws; every refusal has a reason that `tracer.stats()` counts by.
import type { Carrier } from './carrier';
import { parseId } from './hex';

/** Why a carrier is refused, and what that means in words. A field's name: that field is malformed. */
export const CARRIER_REFUSALS = {
  type: 'it is neither an object nor the text of a carrier',
  size: 'it is too long',
  version: 'its version is not 1',
  trace: 'its trace id is malformed',
  root: 'its root span id is malformed',
  link: 'its link is malformed',
  level: 'its level is no integer from 0 to 4',
  flags: 'its flags are neither 0 nor 1',
  id: 'its request id is no string of at most 1,024 characters',
  state: 'its tracestate is no printable ASCII of at most 512 characters',
  baggage: 'its baggage is no printable ASCII of at most 8,192 characters with at most 64 members',
  unreadable: 'reading it threw',
} as const;

/** Key of `tracer.stats().refusedCarriersByReason`. */
export type CarrierRefusal = keyof typeof CARRIER_REFUSALS;

/** Longest JSON text that is read as a carrier: what Node takes as all headers of a request together. */
export const MAX_CARRIER_TEXT = 16_384;
const MAX_STATE_LENGTH = 512;
const MAX_ID_LENGTH = 1024;
/** W3C Baggage, section 3.3.2: so much must be propagated, and may be more. */
export const MAX_BAGGAGE_LENGTH = 8192;
export const MAX_BAGGAGE_MEMBERS = 64;
const VERSION = 1;

/** Where `checkCarrier` writes the ids, in 32-bit words: as `requestAdopt` reads them (SCRATCH in lib/native.ts). */
export const CARRIER_WORDS = { trace: 0, root: 6, link: 8, length: 10 } as const;
const UNREAD = new Int32Array(CARRIER_WORDS.length);
const PRINTABLE = /^[\x20-\x7e]+$/;

/**
 * A checked copy, or why `value` (an object, or the text of one) is refused. Its ids go to `words` as well, the link as 0
 * where there is none; after a refusal those mean nothing.
 */
export function checkCarrier(value: unknown, words: Int32Array = UNREAD): Carrier | CarrierRefusal {
  try {
    const given = typeof value === 'string' ? parseCarrier(value) : value;
    if (typeof given === 'string') return given as CarrierRefusal;
    return copyCarrier(given as GivenCarrier, words);
  } catch {
    return 'unreadable'; // A getter or proxy threw.
  }
}

/**
 * What a process that does not take part hands on: `value` itself, or the object that its text stands for, when it is a
 * carrier, with whatever else a later version put into it. Undefined: it is none, or too large to be one.
 */
export function passableCarrier(value: unknown): Carrier | undefined {
  const checked = checkCarrier(value);
  if (typeof checked === 'string' && checked !== 'version') return undefined;
  try {
    const given = typeof value === 'string' ? (JSON.parse(value) as Carrier) : (value as Carrier);
    if (typeof checked === 'string' && !(Number.isSafeInteger(given.v) && given.v > VERSION)) return undefined;
    const known = typeof checked !== 'string' && Object.keys(given).length === Object.keys(checked).length;
    return known || JSON.stringify(given).length <= MAX_CARRIER_TEXT ? given : undefined;
  } catch {
    return undefined;
  }
}

/** Whether a carrier takes `id`. One that is too long stays behind, because half of one means something else. */
export function isCarrierId(id: unknown): id is string {
  return typeof id === 'string' && id.length <= MAX_ID_LENGTH;
}

/** Whether `text` may go out as a header: no line breaks or other control characters, and not longer than `maxLength`. */
export function isHeaderText(text: unknown, maxLength: number): text is string {
  return typeof text === 'string' && text.length <= maxLength && PRINTABLE.test(text);
}

/** A tracestate that may travel; undefined for what may not, as for an empty one: it is dropped, and the trace goes on. */
export function toTraceState(text: unknown): string | undefined {
  return isHeaderText(text, MAX_STATE_LENGTH) ? text : undefined;
}

/** Baggage that may travel; undefined for what may not. */
export function toBaggage(text: unknown): string | undefined {
  return isBaggage(text) ? text : undefined;
}

type GivenCarrier = Partial<Record<keyof Carrier, unknown>> | null | undefined;

function parseCarrier(text: string): object | CarrierRefusal {
  if (text.length > MAX_CARRIER_TEXT) return 'size';
  try {
    const parsed: unknown = JSON.parse(text);
    return typeof parsed === 'object' && parsed !== null ? parsed : 'type';
  } catch {
    return 'type';
  }
}

function copyCarrier(given: GivenCarrier, words: Int32Array): Carrier | CarrierRefusal {
  if (typeof given !== 'object' || given === null) return 'type';
  const { v, trace, root, link, level, id, flags, state, baggage } = given;
  if (v !== VERSION) return 'version';
  if (!parseId(trace, 32, words, CARRIER_WORDS.trace)) return 'trace';
  if (!parseId(root, 16, words, CARRIER_WORDS.root)) return 'root';
  words[CARRIER_WORDS.link] = words[CARRIER_WORDS.link + 1] = 0;
  if (link !== undefined && !parseId(link, 16, words, CARRIER_WORDS.link)) return 'link';
  if (!Number.isInteger(level) || (level as number) < 0 || (level as number) > 4) return 'level';
  if (flags !== 0 && flags !== 1) return 'flags';
  if (id !== undefined && !isCarrierId(id)) return 'id';
  if (state !== undefined && !isHeaderText(state, MAX_STATE_LENGTH)) return 'state';
  if (baggage !== undefined && !isBaggage(baggage)) return 'baggage';
  return makeCarrier(
    trace as string,
    root as string,
    link as string | undefined,
    level as number,
    flags,
    id,
    state,
    baggage,
  );
}

/** A carrier of these fields; what is undefined is left out, so that JSON and structured clone carry nothing for it. */
export function makeCarrier(
  trace: string,
  root: string,
  link: string | undefined,
  level: number,
  flags: 0 | 1,
  id: string | undefined,
  state: string | undefined,
  baggage: string | undefined,
): Carrier {
  const carrier: { -readonly [Field in keyof Carrier]: Carrier[Field] } = { v: VERSION, trace, root, level, flags };
  if (link !== undefined) carrier.link = link;
  if (id !== undefined) carrier.id = id;
  if (state !== undefined) carrier.state = state;
  if (baggage !== undefined) carrier.baggage = baggage;
  return carrier;
}

function isBaggage(text: unknown): text is string {
  if (!isHeaderText(text, MAX_BAGGAGE_LENGTH)) return false;
  let members = 1;
  for (let at = text.indexOf(','); at >= 0; at = text.indexOf(',', at + 1)) members++;
  return members <= MAX_BAGGAGE_MEMBERS;
}
