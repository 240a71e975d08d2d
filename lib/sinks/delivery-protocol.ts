// SPDX-License-Identifier: Apache-2.0
//
// What off-thread.ts (the environment that called start) and delivery-worker.ts (the thread that reads) say
// to each other. Everything else they share is in the segment: the lease, the flush ticket, the account.
import type { Destination } from '../otel/destination';
import type { ProvidedResource } from '../otel/provider-resource';
import type { ResourceAttributes } from '../otel/resource';
import type { Failure, Recovery } from './episode';
import type { TraceOrder } from './reader';

/** The exporter reads the OTEL_* variables itself; the endpoint is for messages only. */
export type OtlpDestination = Extract<Destination, { kind: 'otlp' }>;

/** `workerData` of the delivery worker. */
export interface DeliveryOrder {
  /** Holds the lease; the worker transfers it to its own environment. */
  readonly parentEnvironment: number;
  /** One of the two, or both. */
  readonly otlp: OtlpDestination | undefined;
  readonly trace: TraceOrder | undefined;
  readonly serviceName: string | undefined;
  readonly resourceAttributes: ResourceAttributes | undefined;
  readonly providedResource: ProvidedResource | undefined;
  readonly expandLevel: number;
}

/**
 * `wake`: look for a flush ticket now. `hurry`: the process ends, send nothing again for long. `stop`: flush was done, shut
 * the exporter down and end.
 */
export interface ToWorker {
  readonly type: 'wake' | 'hurry' | 'stop';
}

/** `reading`: holds the lease and reads. The others: what became of exports. */
export type FromWorker =
  | { readonly type: 'reading' }
  | ({ readonly type: 'failure' } & Failure)
  | ({ readonly type: 'recovery' } & Recovery);
