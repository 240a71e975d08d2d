// SPDX-License-Identifier: Apache-2.0
//
// The front end's side of the worker process: starts it, sends jobs, and hands each answer out as a stream of arrays
// of tokens. A request's carrier travels inside its job, which is all that tracing needs to follow it.

import { fork } from 'node:child_process';
import { once } from 'node:events';
import { Readable } from 'node:stream';
import { fileURLToPath } from 'node:url';

const WORKER = fileURLToPath(new URL('worker.mjs', import.meta.url));

export class Dispatcher {
  /** @type {Map<string, Readable>} */
  #answers = new Map();
  #worker;
  #stats;
  /** @type {Promise<Error>} resolves when the worker has ended, and no answer will come any more */
  lost;
  /** @type {Promise<{ kind: string, name: string }>} the device that the worker computes on */
  ready;

  /** @param {{ device: string, corpus?: string }} options */
  constructor({ device, corpus }) {
    this.#worker = fork(WORKER, ['--device', device, ...(corpus === undefined ? [] : ['--corpus', corpus])]);
    this.lost = once(this.#worker, 'exit').then(([code, signal]) => this.#fail(signal ?? `exit code ${code}`));
    this.ready = new Promise((resolve, reject) => {
      this.#worker.on('message', (message) => this.#receive(message, resolve));
      this.lost.then(reject);
    });
  }

  get pid() {
    return this.#worker.pid;
  }

  /**
   * @param {import('./scheduler.mjs').Job} job
   * @param {AbortSignal} signal cancels it
   */
  dispatch(job, signal) {
    const answer = new Readable({
      objectMode: true,
      signal,
      read() {},
      destroy: (error, done) => {
        if (this.#answers.delete(job.id) && this.#worker.connected) this.#worker.send({ cancel: job.id });
        done(error);
      },
    });
    if (!this.#worker.connected) {
      answer.destroy(new Error('the worker is gone'));
      return answer;
    }
    this.#answers.set(job.id, answer);
    this.#worker.send({ job });
    return answer;
  }

  /** Lets the worker finish what it has, then ends it. @returns {Promise<object>} its `tracer.stats()` */
  async close() {
    if (this.#worker.connected) this.#worker.send({ stop: true });
    await this.lost;
    return this.#stats;
  }

  #receive(message, resolveReady) {
    if (message.ready) resolveReady(message.ready);
    if (message.stats) this.#stats = message.stats;
    for (const { id, tokens, done } of message.tokens ?? []) {
      const answer = this.#answers.get(id);
      answer?.push(tokens);
      if (!done) continue;
      this.#answers.delete(id);
      answer?.push(null);
    }
  }

  #fail(how) {
    const error = new Error(`the worker ended: ${how}`);
    for (const answer of this.#answers.values()) answer.destroy(error);
    return error;
  }
}
