// SPDX-License-Identifier: Apache-2.0
//
// The records that are sorted by time between reading the input and writing the trace: what places a slice, followed by
// the fields of its event, ready to be copied. Written by the span and event encoders, read by the sorter and the sweep.
import { ArgumentWriter } from '../../perfetto/arguments';
import { ProtobufWriter } from '../../protobuf/writer';

/** Offsets of a record's fixed part. Times are epoch nanoseconds. */
export const RECORD = {
  start: 0,
  end: 8,
  /** Key of the lane within its place: the request's. */
  lane: 16,
  /** Span ids; 0: none. */
  id: 24,
  parent: 32,
  /** Where it goes: a number that Places gave. */
  place: 40,
  /** Of the process that it came from. */
  origin: 44,
  flags: 48,
  /** Bytes of the event's fields, which follow; behind them the instants. */
  fields: 52,
} as const;

export const RECORD_BYTES = 56;
const INSTANT_BYTES = 12;

export const RECORD_FLAG = {
  /** Goes where its parent went, when that is of the same process and began before. */
  inherits: 1,
  /** A GPU slice of a batch again, in a member's trace: beside the request, not on the stream. */
  gpuCopy: 2,
  /** No slice: connects the slice that begins at this time in this place. `id` is the flow's. */
  flow: 4,
  /** No slice: the fields of an instant of its own. */
  instant: 8,
  /** No slice: the fields of a counter's value. */
  counter: 16,
} as const;

/** Of one record. What exceeds it is left out and told. */
export const MAX_RECORD_BYTES = 4 * 1024 * 1024;

/** What a record begins with. */
export interface RecordHead {
  readonly start: bigint;
  readonly end: bigint;
  readonly place: number;
  readonly origin: number;
  readonly flags: number;
}

/** Builds one record after the other in the same buffer. */
export class RecordWriter {
  /** Fields of the event are written to it. */
  readonly out = new ProtobufWriter();
  readonly values = new ArgumentWriter(this.out);
  #instant = 0;

  begin({ start, end, place, origin, flags }: RecordHead): void {
    const { out } = this;
    out.at = 0;
    out.reserve(RECORD_BYTES);
    const { view } = out;
    view.setBigUint64(RECORD.start, start, true);
    view.setBigUint64(RECORD.end, end, true);
    out.bytes.fill(0, RECORD.lane, RECORD.place);
    view.setUint32(RECORD.place, place, true);
    view.setUint32(RECORD.origin, origin, true);
    view.setUint32(RECORD.flags, flags, true);
    out.at = RECORD_BYTES;
  }

  /** The lane's key: both halves of a trace id in hex, folded. */
  lane(traceId: string): void {
    const { bytes, at } = this.out;
    this.out.reserve(16);
    bytes.write(traceId, at, 16, 'hex');
    for (let index = 0; index < 8; index++) bytes[RECORD.lane + index] = bytes[at + index]! ^ bytes[at + 8 + index]!;
  }

  /** An id in 16 hex digits; '' leaves it 0. */
  id(field: typeof RECORD.id | typeof RECORD.parent, hex: string): void {
    this.out.bytes.write(hex, field, 8, 'hex');
  }

  /** After the event's fields. */
  endFields(): void {
    this.out.view.setUint32(RECORD.fields, this.out.at - RECORD_BYTES, true);
  }

  /** After `endFields`: an instant inside the slice, whose fields follow up to `endInstant`. */
  beginInstant(time: bigint): void {
    const { out } = this;
    out.reserve(INSTANT_BYTES);
    this.#instant = out.at;
    out.view.setBigUint64(out.at, time, true);
    out.at += INSTANT_BYTES;
  }

  endInstant(): void {
    this.out.view.setUint32(this.#instant + 8, this.out.at - this.#instant - INSTANT_BYTES, true);
  }

  /** The record; valid until the next `begin`. */
  take(): Buffer {
    return this.out.bytes.subarray(0, this.out.at);
  }
}

/** Calls `each` with time and fields of the record's instants. */
export function eachInstant(record: Buffer, each: (low: number, high: number, fields: Buffer) => void): void {
  let at = RECORD_BYTES + record.readUInt32LE(RECORD.fields);
  while (at < record.length) {
    const end = at + INSTANT_BYTES + record.readUInt32LE(at + 8);
    each(record.readUInt32LE(at), record.readUInt32LE(at + 4), record.subarray(at + INSTANT_BYTES, end));
    at = end;
  }
}

export function fieldsOf(record: Buffer): Buffer {
  return record.subarray(RECORD_BYTES, RECORD_BYTES + record.readUInt32LE(RECORD.fields));
}
