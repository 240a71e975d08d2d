// SPDX-License-Identifier: Apache-2.0
//
// How a request comes to be on this thread: started here, adopted from a carrier, or inert. Called by the tracer,
// once a request; nothing here throws, except what reading the application's attributes throws.
import { type Attributes, OWNER_LIMIT } from './attributes';
import { type Carrier, hexToWords, type TraceContext } from './carrier';
import { CLOSED, type Lane } from './lane';
import { ASK_AGAIN, NONE, SCRATCH } from './native';
import { Request } from './request';

// Indices of 32-bit words in the scratch memory.
const TRACE = SCRATCH.traceId / 4;
const PARENT = SCRATCH.parent / 4;
const ROOT = SCRATCH.root / 4;
const PREVIOUS = SCRATCH.previous / 4;
const ID_WORDS = SCRATCH.span / 4;
const DEFAULT_NAME = 'request';

/** How a request starts, checked by the tracer. */
export interface RequestStart {
  readonly id: string | undefined;
  readonly name: string | undefined;
  readonly parent: TraceContext | undefined;
  readonly attributes: Attributes | undefined;
}

/** A new request on this lane; inert, handing the caller's context through, when it is unsampled or has no room. */
export function startRequest(lane: Lane, { id, name, parent, attributes }: RequestStart): Request {
  if (parent !== undefined && !parent.sampled) return inertRequest(lane, parent, id);
  if (!lane.settings.admits(undefined)) return inertRequest(lane, parent, id);
  // The payload first: a getter among the attributes may itself record, and use the fixed places.
  const payload = lane.payload.begin(OWNER_LIMIT);
  if (name !== undefined && name !== DEFAULT_NAME) payload.name(name);
  if (parent?.state !== undefined) payload.traceState(parent.state);
  payload.attributes(id === undefined ? undefined : { rid: id });
  const bytes = payload.attributes(attributes).finish();
  lane.words.fill(0, TRACE, ROOT);
  if (parent !== undefined) {
    hexToWords(parent.traceId, lane.words, TRACE);
    hexToWords(parent.spanId, lane.words, PARENT);
  }
  let owner = lane.native.requestStart(lane.settings.level, bytes);
  while (owner === ASK_AGAIN) {
    lane.settings.follow();
    if (!lane.settings.admits(undefined)) return inertRequest(lane, parent, id);
    owner = lane.native.requestStart(lane.settings.level, bytes);
  }
  if (owner === NONE) return inertRequest(lane, parent, id);
  return liveRequest(lane, owner, lane.settings.level, id, parent?.state, false);
}

/** A request from a checked carrier; inert, handing the context through, when it is not to be recorded. */
export function adoptRequest(lane: Lane, carrier: Carrier): Request {
  const { words } = lane;
  const passing: TraceContext = {
    traceId: carrier.trace,
    spanId: carrier.root,
    sampled: carrier.flags === 1,
    ...(carrier.state !== undefined && { state: carrier.state }),
  };
  if (carrier.flags === 0 || carrier.level === 0) return inertRequest(lane, passing, carrier.id);
  hexToWords(carrier.trace, words, TRACE);
  hexToWords(carrier.root, words, ROOT);
  words[PREVIOUS] = words[PREVIOUS + 1] = 0;
  if (carrier.link !== undefined) hexToWords(carrier.link, words, PREVIOUS);
  let owner = lane.native.requestAdopt(carrier.level);
  while (owner === ASK_AGAIN) {
    lane.settings.follow();
    owner = lane.native.requestAdopt(carrier.level);
  }
  if (owner === NONE) return inertRequest(lane, passing, carrier.id);
  return liveRequest(lane, owner, carrier.level, carrier.id, carrier.state, true);
}

/** Records nothing, but hands `passing` on. */
export function inertRequest(lane: Lane, passing: TraceContext | undefined, id: string | undefined): Request {
  return new Request({ level: -1, where: CLOSED, lane, ...(passing && { passing }), ...(id !== undefined && { id }) });
}

function liveRequest(
  lane: Lane,
  owner: number,
  level: number,
  id: string | undefined,
  state: string | undefined,
  adopted: boolean,
): Request {
  return new Request({
    level,
    where: owner << 16,
    lane,
    ids: lane.words.slice(0, ID_WORDS),
    adopted,
    ...(id !== undefined && { id }),
    ...(state !== undefined && { state }),
  });
}
