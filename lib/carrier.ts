// SPDX-License-Identifier: Apache-2.0
//
// A request's trace state as it travels: the carrier (plain JSON, between threads, processes and hosts) and the
// hexadecimal ids in it. Whatever arrives is hostile until `readCarrier` has copied it field by field.

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
  /** W3C tracestate. */
  readonly state?: string;
}

/** A position in a trace, as headers carry it. */
export interface TraceContext {
  readonly traceId: string;
  readonly spanId: string;
  readonly sampled: boolean;
  readonly state?: string;
}

const TRACE_ID = /^(?!0{32})[0-9a-f]{32}$/;
const SPAN_ID = /^(?!0{16})[0-9a-f]{16}$/;
const MAX_STATE_LENGTH = 512;
const MAX_ID_LENGTH = 1024;

/** A checked copy, or undefined when `value` is not a carrier of this version. Never throws. */
export function readCarrier(value: unknown): Carrier | undefined {
  try {
    return copyCarrier(value as Partial<Record<keyof Carrier, unknown>>);
  } catch {
    return undefined; // A getter or proxy threw, or there was no object at all.
  }
}

/** Whether a carrier takes `id`. One that is too long stays behind, because half of one means something else. */
export function isCarrierId(id: unknown): id is string {
  return isShortText(id, MAX_ID_LENGTH);
}

function copyCarrier(given: Partial<Record<keyof Carrier, unknown>>): Carrier | undefined {
  const { v, trace, root, link, level, id, flags, state } = given;
  if (v !== 1 || !matches(trace, TRACE_ID) || !matches(root, SPAN_ID)) return undefined;
  if (!Number.isInteger(level) || (level as number) < 0 || (level as number) > 4) return undefined;
  if (flags !== 0 && flags !== 1) return undefined;
  if (link !== undefined && !matches(link, SPAN_ID)) return undefined;
  if (id !== undefined && !isCarrierId(id)) return undefined;
  if (state !== undefined && !isShortText(state, MAX_STATE_LENGTH)) return undefined;
  return {
    v: 1,
    trace,
    root,
    level: level as number,
    flags,
    ...(link !== undefined && { link }),
    ...(id !== undefined && { id }),
    ...(state !== undefined && { state }),
  };
}

function matches(value: unknown, pattern: RegExp): value is string {
  return typeof value === 'string' && pattern.test(value);
}

function isShortText(value: unknown, maxLength: number): value is string {
  return typeof value === 'string' && value.length <= maxLength;
}

// Ids are opaque bytes; their hexadecimal form lists them in memory order. Words are little-endian, as everything in
// the scratch memory, on every machine the addon is built for.
const HEX_BYTES = Buffer.alloc(16);
const HEX_WORDS = new Int32Array(HEX_BYTES.buffer, HEX_BYTES.byteOffset, 4);

/** `count` (at most 4) 32-bit words from `words[index]` as hexadecimal digits. Flat: pieces put together would be slow to parse. */
export function wordsToHex(words: Int32Array, index: number, count: number): string {
  for (let i = 0; i < count; i++) HEX_WORDS[i] = words[index + i]!;
  return HEX_BYTES.toString('hex', 0, count * 4);
}

/** Writes hexadecimal digits, 8 a word. The caller has checked them. */
export function hexToWords(hex: string, words: Int32Array, index: number): void {
  for (let i = 0; i < hex.length >> 3; i++) {
    const at = i * 8;
    words[index + i] =
      digitPair(hex, at) |
      (digitPair(hex, at + 2) << 8) |
      (digitPair(hex, at + 4) << 16) |
      (digitPair(hex, at + 6) << 24);
  }
}

function digitPair(hex: string, at: number): number {
  return (digit(hex.charCodeAt(at)) << 4) | digit(hex.charCodeAt(at + 1));
}

// '0'..'9' are 0x30..0x39, 'a'..'f' 0x61..0x66.
function digit(code: number): number {
  return code < 0x3a ? code - 0x30 : code - 0x57;
}
