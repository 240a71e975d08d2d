// SPDX-License-Identifier: Apache-2.0
//
// Records ten requests and ends in the way its argument names.
const { isMainThread, parentPort, Worker, workerData } = require('node:worker_threads');
const { recordRequests, stages, startTracing } = require('./record.cjs');

const REQUESTS = 10;
const SLICES = 5;

function inWorker(body) {
  return new Worker(__filename, { argv: process.argv.slice(2), workerData: { body }, stderr: false });
}

const mainThread = {
  natural: () => recordRequests(startTracing(), REQUESTS, SLICES),
  exit: () => {
    recordRequests(startTracing(), REQUESTS, SLICES);
    process.exit(0);
  },
  'exit-later': () => {
    const tracer = startTracing();
    setTimeout(() => {
      recordRequests(tracer, REQUESTS, SLICES);
      process.exit(3);
    }, 300);
  },
  throw: () => {
    recordRequests(startTracing(), REQUESTS, SLICES);
    throw new Error('thrown by the application');
  },
  'unhandled-rejection': () => {
    recordRequests(startTracing(), REQUESTS, SLICES);
    Promise.reject(new Error('rejected by the application'));
  },
  'worker-ends': () => {
    startTracing();
    inWorker('record');
  },
  'worker-throws': () => {
    startTracing();
    inWorker('throw').on('error', () => undefined);
  },
  'worker-terminated': () => {
    startTracing();
    const worker = inWorker('wait');
    worker.on('message', () => worker.terminate());
  },
  'worker-only': () => inWorker('record'),
  'worker-only-throws': () => inWorker('throw').on('error', () => undefined),
  'reader-elsewhere': () => {
    inWorker('read').on('message', () => {
      recordRequests(startTracing(), REQUESTS, SLICES);
      process.exit(0);
    });
  },
  'reader-terminated': () => {
    // The first reader goes down with its worker_thread; this thread takes over before it ends.
    const worker = inWorker('wait');
    worker.on('message', async () => {
      const tracer = startTracing();
      await worker.terminate();
      recordRequests(tracer, REQUESTS, SLICES);
    });
  },
  'after-shutdown': () => {
    // The main thread's part ends; the worker_thread takes the reading over and its last records arrive.
    const tracer = startTracing();
    const worker = inWorker('later');
    worker.once('message', async () => {
      recordRequests(tracer, REQUESTS, SLICES);
      await tracer.shutdown();
      worker.postMessage('record');
    });
  },
  sigterm: () => {
    recordRequests(startTracing(), REQUESTS, SLICES);
    process.kill(process.pid, 'SIGTERM');
    setInterval(() => undefined, 1000);
  },
  open: () => {
    const tracer = startTracing();
    tracer.request().begin(stages.outer);
    process.exit(0);
  },
  'nothing-recorded': () => startTracing(),
  'shutdown-in-vain': async () => {
    // The receiver does not answer. Thirty seconds pass in one, for this thread.
    const now = performance.now.bind(performance);
    performance.now = () => now() * 30;
    const tracer = startTracing();
    recordRequests(tracer, REQUESTS, SLICES);
    await tracer.shutdown();
    console.log('over');
  },
  'two-workers': () => inWorker('record').on('exit', () => inWorker('record')),
  stats: () => {
    const tracer = startTracing();
    recordRequests(tracer, REQUESTS, SLICES);
    process.on('exit', () => console.log(JSON.stringify(tracer.stats())));
  },
  shutdown: async () => {
    const tracer = startTracing();
    recordRequests(tracer, REQUESTS, SLICES);
    await tracer.shutdown();
    console.log(JSON.stringify(tracer.stats()));
  },
};

const workerThread = {
  record: () => recordRequests(startTracing(), REQUESTS, SLICES),
  throw: () => {
    recordRequests(startTracing(), REQUESTS, SLICES);
    throw new Error('thrown in the worker_thread');
  },
  read: async () => {
    await startTracing().flush(); // answered by the reader, so it is up
    parentPort.postMessage('reading');
    parentPort.on('message', () => undefined);
  },
  later: () => {
    const tracer = startTracing();
    parentPort.postMessage('started');
    parentPort.once('message', () => recordRequests(tracer, REQUESTS, SLICES));
  },
  wait: () => {
    recordRequests(startTracing(), REQUESTS, SLICES);
    parentPort.postMessage('recorded');
    parentPort.on('message', () => undefined);
  },
};

if (isMainThread) mainThread[process.argv[2]]();
else workerThread[workerData.body]();
