// SPDX-License-Identifier: Apache-2.0
//
// Delivery that waits for an OpenTelemetry provider's Resource: until a span of the provider tells it, until somebody
// flushes or ends, until the event loop runs dry, or for a few seconds. Slices wait in the rings meanwhile. All methods
// run on the thread that called start().
import type { Native } from '../native';
import type { ProvidedResource } from '../otel/provider-resource';
import type { Delivery } from './delivery';
import { outstanding } from './flush';

/** A provider without spans is asked for its Resource after so long, before rings fill up. */
const WAIT_MILLIS = 5_000;

/** See ProviderResource. */
export interface LateResource {
  onLearned(listener: () => void): void;
  settled(): Promise<void>;
  get(): ProvidedResource | undefined;
}

export class DeferredDelivery implements Delivery {
  readonly #native: Native;
  readonly #resource: LateResource;
  readonly #begin: (resource: ProvidedResource | undefined) => Delivery;
  readonly #timer: NodeJS.Timeout;
  #delivery: Delivery | undefined;

  constructor(native: Native, resource: LateResource, begin: (resource: ProvidedResource | undefined) => Delivery) {
    this.#native = native;
    this.#resource = resource;
    this.#begin = begin;
    native.leaseAcquire(native.environment()); // or another thread would read, and send with a Resource of its own
    this.#timer = setTimeout(() => void this.#settle(), WAIT_MILLIS);
    this.#timer.unref();
    process.on('beforeExit', this.#beforeExit);
    resource.onLearned(() => void this.#settle());
  }

  async flush(): Promise<void> {
    await (await this.#settle()).flush();
  }

  async shutdown(): Promise<void> {
    await (await this.#settle()).shutdown();
  }

  flushAtExit(timeoutMillis: number): void {
    this.#now().flushAtExit(timeoutMillis);
  }

  // Nothing is under way that could tell more of the Resource, and an exporter on this thread can put a natural end off only
  // before the exit handler.
  readonly #beforeExit = (): void => {
    if (outstanding(this.#native)) this.#now();
  };

  // Detectors that do not end must not keep anything from being delivered.
  async #settle(): Promise<Delivery> {
    if (this.#delivery !== undefined) return this.#delivery;
    let timer: NodeJS.Timeout | undefined;
    const deadline = new Promise<void>((resolve) => {
      timer = setTimeout(resolve, WAIT_MILLIS);
      timer.unref();
    });
    await Promise.race([this.#resource.settled(), deadline]);
    clearTimeout(timer);
    return this.#now();
  }

  #now(): Delivery {
    if (this.#delivery !== undefined) return this.#delivery;
    clearTimeout(this.#timer);
    process.off('beforeExit', this.#beforeExit);
    this.#native.leaseRelease(this.#native.environment());
    this.#delivery = this.#begin(this.#resource.get());
    return this.#delivery;
  }
}
