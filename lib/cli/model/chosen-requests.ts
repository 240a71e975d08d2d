// SPDX-License-Identifier: Apache-2.0
//
// Which requests a report names, of any number of them, in bounded memory: the slowest, and apart from those some that
// failed and some by chance, so that what is normal can be seen beside what is not. Filled by the summary. Pure.
import { Largest } from './largest';

export type Why = 'slowest' | 'failed' | 'sample';

export interface Chosen<Row> {
  readonly row: Row;
  readonly why: Why;
}

interface Choosable {
  readonly traceId: string;
  readonly spanId: string;
  readonly durationNanos: number;
  readonly error: boolean;
}

/** Of the limit, for those that failed, and as much again for those by chance. */
const PART = 4;

export class ChosenRequests<Row extends Choosable> {
  readonly #limit: number;
  readonly #slowest: Largest<Row>;
  readonly #failed: Largest<Row>;
  readonly #sample: Row[] = [];
  #count = 0;
  // The same files give the same report.
  #random = 0x2545f491;

  constructor(limit: number) {
    this.#limit = limit;
    this.#slowest = new Largest(limit, ({ durationNanos }) => durationNanos);
    this.#failed = new Largest(Math.ceil(limit / PART), ({ durationNanos }) => durationNanos);
  }

  add(row: Row): void {
    this.#count++;
    this.#slowest.add(row);
    if (row.error) this.#failed.add(row);
    const size = Math.ceil(this.#limit / PART);
    if (this.#sample.length < size) this.#sample.push(row);
    else {
      const at = this.#below(this.#count);
      if (at < size) this.#sample[at] = row;
    }
  }

  /** Up to the limit, slowest first. */
  slowest(): Row[] {
    return this.#slowest.items();
  }

  /** Up to the limit: the slowest, then failed ones, then others by chance. All of them where they are few enough. */
  chosen(): Chosen<Row>[] {
    const slowest = this.#slowest.items();
    const chosen = new Map<string, Chosen<Row>>();
    const take = (rows: readonly Row[], why: Why, limit: number) => {
      for (const row of rows) {
        const key = row.traceId + row.spanId;
        if (chosen.size < limit && !chosen.has(key)) chosen.set(key, { row, why });
      }
    };
    const all = this.#count <= this.#limit;
    take(slowest, 'slowest', all ? this.#limit : this.#limit - 2 * Math.floor(this.#limit / PART));
    take(this.#failed.items(), 'failed', this.#limit - Math.floor(this.#limit / PART));
    take(this.#sample, 'sample', this.#limit);
    take(slowest, 'slowest', this.#limit);
    const order = { slowest: 0, failed: 1, sample: 2 };
    return [...chosen.values()].sort((a, b) => order[a.why] - order[b.why]);
  }

  /** Xorshift: fair enough to choose by, and the same in every run. */
  #below(bound: number): number {
    this.#random ^= this.#random << 13;
    this.#random ^= this.#random >>> 17;
    this.#random ^= this.#random << 5;
    return (this.#random >>> 0) % bound;
  }
}
