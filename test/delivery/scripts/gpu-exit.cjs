// SPDX-License-Identifier: Apache-2.0
//
// Records GPU slices on a real OpenCL queue and calls process.exit as soon as some are in flight. Its argument is the
// test addon that makes the queue. Prints how many were begun and how many finished; `null` without a device.
const { writeSync } = require('node:fs');
const { stages, startTracing } = require('./record.cjs');

const MOST = 1_000;

const queue = require(process.argv[2]).makeQueue();
const tracer = startTracing({ device: 'opencl' });
if (queue === 0n) {
  writeSync(1, 'null');
  process.exit(0);
}
const stream = tracer.gpu().stream(queue);
const request = tracer.request();
let begun = 0;
let finished = 0;
while (finished === begun && begun < MOST) {
  request.endGpu(request.beginGpu(stages.inner, stream));
  begun++;
  finished = tracer.stats().lanes.find(({ kind }) => kind === 'resolver').recorded;
}
request.finish();
writeSync(1, JSON.stringify({ begun, finished }));
process.exit(0);
