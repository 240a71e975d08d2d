// SPDX-License-Identifier: Apache-2.0
//
// Random programs. A program is drawn as a list of steps of four numbers, which shrinks well; `planProgram` turns it
// into operations on named requests, slices, batches and carriers, each done by one actor (a thread of the pool).
// The order of the list is one that the actors may have; they run at the same time and wait only for carriers. So what
// comes out must not depend on who was faster. Used by the runner; pure.
import fc from 'fast-check';
import { ACTORS, EVENTS, STAGES } from './declarations.mjs';
import { LAST_PHASE, worldOf } from './world.mjs';

/** How often each kind of step is drawn. */
const WEIGHTS = {
  start: 4,
  begin: 14,
  end: 11,
  next: 4,
  scope: 3,
  settle: 7,
  leaf: 2,
  record: 3,
  event: 4,
  set: 2,
  send: 5,
  adopt: 7,
  batch: 3,
  batchBegin: 7,
  batchEnd: 5,
  batchNext: 3,
  batchRecord: 2,
  batchEvent: 2,
  batchSet: 1,
  annotate: 4,
  batchAnnotate: 2,
  fail: 1,
  batchClose: 1,
  leave: 2,
  finish: 2,
  abort: 1,
  misuse: 1,
  pause: 4,
  phase: 1,
};

const KINDS = Object.entries(WEIGHTS).flatMap(([kind, weight]) => Array.from({ length: weight }, () => kind));
const number = fc.nat(999);
const step = fc.tuple(fc.constantFrom(...KINDS), number, number, number);

/** Programs of up to `most` steps. */
export function programs(most = 90) {
  return fc.array(step, { minLength: 1, maxLength: most, size: 'max' });
}

/** @typedef {{ do: string, actor: number, n: number } & Record<string, any>} Operation */
/** @typedef {[string, number, number, number]} Step kind of operation, and three numbers that say which */
/** @typedef {{ seed: number, steps: Step[], operations: Operation[], world: import('./world.mjs').Settings[][] }} Plan */

/** How the body of a scope goes on after its call. The first is a plain function's, for scopes that end at once. */
const WAYS = ['plain', 'promise', 'generator', 'asyncGenerator'];

/** The operations of a program. `seed` makes its trace ids its own. @returns {Plan} */
export function planProgram(steps, seed) {
  const planner = new Planner(seed);
  for (const given of steps) planner.take(given);
  planner.close();
  return { seed, steps, operations: planner.operations, world: worldOf(seed) };
}

/** One line for the settings of each phase that it has, and one an operation; for people. */
export function describePlan(plan) {
  const phases = new Set(plan.operations.map(({ phase }) => phase));
  return [...[...phases].map((phase) => describeSettings(phase, plan.world[phase])), ...describeOperations(plan)];
}

function describeSettings(phase, settings) {
  const all = settings.map(
    ({ level, modules, actor }) => `${ACTORS[actor].label} sets level ${level}, ${modules?.join(' ') ?? 'all modules'}`,
  );
  return `phase ${phase}: ${all.join('; ')}`;
}

function describeOperations(plan) {
  return plan.operations.map(({ do: what, actor, n, phase, ...rest }) => {
    const words = Object.entries(rest)
      .filter(([, value]) => value !== undefined)
      .map(([key, value]) => `${key}=${JSON.stringify(value)}`);
    return `${n}${phase > 0 ? ` phase ${phase}` : ''} ${ACTORS[actor].label}: ${what} ${words.join(' ')}`.trimEnd();
  });
}

const at = (list, index) => list[index % list.length];

/** The body throws, or its generator is left early; else it returns. */
function howScopesEnd(c) {
  return { throws: c % 3 === 2 || undefined, left: c % 3 === 1 || undefined };
}

class Planner {
  operations = [];
  refs = [];
  batches = [];
  carriers = [];
  #seed;
  #requests = 0;
  #tokens = 0;
  #phase = 0;

  constructor(seed) {
    this.#seed = seed;
  }

  take([kind, a, b, c]) {
    this[kind](a, b, c);
  }

  /** Every request ends, so that all of it is exported: whatever is open here ends now. */
  close() {
    for (const batch of this.batches.filter(({ over, id }) => !over && id % 2 === 0)) this.#endBatch(batch);
    for (const ref of this.refs.filter(({ adopted, state }) => adopted && state === 'open')) this.#endStay(ref, ref.id);
    for (const ref of this.refs.filter(({ adopted, state }) => !adopted && state !== 'over'))
      this.finish(0, ref.id, 1, ref);
  }

  start(a, b, c) {
    const actor = a % ACTORS.length;
    const request = this.#requests++;
    const ref = this.#newRef(actor, request, false);
    const n = this.operations.length;
    const id = `p${this.#seed}r${request}`;
    const attributes = c % 3 === 2 ? { k: n, text: `start ${c}` } : undefined;
    ref.via = b % 4 === 3 ? 'trace' : 'request';
    const way = ref.via === 'trace' ? WAYS[1 + (c % 3)] : undefined;
    const name = c % 5 === 4 ? 'served' : undefined;
    this.#add(actor, {
      do: 'start',
      ref: ref.id,
      request,
      id,
      via: ref.via,
      way,
      name,
      attributes,
      headers: this.#headers(b, c, request),
    });
    return ref;
  }

  begin(a, b, c, ref = this.#live(a)) {
    this.#begin('begin', ref, ref.slices, b, c, { ambient: c % 7 === 6 || undefined });
  }

  scope(a, b, c) {
    const ref = this.#live(a);
    this.#scope(ref, b, c, c % 5 === 4 || undefined);
  }

  leaf(a, b, c) {
    const ref = this.#live(a);
    this.#add(ref.actor, {
      do: 'leaf',
      owner: ref.id,
      stage: b % STAGES.length,
      way: WAYS[c % 4],
      ...howScopesEnd(b),
      wrap: c % 5 === 4 || undefined,
    });
  }

  end(a, b, c) {
    const ref = this.#live(a);
    const open = ref.slices.filter(({ over, scope }) => !over && !scope);
    if (open.length === 0) return this.begin(a, b, c, ref);
    this.#end(ref, at(open, b), c);
  }

  settle(a, b, c) {
    const ref = this.#live(a);
    const open = ref.slices.filter(({ over, scope }) => !over && scope);
    if (open.length === 0) return this.scope(a, b, c);
    const slice = at(open, b);
    slice.over = true;
    this.#add(ref.actor, { do: 'settle', token: slice.token, ...howScopesEnd(c) });
  }

  next(a, b, c) {
    const ref = this.#live(a);
    this.#next(ref, ref.slices, b, c, () => this.begin(a, b, c, ref));
  }

  record(a, b, c) {
    const ref = this.#live(a);
    const n = this.operations.length;
    this.#add(ref.actor, {
      do: 'record',
      owner: ref.id,
      stage: b % STAGES.length,
      attributes: { n },
      backwards: c % 16 === 1 || undefined,
    });
  }

  event(a, b, c) {
    const ref = this.#live(a);
    this.#event(ref, b, c);
  }

  set(a, b, c) {
    const ref = b % 5 === 0 ? at(this.refs.length > 0 ? this.refs : [this.start(a, 1, 1)], a) : this.#live(a);
    const what = c % 4 === 3 ? 'setWorker' : 'set';
    if (ref.state !== 'over')
      this.#add(ref.actor, { do: what, owner: ref.id, attributes: { s: this.operations.length, list: [c, b] } });
  }

  /** Attributes for a slice that goes on; of a batch, with a value for each member. */
  annotate(a, b, c, owner = this.#live(a)) {
    const open = owner.slices.filter(({ over, nameless }) => !over && !nameless);
    if (open.length === 0) return this.#begin('begin', owner, owner.slices, b, c, {});
    const columns = owner.members !== undefined && c % 2 === 0 ? { noted: this.#column(owner, b) } : undefined;
    const attributes = { a: this.operations.length };
    this.#add(owner.actor, { do: 'annotate', owner: owner.id, token: at(open, b).token, attributes, columns });
  }

  batchAnnotate(a, b, c) {
    this.annotate(a, b, c, this.#openBatch(a, b, c));
  }

  /** Of a slice that goes on, once; a scope's own failure would be a second. */
  fail(a, b, c) {
    const owner = c % 4 === 0 ? this.#openBatch(a, b, c) : this.#live(a);
    const slice = owner.slices.findLast(({ over, scope, failed }) => !over && !scope && !failed);
    if (slice === undefined) return this.#begin('begin', owner, owner.slices, b, c, {});
    slice.failed = true;
    const reason = `bad ${this.operations.length}`;
    this.#add(owner.actor, {
      do: 'fail',
      owner: owner.id,
      token: slice.token,
      reason,
      error: b % 2 === 0 || undefined,
    });
  }

  send(a, b, c) {
    const sendable = this.refs.filter(({ state, adopted }) => state !== 'over' || adopted);
    const ref = sendable.length === 0 ? this.start(a, b, c) : at(sendable, a);
    const carrier = this.carriers.length;
    const header = c % 3 === 2 || undefined;
    const operation = this.#add(ref.actor, { do: 'send', owner: ref.id, carrier, header, to: [] });
    this.carriers.push({ id: carrier, request: ref.request, to: operation.to });
  }

  adopt(a, b, c) {
    if (this.carriers.length === 0) this.send(a, b, c);
    const carrier = at(this.carriers, a);
    const actor = b % ACTORS.length;
    if (!carrier.to.includes(actor)) carrier.to.push(actor);
    const ref = this.#newRef(actor, carrier.request, true);
    this.#add(actor, { do: 'adopt', ref: ref.id, carrier: carrier.id });
  }

  /**
   * Members are refs of one actor; those that have ended are among them now and then, and two of one request. A third
   * continue another batch of theirs, ended or not.
   */
  batch(a, b, c) {
    const first = this.#live(a);
    const { actor } = first;
    const here = this.refs.filter(
      (ref) => ref.actor === actor && ref !== first && (ref.state === 'open' || c % 4 === 0),
    );
    const members = [first, ...here.filter((_, index) => (b >> (index % 10)) % 2 === 0)].map(({ id }) => id);
    const n = this.operations.length;
    const earlier = this.batches.filter((batch) => batch.actor === actor);
    const previous = c % 3 === 1 && earlier.length > 0 ? at(earlier, b).id : undefined;
    const batch = {
      id: `b${this.batches.length}`,
      at: this.batches.length,
      actor,
      members: members.length,
      over: false,
      slices: [],
    };
    this.batches.push(batch);
    this.#add(actor, {
      do: 'batch',
      batch: batch.id,
      members,
      previous,
      attributes: { batch: `p${this.#seed}${batch.id}`, ...(c % 2 === 0 && { k: n }) },
    });
    return batch;
  }

  batchBegin(a, b, c) {
    const batch = this.#openBatch(a, b, c);
    if (c % 6 === 5) this.#scope(batch, b, c, undefined);
    else this.#begin('begin', batch, batch.slices, b, c, {});
  }

  batchEnd(a, b, c) {
    const batch = this.#openBatch(a, b, c);
    const open = batch.slices.filter(({ over }) => !over);
    if (open.length === 0) return this.#begin('begin', batch, batch.slices, b, c, {});
    const slice = at(open, b);
    if (!slice.scope) return this.#end(batch, slice, c, c % 2 === 0 ? { accepted: this.#column(batch, c) } : undefined);
    slice.over = true;
    this.#add(batch.actor, { do: 'settle', token: slice.token, ...howScopesEnd(c) });
  }

  batchNext(a, b, c) {
    const batch = this.#openBatch(a, b, c);
    this.#next(batch, batch.slices, b, c, () => this.#begin('begin', batch, batch.slices, b, c, {}));
  }

  batchRecord(a, b, c) {
    const batch = this.#openBatch(a, b, c);
    this.#add(batch.actor, {
      do: 'record',
      owner: batch.id,
      stage: b % STAGES.length,
      attributes: { n: this.operations.length },
    });
  }

  batchEvent(a, b, c) {
    this.#event(this.#openBatch(a, b, c), b, c);
  }

  batchSet(a, b, c) {
    const batch = this.#openBatch(a, b, c);
    this.#add(batch.actor, { do: 'set', owner: batch.id, attributes: { s: this.operations.length } });
  }

  batchClose(a, b, c) {
    this.#endBatch(this.#openBatch(a, b, c));
  }

  leave(a, _b, c) {
    const ref = this.#live(a);
    ref.state = ref.adopted ? 'over' : 'left';
    this.#add(ref.actor, {
      do: 'leave',
      owner: ref.id,
      attributes: ref.adopted || c % 2 === 0 ? this.#stay(ref) : undefined,
    });
  }

  /** Only of whoever started it; an adopted one is left by `#endStay`. */
  finish(a, b, _c, ref = this.#own(a)) {
    ref.state = 'over';
    this.#add(ref.actor, {
      do: 'finish',
      owner: ref.id,
      attributes: ref.via !== 'trace' && b % 2 === 0 ? { f: this.operations.length } : undefined,
    });
  }

  abort(a, b, c) {
    const ref = c % 2 === 0 ? this.#own(a) : this.#live(a);
    if (ref.adopted) return this.#endStay(ref, 2);
    ref.state = 'over';
    this.#abort(ref, b);
  }

  /** Calls that come too late, or twice. */
  misuse(a, b, c) {
    const over = this.refs.filter(({ state }) => state === 'over');
    if (over.length === 0) return this.finish(a, b, c);
    const ref = at(over, a);
    const ended = ref.slices.filter((slice) => slice.over && !slice.scope);
    const kind = at(
      ended.length > 0
        ? ['begin', 'event', 'finish', 'end', 'end', 'set', 'annotate', 'fail']
        : ['begin', 'event', 'finish', 'set'],
      b,
    );
    if (kind === 'begin') this.#begin('begin', ref, [], b, 0, {});
    else if (kind === 'event') this.#event(ref, b, c);
    else if (kind === 'end') this.#add(ref.actor, { do: 'end', owner: ref.id, token: at(ended, c).token });
    else if (kind === 'annotate')
      this.#add(ref.actor, { do: 'annotate', owner: ref.id, token: at(ended, c).token, attributes: { a: 1 } });
    else if (kind === 'fail')
      this.#add(ref.actor, { do: 'fail', owner: ref.id, token: at(ended, c).token, reason: 'late' });
    else if (kind === 'set') this.#add(ref.actor, { do: 'set', owner: ref.id, attributes: { s: 1 } });
    else if (ref.via !== 'trace') this.#add(ref.actor, { do: 'finish', owner: ref.id });
  }

  /** Gives the other programs on this thread a turn. */
  pause(a) {
    this.#add(a % ACTORS.length, { do: 'pause' });
  }

  /** What follows comes after a change of settings. */
  phase() {
    this.#phase = Math.min(this.#phase + 1, LAST_PHASE);
  }

  #add(actor, operation) {
    const added = { n: this.operations.length, phase: this.#phase, actor, ...operation };
    this.operations.push(added);
    return added;
  }

  #newRef(actor, request, adopted) {
    const ref = { id: this.refs.length, actor, request, adopted, state: 'open', slices: [] };
    this.refs.push(ref);
    return ref;
  }

  #live(a) {
    const live = this.refs.filter(({ state }) => state === 'open');
    return live.length === 0 ? this.start(a, 1, 1) : at(live, a);
  }

  #own(a) {
    const own = this.refs.filter(({ state, adopted }) => !adopted && state !== 'over');
    return own.length === 0 ? this.start(a, 1, 1) : at(own, a);
  }

  #openBatch(a, b, c) {
    const open = this.batches.filter(({ over }) => !over);
    return open.length === 0 ? this.batch(a, b, c) : at(open, a);
  }

  #headers(b, c, request) {
    const kind = b % 8;
    if (kind < 5) return undefined;
    // Two requests of one caller share its trace.
    const trace = `${(this.#seed + 1).toString(16).padStart(16, '0')}${(c % 5 === 1 ? 7 : 16 + request).toString(16).padStart(16, '0')}`;
    return { traceparent: `00-${trace}-00000000000000a1-0${kind === 6 ? 0 : 1}` };
  }

  #begin(kind, owner, slices, b, c, more) {
    const token = this.#tokens++;
    const named = owner.slices.filter(({ nameless }) => !nameless);
    const parent = c % 4 === 3 && named.length > 0 && !more.wrap ? at(named, c).token : undefined;
    const slice = { token, over: false, scope: false, nameless: more.wrap === true };
    slices.push(slice);
    this.#add(owner.actor, { do: kind, owner: owner.id, token, stage: b % STAGES.length, parent, ...more });
    return slice;
  }

  // A function that was wrapped (`wrap`) is not told its token, and cannot name a parent.
  #scope(owner, b, c, wrap) {
    this.#begin('scope', owner, owner.slices, b, c, { way: WAYS[1 + (c % 3)], wrap }).scope = true;
  }

  // A quarter of them without attributes: the way of nearly every slice.
  #end(owner, slice, c, columns) {
    slice.over = true;
    const n = this.operations.length;
    const attributes = c % 4 === 3 ? undefined : { n, ...(c % 5 === 0 && { text: `end ${c}`, flag: true }) };
    this.#add(owner.actor, { do: 'end', owner: owner.id, token: slice.token, attributes, columns });
  }

  #next(owner, slices, b, c, otherwise) {
    const open = slices.filter(({ over, scope }) => !over && !scope);
    if (open.length === 0) return otherwise();
    const ended = at(open, b);
    ended.over = true;
    const n = this.operations.length;
    const token = this.#tokens++;
    slices.push({ token, over: false, scope: false });
    this.#add(owner.actor, {
      do: 'next',
      owner: owner.id,
      ended: ended.token,
      token,
      stage: c % STAGES.length,
      attributes: c % 3 === 0 ? undefined : { n },
    });
  }

  // Some name the slice that they belong to, which may be over, and some the time.
  #event(owner, b, c) {
    const named = c % 3 === 1 ? owner.slices.filter(({ nameless }) => !nameless) : [];
    this.#add(owner.actor, {
      do: 'event',
      owner: owner.id,
      event: b % EVENTS.length,
      slice: named.length > 0 ? at(named, b).token : undefined,
      timed: c % 5 === 2 || undefined,
      attributes: c % 2 === 0 ? { e: this.operations.length } : undefined,
    });
  }

  #column(batch, c) {
    return Array.from({ length: batch.members }, (_, index) => (c * 7 + index * 300) % 1000);
  }

  #endBatch(batch) {
    batch.over = true;
    this.#add(batch.actor, {
      do: 'endBatch',
      owner: batch.id,
      attributes: batch.at % 3 === 0 ? { f: this.operations.length } : undefined,
    });
  }

  // Tells the stays of one request on one thread apart.
  #stay(ref) {
    return { stay: ref.id };
  }

  #endStay(ref, variant) {
    ref.state = 'over';
    if (variant % 3 === 2) this.#abort(ref, 0);
    else
      this.#add(ref.actor, { do: variant % 3 === 1 ? 'finish' : 'leave', owner: ref.id, attributes: this.#stay(ref) });
  }

  #abort(ref, b) {
    // A throw out of the body of a trace has no attributes.
    const attributes = ref.via !== 'trace' && b % 3 === 0 ? { f: this.operations.length } : undefined;
    const error = b % 2 === 0 || undefined;
    this.#add(ref.actor, { do: 'abort', owner: ref.id, reason: `gone ${ref.id}`, error, attributes });
  }
}
