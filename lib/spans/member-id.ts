// SPDX-License-Identifier: Apache-2.0
//
// The span id of a batch slice for one member, as native/core/ids.h computes it: four rounds of a Feistel network
// over 32-bit halves with MurmurHash3's finalizer (Appleby). Ids are int32 halves in memory order.

function mix32(value: number): number {
  let h = value;
  h ^= h >>> 16;
  h = Math.imul(h, 0x85eb_ca6b);
  h ^= h >>> 13;
  h = Math.imul(h, 0xc2b2_ae35);
  return h ^ (h >>> 16);
}

/** Writes the id's two halves to `into`: low, high. Never 0. */
export function memberSpanId(
  sliceLow: number,
  sliceHigh: number,
  memberLow: number,
  memberHigh: number,
  into: Int32Array,
): void {
  let low = sliceLow ^ memberLow;
  let high = sliceHigh ^ memberHigh;
  high ^= mix32((low + 0x9e37_79b9) | 0);
  low ^= mix32((high + 0x7f4a_7c15) | 0);
  high ^= mix32((low + 0xbf58_476d) | 0);
  low ^= mix32((high + 0x94d0_49bb) | 0);
  into[0] = (low | high) === 0 ? 1 : low;
  into[1] = high;
}
