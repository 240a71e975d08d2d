// SPDX-License-Identifier: Apache-2.0
//
// An environment with nowhere to send: what it does instead, and what it says. All methods run on the thread that
// called start().
import { isMainThread } from 'node:worker_threads';
import type { Native } from '../native';
import { warnOnce } from '../warn';
import type { Delivery, DeliveryOptions } from './delivery';
import { FLUSH_TIMEOUT_MILLIS, flush, flushBlocking, outstanding } from './flush';
import { formatSummary } from './summary';

/**
 * This environment cannot deliver. Another one of the process may; without any, records wait in the rings and full
 * rings drop. Unless it was asked for, the process says so once, and at its end what was recorded in vain.
 */
export class NoDelivery implements Delivery {
  readonly #native: Native;
  readonly #options: DeliveryOptions;
  readonly #inVain: boolean;

  constructor(native: Native, options: DeliveryOptions, intended: boolean) {
    this.#native = native;
    this.#options = options;
    this.#inVain = !intended && !this.#isRead();
    if (!this.#inVain) return;
    warnOnce(
      'nowhere to send',
      'slices are recorded but there is nowhere to send them: set OTEL_EXPORTER_OTLP_ENDPOINT, ' +
        'or OTEL_TRACES_EXPORTER=otlp, or GPUSPAN_FILE, or give start() an exporter',
    );
  }

  async flush(): Promise<void> {
    if (!this.#isRead()) return;
    await flush(this.#native, {
      wake: () => undefined,
      hopeless: () => !this.#isRead(),
      timeoutMillis: FLUSH_TIMEOUT_MILLIS,
      to: 'by the thread that reads',
      warn: this.#options.warn,
    });
  }

  shutdown(): Promise<void> {
    return this.flush();
  }

  flushAtExit(timeoutMillis: number): void {
    if (!this.#isRead()) {
      if (isMainThread) this.#native.countUnread();
      // Of several threads that end, the last one knows most: each replaces what the one before it wanted to be said.
      if (this.#inVain) this.#native.lastWords(formatSummary(this.#native.stats()));
    } else if (isMainThread && outstanding(this.#native)) {
      flushBlocking(this.#native, () => undefined, timeoutMillis);
    }
  }

  #isRead(): boolean {
    return this.#native.leaseHolder() !== 0;
  }
}
