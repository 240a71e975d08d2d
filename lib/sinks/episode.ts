// SPDX-License-Identifier: Apache-2.0
//
// An episode of failures, from the first one after a success to the next success: who is told of it, and how long the sink
// pauses in it. Used by a paced sink and a trace file, on the thread that reads.
import { type LineOptions, OutageLines } from './outage-lines';

export interface EpisodeOptions extends LineOptions {
  /** Told of each failure: spans that are lost with it, 0 where they are sent again. */
  readonly onFailure?: ((failure: Failure) => void) | undefined;
  /** Told of the success after failures. */
  readonly onRecovery?: ((recovery: Recovery) => void) | undefined;
}

export interface Failure {
  readonly destination: string;
  readonly error: string;
  /** Begins an episode. */
  readonly first: boolean;
  readonly lostSpans: number;
}

export interface Recovery {
  readonly destination: string;
  /** In the whole episode. */
  readonly lostSpans: number;
}

const FIRST_PAUSE_MILLIS = 250;
/** The exporter has paused between its own attempts, so this is not added to by much. */
const MAX_PAUSE_MILLIS = 5_000;
const LAST_PAUSE_MILLIS = 500;
/** A batch that is refused may be bad itself; the next one shows. */
const FREE_FAILURES = 2;

export class Episode {
  readonly #options: EpisodeOptions;
  readonly #lines: OutageLines;
  #failures = 0;
  #lost = 0;
  #notBefore = -Infinity;
  #maxPauseMillis = MAX_PAUSE_MILLIS;

  constructor(options: EpisodeOptions) {
    this.#options = options;
    this.#lines = new OutageLines(options);
  }

  get failing(): boolean {
    return this.#failures > 0;
  }

  /** In `performance.now()`'s milliseconds. */
  get notBefore(): number {
    return this.#notBefore;
  }

  /** The end is near: shorter pauses, also the one that has begun. */
  hurry(): void {
    this.#lines.hurry();
    this.#maxPauseMillis = LAST_PAUSE_MILLIS;
    this.#notBefore = Math.min(this.#notBefore, performance.now() + LAST_PAUSE_MILLIS);
  }

  /** The batch will be sent again. */
  postponed(error: string): void {
    this.#begin(error, 0, 'spans wait until it succeeds again and are lost where rings fill up');
    this.#pause(this.#failures);
  }

  failed(error: string, spans: number): void {
    this.#begin(error, spans, 'spans are lost until it succeeds again');
    this.#lost += spans;
    if (this.#failures > FREE_FAILURES) this.#pause(this.#failures - FREE_FAILURES);
  }

  /** Was not tried at all, because of the pause. */
  lost(spans: number): void {
    this.#lost += spans;
  }

  /** `rejected`: spans of the batch that the receiver did not take. */
  succeeded(rejected: number): void {
    if (this.failing) {
      this.#lines.ended(this.#lost);
      this.#options.onRecovery?.({ destination: this.#options.destination, lostSpans: this.#lost });
    }
    this.#failures = 0;
    this.#lost = 0;
    this.#notBefore = -Infinity;
    this.#lines.succeeded(rejected);
  }

  #begin(error: string, lostSpans: number, consequence: string): void {
    const { destination, onFailure } = this.#options;
    const first = this.#failures++ === 0;
    this.#lines.failed(error, consequence);
    onFailure?.({ destination, error, first, lostSpans });
  }

  #pause(count: number): void {
    const millis = Math.min(FIRST_PAUSE_MILLIS * 2 ** (count - 1), this.#maxPauseMillis);
    this.#notBefore = performance.now() + millis;
  }
}
