// SPDX-License-Identifier: Apache-2.0
//
// Whether a new request is recorded, where something other than its parent decides: an OpenTelemetry sampler, from the
// option `sampler` or `OTEL_TRACES_SAMPLER`. Asked once, when the request starts, on its thread. The default,
// `parentbased_always_on`, needs none of this.
import type { Attributes } from './attributes';
import { toTraceState } from './carrier-check';
import { loadContexts, type ParentLike } from './parent';
import { randomId } from './random-id';
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
/** Not, only recorded, which is not exported and hence not for us, and sampled. */
const DECISIONS = [0, 1, RECORD_AND_SAMPLED];
const INTERNAL = 0;
const SERVER = 1;

/** What a sampler is asked about. */
export interface Question {
  readonly name: string;
  readonly parent: TraceContext | undefined;
  /** As the application gave it: a context may hold more than a span, and samplers look into it. */
  readonly below: ParentLike | undefined;
  readonly baggage: string | undefined;
  readonly attributes: Attributes;
}

/** Asks `sampler`. One that fails is told once, and the parent decides. Never throws. */
export function askSampler(sampler: SamplerLike, question: Question): Sampled {
  const { name, parent, below, baggage, attributes } = question;
  const traceId = parent?.traceId ?? randomId(16);
  const byDefault = { sampled: parent?.sampled ?? true, traceId, state: parent?.state, attributes: undefined };
  const contexts = loadContexts();
  if (contexts === undefined) return byDefault;
  try {
    const kind = parent !== undefined && parent.local !== true ? SERVER : INTERNAL;
    const around = contexts.samplerContext(below, parent, baggage);
    const {
      decision,
      traceState,
      attributes: more,
    } = sampler.shouldSample(around, traceId, name, kind, attributes, []);
    if (!DECISIONS.includes(decision)) throw new TypeError(`its decision is ${String(decision)}`);
    const state = traceState ? toTraceState(traceState.serialize()) : parent?.state;
    return { sampled: decision === RECORD_AND_SAMPLED, traceId, state, attributes: more as Attributes | undefined };
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    warnOnce('sampler', `the sampler fails: ${reason}; the parent decides, and requests without one are recorded`);
    return byDefault;
  }
}

/** A position for those downstream of a request that is not recorded: below its parent, else a trace of its own. */
export function unsampledPosition({ traceId, state }: Sampled, parent: TraceContext | undefined): TraceContext {
  const spanId = parent?.spanId ?? randomId(8);
  const local = parent?.local === true;
  return { traceId, spanId, sampled: false, ...(local && { local }), ...(state !== undefined && { state }) };
}
