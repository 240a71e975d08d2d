// SPDX-License-Identifier: Apache-2.0
//
// How long at least one of many intervals was open, and how long two or more were: GPU streams and devices of
// `gpuspan report`. Bounded memory: beyond a limit the set is merged, then coarsened, and says so. Pure.

export interface Cover {
  /** Open at least once. */
  readonly busy: number;
  /** Open at least twice. */
  readonly overlap: number;
  /** First start and last end; both 0 when there is no interval. */
  readonly first: number;
  readonly last: number;
  /** What `busy` may be too high by, because the smallest gaps were closed to save memory. */
  readonly coarsened: number;
}

const DEFAULT_LIMIT = 1 << 20;

export class Intervals {
  readonly #limit: number;
  #starts: Float64Array = new Float64Array(64);
  #ends: Float64Array = new Float64Array(64);
  #count = 0;
  #coarsened = 0;
  /** Where two or more were open; may overlap itself, so its union counts. Undefined until there is some. */
  #twice: Intervals | undefined;
  readonly #hasTwice: boolean;

  /** Keeps up to `limit` intervals as they are; `hasTwice`: finds the overlap too. */
  constructor(limit = DEFAULT_LIMIT, hasTwice = true) {
    this.#limit = limit;
    this.#hasTwice = hasTwice;
  }

  /** An end before its start counts as its start; NaN and infinity are ignored. */
  add(start: number, end: number): void {
    if (!Number.isFinite(start) || !Number.isFinite(end)) return;
    if (this.#count === this.#starts.length) this.#grow();
    this.#starts[this.#count] = start;
    this.#ends[this.#count] = Math.max(start, end);
    this.#count++;
    if (this.#count >= this.#limit) this.#compact();
  }

  cover(): Cover {
    const merged = this.merged();
    const busy = merged.reduce((sum, [start, end]) => sum + end - start, 0);
    const first = merged[0]?.[0] ?? 0;
    const last = merged.at(-1)?.[1] ?? 0;
    const overlap = Math.min(busy, this.#twice?.cover().busy ?? 0);
    return { busy, overlap, first, last, coarsened: this.#coarsened };
  }

  /** The union, as disjoint intervals in order. */
  merged(): readonly (readonly [number, number])[] {
    this.#merge();
    return Array.from({ length: this.#count }, (_, index) => [this.#starts[index]!, this.#ends[index]!] as const);
  }

  #grow(): void {
    const grow = (old: Float64Array) => {
      const grown = new Float64Array(old.length * 2);
      grown.set(old);
      return grown;
    };
    this.#starts = grow(this.#starts);
    this.#ends = grow(this.#ends);
  }

  // How many are open at a time follows from the sorted starts and the sorted ends alone; no pairs are needed.
  #merge(): void {
    const starts = this.#starts.subarray(0, this.#count).sort();
    const ends = this.#ends.subarray(0, this.#count).sort();
    let kept = 0;
    let begun = 0;
    let from = 0;
    let previous = 0;
    for (const [ended, end] of ends.entries()) {
      while (begun < starts.length && starts[begun]! <= end) {
        const open = begun - ended;
        if (open === 0) from = starts[begun]!;
        if (open >= 2) this.#addTwice(previous, starts[begun]!);
        previous = starts[begun]!;
        begun++;
      }
      const open = begun - ended;
      if (open >= 2) this.#addTwice(previous, end);
      previous = end;
      if (open > 1) continue;
      // Written behind what was read: `kept` never passes `ended`, nor `begun`.
      starts[kept] = from;
      ends[kept] = end;
      kept++;
    }
    this.#count = kept;
  }

  // What was merged and is overlapped again must not count again, so it is kept, not summed.
  #addTwice(start: number, end: number): void {
    if (!this.#hasTwice || end <= start) return;
    this.#twice ??= new Intervals(this.#limit, false);
    this.#twice.add(start, end);
  }

  // Merging may not be enough: then the smaller half of the gaps is closed, and of equal ones no more than it takes.
  #compact(): void {
    this.#merge();
    if (this.#count <= this.#limit / 2) return;
    const gaps = Float64Array.from({ length: this.#count - 1 }, (_, i) => this.#starts[i + 1]! - this.#ends[i]!);
    const half = (gaps.length + 1) >> 1;
    const sorted = gaps.slice().sort();
    const most = sorted[half - 1]!;
    let ties = half - sorted.indexOf(most);
    let kept = 0;
    for (let i = 1; i < this.#count; i++) {
      const gap = gaps[i - 1]!;
      if (gap < most || (gap === most && ties-- > 0)) this.#coarsened += gap;
      else this.#starts[++kept] = this.#starts[i]!;
      this.#ends[kept] = this.#ends[i]!;
    }
    this.#count = kept + 1;
  }
}
