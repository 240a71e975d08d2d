// SPDX-License-Identifier: Apache-2.0
//
// What the GPU streams did around the requests that are shown, in bounded memory: where there is too much of it, only
// around the first half of the requests, and so on. Filled by the second look at the input. Pure.
import type { ReceivedSpan } from '../../testing/otlp-json';
import { Intervals } from './intervals';
import { gpuTrack } from './shown-span';
import { durationOf, type RequestRow } from './summary';

const DEFAULT_LIMIT = 100_000;
/** Of a request's duration, what is shown before and after it. */
const AROUND = 0.25;
const MAX_NAME = 256;

/** A GPU slice near a shown request, of any request or batch. Times in ns from the report's base. */
export interface StreamSlice {
  readonly name: string;
  readonly track: string;
  readonly start: number;
  readonly end: number;
}

export interface StreamsShown {
  readonly slices: readonly StreamSlice[];
  /** Slices around shown requests that are not in `slices`. */
  readonly left: number;
  /** Around so many requests, from the first, everything is in `slices`. */
  readonly complete: number;
}

export class StreamSlices {
  readonly #windows: readonly (readonly [number, number])[];
  readonly #limit: number;
  readonly #base: bigint;
  #complete: number;
  #near: readonly (readonly [number, number])[];
  #slices: StreamSlice[] = [];
  #left = 0;

  /** The first of `rows` matter most. */
  constructor(rows: readonly RequestRow[], base: bigint, limit = DEFAULT_LIMIT) {
    this.#base = base;
    this.#limit = limit;
    this.#windows = rows.map(({ startUnixNano, durationNanos }) => {
      const start = Number(BigInt(startUnixNano) - base);
      return [start - durationNanos * AROUND, start + durationNanos * (1 + AROUND)];
    });
    this.#complete = rows.length;
    this.#near = this.#union();
  }

  add(span: ReceivedSpan): void {
    const start = Number(span.startTimeUnixNano - this.#base);
    const slice = { name: span.name.slice(0, MAX_NAME), track: gpuTrack(span), start, end: start + durationOf(span) };
    if (!this.#isNear(slice)) return;
    if (this.#slices.length < this.#limit) this.#slices.push(slice);
    else if (this.#complete > 1) {
      this.#narrow();
      this.add(span);
    } else {
      this.#complete = 0;
      this.#left++;
    }
  }

  shown(): StreamsShown {
    const slices = [...this.#slices].sort((a, b) => a.start - b.start);
    return { slices, left: this.#left, complete: this.#complete };
  }

  #narrow(): void {
    this.#complete = Math.ceil(this.#complete / 2);
    this.#near = this.#union();
    const kept = this.#slices.filter((slice) => this.#isNear(slice));
    this.#left += this.#slices.length - kept.length;
    this.#slices = kept;
  }

  #union(): readonly (readonly [number, number])[] {
    const union = new Intervals();
    for (const [start, end] of this.#windows.slice(0, this.#complete)) union.add(start, end);
    return union.merged();
  }

  // The only one that can hold it is the last that begins before the slice's end.
  #isNear({ start, end }: StreamSlice): boolean {
    let low = 0;
    let high = this.#near.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (this.#near[middle]![0] <= end) low = middle + 1;
      else high = middle;
    }
    return low > 0 && this.#near[low - 1]![1] >= start;
  }
}
