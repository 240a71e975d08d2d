// SPDX-License-Identifier: Apache-2.0
//
// An episode of failures, from the first one after a success to the next success: what is said of it, one line at its
// beginning and one at its end, and how long the sink pauses in it. Used by a paced sink, on the thread that reads.

export interface EpisodeOptions {
  readonly destination: string;
  readonly warn: (message: string) => void;
}

const FIRST_PAUSE_MILLIS = 250;
/** The exporter has paused between its own attempts, so this is not added to by much. */
const MAX_PAUSE_MILLIS = 5_000;
/** A batch that is refused may be bad itself; the next one shows. */
const FREE_FAILURES = 2;

export class Episode {
  readonly #options: EpisodeOptions;
  #failures = 0;
  #lost = 0;
  #notBefore = -Infinity;
  // Of successes that were not whole; said once until one is.
  #isPartial = false;

  constructor(options: EpisodeOptions) {
    this.#options = options;
  }

  get failing(): boolean {
    return this.#failures > 0;
  }

  /** In `performance.now()`'s milliseconds. */
  get notBefore(): number {
    return this.#notBefore;
  }

  /** The batch will be sent again. */
  postponed(error: string): void {
    this.#begin(error, 'spans wait until it succeeds again and are lost where rings fill up');
    this.#pause(this.#failures);
  }

  failed(error: string, spans: number): void {
    this.#begin(error, 'spans are lost until it succeeds again');
    this.#lost += spans;
    if (this.#failures > FREE_FAILURES) this.#pause(this.#failures - FREE_FAILURES);
  }

  /** `rejected`: spans of the batch that the receiver did not take. */
  succeeded(rejected: number): void {
    const { destination, warn } = this.#options;
    if (this.failing) warn(`export to ${destination} succeeds again; ${this.#lost} spans were lost`);
    this.#failures = 0;
    this.#lost = 0;
    this.#notBefore = -Infinity;
    if (rejected > 0 && !this.#isPartial)
      warn(`${destination} accepts only part of what it is sent; what it does not is counted as rejected`);
    this.#isPartial = rejected > 0;
  }

  #begin(error: string, consequence: string): void {
    const { destination, warn } = this.#options;
    if (this.#failures++ === 0) warn(`export to ${destination} fails: ${error}; ${consequence}`);
  }

  #pause(count: number): void {
    const millis = Math.min(FIRST_PAUSE_MILLIS * 2 ** (count - 1), MAX_PAUSE_MILLIS);
    this.#notBefore = performance.now() + millis;
  }
}
