// SPDX-License-Identifier: Apache-2.0
//
// What a paced sink sends through: OpenTelemetry's SpanExporter, or one that says more than that about failures
// (transport.ts). Types only.

/** OpenTelemetry's ExportResult, and what only some know. */
export interface Answer {
  /** ExportResultCode: 0 success, 1 failed. */
  readonly code: number;
  readonly error?: Error | undefined;
  /** Spans of a success that the receiver did not take. */
  readonly rejected?: number | undefined;
  /** Of a success: all bytes have left, so nobody reads the batch any more. A receiver may answer before it has them all. */
  readonly isSent?: boolean | undefined;
  /** Of a failure: the same batch may be sent again, after so long at the earliest; undefined: it is lost. */
  readonly retryInMillis?: number | undefined;
}

export interface Exporter<Batch> {
  /** It answers by itself within so long. */
  readonly timeoutMillis?: number;
  /** No new export before this, in `performance.now()`'s milliseconds: the receiver has asked for a pause. */
  readonly notBefore?: number;
  export(batch: Batch, done: (answer: Answer) => void): void;
  /** The exports under way are given up: their connections are to be ended. The batches may be sent again. */
  abandon?(): void;
  forceFlush?(): Promise<void>;
  shutdown(): Promise<void>;
}
