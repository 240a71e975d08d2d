// SPDX-License-Identifier: Apache-2.0
//
// Records and ends as it is told, by messages of outages.ts in the test's process; each is answered with what it came
// to. `flood` records in bursts of half a ring, as fast as the thread may.
const { recordRequests, startTracing } = require('./record.cjs');

const SLICES_A_REQUEST = 8_000;

const tracer = startTracing();

const turn = () => new Promise((resolve) => setImmediate(resolve));

const orders = {
  record: ({ requests }) => recordRequests(tracer, requests, 5),
  flood: async ({ slices }) => {
    for (let left = slices; left > 0; left -= SLICES_A_REQUEST) {
      recordRequests(tracer, 1, SLICES_A_REQUEST / 2);
      await turn();
    }
  },
  flush: () => tracer.flush(),
  shutdown: async () => {
    await tracer.shutdown();
    return tracer.stats();
  },
  rss: () => process.memoryUsage.rss(),
  stats: () => tracer.stats(),
  exit: () => process.exit(0),
};

process.on('message', async (order) => {
  const result = await orders[order.type](order);
  process.send({ result }, () => order.type === 'shutdown' && process.disconnect());
});
process.send({ result: 'up' });
