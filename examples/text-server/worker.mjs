// SPDX-License-Identifier: Apache-2.0
//
// The worker process, started by dispatcher.mjs: fits the model, opens the device, and feeds the scheduler with what
// arrives over IPC. It ends when it is told to, or when the front end is gone.

import { parseArgs } from 'node:util';
import { start } from 'gpuspan';
import { openDevice } from './device.mjs';
import { readTokenizer } from './model/corpus.mjs';
import { DIMENSIONS, Model } from './model/model.mjs';
import { Scheduler } from './scheduler.mjs';

const { values: options } = parseArgs({ options: { device: { type: 'string' }, corpus: { type: 'string' } } });

const tracer = start({ serviceName: 'text-worker', worker: { label: 'DecodeWorker', tpRank: 0 } });
const { tokenizer, corpus } = readTokenizer(options.corpus);
const model = new Model(corpus, tokenizer.size);
const device = tryOpenDevice();
// The first job of a device is slow (its driver still compiles), and should be nobody's.
await device.wait(device.launch(new Int8Array(DIMENSIONS), new Uint32Array(1), 0n));
const scheduler = new Scheduler({ tracer, model, device, send });

function tryOpenDevice() {
  try {
    return openDevice(options.device, model);
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
