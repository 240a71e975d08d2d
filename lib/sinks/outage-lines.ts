// SPDX-License-Identifier: Apache-2.0
//
// The lines that an operator reads of outages: one when exports fail, one when they succeed again. A receiver that goes up
// and down every few exports must not fill the log: after a line that it is over there is a minute without any, unless
// the end is near. What had no line is counted in the next one. Used by an Episode, on the thread that reads.

const QUIET_MILLIS = 60_000;

export interface LineOptions {
  readonly destination: string;
  readonly warn: (message: string) => void;
}

export class OutageLines {
  readonly #options: LineOptions;
  /** The outage that is going on has its first line. */
  #isTold = false;
  /** Outages that are over and what they lost, since the last line of an end. */
  #outages = 0;
  #lost = 0;
  #quietUntil = -Infinity;
  #isPartial = false;
  #partialQuietUntil = -Infinity;

  constructor(options: LineOptions) {
    this.#options = options;
  }

  /** Each failure of an outage, so that one that outlasts the quiet is told then. */
  failed(error: string, consequence: string): void {
    if (this.#isTold || performance.now() < this.#quietUntil) return;
    this.#isTold = true;
    const { destination, warn } = this.#options;
    const before = this.#outages === 0 ? '' : `; outages before it without a line: ${this.#outages}`;
    warn(`export to ${destination} fails: ${error}; ${consequence}${before}`);
  }

  ended(lost: number): void {
    this.#outages++;
    this.#lost += lost;
  }

  /** Each success, so that outages without a line are told by the first one after the quiet. `rejected`: as of an Episode. */
  succeeded(rejected: number): void {
    if (this.#outages > 0 && (this.#isTold || performance.now() >= this.#quietUntil)) this.#tellEnd();
    if (rejected === 0) this.#isPartial = false;
    else if (!this.#isPartial && performance.now() >= this.#partialQuietUntil) this.#tellPartial();
  }

  /** The end is near: what fails now has no later line. */
  hurry(): void {
    this.#quietUntil = -Infinity;
  }

  #tellEnd(): void {
    const { destination, warn } = this.#options;
    const count = this.#isTold && this.#outages === 1 ? '' : `; outages: ${this.#outages}`;
    warn(`export to ${destination} succeeds again; ${this.#lost} spans were lost${count}`);
    this.#isTold = false;
    this.#outages = this.#lost = 0;
    this.#quietUntil = performance.now() + QUIET_MILLIS;
  }

  #tellPartial(): void {
    const { destination, warn } = this.#options;
    warn(`${destination} accepts only part of what it is sent; what it does not is counted as rejected`);
    this.#isPartial = true;
    this.#partialQuietUntil = performance.now() + QUIET_MILLIS;
  }
}
