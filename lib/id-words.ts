// SPDX-License-Identifier: Apache-2.0
//
// The ids of a request or batch as the addon leaves them in the scratch memory, in 32-bit words: kept by their owner, and
// read as the handle for native code. Called once a request, on its thread.
import type { Words } from './hex';
import { SCRATCH } from './native';

const HANDLE = SCRATCH.handle / 4;

/** A copy of them, up to the handle. Written out: `slice` of a typed array takes ten times as long. */
export function copyIds(words: Int32Array): readonly number[] {
  return [
    words[0]!,
    words[1]!,
    words[2]!,
    words[3]!,
    words[4]!,
    words[5]!,
    words[6]!,
    words[7]!,
    words[8]!,
    words[9]!,
    words[10]!,
    words[11]!,
  ];
}

/** The C handle among them. */
export function handleOf(ids: Words): bigint {
  return (BigInt(ids[HANDLE + 1]! >>> 0) << 32n) | BigInt(ids[HANDLE]! >>> 0);
}
