// SPDX-License-Identifier: Apache-2.0
//
// The standing pool: forks the processes of declarations.mjs, hands them programs, carries carriers between their
// threads, and collects all spans that come out. In the runner's process.
import { fork } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { startReceiver } from 'gpuspan/testing';
import { ACTORS, FOLLOWER, PROCESSES } from './declarations.mjs';
import { fromReceived } from './spans.mjs';
import { LAST_PHASE } from './world.mjs';

const MEMBER = fileURLToPath(new URL('member.mjs', import.meta.url));
/** A program that waits for what never comes would hang the run. */
const STUCK_MILLIS = 60_000;

/** Ready when every member is. Close it. */
export async function startPool() {
  const pool = new Pool(await startReceiver());
  await pool.ready();
  return pool;
}

/** The operations of one actor, by program. */
function shareOf(programs, actor) {
  return programs
    .map((operations, program) => ({ program, operations: operations.filter((one) => one.actor === actor) }))
    .filter(({ operations }) => operations.length > 0);
}

class Pool {
  #receiver;
  #children;
  #waiting = [];
  #lost = PROCESSES.map(() => ({}));
  #broken;
  /** What is in force. */
  #settings;

  constructor(receiver) {
    this.#receiver = receiver;
    this.#children = PROCESSES.map((process, index) => this.#fork(process, index));
  }

  async ready() {
    const ready = await this.#collect('ready', ACTORS.length);
    const off = ready.find(({ reason }) => reason !== '');
    if (off !== undefined) throw new Error(`${ACTORS[off.actor].label} does not record: ${off.reason}`);
  }

  /** Runs the plans, of one world, at the same time. @returns all spans, what was thrown, and the calls counted as lost */
  async run(plans) {
    const { world } = plans[0];
    if (plans.some((plan) => plan.world !== world)) throw new Error('programs of two worlds cannot run at one time');
    const failures = [];
    for (let phase = 0; phase <= LAST_PHASE; phase++) {
      const programs = plans.map(({ operations }) => operations.filter((operation) => operation.phase === phase));
      if (programs.every(({ length }) => length === 0)) continue;
      const follow = await this.#set(world[phase]);
      for (const actor of ACTORS.keys()) this.#send({ type: 'run', actor, follow, programs: shareOf(programs, actor) });
      for (const done of await this.#collect('done', ACTORS.length)) failures.push(...done.failures);
    }
    for (const actor of ACTORS.keys()) this.#send({ type: 'clear', actor });
    for (const child of this.#children) child.send({ type: 'flush' });
    const flushed = await this.#collect('flushed', PROCESSES.length);
    const spans = [...flushed.flatMap((message) => message.spans), ...this.#receiver.spans.map(fromReceived)];
    this.#receiver.clear();
    return { spans: spans.filter(({ name }) => name !== FOLLOWER), failures, losses: this.#newLosses(flushed) };
  }

  /** Changes every process's settings on the threads that the world names. @returns whether there is something to follow */
  async #set(settings) {
    const text = JSON.stringify(settings);
    if (text === this.#settings) return false;
    this.#settings = text;
    for (const { actor, level, modules } of settings) this.#send({ type: 'set', actor, level, modules });
    await this.#collect('isSet', settings.length);
    return true;
  }

  async close() {
    const ended = this.#children.map((child) => new Promise((resolve) => child.once('exit', resolve)));
    for (const child of this.#children) if (child.connected) child.send({ type: 'stop' });
    await Promise.all(ended);
    await this.#receiver.close();
  }

  #fork({ name, otlp }, index) {
    const inherited = Object.entries(process.env).filter(([key]) => !/^(GPUSPAN|OTEL_|NODE_OPTIONS|VITEST)/.test(key));
    const child = fork(MEMBER, {
      env: {
        ...Object.fromEntries(inherited),
        GPUSPAN: '1',
        MODEL_PROCESS: String(index),
        ...(otlp && { OTEL_EXPORTER_OTLP_ENDPOINT: this.#receiver.url }),
      },
      execArgv: [],
    });
    child.on('message', (message) => this.#take(message));
    child.on('exit', (code, signal) => {
      this.#break(new Error(`process ${name} ended: ${signal ?? code}`));
    });
    return child;
  }

  #take(message) {
    if (message.type === 'carrier') return this.#send(message);
    if (message.type === 'broken') return this.#break(new Error(`${ACTORS[message.actor].label}: ${message.error}`));
    this.#waiting.push(message);
    this.wake?.();
  }

  #send(message) {
    this.#children[ACTORS[message.actor].process].send(message);
  }

  #break(error) {
    this.#broken ??= error;
    this.wake?.();
  }

  async #collect(type, count) {
    const timer = setTimeout(
      () => this.#break(new Error(`no ${count} answers '${type}'; got ${this.#describe()}`)),
      STUCK_MILLIS,
    );
    try {
      while (this.#waiting.filter((message) => message.type === type).length < count) {
        if (this.#broken !== undefined) throw this.#broken;
        await new Promise((resolve) => (this.wake = resolve));
      }
    } finally {
      clearTimeout(timer);
    }
    const found = this.#waiting.filter((message) => message.type === type);
    this.#waiting = this.#waiting.filter((message) => message.type !== type);
    return found;
  }

  #describe() {
    return (
      this.#waiting.map(({ type, actor, process }) => `${type} of ${ACTORS[actor]?.label ?? process}`).join(', ') ||
      'none'
    );
  }

  // Counters go on over the pool's life.
  #newLosses(flushed) {
    const losses = {};
    for (const { process, lost } of flushed) {
      const total = {};
      for (const counts of lost)
        for (const [reason, count] of Object.entries(counts)) total[reason] = (total[reason] ?? 0) + count;
      for (const [reason, count] of Object.entries(total)) {
        const more = count - (this.#lost[process][reason] ?? 0);
        if (more !== 0) losses[reason] = (losses[reason] ?? 0) + more;
      }
      this.#lost[process] = total;
    }
    return losses;
  }
}
