// SPDX-License-Identifier: Apache-2.0
//
// Where the reader puts spans. A sink is used by one Drain, on the thread that reads the segment. It paces
// the reader: what it does not accept stays in the rings, where a full one is counted as loss, instead of
// in an unbounded queue.

import type { ReaderLossIndex } from './reader-loss';

/** Spans of one `write` that are lost for a reason; `Infinity`: all that are not lost otherwise. */
export interface SpanLoss {
  readonly reason: ReaderLossIndex;
  readonly spans: number;
}

/**
 * Receives the outcome of one `write`; called exactly once, possibly before `write` returns. `rejectedSpans`: those that
 * a receiver said it did not take, apart from the failed ones; `others`: what else is lost, apart from both.
 */
export type Settled = (failedSpans: number, rejectedSpans?: number, others?: readonly SpanLoss[]) => void;

/** `Spans`: the form in which the reader makes them. */
export interface Sink<Spans> {
  /** Whether the next `write` would be taken on at once. The reader does not read while this is false. */
  readonly ready: boolean;
  /** Takes `spans` over. Never throws. */
  write(spans: Spans, settled: Settled): void;
  /** Called when a flush has read everything that it is for; what was written may not be settled yet. Never throws. */
  caughtUp?(): void;
  /** Pushes out what the sink itself still holds. Never rejects. */
  flush(): Promise<void>;
  /** Ends the sink, without waiting longer than that; `write` is not called afterwards. Never rejects. */
  shutdown(timeoutMillis?: number): Promise<void>;
}
