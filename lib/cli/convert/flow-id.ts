// SPDX-License-Identifier: Apache-2.0
//
// Numbers for the flows of other traces, whose own are small and clash between files. Pure.
const OFFSET = 0x811c_9dc5;
const PRIME = 0x0100_0193;
const SECOND = 0x9e37_79b9;

/** 16 hex digits, the same for the same texts: two FNV-1a hashes. */
export function flowId(...texts: readonly string[]): string {
  let [a, b] = [OFFSET, OFFSET ^ SECOND];
  for (const text of texts) {
    for (let index = 0; index < text.length; index++) {
      const code = text.charCodeAt(index);
      a = Math.imul(a ^ code, PRIME);
      b = Math.imul(b ^ code ^ (a >>> 13), PRIME);
    }
    a = Math.imul(a ^ 0xffff, PRIME);
    b = Math.imul(b ^ 0xffff, PRIME);
  }
  const hex = (word: number): string => (word >>> 0).toString(16).padStart(8, '0');
  return hex(a) + hex(b);
}
