// SPDX-License-Identifier: Apache-2.0
//
// Ids as OpenTelemetry wants them. An id is opaque bytes, held here as int32 words in memory order; its hex form
// lists the bytes in that order. Trace ids repeat from slice to slice, so their texts are kept in a small table.

const DIGITS: readonly number[] = Array.from('0123456789abcdef', (digit) => digit.charCodeAt(0));

/** One flat string made by one call: half the cost of joining the bytes' texts, and nothing to flatten later. */
export function spanIdHex(low: number, high: number): string {
  return String.fromCharCode(
    DIGITS[(low >>> 4) & 15]!,
    DIGITS[low & 15]!,
    DIGITS[(low >>> 12) & 15]!,
    DIGITS[(low >>> 8) & 15]!,
    DIGITS[(low >>> 20) & 15]!,
    DIGITS[(low >>> 16) & 15]!,
    DIGITS[low >>> 28]!,
    DIGITS[(low >>> 24) & 15]!,
    DIGITS[(high >>> 4) & 15]!,
    DIGITS[high & 15]!,
    DIGITS[(high >>> 12) & 15]!,
    DIGITS[(high >>> 8) & 15]!,
    DIGITS[(high >>> 20) & 15]!,
    DIGITS[(high >>> 16) & 15]!,
    DIGITS[high >>> 28]!,
    DIGITS[(high >>> 24) & 15]!,
  );
}

const TABLE_SIZE = 1024;

export class TraceIds {
  // Direct-mapped: a trace id can be in one place only, and replaces what is there.
  private readonly words = new Int32Array(TABLE_SIZE * 4);
  private readonly texts = new Array<string>(TABLE_SIZE).fill('0'.repeat(32));

  hex(a: number, b: number, c: number, d: number): string {
    const slot = ((a ^ b ^ c ^ d) >>> 3) & (TABLE_SIZE - 1);
    const { words } = this;
    const at = slot * 4;
    if (words[at] === a && words[at + 1] === b && words[at + 2] === c && words[at + 3] === d) return this.texts[slot]!;
    words[at] = a;
    words[at + 1] = b;
    words[at + 2] = c;
    words[at + 3] = d;
    const text = spanIdHex(a, b) + spanIdHex(c, d);
    this.texts[slot] = text;
    return text;
  }
}
