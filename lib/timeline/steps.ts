// SPDX-License-Identifier: Apache-2.0
//
// The steps of realtime that the snapshots show: where someone set the clock, or the machine was suspended. Between
// two of them lies an epoch, in which realtime runs along with the process's own clock. Epochs are numbered from 0.

import type { Snapshot } from '../segment/snapshots';
import { difference } from '../segment/position';

const SECOND = 1_000_000_000n;
const WORD_MASK = 0xffff_ffffn;
/** Most steps remembered. A clock that is set more often than this has no history worth keeping. */
export const MAX_STEPS = 256;

export interface ClockStep {
  /** Counters of the snapshot that saw it, as u32 halves; stamps from there on belong to the next epoch. */
  readonly ticksLow: number;
  readonly ticksHigh: number;
  readonly monotonicLow: number;
  readonly monotonicHigh: number;
  /** By how much realtime moved against CLOCK_MONOTONIC, in ns. */
  readonly changeNanos: bigint;
}

export class ClockSteps {
  private readonly steps: ClockStep[] = [];
  // Steps that were forgotten: the epoch in which the oldest remembered one ends.
  private forgotten = 0;

  /** The snapshot at the end of a stretch in which realtime stepped by `changeNanos`. */
  add(seen: Snapshot, changeNanos: bigint): void {
    this.steps.push({
      ticksLow: Number(seen.ticks & WORD_MASK),
      ticksHigh: Number(seen.ticks >> 32n),
      monotonicLow: Number(seen.monotonic & WORD_MASK),
      monotonicHigh: Number(seen.monotonic >> 32n),
      changeNanos,
    });
    if (this.steps.length <= MAX_STEPS) return;
    this.steps.shift();
    this.forgotten++;
  }

  /** Steps so far, and with it the number of the epoch that goes on. */
  get epoch(): number {
    return this.forgotten + this.steps.length;
  }

  /** The epoch of a stamp, given as two u32 halves; the oldest remembered one at least. */
  epochAt(low: number, high: number, monotonic: boolean): number {
    let index = this.steps.length;
    while (index > 0 && isBefore(low, high, this.steps[index - 1]!, monotonic)) index--;
    return this.forgotten + index;
  }

  /** The step that ends the epoch; undefined when it has not ended or is forgotten. */
  after(epoch: number): ClockStep | undefined {
    return this.steps[epoch - this.forgotten];
  }

  /** By how much realtime stepped from one epoch to a later one: whole seconds, and nanoseconds below one. */
  between(earlier: number, later: number): [seconds: number, nanos: number] {
    let sum = 0n;
    for (let epoch = earlier; epoch < later; epoch++) sum += this.after(epoch)?.changeNanos ?? 0n;
    return [Number(sum / SECOND), Number(sum % SECOND)];
  }
}

function isBefore(low: number, high: number, step: ClockStep, monotonic: boolean): boolean {
  return monotonic
    ? difference(low, high, step.monotonicLow, step.monotonicHigh) < 0
    : difference(low, high, step.ticksLow, step.ticksHigh) < 0;
}
