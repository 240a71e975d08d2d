// SPDX-License-Identifier: Apache-2.0
//
// Where and when an event happened, for those that do not happen here and now. Used by `event` of requests and
// batches, on the thread that records.
import type { Token } from './lane';

/** What `event` takes for an event that is not one of the innermost open slice, now. */
export interface EventOptions {
  /**
   * ns of CLOCK_MONOTONIC, from 0 to 2^63 - 1 (`tracer.now`, `tracer.fromPerformance`). Kept as told, also where it
   * lies outside the slice; anything else is a counted loss, reason `invalid`. Default: now.
   */
  readonly time?: bigint;
  /**
   * The open slice it belongs to, a host slice of the same request or batch; one that is not is a counted loss,
   * reason `stale`. Default, and with the token 0: the innermost open slice.
   */
  readonly slice?: Token;
}
