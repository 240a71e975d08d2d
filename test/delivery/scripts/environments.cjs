// SPDX-License-Identifier: Apache-2.0
//
// Environments that start, record, end and are terminated in an order drawn from a seed, so that the reader moves
// from one to the next. Prints what was recorded and the process's counts. Arguments: seed, and the manner:
//   quiet       each flushes before it goes, so that no export is cut off
//   inline      quiet, and the first environment brings an exporter object of its own
//   concurrent  quiet, and all start at the same time, then record, flush and end at the same time
//   abrupt      none flushes
const { isMainThread, parentPort, Worker, workerData } = require('node:worker_threads');
const { recordRequests, startTracing } = require('./record.cjs');

const ENVIRONMENTS = 6;
const REQUESTS = 3;
const SLICES = 4;

function randomFrom(seed) {
  let state = seed;
  return (below) => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return Math.floor((state / 2 ** 32) * below);
  };
}

class Environment {
  constructor(inline) {
    this.worker = new Worker(__filename, { workerData: { inline } });
    this.ended = new Promise((resolve) => this.worker.once('exit', resolve));
  }

  ask(what) {
    return new Promise((resolve, reject) => {
      this.worker.once('error', reject);
      this.worker.once('message', resolve);
      this.worker.postMessage(what);
    });
  }

  async end() {
    this.worker.postMessage('end');
    await this.ended;
  }
}

/** The lives of all environments, each in its own order, shuffled together. */
function drawSteps(random) {
  const lives = Array.from({ length: ENVIRONMENTS }, (_, index) => {
    const records = Array.from({ length: 1 + random(3) }, () => ['record', index]);
    return [['start', index], ...records, [random(2) === 0 ? 'end' : 'terminate', index]];
  });
  lives.push([['main', -1]]);
  const steps = [];
  while (lives.some((life) => life.length > 0)) {
    const life = lives[random(lives.length)];
    if (life.length > 0) steps.push(life.shift());
  }
  return steps;
}

/** Prints when all has been delivered. */
async function finish(tracer, rounds) {
  await tracer.flush();
  const slices = rounds * REQUESTS * SLICES * 2;
  console.log(JSON.stringify({ slices, owners: rounds * REQUESTS * 2, stats: tracer.stats() }));
  await tracer.shutdown();
}

async function runConcurrently(seed) {
  const random = randomFrom(seed);
  const environments = Array.from({ length: ENVIRONMENTS }, () => new Environment(false));
  const all = (what) => Promise.all(environments.map((environment) => environment.ask(what)));
  const starting = all('start');
  const tracer = startTracing();
  await starting;
  const rounds = 1 + random(3);
  for (let round = 0; round < rounds; round++) await all('record');
  await all('flush');
  await Promise.all(
    environments.map((environment) => (random(2) === 0 ? environment.end() : environment.worker.terminate())),
  );
  await finish(tracer, rounds * ENVIRONMENTS);
}

async function run(seed, manner) {
  const quiet = manner !== 'abrupt';
  const random = randomFrom(seed);
  const environments = new Map();
  let tracer;
  let rounds = 0;
  for (const [what, index] of drawSteps(random)) {
    const environment = environments.get(index);
    if (what === 'main') tracer = startTracing();
    else if (what === 'start') {
      environments.set(index, new Environment(manner === 'inline' && index === 0));
      await environments.get(index).ask('start');
    } else if (what === 'record') {
      await environment.ask('record');
      rounds++;
    } else {
      if (quiet) await environment.ask('flush');
      if (what === 'end') await environment.end();
      else await environment.worker.terminate();
    }
    // Sometimes long enough for the others to find the lease free, sometimes not.
    await new Promise((resolve) => setTimeout(resolve, random(3) * 100));
  }
  await finish(tracer, rounds);
}

function serve() {
  let tracer;
  parentPort.on('message', async (what) => {
    if (what === 'end') return parentPort.close();
    if (what === 'start') tracer = startTracing(workerData.inline ? { exporter: exporterOfItsOwn() } : {});
    else if (what === 'record') recordRequests(tracer, REQUESTS, SLICES);
    else await tracer.flush();
    return parentPort.postMessage('done');
  });
}

function exporterOfItsOwn() {
  const { OTLPTraceExporter } = require('@opentelemetry/exporter-trace-otlp-proto');
  return new OTLPTraceExporter();
}

const [, , seed, manner] = process.argv;
if (!isMainThread) serve();
else if (manner === 'concurrent') runConcurrently(Number(seed));
else run(Number(seed), manner);
