// SPDX-License-Identifier: Apache-2.0
//
// Conversion of stamps to realtime, from the clock snapshots of a segment. Between two snapshots both the ticks and
// the offset of realtime to CLOCK_MONOTONIC are interpolated; when that offset jumped (someone set the clock, or the
// machine was suspended), the earlier one holds up to the later snapshot. Snapshots are kept in memory, thinned out as
// they age, so that a span which began days ago is still converted with the snapshots around its start.

import type { HrTime } from '@opentelemetry/api';

import { difference } from '../segment/position';
import type { Snapshot } from '../segment/snapshots';
import { breakBetween, wasSuspended } from './breaks';
import { addNanos, makePoint, Scale } from './scale';
import { ClockSteps } from './steps';
import { stretchBetween } from './stretch';
import { TickRuns } from './tick-runs';

/** Most snapshots kept; when there are more, every other one of the older half goes. */
export const MAX_SNAPSHOTS = 2048;
/** Rates before the first and beyond the last snapshot are taken over at least this long, or over all there is. */
export const MIN_BASELINE_NANOS = 1_000_000_000n;
/** How long after the newest snapshot a stamp can be, where another run of the counter could claim it. */
export const REACH_SECONDS = 10;

export class Timeline {
  private history: Snapshot[];
  private firstRateIsSettled = false;
  private ticks!: TickRuns;
  private monotonic!: Scale;
  /** Where realtime stepped, or the machine was suspended. */
  readonly steps = new ClockSteps();

  /** `first` is the segment's first snapshot, `clockHz` the rate of its ticks until there is a second one. */
  constructor(
    first: Snapshot,
    private readonly clockHz: number,
  ) {
    this.history = [first];
    this.build();
  }

  /**
   * Snapshots that do not lie after the last one in every clock are ignored, except that ticks may have restarted
   * while the machine was suspended, and that realtime may have been set back. Where realtime did not advance without
   * a break, less than JUMP_NANOS lie between the two: an error of reading, and a line through them runs backwards.
   */
  add(snapshot: Snapshot): void {
    const last = this.history[this.history.length - 1]!;
    if (snapshot.monotonic <= last.monotonic) return;
    if (snapshot.ticks <= last.ticks && !wasSuspended(last, snapshot)) return;
    const found = breakBetween(last, snapshot);
    if (snapshot.realtime <= last.realtime && found === undefined) return;
    this.history.push(snapshot);
    this.link(this.history.length - 1);
    if (!this.firstRateIsSettled) this.setFirstRate();
    const { newest } = this.ticks;
    if (found !== undefined) this.steps.add(snapshot, found, newest);
    if (this.history.length <= MAX_SNAPSHOTS) return;
    this.history = thin(this.history);
    this.build();
    this.ticks.newest = newest;
  }

  /** Snapshots in memory. */
  get snapshots(): number {
    return this.history.length;
  }

  /** The epoch time of a stamp, given as two u32 halves: ticks of the segment's clock, or ns of CLOCK_MONOTONIC. */
  toEpoch(low: number, high: number, monotonic: boolean): HrTime {
    return monotonic ? this.monotonic.toEpoch(low, high) : this.ticks.toEpoch(low, high);
  }

  /** The same of the stamp in `stamps` at `at`, as nanoseconds in two u32 halves, low first; it makes no object. */
  toWords(stamps: Int32Array, at: number, monotonic: boolean, into: Uint32Array): void {
    if (monotonic) this.monotonic.toWords(stamps, at, into);
    else this.ticks.toWords(stamps, at, into);
  }

  /** What realtime would have been at the stamp if there had been no break since the end of `epoch`. */
  toEpochIn(epoch: number, low: number, high: number, monotonic: boolean): HrTime {
    const time = this.toEpoch(low, high, monotonic);
    const own = this.epochAt(low, high, monotonic);
    if (own <= epoch) return time;
    const [seconds, nanos] = this.steps.between(epoch, own);
    return addNanos(time[0] - seconds, time[1], -nanos);
  }

  /** The epoch of a stamp; the oldest remembered one at least. */
  epochAt(low: number, high: number, monotonic: boolean): number {
    if (this.steps.epoch === 0) return 0;
    if (monotonic) return this.steps.epochOfMonotonic(low, high);
    return this.steps.epochOfTicks(low, high, this.ticks.runAt(low, high));
  }

  /** Whether ticks `a` were counted before ticks `b`. */
  ticksPrecede(aLow: number, aHigh: number, bLow: number, bHigh: number): boolean {
    const runs = this.ticks.runAt(aLow, aHigh) - this.ticks.runAt(bLow, bHigh);
    return runs === 0 ? difference(aLow, aHigh, bLow, bHigh) < 0 : runs < 0;
  }

  private build(): void {
    const first = this.history[0]!;
    const reach = REACH_SECONDS * this.clockHz;
    this.ticks = new TickRuns(makePoint(first.ticks, first.realtime, this.rateAt(0)), reach);
    this.monotonic = new Scale(makePoint(first.monotonic, first.realtime, 1));
    for (let index = 1; index < this.history.length; index++) this.link(index);
    this.setFirstRate();
  }

  // Appends snapshot `index` to the scales; only now is it known what the stretch before it was like.
  private link(index: number): void {
    const from = this.history[index - 1]!;
    const to = this.history[index]!;
    const awake = Number(to.monotonic - from.monotonic);
    const isBroken = breakBetween(from, to) !== undefined;
    this.monotonic.settle(isBroken ? 1 : Number(to.realtime - from.realtime) / awake, Infinity);
    this.monotonic.push(makePoint(to.monotonic, to.realtime, 1));
    const { slope, limit, resumed } = stretchBetween(from, to, this.rateAt(index - 1));
    this.ticks.settle(slope, limit);
    if (resumed !== undefined) this.ticks.begin(resumed, awake / slope);
    this.ticks.push(makePoint(to.ticks, to.realtime, this.rateAt(index)));
  }

  // Nanoseconds a tick as measured up to snapshot `index`, never across a suspend. Counted with CLOCK_MONOTONIC: a
  // step of realtime is no rate. Of a snapshot right after a suspend it is the rate before it.
  private rateAt(index: number): number {
    const { history } = this;
    for (let last = index; last > 0; last--) {
      const to = history[last]!;
      let first = last;
      while (first > 0 && !isFar(history[first]!, to) && !wasSuspended(history[first - 1]!, history[first]!)) first--;
      if (first < last) return rate(history[first]!, to);
    }
    return 1e9 / this.clockHz;
  }

  // Until there is a snapshot far enough from the first, every new one gives a better rate.
  private setFirstRate(): void {
    const { history } = this;
    const first = history[0]!;
    let last = 0;
    while (
      last + 1 < history.length &&
      !isFar(first, history[last]!) &&
      !wasSuspended(history[last]!, history[last + 1]!)
    )
      last++;
    this.firstRateIsSettled = last + 1 < history.length || isFar(first, history[last]!);
    if (last > 0) this.ticks.slopeBefore = rate(first, history[last]!);
  }
}

function isFar(from: Snapshot, to: Snapshot): boolean {
  return to.monotonic - from.monotonic >= MIN_BASELINE_NANOS;
}

function rate(from: Snapshot, to: Snapshot): number {
  return Number(to.monotonic - from.monotonic) / Number(to.ticks - from.ticks);
}

// Drops every other snapshot of the older half, except those beside a break: without them nobody could tell when it
// was. Should breaks alone fill the history, the oldest go.
function thin(history: Snapshot[]): Snapshot[] {
  const half = history.length >>> 1;
  const kept = history.filter((snapshot, index) => {
    if (index === 0 || index >= half || index % 2 === 0) return true;
    const isBeside = breakBetween(history[index - 1]!, snapshot) ?? breakBetween(snapshot, history[index + 1]!);
    return isBeside !== undefined;
  });
  return kept.length > MAX_SNAPSHOTS * 0.9 ? kept.slice(-half) : kept;
}
