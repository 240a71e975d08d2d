// SPDX-License-Identifier: Apache-2.0
//
// What the reader spends on a slice: from its slot in the ring to a span object with its ids as text. The floor copies
// as many bytes into an array, reads the same words and makes as small an object as could be exported.
import { advance, openLane, openPipeline, SLOT_BYTES } from './lane.mjs';
import { measurePair, report, row } from './statistics.mjs';

const OPERATIONS = 4096;
const SPANS_PER_READ = 512;

const { native, where } = openLane();
const pipeline = openPipeline(native);
native.leaseAcquire(native.environment());
let characters = 0;
let spans = 0;

// What one sample reads, its untimed eighth included.
const FILLED = OPERATIONS + OPERATIONS / 8;

function fill() {
  for (let i = 0; i < FILLED; i++) native.end(native.begin(where));
  native.snapshot();
}

function readSpans(operations) {
  for (let left = operations; left > 0; ) {
    const batch = pipeline.read(Math.min(left, SPANS_PER_READ));
    if (batch === undefined) throw new Error(`the ring was ${left} slices short`);
    for (const span of batch.spans) characters += span.spanContext().spanId.length;
    left -= batch.spans.length;
    spans += batch.spans.length;
    advance(native, batch);
  }
}

const ring = Buffer.alloc(OPERATIONS * SLOT_BYTES, 'gpuspan');
const copy = Buffer.alloc(ring.length);
const words = new Uint32Array(copy.buffer, copy.byteOffset, copy.length / 4);

function buildObjects(operations) {
  ring.copy(copy);
  for (let i = 0; i < operations; i++) {
    const at = i * SLOT_BYTES;
    const word = at / 4;
    const span = {
      traceId: copy.toString('hex', at + 24, at + 40),
      spanId: copy.toString('hex', at + 40, at + 48),
      parentSpanId: copy.toString('hex', at + 48, at + 56),
      startTime: [words[word + 2], words[word + 3]],
      endTime: [words[word + 4], words[word + 5]],
    };
    characters += span.spanId.length;
  }
}

fill();
const samples = await measurePair(readSpans, buildObjects, { operations: OPERATIONS, settle: fill });
if (spans === 0 || spans % FILLED !== 0 || characters === 0)
  throw new Error(`read ${spans} spans, not a multiple of ${FILLED}`);
report([
  row(
    {
      id: 'read.span',
      what: 'slot in the ring to span object',
      reference: 'an object with ids and times from as many bytes',
    },
    samples,
  ),
]);
