// SPDX-License-Identifier: Apache-2.0
//
// A position in a trace, in the three forms that gpuspan passes on without OpenTelemetry: W3C headers, carriers, and
// carriers of a later version. Pure, once a request; used by requests that leave or record nothing here.
import type { Carrier } from './carrier';
import { checkCarrier, makeCarrier, passableCarrier } from './carrier-check';

/** A position in a trace, as headers carry it. */
export interface TraceContext {
  readonly traceId: string;
  readonly spanId: string;
  readonly sampled: boolean;
  /** The span is one of this process; absent: of another. */
  readonly local?: boolean;
  readonly state?: string;
}

const TRACEPARENT = /^\s?([0-9a-f]{2})-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})(-.*)?\s?$/;
const SAMPLED = 1;

/** W3C headers of a position. */
export function formatHeaders(context: TraceContext, baggage: string | undefined): Record<string, string> {
  const headers: Record<string, string> = { traceparent: formatTraceparent(context) };
  if (context.state !== undefined) headers['tracestate'] = context.state;
  if (baggage !== undefined) headers['baggage'] = baggage;
  return headers;
}

/** A carrier's position; also a later version's, which keeps `trace`, `root`, `flags` and `state` as they are. */
export function carrierContext(carrier: unknown): TraceContext | undefined {
  const checked = checkCarrier(carrier);
  const known = checked === 'version' ? asThisVersion(carrier) : checked;
  if (typeof known === 'string') return undefined;
  const context = { traceId: known.trace, spanId: known.root, sampled: known.flags === SAMPLED };
  return known.state === undefined ? context : { ...context, state: known.state };
}

/** A carrier that takes only the position in these headers along. */
export function carrierOfHeaders(headers: Readonly<Record<string, string>>): Carrier | undefined {
  const [, version, trace, root, flags, later] = TRACEPARENT.exec(headers['traceparent'] ?? '') ?? [];
  if (version === undefined || version === 'ff' || (version === '00' && later !== undefined)) return undefined;
  const sampled = (Number.parseInt(flags!, 16) & SAMPLED) !== 0 ? 1 : 0;
  const { tracestate, baggage } = headers;
  const checked = checkCarrier(makeCarrier(trace!, root!, undefined, 0, sampled, undefined, tracestate, baggage));
  return typeof checked === 'string' ? undefined : checked;
}

function asThisVersion(carrier: unknown): ReturnType<typeof checkCarrier> {
  const later = passableCarrier(carrier);
  if (later === undefined) return 'version';
  const { trace, root, flags, state, baggage } = later;
  return checkCarrier(makeCarrier(trace, root, undefined, 0, flags, undefined, state, baggage));
}

/** A carrier's baggage; also a later version's. */
export function carrierBaggage(carrier: unknown): string | undefined {
  const checked = checkCarrier(carrier);
  const known = checked === 'version' ? asThisVersion(carrier) : checked;
  return typeof known === 'string' ? undefined : known.baggage;
}

/** The value of `traceparent`. */
export function formatTraceparent({ traceId, spanId, sampled }: TraceContext): string {
  return `00-${traceId}-${spanId}-${sampled ? '01' : '00'}`;
}
