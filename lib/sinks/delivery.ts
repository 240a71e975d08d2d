// SPDX-License-Identifier: Apache-2.0
//
// Decides how this environment's slices leave the process: an exporter given in code, on this thread; OTLP by
// the OTEL_* variables, off-thread; or nowhere. Called once by start(), on its thread.
import { isMainThread } from 'node:worker_threads';
import type { SpanExporter } from '@opentelemetry/sdk-trace-base';
import type { Native } from '../native';
import { findDestination } from '../otel/exporter';
import type { ResourceAttributes } from '../otel/resource';
import { warnOnce } from '../warn';
import { FLUSH_TIMEOUT_MILLIS, flush, flushBlocking, outstanding } from './flush';
import { OffThreadDelivery } from './off-thread';
import { formatSummary } from './summary';

export interface DeliveryOptions {
  /** Spans go to it, on this thread, whatever the variables say. */
  readonly exporter?: SpanExporter | undefined;
  readonly serviceName?: string | undefined;
  readonly resourceAttributes?: ResourceAttributes | undefined;
  /** Batch slices up to this level become one span per member; 0: none. */
  readonly expandLevel: number;
  /** How long a natural end of the process may be put off for an exporter on this thread. */
  readonly exitTimeoutMillis: number;
  /** One clear line for the operator. */
  readonly warn: (message: string) => void;
}

export interface Delivery {
  /**
   * Resolves when everything recorded in the process so far was delivered, or could not be, or FLUSH_TIMEOUT_MILLIS have
   * passed, with one line in that case. Never rejects.
   */
  flush(): Promise<void>;
  /**
   * Flushes, then ends this environment's part in delivery, in the same time. Another environment may take the reading
   * over.
   */
  shutdown(): Promise<void>;
  /** To be called last in this thread's exit handler: blocks, for so long at most, while the rest is delivered. */
  flushAtExit(timeoutMillis: number): void;
}

export function startDelivery(native: Native, options: DeliveryOptions): Delivery {
  if (options.exporter !== undefined) return inline(native, options, options.exporter);
  const destination = findDestination(process.env, (message) => warnOnce(message, message));
  if (destination.kind === 'otlp') return new OffThreadDelivery(native, options, destination.endpoint);
  return new NoDelivery(native, options, destination.kind === 'none');
}

// Loaded on demand: with off-thread delivery this thread needs neither the read side nor the OpenTelemetry SDK.
function inline(native: Native, options: DeliveryOptions, exporter: SpanExporter): Delivery {
  const { InlineDelivery } = require('./inline') as typeof import('./inline');
  return new InlineDelivery(native, options, exporter);
}

/**
 * This environment cannot deliver. Another one of the process may; without any, records wait in the rings and full
 * rings drop. Unless it was asked for, the process says so once, and at its end what was recorded in vain.
 */
class NoDelivery implements Delivery {
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
        'or OTEL_TRACES_EXPORTER=otlp, or give start() an exporter',
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
