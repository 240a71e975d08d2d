// SPDX-License-Identifier: Apache-2.0
//
// How much a process may grow where a test says that memory is bounded. Under AddressSanitizer freed memory stays in a
// quarantine and allocations have red zones, so that the same program grows by much more.
const MEBIBYTE = 2 ** 20;
const UNDER_ASAN_MIB = 400;

export const isUnderAsan = (process.env['LD_PRELOAD'] ?? '').includes('asan');

/** Bytes that the resident memory may grow by. */
export function growthLimit(mebibytes: number): number {
  return (isUnderAsan ? mebibytes + UNDER_ASAN_MIB : mebibytes) * MEBIBYTE;
}
