// SPDX-License-Identifier: Apache-2.0
//
// A member of the pool: a forked process, or a worker_thread of one. Runs its share of many programs at once, each an
// asynchronous task that waits for carriers and pauses, so that requests of all of them are open on the lane together.
// The process's main thread relays messages to its threads, and collects spans where no OTLP receiver does.
import { isMainThread, parentPort, Worker, workerData } from 'node:worker_threads';
import { start } from 'gpuspan';
import { ACTORS, FOLLOWER, PROCESSES } from './declarations.mjs';
import { Interpreter } from './interpreter.mjs';
import { toSpan } from './spans.mjs';

const process_ = isMainThread ? Number(process.env['MODEL_PROCESS']) : workerData.process;
const thread = isMainThread ? 0 : workerData.thread;
const actor = ACTORS.findIndex((candidate) => candidate.process === process_ && candidate.thread === thread);
const { level, modules, expandLevel, otlp } = PROCESSES[process_];

let spans = [];
const exporter = {
  export(batch, done) {
    for (const span of batch) spans.push(toSpan(span));
    done({ code: 0 });
  },
  async shutdown() {},
};
const tracer = start({
  level,
  modules,
  expandLevel,
  device: 'none',
  worker: { label: ACTORS[actor].label },
  ...(isMainThread && !otlp && { exporter }),
});
const post = isMainThread ? (message) => process.send(message) : (message) => parentPort.postMessage(message);
const interpreter = new Interpreter(tracer, actor, post);
const threads = new Map();

async function take(message) {
  if (message.actor !== undefined && message.actor !== actor) {
    threads.get(message.actor).postMessage(message);
  } else if (message.type === 'set') {
    tracer.setLevel(message.level);
    tracer.setModules(message.modules);
    post({ type: 'isSet', actor });
  } else if (message.type === 'run') {
    // A thread follows a change of settings when it next starts a request; the pool sorts this one out.
    if (message.follow) tracer.request({ name: FOLLOWER }).finish();
    // All of them at once; one that fails does not stop the others.
    const failures = await interpreter.runAll(message.programs);
    post({ type: 'done', actor, failures });
  } else if (message.type === 'carrier') {
    interpreter.arrive(message.program, message.carrier, message.value);
  } else if (message.type === 'clear') {
    interpreter.clear();
  } else if (message.type === 'flush') {
    await tracer.flush();
    const { lost, lostOwners } = tracer.stats();
    post({ type: 'flushed', process: process_, spans, lost: [lost, lostOwners] });
    spans = [];
  } else if (message.type === 'stop') {
    await Promise.all([...threads.values()].map((worker) => worker.terminate()));
    await tracer.shutdown();
    process.disconnect();
  }
}

if (isMainThread) {
  for (const [index, candidate] of ACTORS.entries()) {
    if (candidate.process !== process_ || candidate.thread === 0) continue;
    const worker = new Worker(new URL(import.meta.url), { workerData: candidate });
    worker.on('message', post);
    worker.on('error', (error) => post({ type: 'broken', actor: index, error: String(error?.stack) }));
    threads.set(index, worker);
  }
  process.on('message', take);
} else {
  parentPort.on('message', take);
}
post({ type: 'ready', actor, reason: tracer.reason });
