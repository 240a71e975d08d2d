// SPDX-License-Identifier: Apache-2.0
//
// Decodes a record's payload: the items of its continuation slots. One Payload is reused for all records, so the
// assembler takes what it needs before it decodes the next. An item that runs over the end, or of an unknown type,
// ends the decoding and sets `broken`: nothing behind it can be located.

import type { Attributes, AttributeValue } from '@opentelemetry/api';

import type { Dictionary } from './dictionary';
import { ITEM } from './layout';
import { WORD } from './position';
import type { RingReader } from './ring-reader';

/** An instant in a slice; its time is as the writer read it, ticks or CLOCK_MONOTONIC ns. */
export interface PayloadEvent {
  readonly name: string;
  readonly low: number;
  readonly high: number;
  readonly monotonic: boolean;
  readonly attributes: Attributes;
}

/** One value a member of a batch, read out of the payload on demand. */
export interface PayloadColumn {
  readonly key: string;
  /** Bytes of a value: integers of 1, 2 or 4, unsigned ones of 1 or 2 above `base`, else a double. */
  readonly width: number;
  /** To be added to every value; undefined: they are as stored. */
  readonly base: number | undefined;
  readonly count: number;
  /** Of the first value, in the reader's bytes. */
  readonly offset: number;
}

export interface PayloadGpu {
  readonly launchLow: number;
  readonly launchHigh: number;
  /** GpuSource. */
  readonly source: number;
  readonly device: number;
  /** The caller's handle, as two u32 halves. */
  readonly streamLow: number;
  readonly streamHigh: number;
  /** The device's UUID; undefined when it is not known. */
  readonly uuid: string | undefined;
  /** Slices that this one stands for; 1: all were recorded. */
  readonly sampling: number;
}

export interface PayloadBatchRef {
  readonly lane: number;
  readonly batch: number;
  readonly generation: number;
}

export interface PayloadException {
  readonly type: string;
  readonly message: string;
}

/** A span of another trace. Ids are int32 words in memory order. */
export interface PayloadLink {
  readonly trace: readonly [number, number, number, number];
  readonly spanLow: number;
  readonly spanHigh: number;
}

export interface PayloadStatus {
  /** 1 ok, 2 error. */
  readonly code: number;
  readonly message: string;
}

const EVENT_MONOTONIC = 1;
// What `toString('utf8', ...)` calls after sorting out its arguments, which costs as much as a short string does.
type Utf8Bytes = Buffer & { utf8Slice(start: number, end: number): string };

const NOTHING: Attributes = Object.freeze({});

export class Payload {
  /** A new object for every record that has attributes; else one shared, frozen and empty. */
  attributes: Attributes = NOTHING;
  events: PayloadEvent[] | undefined;
  columns: PayloadColumn[] | undefined;
  /** By reason number. */
  losses: { readonly reason: number; readonly count: number }[] | undefined;
  gpu: PayloadGpu | undefined;
  batchRef: PayloadBatchRef | undefined;
  status: PayloadStatus | undefined;
  exception: PayloadException | undefined;
  links: PayloadLink[] | undefined;
  name: string | undefined;
  traceState: string | undefined;
  broken = false;
  /** The record had a payload; without one everything here is empty. */
  decoded = false;

  private at = 0;
  private end = 0;
  private readonly bytes: Utf8Bytes;
  private readonly view: DataView;

  constructor(
    private readonly ring: RingReader,
    private readonly dictionary: Dictionary,
  ) {
    this.bytes = ring.bytes as Utf8Bytes;
    this.view = ring.view;
  }

  /** Decodes the payload of the ring reader's current record; what it holds no longer counts. */
  decode(): void {
    if (this.decoded) this.clear();
    this.at = this.ring.payloadStart;
    this.end = this.ring.payloadEnd;
    this.decoded = this.at < this.end;
    while (this.at < this.end) {
      const type = this.ring.bytes[this.at]!;
      if (type === ITEM.end) return;
      this.at += 1;
      if (!this.item(type)) {
        this.broken = true;
        return;
      }
    }
  }

  /** The value of a column for one member, undefined when there is none. */
  columnValue(column: PayloadColumn, member: number): number | undefined {
    return columnValue(this.view, column, member);
  }

  private clear(): void {
    this.attributes = NOTHING;
    this.events = undefined;
    this.columns = undefined;
    this.losses = undefined;
    this.gpu = undefined;
    this.batchRef = undefined;
    this.status = undefined;
    this.exception = undefined;
    this.links = undefined;
    this.name = undefined;
    this.traceState = undefined;
    this.broken = false;
  }

  private item(type: number): boolean {
    if (isAttribute(type)) {
      if (this.attributes === NOTHING) this.attributes = {};
      return this.attribute(type, this.attributes);
    }
    switch (type) {
      case ITEM.gpu:
        return this.readGpu();
      case ITEM.batchRef:
        return this.readBatchRef();
      case ITEM.column:
        return this.readColumn(false);
      case ITEM.offsetColumn:
        return this.readColumn(true);
      case ITEM.event:
        return this.readEvent();
      case ITEM.losses:
        return this.readLosses();
      case ITEM.status:
        return this.readStatus();
      case ITEM.exception:
        return this.readException();
      case ITEM.link:
        return this.readLink();
      case ITEM.name:
        return (this.name = this.text8()) !== undefined;
      case ITEM.traceState:
        return (this.traceState = this.text16()) !== undefined;
      default:
        return false;
    }
  }

  private attribute(type: number, into: Attributes): boolean {
    if (!this.has(3)) return false;
    const key = this.dictionary.text(this.u16());
    const value = this.value(type);
    if (value === undefined) return false;
    into[key] = value;
    return true;
  }

  private value(type: number): AttributeValue | undefined {
    switch (type) {
      case ITEM.int:
        return this.has(8) ? this.int64() : undefined;
      case ITEM.double:
        return this.has(8) ? this.float64() : undefined;
      case ITEM.bool:
        return this.u8() !== 0;
      case ITEM.string:
        return this.text8();
      case ITEM.strings:
        return this.texts();
      default:
        return this.numbers();
    }
  }

  private texts(): string[] | undefined {
    const values: string[] = [];
    for (let left = this.u8(); left > 0; left--) {
      const value = this.text8();
      if (value === undefined) return undefined;
      values.push(value);
    }
    return values;
  }

  private numbers(): number[] | undefined {
    const count = this.u8();
    if (!this.has(count * 8)) return undefined;
    return Array.from({ length: count }, () => this.float64());
  }

  private readEvent(): boolean {
    if (!this.has(12)) return false;
    const name = this.dictionary.text(this.u16());
    const low = this.u32();
    const high = this.u32();
    const monotonic = (this.u8() & EVENT_MONOTONIC) !== 0;
    const attributes: Attributes = {};
    (this.events ??= []).push({ name, low, high, monotonic, attributes });
    for (let left = this.u8(); left > 0; left--) {
      if (!this.has(1)) return false;
      const type = this.u8();
      if (!isAttribute(type) || !this.attribute(type, attributes)) return false;
    }
    return true;
  }

  private readGpu(): boolean {
    if (!this.has(23)) return false;
    const launchLow = this.u32();
    const launchHigh = this.u32();
    const source = this.u8();
    const device = this.u16();
    const streamLow = this.u32();
    const streamHigh = this.u32();
    const id = this.u16();
    const uuid = id === 0 ? undefined : this.dictionary.text(id);
    this.gpu = { launchLow, launchHigh, source, device, streamLow, streamHigh, uuid, sampling: this.u16() };
    return true;
  }

  private readBatchRef(): boolean {
    if (!this.has(8)) return false;
    this.batchRef = { lane: this.u16(), batch: this.u16(), generation: this.u32() };
    return true;
  }

  private readColumn(above: boolean): boolean {
    if (!this.has(above ? 9 : 5)) return false;
    const key = this.dictionary.text(this.u16());
    const width = this.u8();
    const count = this.u16();
    const base = above ? this.i32() : undefined;
    const known = width === 1 || width === 2 || (!above && (width === 4 || width === 8));
    if (!known || !this.has(count * width)) return false;
    (this.columns ??= []).push({ key, width, base, count, offset: this.at });
    this.at += count * width;
    return true;
  }

  private readLosses(): boolean {
    if (!this.has(1)) return false;
    const count = this.u8();
    if (!this.has(count * 9)) return false;
    this.losses = Array.from({ length: count }, () => ({ reason: this.u8(), count: this.u32() + this.u32() * WORD }));
    return true;
  }

  private readStatus(): boolean {
    if (!this.has(2)) return false;
    const code = this.u8();
    const message = this.text8();
    if (message === undefined) return false;
    this.status = { code, message };
    return true;
  }

  private readException(): boolean {
    const type = this.text8();
    const message = this.text8();
    if (type === undefined || message === undefined) return false;
    this.exception = { type, message };
    return true;
  }

  private readLink(): boolean {
    if (!this.has(24)) return false;
    const trace = [this.i32(), this.i32(), this.i32(), this.i32()] as const;
    (this.links ??= []).push({ trace, spanLow: this.i32(), spanHigh: this.i32() });
    return true;
  }

  private has(bytes: number): boolean {
    return this.at + bytes <= this.end;
  }

  private u8(): number {
    return this.view.getUint8(this.at++);
  }

  private u16(): number {
    this.at += 2;
    return this.view.getUint16(this.at - 2, true);
  }

  private u32(): number {
    this.at += 4;
    return this.view.getUint32(this.at - 4, true);
  }

  private i32(): number {
    return this.u32() | 0;
  }

  private float64(): number {
    this.at += 8;
    return this.view.getFloat64(this.at - 8, true);
  }

  // Attribute values are numbers; an integer that a double cannot hold becomes its exact decimal text instead.
  private int64(): number | string {
    const low = this.u32();
    const high = this.u32() | 0;
    const value = high * WORD + low;
    return Number.isSafeInteger(value) ? value : this.view.getBigInt64(this.at - 8, true).toString();
  }

  private text8(): string | undefined {
    return this.has(1) ? this.text(this.u8()) : undefined;
  }

  private text16(): string | undefined {
    return this.has(2) ? this.text(this.u16()) : undefined;
  }

  private text(length: number): string | undefined {
    if (!this.has(length)) return undefined;
    this.at += length;
    return this.bytes.utf8Slice(this.at - length, this.at);
  }
}

/** The value for one member in the reader's bytes, undefined when there is none. */
export function columnValue(
  view: DataView,
  { width, base, count, offset }: Omit<PayloadColumn, 'key'>,
  member: number,
): number | undefined {
  if (member >= count) return undefined;
  const at = offset + member * width;
  if (base !== undefined) return base + (width === 1 ? view.getUint8(at) : view.getUint16(at, true));
  switch (width) {
    case 1:
      return view.getInt8(at);
    case 2:
      return view.getInt16(at, true);
    case 4:
      return view.getInt32(at, true);
    default:
      return view.getFloat64(at, true);
  }
}

function isAttribute(type: number): boolean {
  return (type >= ITEM.int && type <= ITEM.string) || type === ITEM.strings || type === ITEM.numbers;
}
