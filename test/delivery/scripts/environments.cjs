// SPDX-License-Identifier: Apache-2.0
//
// Environments that start, record, end and are terminated in an order drawn from a seed, so that the reader moves
// from one to the next. Prints what was recorded and the process's counts. Arguments: seed, and `quiet` to flush
// before an environment goes, so that no export is cut off.
const { isMainThread, parentPort, Worker } = require('node:worker_threads');
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
  constructor() {
    this.worker = new Worker(__filename);
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

async function run(seed, quiet) {
  const random = randomFrom(seed);
  const environments = new Map();
  let tracer;
  let rounds = 0;
  for (const [what, index] of drawSteps(random)) {
    const environment = environments.get(index);
    if (what === 'main') tracer = startTracing();
    else if (what === 'start') {
      environments.set(index, new Environment());
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
  await tracer.flush();
  const slices = rounds * REQUESTS * SLICES * 2;
  console.log(JSON.stringify({ slices, owners: rounds * REQUESTS * 2, stats: tracer.stats() }));
  await tracer.shutdown();
}

function serve() {
  let tracer;
  parentPort.on('message', async (what) => {
    if (what === 'end') return parentPort.close();
    if (what === 'start') tracer = startTracing();
    else if (what === 'record') recordRequests(tracer, REQUESTS, SLICES);
    else await tracer.flush();
    return parentPort.postMessage('done');
  });
}

if (isMainThread) run(Number(process.argv[2]), process.argv[3] === 'quiet');
else serve();
