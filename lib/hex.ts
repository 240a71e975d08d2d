// SPDX-License-Identifier: Apache-2.0
//
// Ids between their two forms: hexadecimal digits in carriers and headers, 32-bit words in the memory shared with the
// addon. Called once a request that starts, leaves or arrives, on the thread that does so. Pure; loads nothing.
//
// Ids are opaque bytes; their hexadecimal form lists them in memory order. Words are little-endian, as everything in
// the scratch memory, on every machine the addon is built for.

const DIGITS = '0123456789abcdef';
/** By the code of a character, its value as a digit; negative: it is none. Capitals are none: W3C has lower case. */
const VALUES = Int8Array.from({ length: 128 }, (_, code) => DIGITS.indexOf(String.fromCharCode(code)));
/** By a byte, the codes of its two digits. */
const HIGH = Uint8Array.from({ length: 256 }, (_, byte) => DIGITS.charCodeAt(byte >> 4));
const LOW = Uint8Array.from({ length: 256 }, (_, byte) => DIGITS.charCodeAt(byte & 15));

/** 32-bit words by index: the scratch memory's, or a copy of some. */
export type Words = readonly number[] | Int32Array;

/**
 * The trace id of four words. Written out, because a loop that puts pieces together makes a string that is slow to
 * write and to parse, and Buffer's conversion is a call into Node for each id.
 */
export function traceIdOf(words: Words, index: number): string {
  const a = words[index]!;
  const b = words[index + 1]!;
  const c = words[index + 2]!;
  const d = words[index + 3]!;
  return String.fromCharCode(
    HIGH[a & 255]!,
    LOW[a & 255]!,
    HIGH[(a >>> 8) & 255]!,
    LOW[(a >>> 8) & 255]!,
    HIGH[(a >>> 16) & 255]!,
    LOW[(a >>> 16) & 255]!,
    HIGH[a >>> 24]!,
    LOW[a >>> 24]!,
    HIGH[b & 255]!,
    LOW[b & 255]!,
    HIGH[(b >>> 8) & 255]!,
    LOW[(b >>> 8) & 255]!,
    HIGH[(b >>> 16) & 255]!,
    LOW[(b >>> 16) & 255]!,
    HIGH[b >>> 24]!,
    LOW[b >>> 24]!,
    HIGH[c & 255]!,
    LOW[c & 255]!,
    HIGH[(c >>> 8) & 255]!,
    LOW[(c >>> 8) & 255]!,
    HIGH[(c >>> 16) & 255]!,
    LOW[(c >>> 16) & 255]!,
    HIGH[c >>> 24]!,
    LOW[c >>> 24]!,
    HIGH[d & 255]!,
    LOW[d & 255]!,
    HIGH[(d >>> 8) & 255]!,
    LOW[(d >>> 8) & 255]!,
    HIGH[(d >>> 16) & 255]!,
    LOW[(d >>> 16) & 255]!,
    HIGH[d >>> 24]!,
    LOW[d >>> 24]!,
  );
}

/** The span id of two words. */
export function spanIdOf(words: Words, index: number): string {
  const a = words[index]!;
  const b = words[index + 1]!;
  return String.fromCharCode(
    HIGH[a & 255]!,
    LOW[a & 255]!,
    HIGH[(a >>> 8) & 255]!,
    LOW[(a >>> 8) & 255]!,
    HIGH[(a >>> 16) & 255]!,
    LOW[(a >>> 16) & 255]!,
    HIGH[a >>> 24]!,
    LOW[a >>> 24]!,
    HIGH[b & 255]!,
    LOW[b & 255]!,
    HIGH[(b >>> 8) & 255]!,
    LOW[(b >>> 8) & 255]!,
    HIGH[(b >>> 16) & 255]!,
    LOW[(b >>> 16) & 255]!,
    HIGH[b >>> 24]!,
    LOW[b >>> 24]!,
  );
}

/**
 * Writes an id of `digits` hexadecimal digits, 8 a word, to `words[index]`. False: it is none (another length, other
 * characters, capitals, all zero), and what was written means nothing.
 */
export function parseId(id: unknown, digits: 16 | 32, words: Int32Array, index: number): boolean {
  if (typeof id !== 'string' || id.length !== digits) return false;
  let any = 0;
  let bad = 0;
  for (let at = 0, word = index; at < digits; at += 8, word++) {
    let value = 0;
    for (let i = 0; i < 8; i += 2) {
      const high = id.charCodeAt(at + i);
      const low = id.charCodeAt(at + i + 1);
      const pair = (VALUES[high & 127]! << 4) | VALUES[low & 127]!;
      bad |= pair | (127 - high) | (127 - low);
      value |= (pair & 255) << (i * 4);
    }
    words[word] = value;
    any |= value;
  }
  return bad >= 0 && any !== 0;
}
