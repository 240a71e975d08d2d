// SPDX-License-Identifier: Apache-2.0
//
// What a program's spans must be, said once more and independently: from docs/concepts.md, docs/design/spans.md and
// docs/design/recording.md, as slow and plain as it can be said. No ids, no times, no tables: a tree of nodes. Pure.
import { ACTORS, EVENTS, PROCESSES, STAGES } from './declarations.mjs';

/**
 * @typedef {object} Node a span to come
 * @property {'root' | 'worker' | 'slice' | 'batch' | 'member'} kind
 * @property {string} name
 * @property {Node | undefined} parent undefined: none in what gpuspan exports
 * @property {string | undefined} caller span id of the remote parent of a root
 * @property {number} actor who records it
 * @property {number} order position among what its actor records
 * @property {boolean} timed whether its start was stamped when it began; false: told afterwards
 * @property {Record<string, any>} attributes
 * @property {{ name: string, attributes: object }[]} events
 * @property {{ code: number, message: string }} status
 * @property {Node[]} links
 * @property {Node[]} children
 */

/** All roots and batches of a plan, and how many calls must be counted as lost, by reason. `model`: to be wrong on purpose. */
export function expectSpans(plan, model = new Model()) {
  model.world = plan.world;
  for (const operation of plan.operations) model.take(operation);
  return { roots: model.roots, batches: model.batchNodes, losses: model.losses };
}

const ERROR = 2;
/** OpenTelemetry's limit. */
const MOST_LINKS = 128;

/** A request's stay on an actor. Level -1: nothing is recorded. */
class Stay {
  open = [];
  state = 'open';
  worker = undefined;
  lastLink = undefined;
  noted = [];

  constructor(actor, request, adopted, level, previous) {
    this.actor = actor;
    this.request = request;
    this.adopted = adopted;
    this.level = level;
    this.previous = previous;
  }
}

/** Level -1: none of its members is recorded. */
class Batch {
  open = [];
  state = 'open';

  constructor(actor, level, node, members) {
    this.actor = actor;
    this.level = level;
    this.node = node;
    this.members = members;
  }
}

export class Model {
  roots = [];
  batchNodes = [];
  losses = {};
  owners = new Map();
  slices = new Map();
  carriers = new Map();
  order = 0;
  phase = 0;
  /** @type {import('./world.mjs').Settings[][]} */
  world = [];

  take(operation) {
    this.order = operation.n;
    this.phase = operation.phase;
    this[operation.do]?.(operation);
  }

  // Requests

  start({ actor, ref, id, name, attributes, headers }) {
    const parsed = /^00-(\w{32})-(\w{16})-0([01])$/.exec(headers?.traceparent ?? '');
    const { level } = this.settings(actor);
    // The caller's word counts: what it does not sample is not recorded anywhere. Nor is what starts at level 0.
    if (parsed?.[3] === '0' || level === 0) {
      this.owners.set(ref, new Stay(actor, undefined, false, -1, undefined));
      return;
    }
    const root = this.node('root', name ?? 'request', undefined, actor);
    Object.assign(root, { caller: parsed?.[2], trace: parsed?.[1] });
    Object.assign(root.attributes, { rid: id, 'gpuspan.request.level': level }, attributes);
    this.roots.push(root);
    this.owners.set(ref, new Stay(actor, root, false, level, undefined));
  }

  /** Of the process: a request's level is the one at its start, a stage's module has to be on when a slice begins. */
  settings(actor) {
    return this.world[this.phase][ACTORS[actor].process];
  }

  send({ owner, carrier }) {
    const stay = this.owners.get(owner);
    const link = stay.state === 'open' ? (stay.open[0] ?? stay.previous) : stay.lastLink;
    this.carriers.set(carrier, { root: stay.request, level: stay.level, link });
  }

  adopt({ actor, ref, carrier }) {
    const { root, level, link } = this.carriers.get(carrier);
    this.owners.set(ref, new Stay(actor, root, true, level, link));
  }

  set({ owner, attributes }) {
    const stay = this.owners.get(owner);
    if (stay.level < 0) return;
    if (stay instanceof Batch) return this.setOfBatch(stay, attributes);
    if (stay.state === 'over') this.lose('closed');
    else if (!stay.adopted) Object.assign(stay.request.attributes, attributes);
    else stay.noted.push(attributes);
  }

  /** Of the stay, which has a span only if it did something. */
  setWorker({ owner, attributes }) {
    const stay = this.owners.get(owner);
    if (stay.level < 0) return;
    if (stay.state === 'open') stay.noted.push(attributes);
    else this.lose('closed');
  }

  leave({ owner, attributes }) {
    const stay = this.owners.get(owner);
    if (stay.level < 0) return;
    if (stay.state !== 'open') return this.lose('closed');
    this.endStay(stay, attributes, undefined);
    stay.state = stay.adopted ? 'over' : 'left';
  }

  finish({ owner, attributes }) {
    const stay = this.owners.get(owner);
    if (stay.level < 0) return;
    if (stay.state === 'over') return this.lose('closed');
    if (stay.state === 'open') this.endStay(stay, stay.adopted ? attributes : undefined, undefined);
    if (!stay.adopted) Object.assign(stay.request.attributes, attributes);
    stay.state = 'over';
  }

  abort({ owner, reason, error, attributes }) {
    const stay = this.owners.get(owner);
    if (stay.level < 0) return;
    if (stay.state === 'over') return this.lose('closed');
    if (stay.state === 'open')
      this.endStay(stay, stay.adopted ? attributes : undefined, stay.adopted ? { reason, error } : undefined);
    if (!stay.adopted) {
      Object.assign(stay.request.attributes, attributes);
      fail(stay.request, reason, error);
    }
    stay.state = 'over';
  }

  /** What is open is closed and flagged, innermost first; then the request leaves its batches. */
  endStay(stay, attributes, failure) {
    stay.lastLink = stay.open[0] ?? stay.previous;
    this.closeAll(stay);
    for (const batch of this.owners.values()) {
      if (!(batch instanceof Batch) || batch.state !== 'open') continue;
      const member = batch.members.find((candidate) => candidate.stay === stay && !candidate.left);
      if (member === undefined) continue;
      member.left = true;
      if (batch.members.every(({ left }) => left)) this.closeBatch(batch, true);
    }
    // A worker span is there only if the stay did something.
    if (stay.worker === undefined) return;
    for (const noted of stay.noted) Object.assign(stay.worker.attributes, noted);
    Object.assign(stay.worker.attributes, attributes);
    if (failure !== undefined) fail(stay.worker, failure.reason, failure.error);
  }

  workerOf(stay) {
    if (stay.worker === undefined) {
      stay.worker = this.node('worker', ACTORS[stay.actor].label, stay.request, stay.actor);
      stay.worker.attributes['gpuspan.request.level'] = stay.level;
    }
    return stay.worker;
  }

  // Slices

  begin({ owner: id, token, stage, parent, actor }) {
    const owner = this.owners.get(id);
    if (!this.records(STAGES[stage], owner, actor)) return;
    if (owner.state !== 'open') return this.lose('closed');
    const named = this.slices.get(parent);
    const from = named?.owner === owner && named.isOpen ? named : owner.open.at(-1);
    this.slices.set(token, this.open(owner, stage, this.parentOf(owner, stage, from)));
  }

  scope(operation) {
    this.begin(operation);
  }

  leaf({ owner, stage, actor, throws }) {
    this.begin({ owner, token: 'leaf', stage, parent: undefined, actor });
    const slice = this.slices.get('leaf');
    this.slices.delete('leaf');
    if (slice === undefined) return;
    if (throws) fail(slice.node, 'leaf', true);
    this.closeSlice(slice);
  }

  end({ token, attributes, columns }) {
    const slice = this.slices.get(token);
    if (slice === undefined) return;
    if (!slice.isOpen) return this.lose('stale');
    this.endSlice(slice, attributes, columns);
  }

  annotate({ token, attributes, columns }) {
    const slice = this.slices.get(token);
    if (slice === undefined) return;
    if (!slice.isOpen) return this.lose('stale');
    Object.assign(slice.node.attributes, attributes);
    this.fillColumns(slice, columns);
  }

  /** It goes on. */
  fail({ token, reason, error }) {
    const slice = this.slices.get(token);
    if (slice === undefined) return;
    if (!slice.isOpen) return this.lose('stale');
    fail(slice.node, reason, error);
  }

  settle({ token, throws }) {
    const slice = this.slices.get(token);
    if (slice === undefined) return;
    if (!slice.isOpen) return this.lose('stale');
    if (throws) fail(slice.node, 'scope', true);
    this.endSlice(slice, undefined, undefined);
  }

  next({ owner: id, ended, token, stage, attributes, actor }) {
    const owner = this.owners.get(id);
    const old = this.slices.get(ended);
    if (old === undefined) return this.begin({ owner: id, token, stage, parent: undefined, actor });
    if (!old.isOpen) return this.lose('stale');
    const recorded = this.records(STAGES[stage], owner, actor);
    const { above } = old;
    const outwards = owner.open.slice(0, owner.open.indexOf(old));
    this.endSlice(old, attributes, undefined);
    if (!recorded) return;
    this.slices.set(token, this.open(owner, stage, this.siblingParent(owner, stage, old, above, outwards)));
  }

  record({ owner: id, stage, attributes, backwards, actor }) {
    const owner = this.owners.get(id);
    if (!this.records(STAGES[stage], owner, actor)) return;
    if (owner.state !== 'open') return this.lose('closed');
    if (backwards) return this.lose('time');
    const slice = this.open(owner, stage, this.parentOf(owner, stage, owner.open.at(-1)), true);
    this.endSlice(slice, attributes, undefined);
  }

  event({ owner: id, event, attributes, actor, slice }) {
    const owner = this.owners.get(id);
    if (!this.records(EVENTS[event], owner, actor)) return;
    if (owner.state !== 'open') return this.lose('closed');
    const named = this.slices.get(slice);
    if (named !== undefined && !named.isOpen) return this.lose('stale');
    const outer = owner instanceof Batch ? owner.node : this.workerOf(owner);
    const node = (named ?? owner.open.at(-1))?.node ?? outer;
    node.events.push({ name: EVENTS[event].name, attributes: attributes ?? {} });
  }

  records({ module, level }, owner, actor) {
    const { modules } = this.settings(actor);
    return level <= owner.level && (modules === undefined || modules.includes(module));
  }

  /** `from`: the slice to begin below, if one is open; of a batch, the nearest whose level is not above the stage's. */
  parentOf(owner, stage, from) {
    if (!(owner instanceof Batch)) return from;
    const candidates = owner.open.slice(0, owner.open.indexOf(from) + 1);
    return candidates.findLast(({ level }) => level <= STAGES[stage].level);
  }

  /** `next` makes a sibling; on a batch only where the parent's level permits. */
  siblingParent(owner, stage, old, above, outwards) {
    if (!(owner instanceof Batch) || above === undefined || STAGES[stage].level >= old.level) return above;
    const index = outwards.indexOf(above);
    return outwards.slice(0, index + 1).findLast(({ level }) => level <= STAGES[stage].level);
  }

  /** `above`: the slice it lies in, or undefined: directly in the worker or batch span. */
  open(owner, stage, above, told = false) {
    const { name, level } = STAGES[stage];
    const outer = owner instanceof Batch ? owner.node : this.workerOf(owner);
    const node = this.node('slice', name, above?.node ?? outer, owner.actor);
    node.timed = !told;
    const slice = { owner, level, node, above, isOpen: true, members: new Map() };
    if (owner instanceof Batch) this.expand(owner, slice, told);
    else if (above === undefined && owner.previous !== undefined) node.links.push(owner.previous.node);
    owner.open.push(slice);
    return slice;
  }

  /** A span for every member that is there, whose level and the process's option allow it. */
  expand(batch, slice, told) {
    const { expandLevel } = PROCESSES[ACTORS[batch.actor].process];
    for (const member of batch.members) {
      if (member.left || slice.level > Math.min(member.stay.level, expandLevel)) continue;
      const parent = slice.above === undefined || told ? member.parent : slice.above.members.get(member);
      const node = this.node('member', slice.node.name, parent, batch.actor);
      node.timed = slice.node.timed;
      node.links.push(batch.node);
      slice.members.set(member, node);
    }
  }

  endSlice(slice, attributes, columns) {
    Object.assign(slice.node.attributes, attributes);
    this.fillColumns(slice, columns);
    this.closeSlice(slice);
  }

  fillColumns(slice, columns) {
    for (const [member, node] of slice.members) {
      for (const [key, values] of Object.entries(columns ?? {})) node.attributes[key] = values[member.position];
    }
  }

  closeSlice(slice) {
    slice.isOpen = false;
    const { owner, node } = slice;
    owner.open.splice(owner.open.indexOf(slice), 1);
    if (!(owner instanceof Batch) && slice.above === undefined) owner.previous = slice;
    for (const copy of slice.members.values()) {
      Object.assign(copy.attributes, node.attributes);
      copy.events.push(...node.events);
      copy.status = node.status;
    }
  }

  closeAll(owner) {
    for (const slice of [...owner.open].reverse()) {
      slice.node.attributes['gpuspan.unfinished'] = true;
      this.closeSlice(slice);
    }
  }

  // Batches

  batch({ batch: id, actor, members: refs, attributes, previous }) {
    const members = [];
    for (const [position, ref] of refs.entries()) {
      const stay = this.owners.get(ref);
      if (stay.level < 0) continue;
      if (stay.state === 'open') members.push({ stay, position, left: false, parent: undefined });
      else this.lose('closed');
    }
    if (members.length === 0) {
      this.owners.set(id, new Batch(actor, -1, undefined, []));
      return;
    }
    const node = this.node('batch', 'batch', undefined, actor);
    Object.assign(node.attributes, attributes, { 'gpuspan.batch.size': members.length });
    const continued = this.owners.get(previous)?.node;
    if (continued !== undefined) node.links.push(continued);
    for (const member of members) {
      const worker = this.workerOf(member.stay);
      member.parent = member.stay.open.at(-1)?.node ?? worker;
      node.links.push(worker);
    }
    node.links.length = Math.min(node.links.length, MOST_LINKS);
    this.batchNodes.push(node);
    this.owners.set(id, new Batch(actor, Math.max(...members.map(({ stay }) => stay.level)), node, members));
  }

  setOfBatch(batch, attributes) {
    if (batch.state !== 'open') this.lose('closed');
    else Object.assign(batch.node.attributes, attributes);
  }

  endBatch({ owner: id, attributes }) {
    const batch = this.owners.get(id);
    if (batch.level < 0) return;
    if (batch.state !== 'open') return this.lose('closed');
    this.closeBatch(batch, false);
    Object.assign(batch.node.attributes, attributes);
  }

  closeBatch(batch, unfinished) {
    this.closeAll(batch);
    if (unfinished) batch.node.attributes['gpuspan.unfinished'] = true;
    batch.state = 'over';
  }

  lose(reason) {
    this.losses[reason] = (this.losses[reason] ?? 0) + 1;
  }

  node(kind, name, parent, actor) {
    const { order } = this;
    const node = {
      kind,
      name,
      parent,
      actor,
      order,
      timed: true,
      attributes: {},
      events: [],
      status: { code: 0, message: '' },
      links: [],
      children: [],
    };
    parent?.children.push(node);
    return node;
  }
}

function fail(node, message, isError) {
  node.status = { code: ERROR, message };
  if (isError)
    node.events.push({
      name: 'exception',
      attributes: { 'exception.type': 'RangeError', 'exception.message': message },
    });
}
