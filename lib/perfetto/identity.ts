// SPDX-License-Identifier: Apache-2.0
//
// Ids that no two traces share, so that traces of several processes can be put into one file. Asked once a trace.

import { createHash, randomUUID } from 'node:crypto';

export interface TraceIdentity {
  /** The first track's id, as u32 halves; the others follow it. Not 0. */
  readonly low: number;
  readonly high: number;
  /** Of the one sequence that the trace is. Not 0. */
  readonly sequence: number;
}

/** The same texts give the same identity. */
export function identityOf(...texts: readonly string[]): TraceIdentity {
  const digest = createHash('sha256').update(texts.join('\0')).digest();
  const high = digest.readUInt32LE(4);
  return { low: digest.readUInt32LE(0), high: high === 0 ? 1 : high, sequence: digest.readUInt32LE(8) || 1 };
}

/** One that nothing else has. */
export function newIdentity(): TraceIdentity {
  return identityOf(randomUUID());
}
