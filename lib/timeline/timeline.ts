// SPDX-License-Identifier: Apache-2.0
//
// Conversion of stamps to realtime, from the clock snapshots of a segment. Between two snapshots both the ticks and
// the offset of realtime to CLOCK_MONOTONIC are interpolated; when that offset jumped (someone set the clock), the
// earlier one holds up to the later snapshot. Snapshots are kept in memory, thinned out as they age, so that a span
// which began days ago is still converted with the snapshots around its start.

import type { HrTime } from '@opentelemetry/api';

import type { Snapshot } from '../segment/snapshots';
import { addNanos, Scale, type ScalePoint } from './scale';
import { ClockSteps } from './steps';

/** A change of the realtime offset between two snapshots beyond this is a step, not a slew. */
export const JUMP_NANOS = 1_000_000n;
/** Most snapshots kept; when there are more, every other one of the older half goes. */
export const MAX_SNAPSHOTS = 2048;
/** Rates before the first and beyond the last snapshot are taken over at least this long, or over all there is. */
export const MIN_BASELINE_NANOS = 1_000_000_000n;

const SECOND = 1_000_000_000n;
const WORD_MASK = 0xffff_ffffn;

export class Timeline {
  private history: Snapshot[];
  // The latest snapshot that lies MIN_BASELINE_NANOS before the newest, else the first.
  private baseline = 0;
  private firstRateIsSettled = false;
  private ticks!: Scale;
  private monotonic!: Scale;
  /** Where realtime stepped. */
  readonly steps = new ClockSteps();

  /** `first` is the segment's first snapshot, `clockHz` the rate of its ticks until there is a second one. */
  constructor(
    first: Snapshot,
    private readonly clockHz: number,
  ) {
    this.history = [first];
    this.rebuild();
  }

  /** Snapshots that do not lie after the last one in both clocks are ignored. */
  add(snapshot: Snapshot): void {
    const last = this.history[this.history.length - 1]!;
    if (snapshot.ticks <= last.ticks || snapshot.monotonic <= last.monotonic) return;
    if (jumped(last, snapshot)) this.steps.add(snapshot, offset(snapshot) - offset(last));
    this.history.push(snapshot);
    if (this.history.length > MAX_SNAPSHOTS) {
      this.history = thin(this.history);
      this.rebuild();
      return;
    }
    const count = this.history.length;
    this.moveBaseline();
    this.ticks.extend(this.tickPoint(count - 2), this.tickPoint(count - 1));
    this.monotonic.extend(this.monotonicPoint(count - 2), this.monotonicPoint(count - 1));
    if (!this.firstRateIsSettled) this.setFirstRate();
  }

  /** Snapshots in memory. */
  get snapshots(): number {
    return this.history.length;
  }

  /** The epoch time of a stamp, given as two u32 halves: ticks of the segment's clock, or ns of CLOCK_MONOTONIC. */
  toEpoch(low: number, high: number, monotonic: boolean): HrTime {
    return (monotonic ? this.monotonic : this.ticks).toEpoch(low, high);
  }

  /** What realtime would have been at the stamp if it had not stepped since the end of `epoch`. */
  toEpochIn(epoch: number, low: number, high: number, monotonic: boolean): HrTime {
    const time = this.toEpoch(low, high, monotonic);
    const own = this.steps.epochAt(low, high, monotonic);
    if (own <= epoch) return time;
    const [seconds, nanos] = this.steps.between(epoch, own);
    return addNanos(time[0] - seconds, time[1], -nanos);
  }

  /** Nanoseconds between two stamps `counts` apart, the first of which is given. */
  duration(low: number, high: number, monotonic: boolean, counts: number): number {
    return (monotonic ? this.monotonic : this.ticks).nanosAt(low, high, counts);
  }

  private rebuild(): void {
    this.baseline = 0;
    if (this.history.length > 1) this.moveBaseline();
    this.ticks = new Scale(this.history.map((_, index) => this.tickPoint(index)));
    this.monotonic = new Scale(this.history.map((_, index) => this.monotonicPoint(index)));
    this.setFirstRate();
  }

  private tickPoint(index: number): ScalePoint {
    const snapshot = this.history[index]!;
    const slope = this.slope(index, (s) => s.ticks) ?? 1e9 / this.clockHz;
    return point(snapshot.ticks, snapshot.realtime, slope);
  }

  private monotonicPoint(index: number): ScalePoint {
    const snapshot = this.history[index]!;
    return point(snapshot.monotonic, snapshot.realtime, this.slope(index, (s) => s.monotonic) ?? 1);
  }

  // Realtime nanoseconds a count from snapshot `index` on; undefined when there is nothing to measure it with.
  private slope(index: number, counter: (snapshot: Snapshot) => bigint): number | undefined {
    const { history } = this;
    const from = history[index]!;
    const next = history[index + 1];
    if (next !== undefined) {
      const nanos = jumped(from, next) ? next.monotonic - from.monotonic : next.realtime - from.realtime;
      return Number(nanos) / Number(counter(next) - counter(from));
    }
    const base = history[this.baseline]!;
    return base === from ? undefined : rate(base, from, counter);
  }

  // Until there is a snapshot far enough from the first, every new one gives a better rate.
  private setFirstRate(): void {
    const first = this.history[0]!;
    const last = this.history[this.history.length - 1]!;
    const far = this.history.find((later) => later.monotonic - first.monotonic >= MIN_BASELINE_NANOS);
    this.firstRateIsSettled = far !== undefined;
    if (first === last) return;
    this.ticks.slopeBefore = rate(first, far ?? last, (s) => s.ticks);
    this.monotonic.slopeBefore = rate(first, far ?? last, (s) => s.monotonic);
  }

  private moveBaseline(): void {
    const newest = this.history[this.history.length - 1]!;
    while (newest.monotonic - this.history[this.baseline + 1]!.monotonic >= MIN_BASELINE_NANOS) this.baseline++;
  }
}

// Counted with CLOCK_MONOTONIC: a step of realtime is no rate.
function rate(from: Snapshot, to: Snapshot, counter: (snapshot: Snapshot) => bigint): number {
  return Number(to.monotonic - from.monotonic) / Number(counter(to) - counter(from));
}

function jumped(a: Snapshot, b: Snapshot): boolean {
  if (b.realtime <= a.realtime) return true;
  const change = offset(b) - offset(a);
  return change > JUMP_NANOS || change < -JUMP_NANOS;
}

function offset(snapshot: Snapshot): bigint {
  return snapshot.realtime - snapshot.monotonic;
}

function point(counter: bigint, realtime: bigint, slope: number): ScalePoint {
  let seconds = realtime / SECOND;
  let nanos = realtime % SECOND;
  if (nanos < 0n) {
    seconds -= 1n;
    nanos += SECOND;
  }
  return {
    low: Number(counter & WORD_MASK),
    high: Number(counter >> 32n),
    seconds: Number(seconds),
    nanos: Number(nanos),
    slope,
  };
}

// Drops every other snapshot of the older half, except those beside a jump: without them nobody could tell when it
// was. Should jumps alone fill the history, the oldest go.
function thin(history: Snapshot[]): Snapshot[] {
  const half = history.length >>> 1;
  const kept = history.filter((snapshot, index) => {
    if (index === 0 || index >= half || index % 2 === 0) return true;
    return jumped(history[index - 1]!, snapshot) || jumped(snapshot, history[index + 1]!);
  });
  return kept.length > MAX_SNAPSHOTS * 0.9 ? kept.slice(-half) : kept;
}
