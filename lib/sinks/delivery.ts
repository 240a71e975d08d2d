// SPDX-License-Identifier: Apache-2.0
//
// What an environment that called start() asks of the part that takes its slices out of the process, and what it
// tells that part. Implemented by off-thread.ts, inline.ts and no-delivery.ts.
import type { SpanExporter } from '@opentelemetry/sdk-trace-base';
import type { ProvidedResource } from '../otel/provider-resource';
import type { ResourceAttributes } from '../otel/resource';
import type { TraceOrder } from './reader';

export interface DeliveryOptions {
  /** A Perfetto trace goes there, beside whatever else there is. */
  readonly trace?: TraceOrder | undefined;
  /** Spans go to it, on this thread, whatever the variables say. */
  readonly exporter?: SpanExporter | undefined;
  readonly serviceName?: string | undefined;
  readonly resourceAttributes?: ResourceAttributes | undefined;
  readonly providedResource?: ProvidedResource | undefined;
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
