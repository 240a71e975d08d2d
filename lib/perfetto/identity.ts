// SPDX-License-Identifier: Apache-2.0
//
// Ids that no two processes share, from what tells a process from all others: the machine's boot, its number and when it
// began. So traces of several processes can be put into one file. Asked once a file.

import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { hostname } from 'node:os';

export interface TraceIdentity {
  /** The first track's id, as u32 halves; the others follow it. Not 0. */
  readonly low: number;
  readonly high: number;
  /** Of the one sequence that the process writes. Not 0. */
  readonly sequence: number;
}

/** The same texts give the same identity. */
export function identityOf(...texts: readonly string[]): TraceIdentity {
  const digest = createHash('sha256').update(texts.join('\0')).digest();
  const high = digest.readUInt32LE(4);
  return { low: digest.readUInt32LE(0), high: high === 0 ? 1 : high, sequence: digest.readUInt32LE(8) || 1 };
}

/** This process's; `file` tells its files apart. */
export function ownIdentity(file: string): TraceIdentity {
  return identityOf(bootId(), String(process.pid), startTime(), file);
}

function bootId(): string {
  try {
    return readFileSync('/proc/sys/kernel/random/boot_id', 'latin1');
  } catch {
    return hostname();
  }
}

// Clock ticks since boot: field 22 of the process's state, behind the name, which may hold anything in brackets.
function startTime(): string {
  try {
    const state = readFileSync('/proc/self/stat', 'latin1');
    return state.slice(state.lastIndexOf(')') + 2).split(' ')[19] ?? '';
  } catch {
    return String(performance.timeOrigin);
  }
}
