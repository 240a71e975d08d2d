// SPDX-License-Identifier: Apache-2.0
//
// What the reader spends on a slice on its way into a Perfetto trace: from its slots in the ring to the bytes of its two
// packets, begin and end. Against the usual way to the same packets: objects, and protobufjs with Perfetto's schema.
import { createRequire } from 'node:module';
import protobuf from 'protobufjs';
import { Encoding, SLICES_PER_READ } from './encoding.mjs';
import { countedRow, report, row } from './statistics.mjs';

const require = createRequire(import.meta.url);
const { LiveSource } = require('../dist/segment/live-source.js');
const { TracePipeline } = require('../dist/perfetto/pipeline.js');
const { newIdentity } = require('../dist/perfetto/identity.js');

const [BEGIN, END] = [1, 2];
const SECOND = 1_000_000_000n;

const options = { identity: newIdentity(), processName: 'bench', pid: process.pid };
const encoding = new Encoding(
  (native) => new TracePipeline(new LiveSource(native), options),
  ({ packets }) => packets.length,
);

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
let bytes = 0;
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

/** Of a slice in the reference's trace. */
function objectBytes() {
  bytes = 0;
  objects(SLICES_PER_READ);
  return bytes / SLICES_PER_READ;
}

const reference = 'two objects and protobufjs';
const plain = await encoding.measure(encoding.fill, objects);
const numbers = await encoding.measure(encoding.fillWithNumbers, objectsWithNumbers);
packets = [];
report([
  row({ id: 'perfetto.slice', what: 'slot in the ring to Perfetto packets', reference }, plain),
  row({ id: 'perfetto.numbers', what: 'the same, slice with two numbers', reference }, numbers),
  countedRow(
    { id: 'perfetto.bytes', what: 'bytes of a plain slice in a trace', unit: 'B', reference },
    encoding.bytesASlice(),
    objectBytes(),
  ),
]);
