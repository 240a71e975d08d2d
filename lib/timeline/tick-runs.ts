// SPDX-License-Identifier: Apache-2.0
//
// The tick scale, in runs: over a suspend in which the counter did not stand still ticks mean nothing. It may even
// restart, and count through numbers that it has counted through before; so each run has a scale of its own. Which run
// a stamp is of, its number must tell: the newest whose range holds it, because what is read is mostly fresh. A machine
// that is never suspended has one run.

import type { HrTime } from '@opentelemetry/api';

import { difference } from '../segment/position';
import { Scale, type ScalePoint } from './scale';

/** Most runs remembered. */
export const MAX_RUNS = 256;

class Run {
  readonly scale: Scale;
  private end: ScalePoint;

  /** `reach`: counts beyond its last point that a stamp of this run can lie. */
  constructor(
    private readonly begin: ScalePoint,
    private reach: number,
  ) {
    this.end = begin;
    this.scale = new Scale(begin);
  }

  push(point: ScalePoint): void {
    this.end = point;
    this.scale.push(point);
  }

  finish(reach: number): void {
    this.reach = reach;
  }

  /** Counts to the nearest stamp that can be of this run; 0: this one can. */
  distance(low: number, high: number): number {
    const { begin, end } = this;
    const before = difference(begin.low, begin.high, low, high);
    if (before > 0) return before;
    return Math.max(0, difference(low, high, end.low, end.high) - this.reach);
  }
}

export class TickRuns {
  private readonly runs: Run[];
  /** Number of the oldest run that is remembered; numbers grow with time. */
  private first = 0;

  /** `reach`: counts beyond the newest snapshot that a stamp may lie. */
  constructor(
    begin: ScalePoint,
    private readonly reach: number,
  ) {
    this.runs = [new Run(begin, reach)];
  }

  /** Nanoseconds a count before the first point of all. */
  set slopeBefore(slope: number) {
    this.runs[0]!.scale.slopeBefore = slope;
  }

  /** The number of the run that goes on; settable after a rebuild, so that it stays the same. */
  get newest(): number {
    return this.first + this.runs.length - 1;
  }
  set newest(number: number) {
    this.first = number - this.runs.length + 1;
  }

  /** The slope from the last point on is known now, and how many ns there can be. */
  settle(slope: number, limit: number): void {
    this.last.scale.settle(slope, limit);
  }

  push(point: ScalePoint): void {
    this.last.push(point);
  }

  /** The counter resumed at another number; `reach`: counts by which it may have outlived the last point. */
  begin(begin: ScalePoint, reach: number): void {
    this.last.finish(reach);
    this.runs.push(new Run(begin, this.reach));
    if (this.runs.length <= MAX_RUNS) return;
    this.runs.shift();
    this.first++;
  }

  toEpoch(low: number, high: number): HrTime {
    return this.runs[this.find(low, high)]!.scale.toEpoch(low, high);
  }

  toWords(stamps: Int32Array, at: number, into: Uint32Array): void {
    const { runs } = this;
    const run = runs.length === 1 ? 0 : this.find(stamps[at]! >>> 0, stamps[at + 1]! >>> 0);
    runs[run]!.scale.toWords(stamps, at, into);
  }

  /** The number of a stamp's run. */
  runAt(low: number, high: number): number {
    return this.first + this.find(low, high);
  }

  private get last(): Run {
    return this.runs[this.runs.length - 1]!;
  }

  private find(low: number, high: number): number {
    let nearest = this.runs.length - 1;
    if (nearest === 0) return 0;
    let least = Infinity;
    for (let index = nearest; index >= 0; index--) {
      const distance = this.runs[index]!.distance(low, high);
      if (distance === 0) return index;
      if (distance >= least) continue;
      least = distance;
      nearest = index;
    }
    return nearest;
  }
}
