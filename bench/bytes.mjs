// SPDX-License-Identifier: Apache-2.0
//
// What a slice and a lane take in memory: bytes of ring for a plain host slice, against the same span as OTLP
// protobuf; and the memory that the segment gains when a thread claims a lane, against its ring alone.
import { readdirSync, readlinkSync, statSync } from 'node:fs';
import { createRequire } from 'node:module';
import { Worker } from 'node:worker_threads';
import { openLane, openPipeline, RING_SLOTS, SLOT_BYTES } from './lane.mjs';
import { countedRow, report } from './statistics.mjs';

const SLICES = 1000;
const BLOCK_BYTES = 512;
const require = createRequire(import.meta.url);

const { native, lane, where } = openLane();
const pipeline = openPipeline(native);

/** Bytes of memory that the segment's file has; its size also counts what no lane has claimed. */
function segmentMemory() {
  const paths = readdirSync('/proc/self/fd').map((name) => `/proc/self/fd/${name}`);
  const segment = paths.find((path) => /memfd:gpuspan/.test(safeLink(path)));
  if (segment === undefined) throw new Error('the segment has no file of this process');
  return statSync(segment).blocks * BLOCK_BYTES;
}

// The folder's own descriptor is closed by the time it is looked at.
function safeLink(path) {
  try {
    return readlinkSync(path);
  } catch {
    return '';
  }
}

/** Reads everything there is; the spans, and the ring position after them. */
function readAll() {
  native.snapshot();
  const { spans, lanes } = pipeline.read(2 * SLICES);
  const { low, high } = lanes.find((progress) => progress.lane === lane);
  return { spans, position: high * 2 ** 32 + low };
}

function record() {
  for (let i = 0; i < SLICES; i++) native.end(native.begin(where));
}

record();
const first = readAll();
record();
const second = readAll();
const sliceBytes = ((second.position - first.position) * SLOT_BYTES) / SLICES;

/** Bytes that one more span adds to an export request. */
function wireBytes(spans) {
  const { ProtobufTraceSerializer } = require('@opentelemetry/otlp-transformer');
  const size = (count) => ProtobufTraceSerializer.serializeRequest(spans.slice(0, count)).byteLength;
  return (size(spans.length) - size(1)) / (spans.length - 1);
}

async function laneBytes() {
  const memory = segmentMemory();
  const worker = new Worker(
    `import(${JSON.stringify(new URL('./lane.mjs', import.meta.url).href)}).then(({ openLane }) => {
      openLane();
      require('node:worker_threads').parentPort.postMessage('attached');
      setInterval(() => {}, 1000);
    });`,
    { eval: true },
  );
  await new Promise((resolve, reject) => worker.once('message', resolve).once('error', reject));
  const grown = segmentMemory() - memory;
  await worker.terminate();
  return grown;
}

const slice = {
  id: 'bytes.slice',
  what: 'ring bytes of a plain host slice',
  unit: 'B',
  reference: 'the span as OTLP protobuf',
};
const perLane = { id: 'bytes.lane', what: `memory of a lane (${RING_SLOTS} slots)`, unit: 'B', reference: 'its ring' };
report([
  countedRow(slice, sliceBytes, wireBytes(second.spans)),
  countedRow(perLane, await laneBytes(), RING_SLOTS * SLOT_BYTES),
]);
