// SPDX-License-Identifier: Apache-2.0
//
// Records and ends as it is told, by messages of outages.ts in the test's process; each is answered with what it came
// to. `flood` records in bursts of half a ring, as fast as the thread may. With TEST_READER=thread a worker_thread, which starts
// first, owns the delivery of the process until it is told to end.
const { once } = require('node:events');
const { isMainThread, parentPort, Worker } = require('node:worker_threads');
const { recordRequests, startTracing } = require('./record.cjs');

const SLICES_A_REQUEST = 8_000;

const turn = () => new Promise((resolve) => setImmediate(resolve));

let tracer;
let reader;

const orders = {
  record: ({ requests }) => recordRequests(tracer, requests, 5),
  flood: async ({ slices }) => {
    for (let left = slices; left > 0; left -= SLICES_A_REQUEST) {
      recordRequests(tracer, 1, SLICES_A_REQUEST / 2);
      await turn();
    }
  },
  flush: () => tracer.flush(),
  'end-reader': async () => {
    reader.postMessage('shutdown');
    await once(reader, 'exit');
  },
  shutdown: async () => {
    await tracer.shutdown();
    return tracer.stats();
  },
  rss: () => process.memoryUsage.rss(),
  stats: () => tracer.stats(),
  exit: () => process.exit(0),
};

async function obey() {
  if (process.env['TEST_READER'] === 'thread') {
    reader = new Worker(__filename);
    await once(reader, 'message');
  }
  tracer = startTracing();
  process.on('message', async (order) => {
    const result = await orders[order.type](order);
    process.send({ result }, () => order.type === 'shutdown' && process.disconnect());
  });
  process.send({ result: 'up' });
}

async function read() {
  const own = startTracing();
  recordRequests(own, 1, 5);
  parentPort.postMessage('up');
  await once(parentPort, 'message');
  await own.shutdown();
}

if (isMainThread) obey();
else read();
