// SPDX-License-Identifier: Apache-2.0
//
// The breaks of realtime that the snapshots show: where someone set the clock, or the machine was suspended. Between
// two of them lies an epoch, in which realtime runs along with the process's own clock. Epochs are numbered from 0.

import type { Snapshot } from '../segment/snapshots';
import { difference } from '../segment/position';
import type { ClockBreak } from './breaks';

const SECOND = 1_000_000_000n;
const WORD_MASK = 0xffff_ffffn;
/** Most steps remembered. A clock that is set more often than this has no history worth keeping. */
export const MAX_STEPS = 256;

export interface ClockStep extends ClockBreak {
  /** Counters of the snapshot that saw it, as u32 halves; stamps from there on belong to the next epoch. */
  readonly ticksLow: number;
  readonly ticksHigh: number;
  readonly monotonicLow: number;
  readonly monotonicHigh: number;
  /** The run of the tick counter (tick-runs.ts) that those ticks are of. */
  readonly run: number;
}

export class ClockSteps {
  private readonly steps: ClockStep[] = [];
  // Steps that were forgotten: the epoch in which the oldest remembered one ends.
  private forgotten = 0;

  /** The snapshot at the end of a stretch with a break, and the run of its ticks. */
  add(seen: Snapshot, { changeNanos, suspendedNanos }: ClockBreak, run: number): void {
    this.steps.push({
      ticksLow: Number(seen.ticks & WORD_MASK),
      ticksHigh: Number(seen.ticks >> 32n),
      monotonicLow: Number(seen.monotonic & WORD_MASK),
      monotonicHigh: Number(seen.monotonic >> 32n),
      run,
      changeNanos,
      suspendedNanos,
    });
    if (this.steps.length <= MAX_STEPS) return;
    this.steps.shift();
    this.forgotten++;
  }

  /** Steps so far, and with it the number of the epoch that goes on. */
  get epoch(): number {
    return this.forgotten + this.steps.length;
  }

  /** The epoch of ticks of a run, given as two u32 halves; the oldest remembered one at least. */
  epochOfTicks(low: number, high: number, run: number): number {
    return this.epochBefore(({ ticksLow, ticksHigh, run: after }) =>
      run === after ? difference(low, high, ticksLow, ticksHigh) < 0 : run < after,
    );
  }

  /** The same for ns of CLOCK_MONOTONIC. */
  epochOfMonotonic(low: number, high: number): number {
    return this.epochBefore((step) => difference(low, high, step.monotonicLow, step.monotonicHigh) < 0);
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

  private epochBefore(isBefore: (step: ClockStep) => boolean): number {
    let index = this.steps.length;
    while (index > 0 && isBefore(this.steps[index - 1]!)) index--;
    return this.forgotten + index;
  }
}
