// SPDX-License-Identifier: Apache-2.0
//
// Does the operations of programs with gpuspan's public API, in a member of the pool, on its thread.
import { carrierToHeader, defineEvents, defineStages } from 'gpuspan';
import { setImmediate as turn } from 'node:timers/promises';
import { EVENTS, STAGES } from './declarations.mjs';

const stages = STAGES.map(({ module, name, level }) => defineStages(module, { [name]: { level } })[name]);
const events = EVENTS.map(({ module, name, level }) => defineEvents(module, { [name]: { level } })[name]);
/** A member that left within a microsecond of a told slice may or may not be in it: docs/design/spans.md. */
const TOLD_MARGIN_NANOS = 20_000n;

export class Interpreter {
  #tracer;
  #actor;
  #post;
  /** Promises of carriers, by program and number. */
  #carriers = new Map();
  /** By program. They go on from phase to phase. */
  #runs = new Map();

  constructor(tracer, actor, post) {
    this.#tracer = tracer;
    this.#actor = actor;
    this.#post = post;
  }

  /** Each program's operations of this actor in one phase. @returns what was thrown, by program */
  async runAll(programs) {
    const failures = [];
    await Promise.all(
      programs.map(async ({ program, operations }) => {
        try {
          await this.#run(program).all(operations);
        } catch (error) {
          failures.push({ program, error: String(error?.stack ?? error) });
        }
      }),
    );
    return failures;
  }

  /** What comes next is other programs. */
  clear() {
    this.#carriers.clear();
    this.#runs.clear();
  }

  #run(program) {
    let run = this.#runs.get(program);
    if (run === undefined) this.#runs.set(program, (run = new Run(this.#tracer, this, program)));
    return run;
  }

  send(program, carrier, to, value) {
    for (const actor of to) {
      if (actor === this.#actor) this.arrive(program, carrier, JSON.parse(JSON.stringify(value ?? null)));
      else this.#post({ type: 'carrier', actor, program, carrier, value });
    }
  }

  arrive(program, carrier, value) {
    this.#slot(program, carrier).resolve(value);
  }

  carrier(program, carrier) {
    return this.#slot(program, carrier).promise;
  }

  #slot(program, carrier) {
    const key = `${program}/${carrier}`;
    let slot = this.#carriers.get(key);
    if (slot === undefined) this.#carriers.set(key, (slot = deferred()));
    return slot;
  }
}

/** One program on this actor. */
class Run {
  #tracer;
  #interpreter;
  #program;
  #owners = new Map();
  #tokens = new Map();
  #scopes = new Map();
  #traces = new Map();

  constructor(tracer, interpreter, program) {
    this.#tracer = tracer;
    this.#interpreter = interpreter;
    this.#program = program;
  }

  async all(operations) {
    for (const operation of operations) {
      const waits = this[operation.do](operation);
      if (waits !== undefined) await waits;
    }
  }

  start({ ref, id, name, attributes, headers, via, way }) {
    const options = { id, name, attributes, headers };
    if (via !== 'trace') {
      this.#owners.set(ref, this.#tracer.request(options));
      return;
    }
    const body = openBody(way);
    const outcome = this.#tracer.trace(options, (request) => {
      this.#owners.set(ref, request);
      return body.call();
    });
    this.#traces.set(ref, { body, outcome });
  }

  send({ owner, carrier, header, to }) {
    const given = this.#owners.get(owner).carrier();
    this.#interpreter.send(this.#program, carrier, to, header ? carrierToHeader(given) : given);
  }

  async adopt({ ref, carrier }) {
    this.#owners.set(ref, this.#tracer.adopt(await this.#interpreter.carrier(this.#program, carrier)));
  }

  begin({ owner: id, token, stage, parent, ambient }) {
    const owner = this.#owners.get(id);
    const named = this.#tokens.get(parent);
    const begin = () => (ambient ? this.#tracer.current() : owner).begin(stages[stage], named);
    this.#tokens.set(token, ambient ? owner.run(begin) : begin());
  }

  scope({ owner: id, token, stage, parent, way, wrap }) {
    const owner = this.#owners.get(id);
    const body = openBody(way);
    const call = (given) => {
      this.#tokens.set(token, given);
      return body.call();
    };
    const outcome = wrap
      ? owner.run(stages[stage].wrap(body.call))
      : owner.slice(stages[stage], call, this.#tokens.get(parent));
    this.#scopes.set(token, { body, outcome });
  }

  settle({ token, throws, left }) {
    return finish(this.#scopes.get(token), throws ? new RangeError('scope') : undefined, left);
  }

  leaf({ owner: id, stage, way, throws, left, wrap }) {
    const owner = this.#owners.get(id);
    const failure = throws ? new RangeError('leaf') : undefined;
    const body = openBody(way, failure);
    const call = () => (wrap ? owner.run(stages[stage].wrap(body.call)) : owner.slice(stages[stage], body.call));
    if (way !== 'plain') return finish({ body, outcome: call() }, failure, left);
    try {
      call();
    } catch (error) {
      if (error !== failure) throw error;
    }
    return undefined;
  }

  end({ owner: id, token, attributes, columns }) {
    const owner = this.#owners.get(id);
    if ('endSlice' in owner) owner.endSlice(this.#tokens.get(token), attributes, columns);
    else owner.end(this.#tokens.get(token), attributes);
  }

  next({ owner, ended, token, stage, attributes }) {
    this.#tokens.set(token, this.#owners.get(owner).next(this.#tokens.get(ended), stages[stage], attributes));
  }

  record({ owner, stage, attributes, backwards }) {
    this.#passMargin();
    const now = this.#tracer.now();
    this.#owners.get(owner).record(stages[stage], now, backwards ? now - 1n : this.#tracer.now(), attributes);
    this.#passMargin();
  }

  event({ owner, event, attributes, slice, timed }) {
    const options = { slice: this.#tokens.get(slice), time: timed && this.#tracer.now() };
    this.#owners.get(owner).event(events[event], attributes, slice !== undefined || timed ? options : undefined);
  }

  annotate({ owner, token, attributes, columns }) {
    this.#owners.get(owner).annotate(this.#tokens.get(token), attributes, columns);
  }

  fail({ owner, token, reason, error }) {
    this.#owners.get(owner).fail(this.#tokens.get(token), error ? new RangeError(reason) : reason);
  }

  set({ owner, attributes }) {
    this.#owners.get(owner).setAttributes(attributes);
  }

  setWorker({ owner, attributes }) {
    this.#owners.get(owner).setWorkerAttributes(attributes);
  }

  leave({ owner, attributes }) {
    this.#owners.get(owner).leave(attributes && { attributes });
  }

  finish({ owner, attributes }) {
    const trace = this.#traces.get(owner);
    if (trace !== undefined) return finish(trace, undefined);
    this.#owners.get(owner).finish(attributes && { attributes });
    return undefined;
  }

  abort({ owner, reason, error, attributes }) {
    const trace = this.#traces.get(owner);
    const why = error ? new RangeError(reason) : reason;
    if (trace !== undefined) return finish(trace, why);
    this.#owners.get(owner).abort(why, attributes && { attributes });
    return undefined;
  }

  batch({ batch, members, attributes, previous }) {
    this.#owners.set(
      batch,
      this.#tracer.batch(
        members.map((ref) => this.#owners.get(ref)),
        { attributes, previous: this.#owners.get(previous) },
      ),
    );
  }

  endBatch({ owner, attributes }) {
    this.#owners.get(owner).end(attributes && { attributes });
  }

  pause() {
    return turn();
  }

  #passMargin() {
    const until = this.#tracer.now() + TOLD_MARGIN_NANOS;
    while (this.#tracer.now() < until);
  }
}

/**
 * The body of a scope: `call` is the function. A promise settles when `settle` says so; a generator is
 * driven from outside; a plain one is over when it returns, or throws `failure`.
 */
function openBody(way, failure) {
  if (way === 'promise') return openPromise();
  if (way === 'generator') return { call: generate };
  if (way === 'asyncGenerator') return { call: generateLater };
  return {
    call: () => {
      if (failure !== undefined) throw failure;
    },
  };
}

function openPromise() {
  const { promise, resolve, reject } = deferred();
  return { call: () => promise, settle: (failure) => (failure === undefined ? resolve(undefined) : reject(failure)) };
}

function* generate() {
  yield 1;
  yield 2;
}

async function* generateLater() {
  yield 1;
  yield 2;
}

/** Ends the body as told and waits until what is around it has seen that. */
async function finish({ body, outcome }, failure, left = false) {
  try {
    body.settle?.(failure);
    await (body.settle === undefined ? drive(outcome, failure, left) : outcome);
  } catch (error) {
    if (error !== failure) throw error;
  }
}

async function drive(generator, failure, left) {
  if (failure === undefined && !left) for await (const _ of generator);
  else if (failure === undefined) await generator.return(undefined);
  else {
    await generator.next();
    await generator.throw(failure);
  }
}

function deferred() {
  const slot = {};
  slot.promise = new Promise((resolve, reject) => Object.assign(slot, { resolve, reject }));
  return slot;
}
