// SPDX-License-Identifier: Apache-2.0
//
// Trace and span ids of requests that are not recorded; the addon makes those of all others. Once a request at most, on
// its thread. Random bytes are fetched many at a time, because a fetch costs more than all else such a request does.
import { randomFillSync } from 'node:crypto';

const pool = Buffer.alloc(4096);
let used = pool.length;

/** Hexadecimal, never all zero, which means "none". */
export function randomId(bytes: 8 | 16): string {
  if (used + bytes > pool.length) {
    randomFillSync(pool);
    used = 0;
  }
  const id = pool.toString('hex', used, used + bytes);
  used += bytes;
  return /[^0]/.test(id) ? id : randomId(bytes);
}
