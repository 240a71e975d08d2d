// SPDX-License-Identifier: Apache-2.0
//
// The worker process, started by dispatcher.mjs: fits the model, opens the device, and feeds the scheduler with what
// arrives over IPC. It ends when it is told to, or when the front end is gone.

import { parseArgs } from 'node:util';
import { start } from 'gpuspan';
import * as stages from 'gpuspan/stages';
import { openDevice } from './device.mjs';
import { readTokenizer } from './model/corpus.mjs';
import { DIMENSIONS, Model } from './model/model.mjs';
import { Scheduler } from './scheduler.mjs';

const { values: options } = parseArgs({ options: { device: { type: 'string' }, corpus: { type: 'string' } } });

const tracer = start({
  serviceName: 'text-worker',
  worker: { label: 'DecodeWorker', tpRank: 0 },
  // Whoever raises the level to 3 also wants to see the steps (decode_loop) in each member's trace.
  expandLevel: 3,
});
const { model, device } = await tracer.trace({ name: 'startup' }, load);
const scheduler = new Scheduler({ tracer, model, device, send });

/** What happens before the first request has a trace of its own. @param {import('gpuspan').Request} request */
async function load(request) {
  const loading = request.begin(stages.startup.model_load);
  const { tokenizer, corpus } = readTokenizer(options.corpus);
  const fitted = new Model(corpus, tokenizer.size);
  const opened = tryOpenDevice(fitted);
  const warming = request.next(loading, stages.startup.warm_up);
  // The first job of a device is slow (its driver still compiles), and should be nobody's.
  await opened.wait(opened.launch(new Int8Array(DIMENSIONS), new Uint32Array(1), 0n));
  request.end(warming);
  return { model: fitted, device: opened };
}

function tryOpenDevice(fitted) {
  try {
    return openDevice(options.device, fitted);
  } catch (error) {
    console.error(`text-server: cannot compute on ${options.device}: ${error.message}`);
    process.exit(1);
  }
}

/** The front end may be gone at any time, and between the look and the call. */
function send(message) {
  if (process.connected) process.send(message, undefined, undefined, () => {});
}

async function stop() {
  await scheduler.idle();
  await tracer.shutdown();
  send({ stats: tracer.stats() });
  if (process.connected) process.disconnect();
}

/** Nobody waits for an answer any more, but what was recorded is still delivered. */
async function abandon() {
  scheduler.cancelAll();
  await scheduler.idle();
  await tracer.shutdown();
}

/** @param {{ job?: import('./scheduler.mjs').Job, cancel?: string, stop?: boolean }} message */
function receive({ job, cancel, stop: stopping }) {
  if (job) scheduler.add(job);
  if (cancel) scheduler.cancel(cancel);
  if (stopping) stop();
}

process.on('message', receive);
process.once('disconnect', abandon);
// A terminal sends Ctrl-C to both processes; it is the front end that decides when this one stops.
process.on('SIGINT', () => {});

send({ ready: { kind: device.kind, name: device.name } });
