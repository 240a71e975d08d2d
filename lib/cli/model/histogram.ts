// SPDX-License-Identifier: Apache-2.0
//
// Quantiles of non-negative numbers (nanoseconds, sizes) in bounded memory: exact up to EXACT_VALUES, then by
// buckets 1 % wide. Filled by the summary of `gpuspan report` and `gpuspan receive`. Pure.

/** As many values are kept as they are. */
export const EXACT_VALUES = 4096;
const WIDTH = Math.log(1.01);
/** Up to 2^63. */
const BUCKETS = Math.ceil((63 * Math.LN2) / WIDTH) + 2;

export interface Quantiles {
  readonly count: number;
  readonly min: number;
  readonly p50: number;
  readonly p90: number;
  readonly p99: number;
  readonly max: number;
  readonly total: number;
  /** False: p50, p90 and p99 are up to 0.5 % off. */
  readonly exact: boolean;
}

/** Counts of values in ranges of equal ratio, from `low` up: range i ends at `low * ratio^(i + 1)`. */
export interface Distribution {
  readonly low: number;
  readonly ratio: number;
  readonly counts: readonly number[];
}

export class Histogram {
  #values: number[] = [];
  #buckets: Float64Array | undefined;
  #sorted = true;
  #count = 0;
  #total = 0;
  #min = Number.POSITIVE_INFINITY;
  #max = 0;

  /** Negative values count as 0; NaN and infinity are ignored. */
  add(value: number): void {
    if (!Number.isFinite(value)) return;
    const counted = Math.max(0, value);
    this.#count++;
    this.#total += counted;
    this.#min = Math.min(this.#min, counted);
    this.#max = Math.max(this.#max, counted);
    if (this.#buckets !== undefined) {
      this.#buckets[bucketOf(counted)]!++;
      return;
    }
    this.#values.push(counted);
    this.#sorted = false;
    if (this.#values.length > EXACT_VALUES) this.#toBuckets();
  }

  get count(): number {
    return this.#count;
  }

  get total(): number {
    return this.#total;
  }

  /** Nearest rank; 0 when there is no value. */
  quantile(q: number): number {
    if (this.#count === 0) return 0;
    const rank = Math.min(this.#count, Math.max(1, Math.ceil(this.#count * q)));
    if (this.#buckets === undefined) return this.#inOrder()[rank - 1]!;
    let seen = 0;
    for (const [index, count] of this.#buckets.entries()) {
      seen += count;
      if (seen >= rank) return Math.min(this.#max, Math.max(this.#min, middleOf(index)));
    }
    return this.#max;
  }

  quantiles(): Quantiles {
    return {
      count: this.#count,
      min: this.#count === 0 ? 0 : this.#min,
      p50: this.quantile(0.5),
      p90: this.quantile(0.9),
      p99: this.quantile(0.99),
      max: this.#max,
      total: this.#total,
      exact: this.#buckets === undefined,
    };
  }

  /** For a chart of `ranges` bars between the least and the greatest value. */
  distribution(ranges: number): Distribution {
    const low = Math.max(1, this.#count === 0 ? 1 : this.#min);
    const ratio = Math.max(1.01, (Math.max(low, this.#max) / low) ** (1 / ranges));
    const counts = Array.from({ length: ranges }, () => 0);
    const put = (value: number, count: number) => {
      const index = Math.floor(Math.log(Math.max(low, value) / low) / Math.log(ratio));
      counts[Math.min(ranges - 1, Math.max(0, index))]! += count;
    };
    for (const value of this.#values) put(value, 1);
    for (const [index, count] of (this.#buckets ?? []).entries()) if (count > 0) put(middleOf(index), count);
    return { low, ratio, counts };
  }

  #inOrder(): readonly number[] {
    if (!this.#sorted) this.#values.sort((a, b) => a - b);
    this.#sorted = true;
    return this.#values;
  }

  #toBuckets(): void {
    this.#buckets = new Float64Array(BUCKETS);
    for (const value of this.#values) this.#buckets[bucketOf(value)]!++;
    this.#values = [];
  }
}

// Bucket 0 holds what is below 1.
function bucketOf(value: number): number {
  return value < 1 ? 0 : Math.min(BUCKETS - 1, 1 + Math.floor(Math.log(value) / WIDTH));
}

function middleOf(index: number): number {
  return index === 0 ? 0 : Math.exp((index - 0.5) * WIDTH);
}
