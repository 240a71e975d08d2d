// SPDX-License-Identifier: Apache-2.0
//
// How busy a GPU was in each second, from its slices: the share of the second that one or more of them cover. Slices come
// about in the order of their ends; a second is told when slices have come that end two seconds later, or when the trace
// is to be whole, and then again: the last that was told of a second counts. Bounded: what is kept of a second are at
// most MAX_PARTS intervals apart from each other; more are joined over the smallest gaps.

/** Called with the begin of a second, in the unit of the times given, and the share in percent. */
export type TellShare = (second: number, percent: number) => void;

export const MAX_PARTS = 512;
const SECOND = 1e9;
const KEPT_SECONDS = 2;
const MOST_ALIKE_SECONDS = 2;

export class GpuBusy {
  // Apart from each other and in order.
  private starts: number[] = [];
  private ends: number[] = [];
  /** The first second that was not told for good. */
  private second = Number.NaN;
  /** More came since `finish`. */
  private hasMore = false;

  constructor(private readonly tell: TellShare) {}

  /** Nanoseconds from any fixed instant. */
  add(start: number, end: number): void {
    if (!(end > start)) return;
    if (Number.isNaN(this.second)) this.second = Math.floor(start / SECOND);
    const from = Math.max(start, this.second * SECOND);
    if (end > from) this.include(from, end);
    this.hasMore = true;
    this.tellUntil(Math.floor(end / SECOND) - KEPT_SECONDS);
  }

  /** Tells the seconds that are not over as they stand, and that there is nothing behind them. */
  finish(): void {
    const last = this.ends[this.ends.length - 1];
    if (last === undefined || !this.hasMore) return;
    this.hasMore = false;
    const { second, starts, ends } = this;
    this.starts = [...starts];
    this.ends = [...ends];
    this.tellUntil(Math.floor(last / SECOND));
    this.tell(this.second * SECOND, 0);
    Object.assign(this, { second, starts, ends });
  }

  // Joins the interval with those it touches.
  private include(start: number, end: number): void {
    const { starts, ends } = this;
    let to = starts.length;
    while (to > 0 && starts[to - 1]! > end) to -= 1;
    let from = to;
    while (from > 0 && ends[from - 1]! >= start) from -= 1;
    const first = from < to ? Math.min(start, starts[from]!) : start;
    const last = from < to ? Math.max(end, ends[to - 1]!) : end;
    starts.splice(from, to - from, first);
    ends.splice(from, to - from, last);
    if (starts.length > MAX_PARTS) this.joinClosest();
  }

  private joinClosest(): void {
    const { starts, ends } = this;
    let closest = 1;
    for (let index = 2; index < starts.length; index++) {
      if (starts[index]! - ends[index - 1]! < starts[closest]! - ends[closest - 1]!) closest = index;
    }
    starts.splice(closest, 1);
    ends.splice(closest - 1, 1);
  }

  private tellUntil(last: number): void {
    for (let told = 0; this.second <= last; told++) {
      const busy = this.takeSecond();
      this.tell(this.second * SECOND, (busy / SECOND) * 100);
      this.second += 1;
      // Of a long time without slices, or within one slice, the beginning is told and the end: times may be wild.
      if (told < MOST_ALIKE_SECONDS) continue;
      if (busy === 0) this.second = Math.max(this.second, this.nextBusy(last));
      else this.skipCovered(last);
    }
  }

  private skipCovered(last: number): void {
    const until = Math.min(Math.floor((this.ends[0] ?? 0) / SECOND), last + 1);
    if (this.starts[0] !== this.second * SECOND || until <= this.second) return;
    this.second = until;
    this.starts[0] = until * SECOND;
  }

  private nextBusy(last: number): number {
    return Math.min(Math.floor((this.starts[0] ?? Infinity) / SECOND), last + 1);
  }

  // What lies in the current second, which is then forgotten.
  private takeSecond(): number {
    const { starts, ends } = this;
    const until = (this.second + 1) * SECOND;
    let busy = 0;
    while (starts.length > 0 && starts[0]! < until) {
      busy += Math.min(ends[0]!, until) - starts[0]!;
      if (ends[0]! > until) {
        starts[0] = until;
        break;
      }
      starts.shift();
      ends.shift();
    }
    return busy;
  }
}
