// SPDX-License-Identifier: Apache-2.0
//
// How a request comes to be on this thread: started here, adopted from a carrier, or inert. Called by the tracer,
// once a request; nothing here throws.
import { type Attributes, OWNER_LIMIT } from './attributes';
import type { Carrier } from './carrier';
import { parseId } from './hex';
import { copyIds } from './id-words';
import { CLOSED, type Lane } from './lane';
import { ASK_AGAIN, LOCAL_PARENT, NONE, SCRATCH } from './native';
import type { ParentLike, ParentOptions } from './parent';
import { type Passing, PassingCarrier, PassingContext, PassingHeaders, PassingParent } from './passing';
import { INERT_REQUEST, Request } from './request';
import { askSampler, type Question, unsampledPosition } from './sampling';
import type { TraceContext } from './trace-context';

// Indices of 32-bit words in the scratch memory.
const TRACE = SCRATCH.traceId / 4;
const PARENT = SCRATCH.parent / 4;
const ROOT = SCRATCH.root / 4;
const DEFAULT_NAME = 'request';

/** How a request starts, checked by the tracer. */
export interface RequestStart {
  readonly id: string | undefined;
  readonly name: string | undefined;
  readonly module?: string | undefined;
  readonly parent: TraceContext | undefined;
  /** What the application gave as parent, for samplers. */
  readonly below?: ParentLike | undefined;
  /** W3C baggage, to be handed on. */
  readonly baggage?: string | undefined;
  readonly attributes: Attributes | undefined;
}

/** A new request on this lane; inert, handing the caller's context through, when it is not recorded or has no room. */
export function startRequest(lane: Lane, start: RequestStart): Request {
  const { id, baggage, module, parent } = start;
  const { settings, sampler } = lane;
  // A sampler may count what it is asked.
  if (sampler !== undefined) settings.catchUp();
  if (!settings.admits(module)) return inertRequest(lane, parent, id, baggage);
  const said = sampler === undefined ? undefined : askSampler(sampler, questionOf(start));
  if (said === undefined ? parent?.sampled === false : !said.sampled) {
    return inertRequest(lane, said === undefined ? parent : unsampledPosition(said, parent), id, baggage);
  }
  const state = said === undefined ? parent?.state : said.state;
  const bytes = encodeRoot(lane, start, state, said?.attributes);
  placeIds(lane, parent, said?.traceId);
  const local = parent?.local === true ? LOCAL_PARENT : 0;
  let owner = lane.native.requestStart(settings.level | local, bytes);
  while (owner === ASK_AGAIN) {
    settings.follow();
    if (!settings.admits(module)) return inertRequest(lane, parent, id, baggage);
    owner = lane.native.requestStart(settings.level | local, bytes);
  }
  if (owner === NONE) return inertRequest(lane, parent, id, baggage);
  return liveRequest(lane, owner, settings.level, id, state, baggage, false);
}

function questionOf({ id, name = DEFAULT_NAME, parent, below, baggage, attributes }: RequestStart): Question {
  return { name, parent, below, baggage, attributes: { ...(id !== undefined && { rid: id }), ...copyOf(attributes) } };
}

/** For a sampler, which is foreign code. Nothing when a getter throws: the root span drops what is behind that. */
function copyOf(attributes: Attributes | undefined): Attributes {
  try {
    return { ...attributes };
  } catch {
    return {};
  }
}

/** The length of the root span's payload. */
function encodeRoot(
  lane: Lane,
  { id, name, module, attributes }: RequestStart,
  state: string | undefined,
  sampling: Attributes | undefined,
): number {
  const payload = lane.payload.begin(OWNER_LIMIT);
  if (name !== undefined && name !== DEFAULT_NAME) payload.name(name);
  if (state !== undefined) payload.traceState(state);
  if (id !== undefined) payload.attribute('rid', id);
  if (module !== undefined) payload.attribute('gpuspan.request.module', module);
  return payload.attributes(attributes).attributes(sampling).finish();
}

/** After the payload: a getter among the attributes may itself record, and use the fixed places. */
function placeIds({ words }: Lane, parent: TraceContext | undefined, traceId: string | undefined): void {
  for (let word = TRACE; word < ROOT; word++) words[word] = 0;
  if (traceId !== undefined) parseId(traceId, 32, words, TRACE);
  if (parent === undefined) return;
  parseId(parent.traceId, 32, words, TRACE);
  parseId(parent.spanId, 16, words, PARENT);
}

/**
 * A request from a checked carrier, whose ids `checkCarrier` has written to the lane's words; inert, handing it through,
 * when it is not to be recorded or there is no room.
 */
export function adoptRequest(lane: Lane, carrier: Carrier): Request {
  const { level, id, state, baggage } = carrier;
  if (carrier.flags === 0 || level === 0) return passingRequest(new PassingCarrier(carrier), lane);
  let owner = lane.native.requestAdopt(level);
  while (owner === ASK_AGAIN) {
    lane.settings.follow();
    owner = lane.native.requestAdopt(level);
  }
  if (owner === NONE) return passingRequest(new PassingCarrier(carrier), lane);
  return liveRequest(lane, owner, level, id, state, baggage, true);
}

/** Records nothing, but hands what it was given on. */
export function inertRequest(lane: Lane, parent: TraceContext | undefined, id?: string, baggage?: string): Request {
  return passingRequest(new PassingContext(parent, id, baggage), lane);
}

/** The same while tracing is off: hands a carrier, its text, or an incoming call's headers on. */
export function passCarrier(carrier: unknown, lane?: Lane): Request {
  return carrier === undefined || carrier === null ? INERT_REQUEST : passingRequest(new PassingCarrier(carrier), lane);
}

export function passParent({ headers, parent }: ParentOptions): Request {
  if (parent !== undefined) return passingRequest(new PassingParent(headers, parent), undefined);
  return headers === undefined ? INERT_REQUEST : passingRequest(new PassingHeaders(headers), undefined);
}

function passingRequest(passing: Passing, lane: Lane | undefined): Request {
  return new Request({ level: -1, where: CLOSED, passing, lane });
}

function liveRequest(
  lane: Lane,
  owner: number,
  level: number,
  id: string | undefined,
  state: string | undefined,
  baggage: string | undefined,
  adopted: boolean,
): Request {
  const ids = copyIds(lane.words);
  const request = new Request({ level, where: owner << 16, lane, ids, adopted, id, state, baggage });
  return lane.holders.take(owner, request);
}
