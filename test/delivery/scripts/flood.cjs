// SPDX-License-Identifier: Apache-2.0
//
// Overload: four worker_threads record 250,000 slices each into rings of 1,024 slots. Prints the
// process's counts after everything was delivered.
const { isMainThread, Worker } = require('node:worker_threads');
const { stages, startTracing } = require('./record.cjs');

const THREADS = 4;
const REQUESTS_A_THREAD = 20; // few, so that all of their own records find room
const SLICES_A_REQUEST = 12_500;
// Half a ring: short enough to overflow it again and again, and the pauses let the reader run meanwhile.
const SLICES_A_PAUSE = 500;

const sleeper = new Int32Array(new SharedArrayBuffer(4));

function flood() {
  const tracer = startTracing({ worker: { label: 'flood' } });
  for (let i = 0; i < REQUESTS_A_THREAD; i++) {
    const request = tracer.request();
    for (let j = 0; j < SLICES_A_REQUEST; j += 2) {
      const outer = request.begin(stages.outer);
      request.end(request.begin(stages.inner));
      request.end(outer);
      if (j % SLICES_A_PAUSE === 0) Atomics.wait(sleeper, 0, 0, 1);
    }
    request.finish();
  }
}

function ended(worker) {
  return new Promise((resolve, reject) => worker.on('error', reject).on('exit', resolve));
}

async function main() {
  const tracer = startTracing({ worker: { label: 'main' } });
  await tracer.flush(); // answered by the reader, so it is up
  await Promise.all(Array.from({ length: THREADS }, () => ended(new Worker(__filename))));
  await tracer.flush();
  console.log(JSON.stringify(tracer.stats()));
  await tracer.shutdown();
}

if (isMainThread) main();
else flood();
