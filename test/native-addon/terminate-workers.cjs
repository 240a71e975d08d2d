// SPDX-License-Identifier: Apache-2.0
//
// Started by workers.test.ts in a process of its own: rounds of worker_threads that are terminated while a slice is
// open. Prints one JSON line: resident memory after each round, lanes, and what was read.
const { join } = require('node:path');
const { Worker, isMainThread, parentPort, workerData } = require('node:worker_threads');
const { loadNative } = require(join(__dirname, '..', '..', 'dist', 'native.js'));

const { native, reason } = loadNative();
if (reason !== undefined) throw new Error(reason);
const CONFIG = {
  lanes: 128,
  ringSlots: 1024,
  requestTtlMillis: 0,
  clock: 'auto',
  directory: '',
  device: 'none',
  cudaLibrary: '',
};
const identity = (threadId) => ({
  label: 'worker',
  threadId,
  tpRank: -1,
  ppRank: -1,
  dpRank: -1,
  epRank: -1,
  gpuIndex: -1,
  gpuUuid: '',
});

function record() {
  native.open(CONFIG);
  const { scratch } = native.attach(identity(workerData.index));
  new Uint8Array(scratch).fill(0, 0, 64);
  const request = native.requestStart(2, 0);
  const stage = native.intern('stage', native.intern('module', 0, 0, 'test').id, 1, 'outer').id;
  const place = (request << 16) | stage;
  for (let i = 0; i < 50; ++i) native.end(native.begin(place));
  parentPort.postMessage('recording');
  for (;;) {
    const outer = native.begin(place);
    native.end(native.begin(place));
    native.end(outer);
  }
}

/** Takes every lane's records as read, in the manner of a reader that loses nothing. */
function drain() {
  const header = Buffer.alloc(256);
  native.read(0, 256, header);
  const base = Number(header.readBigUInt64LE(112));
  const stride = Number(header.readBigUInt64LE(120));
  const line = Buffer.alloc(8);
  for (const { lane, inRing } of native.stats().lanes) {
    native.read(base + lane * stride, 8, line);
    native.advance(lane, line.readUInt32LE(0), line.readUInt32LE(4), inRing, 0);
  }
}

async function round(workers, size) {
  const started = [];
  for (let i = 0; i < workers; i += size) {
    const group = Array.from({ length: Math.min(size, workers - i) }, (_, j) => {
      return new Worker(__filename, { workerData: { index: i + j } });
    });
    await Promise.all(
      group.map(
        (worker) =>
          new Promise((resolve, reject) => {
            worker.once('message', resolve);
            worker.once('error', reject);
          }),
      ),
    );
    started.push(...(await Promise.all(group.map((worker) => worker.terminate()))));
  }
  drain();
  return started.length;
}

async function main() {
  native.open(CONFIG);
  const resident = [];
  let terminated = 0;
  for (let i = 0; i < 5; ++i) {
    terminated += await round(100, 10);
    global.gc?.();
    resident.push(process.memoryUsage.rss());
  }
  const { recorded, consumed, inRing, lost, lanes } = native.stats();
  console.log(
    JSON.stringify({
      terminated,
      resident,
      recorded,
      consumed,
      inRing,
      lost,
      lanes: lanes.length,
      states: [...new Set(lanes.map(({ state }) => state))],
    }),
  );
}

if (isMainThread) main();
else record();
