// SPDX-License-Identifier: Apache-2.0
//
// What the questions about encoders have in common: a ring is filled with slices, and a pipeline reads them and makes bytes of
// them, beside a reference that makes such bytes in another way.
import { advance, openLane } from './lane.mjs';
import { measurePair } from './statistics.mjs';

/** Slices that are encoded at a time, by the reference too. */
export const SLICES_PER_READ = 512;
const OPERATIONS = 4096;
const REFERENCE_OPERATIONS = 1024;
// What one sample reads, its untimed eighth included.
const FILLED = OPERATIONS + OPERATIONS / 8;
const DOUBLE = 2;
const NUMBER_BYTES = 11;

export class Encoding {
  #lane = openLane();
  #pipeline;
  #bytesOf;
  #keys;
  #bytes = 0;
  #slices = 0;

  /** `bytesOf`: how many bytes the spans of a reading are. */
  constructor(openPipeline, bytesOf) {
    const { native } = this.#lane;
    this.#pipeline = openPipeline(native);
    this.#bytesOf = bytesOf;
    native.leaseAcquire(native.environment());
    this.#keys = ['tokens', 'position'].map((name) => native.intern('key', 0, 0, name).id);
  }

  /** Plain slices. */
  fill = () => {
    const { native, where } = this.#lane;
    for (let i = 0; i < FILLED; i++) native.end(native.begin(where));
    native.snapshot();
  };

  /** Slices with two numbers. */
  fillWithNumbers = () => {
    const { native, where, endWith } = this.#lane;
    for (let i = 0; i < FILLED; i++) {
      const values = [i & 511, i];
      endWith(native.begin(where), (view, at) => {
        for (const [index, key] of this.#keys.entries()) {
          view.setUint8(at + index * NUMBER_BYTES, DOUBLE);
          view.setUint16(at + index * NUMBER_BYTES + 1, key, true);
          view.setFloat64(at + index * NUMBER_BYTES + 3, values[index], true);
        }
        return this.#keys.length * NUMBER_BYTES;
      });
    }
    native.snapshot();
  };

  /** Paired samples of encoding what `fill` records, and of `reference`. */
  async measure(fill, reference) {
    this.#slices = this.#bytes = 0;
    fill();
    const samples = await measurePair((operations) => this.#encode(operations), reference, {
      operations: OPERATIONS,
      referenceOperations: REFERENCE_OPERATIONS,
      settle: fill,
    });
    if (this.#slices === 0 || this.#slices % FILLED !== 0 || this.#bytes === 0)
      throw new Error(`encoded ${this.#slices} slices, not a multiple of ${FILLED}, in ${this.#bytes} bytes`);
    this.#encode(FILLED); // what was filled in last
    return samples;
  }

  /** Of a plain slice, after names and tracks were explained. */
  bytesASlice() {
    this.fill();
    this.#bytes = 0;
    this.#encode(FILLED);
    return this.#bytes / FILLED;
  }

  #encode(operations) {
    for (let left = operations; left > 0; ) {
      const batch = this.#pipeline.read(Math.min(left, SLICES_PER_READ));
      if (batch === undefined) throw new Error(`the ring was ${left} slices short`);
      this.#bytes += this.#bytesOf(batch.spans);
      left -= batch.spanCount;
      this.#slices += batch.spanCount;
      advance(this.#lane.native, batch);
    }
  }
}
