// SPDX-License-Identifier: Apache-2.0
//
// Continuous batching. A new job is prefilled as soon as there is room, then joins the batch that decodes; each step
// computes the next tokens of all members in one launch. Two drafted tokens a member go along, so that a step whose
// drafts turn out right gives up to three. Called by worker.mjs on its one thread.

import * as stages from 'gpuspan/stages';
import { DIMENSIONS } from './model/model.mjs';
import { rowSeed } from './model/reference.mjs';

const MAX_MEMBERS = 16;
const DRAFTS = 2;

/** @typedef {{ id: string, tokens: number[], maxTokens: number, seed: number, trace?: import('gpuspan').Carrier }} Job */

export class Scheduler {
  #jobs = new Map();
  #waiting = [];
  #running = [];
  /** The batch of `#running` for tracing: defined anew whenever a member joins or goes. */
  #batch;
  /** The one that it continues with other members. */
  #previous;
  #loop;
  #tracer;
  #model;
  #device;
  #send;

  constructor({ tracer, model, device, send }) {
    this.#tracer = tracer;
    this.#model = model;
    this.#device = device;
    this.#send = send;
  }

  /** @param {Job} job */
  add({ id, tokens, maxTokens, seed, trace }) {
    const request = this.#tracer.adopt(trace);
    const queuedAt = this.#tracer.now();
    const [prompt, end] = [tokens.length, tokens.length + maxTokens];
    const job = { id, request, tokens, seed, prompt, end, queuedAt, decode: 0, steps: 0, cancelled: false };
    this.#jobs.set(id, job);
    this.#waiting.push(job);
    this.#loop ??= this.#run();
  }

  cancel(id) {
    const job = this.#jobs.get(id);
    if (job) job.cancelled = true;
  }

  /** Jobs that wait are dropped, jobs that run end with their next token. */
  cancelAll() {
    for (const job of this.#jobs.values()) job.cancelled = true;
    for (const job of this.#waiting.splice(0)) this.#retire(job);
  }

  /** Resolves when every job that was added is done. */
  async idle() {
    await this.#loop;
  }

  async #run() {
    while (this.#waiting.length + this.#running.length > 0) {
      while (this.#waiting.length > 0 && this.#running.length < MAX_MEMBERS) await this.#prefill(this.#waiting.shift());
      if (this.#running.length > 0) await this.#decodeStep();
    }
    this.#loop = undefined;
  }

  /** Computes every position of the prompt; the last one gives the first new token. */
  async #prefill(job) {
    const { request, tokens } = job;
    request.record(stages.prefill.prefill_waiting, job.queuedAt, this.#tracer.now());
    const prefill = request.begin(stages.prefill.prefill_forward);
    let picks;
    for (let from = 1; from <= tokens.length; from += this.#device.maxBatch) {
      const last = Math.min(tokens.length, from + this.#device.maxBatch - 1);
      const chunk = positions(job, from, last);
      picks = await request.slice(stages.prefill.chunked_prefill, () => this.#forward(request, chunk));
    }
    tokens.push(picks.at(-1));
    request.event(stages.events.first_token);
    job.decode = request.next(prefill, stages.decode.decode_forward, { prompt_tokens: job.prompt });
    this.#closeBatch();
    this.#running.push(job);
    this.#deliver([[job, tokens.slice(-1)]]);
  }

  /** One launch for all members. */
  async #decodeStep() {
    const members = [...this.#running];
    this.#batch ??= this.#tracer.batch(
      members.map(({ request }) => request),
      { attributes: { forward_mode: 'decode' }, previous: this.#previous },
    );
    const batch = this.#batch;
    const step = batch.begin(stages.decode.decode_loop);
    batch.event(stages.events.schedule, { batch_size: members.length });
    const starts = members.map(({ tokens }) => tokens.length);
    batch.slice(stages.speculative.spec_draft, () => {
      for (const job of members) this.#draft(job);
    });
    const verify = batch.begin(stages.speculative.spec_verify);
    const rows = members.flatMap((job, i) => positions(job, starts[i], job.tokens.length));
    const picks = await this.#forward(batch, rows);

    let row = 0;
    const news = members.map((job, i) => {
      const drafts = job.tokens.splice(starts[i]);
      const verified = picks.slice(row, row + drafts.length + 1);
      row += verified.length;
      const accepted = verified.slice(0, 1 + countEqual(drafts, verified));
      job.tokens.push(...accepted);
      job.steps++;
      return [job, accepted];
    });
    batch.endSlice(verify, { rows: rows.length }, { accepted_tokens: news.map(([, accepted]) => accepted.length) });
    // A column looks at every member: made where it is recorded only.
    if (step !== 0) batch.endSlice(step, undefined, { decode_ct: members.map(({ steps }) => steps) });
    this.#deliver(news);
  }

  /** Appends guesses, each of which is right if the device then finds the same token in its place. */
  #draft(job) {
    const length = Math.min(job.tokens.length + DRAFTS, job.end - 1);
    while (job.tokens.length < length) {
      const guess = this.#model.successor(job.tokens.at(-1));
      if (guess === undefined) return;
      job.tokens.push(guess);
    }
  }

  /** `owner`: the request or batch that the launch is for. The device's code records GPU slices for its handle. */
  async #forward(owner, rows) {
    const job = owner.slice(stages.gpu.gpu_launch, () => {
      const hidden = new Int8Array(rows.length * DIMENSIONS);
      rows.forEach(({ tokens, length }, i) => {
        this.#model.embed(tokens, length, hidden.subarray(i * DIMENSIONS, (i + 1) * DIMENSIONS));
      });
      return this.#device.launch(
        hidden,
        Uint32Array.from(rows, ({ seed }) => seed),
        owner.handle,
      );
    });
    const found = await owner.slice(stages.gpu.gpu_wait, () => this.#device.wait(job));
    return Array.from(found, (row) => this.#model.tokenAt(row));
  }

  #deliver(news) {
    const done = new Set(news.map(([job]) => job).filter((job) => job.cancelled || job.tokens.length >= job.end));
    this.#send({ tokens: news.map(([job, tokens]) => ({ id: job.id, tokens, done: done.has(job) })) });
    if (done.size === 0) return;
    this.#closeBatch();
    for (const job of done) this.#retire(job);
    this.#running = this.#running.filter((job) => !done.has(job));
  }

  /** The next step has other members. */
  #closeBatch() {
    if (this.#batch === undefined) return;
    this.#batch.end();
    this.#previous = this.#batch;
    this.#batch = undefined;
  }

  #retire({ id, request, decode, cancelled, tokens, prompt }) {
    this.#jobs.delete(id);
    if (cancelled) request.event(stages.events.cancelled);
    request.end(decode, { output_tokens: tokens.length - prompt });
    request.leave();
  }
}

/** What the device needs to find the tokens that follow the first `from` to `last` tokens of a job. */
function positions({ tokens, seed }, from, last) {
  return Array.from({ length: last - from + 1 }, (_, i) => ({
    tokens,
    length: from + i,
    seed: rowSeed(seed, from + i),
  }));
}

function countEqual(a, b) {
  const different = a.findIndex((value, i) => value !== b[i]);
  return different < 0 ? a.length : different;
}
