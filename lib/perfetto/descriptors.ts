// SPDX-License-Identifier: Apache-2.0
//
// The packets and messages of a Perfetto trace that are written once or rarely: the head of a file, clock snapshots, and
// what describes processes and counters. Called by the trace writer, which makes room.

import type { ProtobufWriter } from '../protobuf/writer';
import type { ClockReading } from './trace-writer';

// BuiltinClock.
const REALTIME = 1;
const MONOTONIC = 3;
const BOOTTIME = 6;
/** A clock that belongs to this sequence alone. */
const OWN_CLOCK = 64;
const STATE_CLEARED = 1;

/** What a sequence's first packet says: nothing before it counts, and times are realtime. */
export function writeHead(out: ProtobufWriter, sequence: number): void {
  out.reserve(64);
  out.tag(1, 2);
  const packet = out.begin();
  out.tag(10, 0);
  out.varint(sequence);
  out.tag(13, 0);
  out.varint(STATE_CLEARED);
  out.tag(87, 0); // first_packet_on_sequence
  out.varint(1);
  out.tag(59, 2); // trace_packet_defaults
  const defaults = out.begin();
  out.tag(58, 0); // timestamp_clock_id
  out.varint(REALTIME);
  out.end(defaults);
  out.end(packet);
}

/**
 * TracePacket.clock_snapshot. Realtime is the trace's clock, so that processes of several machines share one. The
 * sequence's own clock, which nobody uses, makes the snapshots of each file a series of their own: viewers ask that
 * realtime does not go back within a series, and in files put one after the other it may.
 */
export function writeSnapshot(out: ProtobufWriter, { realtime, monotonic, boottime }: ClockReading): void {
  out.reserve(128);
  out.tag(6, 2);
  const snapshot = out.begin();
  writeClock(out, REALTIME, realtime);
  writeClock(out, MONOTONIC, monotonic);
  writeClock(out, BOOTTIME, boottime);
  writeClock(out, OWN_CLOCK, realtime);
  out.tag(2, 0); // primary_trace_clock
  out.varint(REALTIME);
  out.end(snapshot);
}

function writeClock(out: ProtobufWriter, id: number, value: bigint): void {
  out.tag(1, 2);
  const clock = out.begin();
  out.tag(1, 0);
  out.varint(id);
  out.tag(2, 0);
  writeInt64(out, value);
  out.end(clock);
}

/** TrackDescriptor.process. Makes room for the name. */
export function writeProcess(
  out: ProtobufWriter,
  { pid, startNanos }: { readonly pid: number; readonly startNanos?: bigint },
  name: string,
): void {
  out.tag(3, 2);
  const process = out.begin();
  out.tag(1, 0);
  out.varint(pid);
  out.tag(6, 2);
  out.text(name);
  out.reserve(64);
  if (startNanos !== undefined) {
    out.tag(7, 0);
    writeInt64(out, startNanos);
  }
  out.end(process);
}

/** TrackDescriptor.counter. */
export function writeCounterKind(out: ProtobufWriter, unit: string): void {
  out.tag(8, 2);
  const counter = out.begin();
  out.tag(6, 2); // unit_name
  out.text(unit);
  out.end(counter);
}

function writeInt64(out: ProtobufWriter, value: bigint): void {
  out.varint64(Number(BigInt.asUintN(32, value)), Number(BigInt.asUintN(32, value >> 32n)));
}
