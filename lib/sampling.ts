// SPDX-License-Identifier: Apache-2.0
//
// Whether a new request is recorded, where something other than its parent decides: an OpenTelemetry sampler, from the
// option `sampler` or `OTEL_TRACES_SAMPLER`. Asked once, when the request starts, on its thread. The default,
// `parentbased_always_on`, needs none of this.
import { randomFillSync } from 'node:crypto';
import type { Attributes } from './attributes';
import { loadContexts } from './parent';
import type { TraceContext } from './trace-context';
import { warnOnce } from './warn';

/** The part of OpenTelemetry's Sampler that gpuspan calls; those of SDK 2.x and 3.x both fit. */
export interface SamplerLike {
  shouldSample(
    // biome-ignore lint/suspicious/noExplicitAny: the API's types, of whichever version the sampler was written for.
    ...asked: any[]
  ): {
    readonly decision: number;
    readonly attributes?: Readonly<Record<string, unknown>>;
    readonly traceState?: { serialize(): string } | undefined;
  };
}

/** What was decided. */
export interface Sampled {
  readonly sampled: boolean;
  /** The trace id that was decided for: the parent's, or a new one. 32 hexadecimal digits. */
  readonly traceId: string;
  /** W3C tracestate that goes with it. */
  readonly state: string | undefined;
  /** For the root span, over those it was given. */
  readonly attributes: Attributes | undefined;
}

// OpenTelemetry's enums, which cannot be imported at run time here.
const RECORD_AND_SAMPLED = 2;
const INTERNAL = 0;
const SERVER = 1;

/** Asks `sampler`. One that throws is told once, and the parent decides. Never throws. */
export function askSampler(
  sampler: SamplerLike,
  name: string,
  parent: TraceContext | undefined,
  attributes: Attributes,
): Sampled {
  const traceId = parent?.traceId ?? newId(16);
  const byDefault = { sampled: parent?.sampled ?? true, traceId, state: parent?.state, attributes: undefined };
  const contexts = loadContexts();
  if (contexts === undefined) return byDefault;
  try {
    const kind = parent !== undefined && parent.local !== true ? SERVER : INTERNAL;
    const said = sampler.shouldSample(contexts.parentContext(parent), traceId, name, kind, attributes, []);
    const state = said.traceState === undefined ? parent?.state : said.traceState.serialize() || undefined;
    const more = said.attributes as Attributes | undefined;
    return { sampled: said.decision === RECORD_AND_SAMPLED, traceId, state, attributes: more };
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    warnOnce('sampler', `the sampler throws: ${reason}; the parent decides, and requests without one are recorded`);
    return byDefault;
  }
}

/** A position for those downstream of a request that is not recorded: below its parent, else a trace of its own. */
export function unsampledPosition({ traceId, state }: Sampled, parent: TraceContext | undefined): TraceContext {
  const spanId = parent?.spanId ?? newId(8);
  return { traceId, spanId, sampled: false, ...(state !== undefined && { state }) };
}

function newId(bytes: 8 | 16): string {
  const id = randomFillSync(Buffer.allocUnsafe(bytes));
  // Never zero, which means "none".
  if (id.every((byte) => byte === 0)) id[0] = 1;
  return id.toString('hex');
}
