// SPDX-License-Identifier: Apache-2.0
//
// Ids between their two forms: hexadecimal digits in carriers and headers, 32-bit words in the memory shared with the
// addon. Called once a request that starts, leaves or arrives, on the thread that does so.

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
