// SPDX-License-Identifier: Apache-2.0
//
// What the reader spends on a slice on its way into a Perfetto trace: from its slots in the ring to the bytes of its two
// packets, begin and end. Against the usual way to the same packets: objects, and protobufjs with Perfetto's schema.
import { createRequire } from 'node:module';
import protobuf from 'protobufjs';
import { advance, openLane } from './lane.mjs';
import { countedRow, measurePair, report, row } from './statistics.mjs';

const require = createRequire(import.meta.url);
const { LiveSource } = require('../dist/segment/live-source.js');
const { TracePipeline } = require('../dist/perfetto/pipeline.js');
const { newIdentity } = require('../dist/perfetto/identity.js');

const OPERATIONS = 4096;
const OBJECT_OPERATIONS = 1024;
const SLICES_PER_READ = 512;
// What one sample reads, its untimed eighth included.
const FILLED = OPERATIONS + OPERATIONS / 8;
const DOUBLE = 2;
const [BEGIN, END] = [1, 2];
const SECOND = 1_000_000_000n;

const { native, where, writePayload } = openLane();
const options = { identity: newIdentity(), processName: 'bench', pid: process.pid };
const pipeline = new TracePipeline(new LiveSource(native), options);
native.leaseAcquire(native.environment());
const tokens = native.intern('key', 0, 0, 'tokens').id;
const position = native.intern('key', 0, 0, 'position').id;
let bytes = 0;
let slices = 0;

function fill() {
  for (let i = 0; i < FILLED; i++) native.end(native.begin(where));
  native.snapshot();
}

function fillWithNumbers() {
  for (let i = 0; i < FILLED; i++) {
    const length = writePayload((view, at) => {
      for (const [index, [key, value]] of [
        [tokens, i & 511],
        [position, i],
      ].entries()) {
        view.setUint8(at + index * 11, DOUBLE);
        view.setUint16(at + index * 11 + 1, key, true);
        view.setFloat64(at + index * 11 + 3, value, true);
      }
      return 22;
    });
    native.endWith(native.begin(where), length);
  }
  native.snapshot();
}

function encode(operations) {
  for (let left = operations; left > 0; ) {
    const batch = pipeline.read(Math.min(left, SLICES_PER_READ));
    if (batch === undefined) throw new Error(`the ring was ${left} slices short`);
    bytes += batch.spans.packets.length;
    left -= batch.spanCount;
    slices += batch.spanCount;
    advance(native, batch);
  }
}

const Trace = protobuf
  .parse(
    `syntax = "proto2";
  message Trace { repeated TracePacket packet = 1; }
  message TracePacket {
    optional uint64 timestamp = 8;
    optional uint32 trusted_packet_sequence_id = 10;
    optional TrackEvent track_event = 11;
    optional uint32 sequence_flags = 13;
  }
  message TrackEvent {
    repeated uint64 category_iids = 3;
    repeated DebugAnnotation debug_annotations = 4;
    optional int32 type = 9;
    optional uint64 name_iid = 10;
    optional uint64 track_uuid = 11;
    repeated fixed64 flow_ids = 47;
  }
  message DebugAnnotation { optional uint64 name_iid = 1; optional int64 int_value = 4; }`,
    { keepCase: true },
  )
  .root.lookupType('Trace');
const { Long } = protobuf.util;
const track_uuid = new Long(0x89ab_cdef, 0x0123_4567, true);
let packets = [];
let previous = new Long(0x1234_5678, 0x1122_3344, true);

function writePackets() {
  if (packets.length < 2 * SLICES_PER_READ) return;
  bytes += Trace.encode({ packet: packets }).finish().length;
  packets = [];
}

function packet(type, fields) {
  const now = process.hrtime.bigint();
  const timestamp = new Long(Number(now % SECOND), Number(now / SECOND), true);
  const track_event = { type, track_uuid, ...fields };
  packets.push({ timestamp, trusted_packet_sequence_id: 123_456_789, sequence_flags: 2, track_event });
}

function begin(attributes) {
  const own = new Long(previous.low + 1, previous.high, true);
  packet(BEGIN, { category_iids: [1], name_iid: 1, flow_ids: [own, own, previous], ...attributes });
  previous = own;
}

function objects(operations) {
  for (let i = 0; i < operations; i++) {
    begin(undefined);
    packet(END, undefined);
    writePackets();
  }
}

function objectsWithNumbers(operations) {
  for (let i = 0; i < operations; i++) {
    const numbers = [i & 511, i].map((int_value, index) => ({ name_iid: index + 1, int_value }));
    begin({ debug_annotations: numbers });
    packet(END, undefined);
    writePackets();
  }
}

async function measure(settle, reference) {
  slices = 0;
  settle();
  const samples = await measurePair(encode, reference, {
    operations: OPERATIONS,
    referenceOperations: OBJECT_OPERATIONS,
    settle,
  });
  if (slices === 0 || slices % FILLED !== 0 || bytes === 0)
    throw new Error(`encoded ${slices} slices, not a multiple of ${FILLED}`);
  encode(FILLED); // what was filled in last
  return samples;
}

/** Bytes a slice, after names and tracks were explained. */
function measureBytes() {
  fill();
  bytes = 0;
  encode(FILLED);
  const own = bytes / FILLED;
  bytes = 0;
  objects(SLICES_PER_READ);
  return [own, bytes / SLICES_PER_READ];
}

const reference = 'two objects and protobufjs';
const plain = await measure(fill, objects);
const numbers = await measure(fillWithNumbers, objectsWithNumbers);
packets = [];
report([
  row({ id: 'perfetto.slice', what: 'slot in the ring to Perfetto packets', reference }, plain),
  row({ id: 'perfetto.numbers', what: 'the same, slice with two numbers', reference }, numbers),
  countedRow(
    { id: 'perfetto.bytes', what: 'bytes of a plain slice in a trace', unit: 'B', reference },
    ...measureBytes(),
  ),
]);
