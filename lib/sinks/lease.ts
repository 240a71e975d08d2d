// SPDX-License-Identifier: Apache-2.0
//
// Waits for the reader's lease. Every environment that called start() and could deliver runs one: when the
// reader's environment ends, its cleanup hook frees the lease and the next poll here takes it over.
import type { Native } from '../native';

export type LeaseNative = Pick<Native, 'leaseAcquire' | 'leaseHolder'>;

export const LEASE_POLL_MILLIS = 200;

export class LeaseWatch {
  readonly #native: LeaseNative;
  readonly #environment: number;
  readonly #acquired: () => void;
  #timer: NodeJS.Timeout | undefined;
  #notBefore = 0;

  /** `acquired` is called on this thread each time this environment takes the lease, in the calls below. */
  constructor(native: LeaseNative, environment: number, acquired: () => void) {
    this.#native = native;
    this.#environment = environment;
    this.#acquired = acquired;
  }

  /** Tries at once, then polls. Does not keep the process alive. */
  start(): void {
    this.try();
    this.#timer = setInterval(() => this.try(), LEASE_POLL_MILLIS);
    this.#timer.unref();
  }

  stop(): void {
    clearInterval(this.#timer);
    this.#notBefore = Infinity;
  }

  /** No attempt for so long: what the lease is for has just failed here. Others may take it meanwhile. */
  backOff(millis: number): void {
    this.#notBefore = performance.now() + millis;
  }

  get backingOff(): boolean {
    return performance.now() < this.#notBefore;
  }

  try(): void {
    if (this.backingOff || this.#native.leaseHolder() !== 0) return;
    if (this.#native.leaseAcquire(this.#environment)) this.#acquired();
  }
}
