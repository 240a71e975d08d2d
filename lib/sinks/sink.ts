// SPDX-License-Identifier: Apache-2.0
//
// Where the reader puts spans. A sink is used by one Drain, on the thread that reads the segment. It paces
// the reader: what it does not accept stays in the rings, where a full one is counted as loss, instead of
// in an unbounded queue.

/**
 * Receives the outcome of one `write`; called exactly once, possibly before `write` returns. `rejectedSpans`: those that
 * a receiver said it did not take, apart from the failed ones.
 */
export type Settled = (failedSpans: number, rejectedSpans?: number) => void;

/** `Spans`: the form in which the reader makes them. */
export interface Sink<Spans> {
  /** Whether the next `write` would be taken on at once. The reader does not read while this is false. */
  readonly ready: boolean;
  /** Takes `spans` over. Never throws. */
  write(spans: Spans, settled: Settled): void;
  /** Pushes out what the sink itself still holds. Never rejects. */
  flush(): Promise<void>;
  /** Ends the sink, without waiting longer than that; `write` is not called afterwards. Never rejects. */
  shutdown(timeoutMillis?: number): Promise<void>;
}
