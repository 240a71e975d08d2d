// SPDX-License-Identifier: Apache-2.0
//
// Decides how this environment's slices leave the process: an exporter given in code, on this thread; OTLP by
// the OTEL_* variables, off-thread; or nowhere. Called once by start(), on its thread.
import { getEnvironmentData, isMainThread, setEnvironmentData } from 'node:worker_threads';
import type { SpanExporter } from '@opentelemetry/sdk-trace-base';
import type { Native } from '../native';
import { findDestination } from '../otel/exporter';
import type { ResourceAttributes } from '../otel/resource';
import { FLUSH_TIMEOUT_MILLIS, flush, flushBlocking, outstanding } from './flush';
import { OffThreadDelivery } from './off-thread';
import { formatSummary, writeLine } from './summary';

export interface DeliveryOptions {
  /** Spans go to it, on this thread, whatever the variables say. */
  readonly exporter?: SpanExporter | undefined;
  readonly serviceName?: string | undefined;
  readonly resourceAttributes?: ResourceAttributes | undefined;
  /** Batch slices up to this level become one span per member; 0: none. */
  readonly expandLevel: number;
  /** One clear line for the operator. */
  readonly warn: (message: string) => void;
}

export interface Delivery {
  /** Resolves when everything recorded in the process so far was delivered, or could not be. Never rejects. */
  flush(): Promise<void>;
  /** Flushes, then ends this environment's part in delivery. Another environment may take the reading over. */
  shutdown(): Promise<void>;
  /** To be called last in this thread's exit handler: blocks, for so long at most, while the rest is delivered. */
  flushAtExit(timeoutMillis: number): void;
}

export function startDelivery(native: Native, options: DeliveryOptions): Delivery {
  if (options.exporter !== undefined) return inline(native, options, options.exporter);
  const destination = findDestination(process.env, options.warn);
  if (destination.kind === 'otlp') return new OffThreadDelivery(native, options, destination.endpoint);
  return new NoDelivery(native, options, destination.kind === 'none');
}

// Loaded on demand: with off-thread delivery this thread needs neither the read side nor the OpenTelemetry SDK.
function inline(native: Native, options: DeliveryOptions, exporter: SpanExporter): Delivery {
  const { InlineDelivery } = require('./inline') as typeof import('./inline');
  return new InlineDelivery(native, options, exporter);
}

// Worker threads inherit environment data, so the warning comes once a process and not once a thread.
const WARNED = 'gpuspan.nowhere-to-send';

/**
 * This environment cannot deliver. Another one of the process may; without any, records wait in the rings and full
 * rings drop. Says so unless it was asked for.
 */
class NoDelivery implements Delivery {
  readonly #native: Native;
  readonly #warned: boolean;

  constructor(native: Native, options: DeliveryOptions, intended: boolean) {
    this.#native = native;
    this.#warned = !intended && !this.#isRead() && getEnvironmentData(WARNED) !== true;
    if (!this.#warned) return;
    setEnvironmentData(WARNED, true);
    options.warn(
      'slices are recorded but there is nowhere to send them: set OTEL_EXPORTER_OTLP_ENDPOINT, ' +
        'or OTEL_TRACES_EXPORTER=otlp, or give start() an exporter',
    );
  }

  async flush(): Promise<void> {
    if (!this.#isRead()) return;
    await flush(
      this.#native,
      () => undefined,
      () => !this.#isRead(),
      FLUSH_TIMEOUT_MILLIS,
    );
  }

  shutdown(): Promise<void> {
    return this.flush();
  }

  flushAtExit(timeoutMillis: number): void {
    if (!this.#isRead()) {
      if (this.#warned) writeLine(formatSummary(this.#native.stats()));
    } else if (isMainThread && outstanding(this.#native)) {
      flushBlocking(this.#native, () => undefined, timeoutMillis);
    }
  }

  #isRead(): boolean {
    return this.#native.leaseHolder() !== 0;
  }
}
