// SPDX-License-Identifier: Apache-2.0
//
// Writes a Perfetto trace as protobuf, packet by packet: tracks, slices, instants, counters, clock snapshots. Times are
// nanoseconds of the epoch in two u32 halves. Written here because no library writes it. A file needs no footer, so what
// was taken is a valid trace at any time; and files of several processes, one after the other, are one trace: sequence
// and track ids are drawn from the process's identity, and a file begins by clearing the sequence's state. What was
// taken and did not reach the file does no harm after a `restart`. What is kept are the names, which are bounded. Used by
// one thread, that of the reader.

import { ProtobufWriter, VARINT_BYTES } from '../protobuf/writer';
import { type InternedName, InternedNames } from './interned-names';
import { writeCounterKind, writeHead, writeProcess, writeSnapshot } from './descriptors';
import type { TraceIdentity } from './identity';

/** TrackEvent.Type. */
export const EVENT = { begin: 1, end: 2, instant: 3, counter: 4 } as const;

/** A track that was described; events name it. */
export interface Track {
  readonly low: number;
  readonly high: number;
  /** TrackEvent.track_uuid. */
  readonly bytes: Uint8Array;
  readonly options: TrackOptions;
  /** @internal Which of the writer's beginnings it was described after. */
  described: number;
}

export interface TrackOptions {
  readonly name: string;
  readonly parent?: Track;
  /** Place among its siblings. */
  readonly rank?: number;
  /** A counter and the unit of its values. */
  readonly unit?: string;
  readonly process?: { readonly pid: number; readonly startNanos?: bigint };
}

/** Readings of the three clocks at one instant, in ns. */
export interface ClockReading {
  readonly realtime: bigint;
  readonly monotonic: bigint;
  readonly boottime: bigint;
}

const PACKET = 0x0a;
const TIMESTAMP = 0x40;
const TRACK_EVENT = 0x5a;
const EVENT_TYPE = 0x48;
const SEQUENCE_NEEDS_STATE = 2;
/** Most bytes of a packet's and an event's fixed fields. */
const FRAME_BYTES = 80;

export class TraceWriter {
  /** Fields of the open event may be written to it, by those who know their numbers. */
  readonly out = new ProtobufWriter();
  readonly names = new InternedNames();
  private readonly sequence: Uint8Array;
  private tracks = 0;
  private beginnings = 0;
  private packet = 0;
  private event = 0;
  private lastRealtime = 0n;

  constructor(private readonly identity: TraceIdentity) {
    this.sequence = bytesOf((out) => {
      out.tag(10, 0);
      out.varint(identity.sequence);
      out.tag(13, 0);
      out.varint(SEQUENCE_NEEDS_STATE);
    });
    writeHead(this.out, identity.sequence);
  }

  /** Bytes written since the last `take`. */
  get size(): number {
    return this.out.at;
  }

  /** What was written since the last call: whole packets. */
  take(): Buffer {
    const { out } = this;
    const taken = Buffer.allocUnsafeSlow(out.at);
    out.bytes.copy(taken, 0, 0, out.at);
    out.at = 0;
    return taken;
  }

  /** As `take`, without a copy: valid until something is written. */
  lend(): Buffer {
    const { out } = this;
    const lent = out.bytes.subarray(0, out.at);
    out.at = 0;
    return lent;
  }

  /**
   * Begins again, as a file does, with the tracks and numbers that there are; drops what was not taken. For when what was
   * taken is lost: names and tracks are explained again as they are used. No event may be open.
   */
  restart(): void {
    this.out.at = 0;
    this.beginnings += 1;
    writeHead(this.out, this.identity.sequence);
    this.names.explainAgain();
  }

  /** Describes a new track. */
  track(options: TrackOptions): Track {
    const low = (this.identity.low + this.tracks) >>> 0;
    const { high } = this.identity;
    this.tracks += 1;
    const track = { low, high, bytes: trackBytes(low, high), options, described: -1 };
    this.describe(track);
    return track;
  }

  /** Ignored where realtime lies before the last one: viewers refuse a trace clock that goes back. */
  clockSnapshot(reading: ClockReading): void {
    if (reading.realtime < this.lastRealtime) return;
    this.lastRealtime = reading.realtime;
    const { out } = this;
    out.reserve(FRAME_BYTES);
    out.bytes[out.at++] = PACKET;
    const packet = out.begin();
    this.copySequence();
    writeSnapshot(out, reading);
    out.end(packet);
  }

  /** Begins a packet with an event; its fields follow, then `close`. Makes room for FIELD_BYTES of them. */
  open(type: number, track: Track, low: number, high: number): void {
    if (track.described !== this.beginnings) this.describe(track);
    const { out } = this;
    out.reserve(FRAME_BYTES + FIELD_BYTES);
    const { bytes } = out;
    bytes[out.at] = PACKET;
    this.packet = out.at + 1;
    bytes[out.at + 2] = TIMESTAMP;
    out.at += 3;
    out.varint64(low, high);
    this.copySequence();
    bytes[out.at] = TRACK_EVENT;
    this.event = out.at + 1;
    bytes[out.at + 2] = EVENT_TYPE;
    bytes[out.at + 3] = type;
    out.at += 4;
    copyShort(out, track.bytes);
  }

  close(): void {
    const { out, names } = this;
    out.end(this.event);
    if (names.hasNew) names.writeNew(out);
    out.end(this.packet);
  }

  /** Of the open event. */
  name(name: InternedName): void {
    this.out.reserve(name.bytes.length + FIELD_BYTES);
    copyShort(this.out, name.bytes);
  }

  /** Of the open event: a name that is its own, which nothing is kept of. */
  ownName(text: string): void {
    this.out.tag(23, 2);
    this.out.text(text);
    this.out.reserve(FIELD_BYTES);
  }

  /** Connects the open event with the others that have the same id, in the order of their times. */
  flow(low: number, high: number): void {
    const { out } = this;
    out.bytes[out.at] = 0xf9; // flow_ids = 47, fixed64
    out.bytes[out.at + 1] = 0x02;
    out.view.setInt32(out.at + 2, low, true);
    out.view.setInt32(out.at + 6, high, true);
    out.at += 10;
  }

  endSlice(track: Track, low: number, high: number): void {
    this.open(EVENT.end, track, low, high);
    this.close();
  }

  /** `value`: any number; integers that a double holds exactly are written as such. */
  counter(track: Track, low: number, high: number, value: number): void {
    this.open(EVENT.counter, track, low, high);
    const { out } = this;
    if (Number.isSafeInteger(value) && value >= 0) {
      out.tag(30, 0);
      out.varint64(value % 2 ** 32, Math.floor(value / 2 ** 32));
    } else {
      out.tag(44, 1);
      out.double(value);
    }
    this.close();
  }

  // After what it lies below.
  private describe(track: Track): void {
    const { out } = this;
    const { parent } = track.options;
    if (parent !== undefined && parent.described !== this.beginnings) this.describe(parent);
    track.described = this.beginnings;
    out.reserve(FRAME_BYTES);
    out.bytes[out.at++] = PACKET;
    const packet = out.begin();
    this.copySequence();
    out.tag(60, 2);
    const descriptor = out.begin();
    out.tag(1, 0);
    out.varint64(track.low, track.high);
    this.writeOptions(track.options);
    out.end(descriptor);
    out.end(packet);
  }

  private writeOptions({ name, parent, rank, unit, process }: TrackOptions): void {
    const { out } = this;
    out.tag(2, 2);
    out.text(name);
    out.reserve(FRAME_BYTES);
    if (process !== undefined) writeProcess(out, process, name);
    if (parent !== undefined) {
      out.tag(5, 0);
      out.varint64(parent.low, parent.high);
    }
    if (unit !== undefined) writeCounterKind(out, unit);
    out.reserve(FRAME_BYTES);
    out.tag(11, 0); // child_ordering: by rank
    out.varint(3);
    if (rank !== undefined) {
      out.tag(12, 0);
      out.varint(rank);
    }
    out.tag(15, 0); // sibling_merge_behavior: none, though they have the same name
    out.varint(2);
  }

  private copySequence(): void {
    copyShort(this.out, this.sequence);
  }
}

/** What a caller of `open` may write before it has to make room itself: a name and three flows fit. */
export const FIELD_BYTES = 64;

// Room was made.
function copyShort(out: ProtobufWriter, source: Uint8Array): void {
  const { bytes, at } = out;
  const { length } = source;
  for (let index = 0; index < length; index++) bytes[at + index] = source[index]!;
  out.at = at + length;
}

function trackBytes(low: number, high: number): Uint8Array {
  return bytesOf((out) => {
    out.tag(11, 0);
    out.varint64(low, high);
  });
}

function bytesOf(write: (out: ProtobufWriter) => void): Uint8Array {
  const out = new ProtobufWriter(4 * VARINT_BYTES);
  write(out);
  return Uint8Array.prototype.slice.call(out.bytes, 0, out.at);
}
