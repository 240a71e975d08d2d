// SPDX-License-Identifier: Apache-2.0
//
// What can happen to realtime between two snapshots other than running along: someone sets the clock, or the machine
// is suspended. Both move it against CLOCK_MONOTONIC; CLOCK_BOOTTIME, which counts while the machine is suspended and
// cannot be set, tells them apart.

import type { Snapshot } from '../segment/snapshots';

/** A change of a difference of clocks between two snapshots beyond this is no slew and no reading error. */
export const JUMP_NANOS = 1_000_000n;

export interface ClockBreak {
  /** By how much realtime moved against CLOCK_MONOTONIC, in ns: suspend and step together. */
  readonly changeNanos: bigint;
  /** How long the machine was suspended, in ns; 0 when it was not. */
  readonly suspendedNanos: bigint;
}

/** Undefined when realtime ran along. */
export function breakBetween(earlier: Snapshot, later: Snapshot): ClockBreak | undefined {
  const changeNanos = offset(later) - offset(earlier);
  if (wasSuspended(earlier, later)) {
    return { changeNanos, suspendedNanos: later.boottimeOffset - earlier.boottimeOffset };
  }
  return isJump(changeNanos) ? { changeNanos, suspendedNanos: 0n } : undefined;
}

export function wasSuspended(earlier: Snapshot, later: Snapshot): boolean {
  return later.boottimeOffset - earlier.boottimeOffset > JUMP_NANOS;
}

/** The part of a break that someone made who set the clock; 0 when a suspend explains all of it. */
export function steppedNanos({ changeNanos, suspendedNanos }: ClockBreak): bigint {
  const rest = changeNanos - suspendedNanos;
  return isJump(rest) ? rest : 0n;
}

function isJump(nanos: bigint): boolean {
  return nanos > JUMP_NANOS || nanos < -JUMP_NANOS;
}

function offset(snapshot: Snapshot): bigint {
  return snapshot.realtime - snapshot.monotonic;
}
