// SPDX-License-Identifier: Apache-2.0
//
// Arithmetic on 64-bit unsigned numbers held as two 32-bit halves: ring positions, ticks, nanoseconds. A double
// cannot hold them and a BigInt a slice is too dear; their differences, which is all that is needed, mostly fit a
// double exactly.

export const WORD = 2 ** 32;

/**
 * a - b. Exact while the difference is below 2^53, and of the right sign always: the difference of the high halves
 * times 2^32 is exact, and adding the low ones cannot carry a rounded sum across 0.
 */
export function difference(aLow: number, aHigh: number, bLow: number, bHigh: number): number {
  return (aHigh - bHigh) * WORD + (aLow - bLow);
}

/** a - b modulo 2^64, for positions that wrap; exact below 2^53. */
export function distance(aLow: number, aHigh: number, bLow: number, bHigh: number): number {
  const low = aLow - bLow;
  const high = (aHigh - bHigh - (low < 0 ? 1 : 0)) >>> 0;
  return high * WORD + (low < 0 ? low + WORD : low);
}
