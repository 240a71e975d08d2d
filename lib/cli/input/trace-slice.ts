// SPDX-License-Identifier: Apache-2.0
//
// What TraceSpans and NestedSpans tell each other of a slice in a Perfetto trace, and of its track.
import type { Attributes, ReceivedSpan } from '../../testing/otlp-json';

/** A slice as it stood in the trace. */
export interface TraceSlice {
  readonly name: string;
  readonly category: string;
  readonly start: bigint;
  readonly end: bigint;
  readonly args: Attributes;
  /** In 16 hex digits, as the bytes stand. */
  readonly flows: readonly string[];
  readonly events: ReceivedSpan['events'];
}

export interface SliceTrack {
  readonly uuid: bigint;
  readonly name: string;
  readonly parent: SliceTrack | undefined;
  readonly pid: number | undefined;
}

/** What a slice does not say itself. */
export interface SpanSource {
  readonly traceId: string;
  readonly spanId: string;
  readonly parentSpanId: string;
  readonly links: ReceivedSpan['links'];
  readonly scope: string;
  /** Further attributes. */
  readonly more: Attributes;
}

/** An id as the attributes of a slice have it. */
export function isHex(value: unknown, digits: number): value is string {
  return typeof value === 'string' && value.length === digits && /^[0-9a-f]+$/.test(value);
}
