// SPDX-License-Identifier: Apache-2.0
//
// The attributes and columns of the ring reader's current record as arguments of the trace writer's open event, straight
// from its payload. What else the payload holds it steps over and says so; an item that runs over the end or is unknown
// ends it, as it ends Payload's decoding.

import { ITEM } from '../segment/layout';
import type { RingReader } from '../segment/ring-reader';
import type { ArgumentWriter } from './arguments';
import type { InternedName } from './interned-names';
import type { SegmentNames } from './segment-names';

const GPU_BYTES = 23;
const BATCH_REF_BYTES = 8;
const LINK_BYTES = 24;
const LOSS_BYTES = 9;
const EVENT_BYTES = 12;

type Utf8Bytes = Buffer & { utf8Slice(start: number, end: number): string };

export class RecordArguments {
  /** The record has more than attributes, columns and what a GPU slice must have. */
  hasMore = false;
  broken = false;
  private at = 0;
  private end = 0;
  private gpuAt = 0;
  private isDry = false;

  constructor(
    private readonly ring: RingReader,
    private readonly names: SegmentNames,
    private readonly writer: ArgumentWriter,
  ) {}

  /** Where the current record's GPU item begins, behind its type byte; 0: it has none. Writes nothing. */
  findGpu(): number {
    const { bytes, payloadStart, payloadEnd } = this.ring;
    // Its writers put it first.
    if (bytes[payloadStart] === ITEM.gpu && payloadStart + 1 + GPU_BYTES <= payloadEnd) return payloadStart + 1;
    this.isDry = true;
    this.write();
    this.isDry = false;
    return this.gpuAt;
  }

  write(): void {
    const { ring } = this;
    this.hasMore = false;
    this.broken = false;
    this.gpuAt = 0;
    this.at = ring.payloadStart;
    this.end = ring.payloadEnd;
    while (this.at < this.end) {
      const type = ring.bytes[this.at]!;
      if (type === ITEM.end) return;
      this.at += 1;
      if (isAttribute(type) ? this.attribute(type, !this.isDry) : this.other(type)) continue;
      this.broken = true;
      return;
    }
  }

  private attribute(type: number, isWritten: boolean): boolean {
    if (!this.has(3)) return false;
    const key = this.names.argument(this.ring.view.getUint16(this.at, true));
    this.at += 2;
    switch (type) {
      case ITEM.int:
        return this.int(key, isWritten);
      case ITEM.double:
        return this.double(key, isWritten);
      case ITEM.bool:
        if (isWritten) this.writer.bool(key, this.ring.bytes[this.at]! !== 0);
        this.at += 1;
        return true;
      case ITEM.string:
        return this.string(key, isWritten);
      case ITEM.strings:
        return this.strings(key, isWritten);
      default:
        return this.numbers(key, isWritten);
    }
  }

  private int(key: InternedName, isWritten: boolean): boolean {
    if (!this.has(8)) return false;
    const { view } = this.ring;
    if (isWritten) this.writer.int64(key, view.getUint32(this.at, true), view.getUint32(this.at + 4, true));
    this.at += 8;
    return true;
  }

  private double(key: InternedName, isWritten: boolean): boolean {
    if (!this.has(8)) return false;
    if (isWritten) this.writer.number(key, this.ring.view.getFloat64(this.at, true));
    this.at += 8;
    return true;
  }

  private string(key: InternedName, isWritten: boolean): boolean {
    const text = this.text8();
    if (text === undefined) return false;
    if (isWritten) this.writer.text(key, text);
    return true;
  }

  private strings(key: InternedName, isWritten: boolean): boolean {
    const values: string[] = [];
    for (let left = this.ring.bytes[this.at++]!; left > 0; left--) {
      const value = this.text8();
      if (value === undefined) return false;
      values.push(value);
    }
    if (isWritten) this.writer.value(key, values);
    return true;
  }

  private numbers(key: InternedName, isWritten: boolean): boolean {
    const count = this.ring.bytes[this.at++]!;
    if (!this.has(count * 8)) return false;
    if (isWritten) {
      const list = this.writer.list(key);
      for (let index = 0; index < count; index++) {
        this.writer.item(this.ring.view.getFloat64(this.at + index * 8, true));
      }
      this.writer.endList(list);
    }
    this.at += count * 8;
    return true;
  }

  private other(type: number): boolean {
    switch (type) {
      case ITEM.gpu:
        if (this.has(GPU_BYTES)) this.gpuAt = this.at;
        return this.skip(GPU_BYTES);
      case ITEM.batchRef:
        return this.skip(BATCH_REF_BYTES);
      case ITEM.column:
        return this.column(false);
      case ITEM.offsetColumn:
        return this.column(true);
      default:
        this.hasMore = true;
        return this.unwritten(type);
    }
  }

  private unwritten(type: number): boolean {
    switch (type) {
      case ITEM.event:
        return this.event();
      case ITEM.losses:
        return this.has(1) && this.skip(1 + this.ring.bytes[this.at]! * LOSS_BYTES);
      case ITEM.status:
        return this.skip(1) && this.skipText();
      case ITEM.exception:
        return this.skipText() && this.skipText();
      case ITEM.link:
        return this.skip(LINK_BYTES);
      case ITEM.name:
        return this.skipText();
      case ITEM.traceState:
        return this.has(2) && this.skip(2 + this.ring.view.getUint16(this.at, true));
      default:
        return false;
    }
  }

  private event(): boolean {
    if (!this.skip(EVENT_BYTES)) return false;
    for (let left = this.ring.bytes[this.at - 1]!; left > 0; left--) {
      if (!this.has(1)) return false;
      const type = this.ring.bytes[this.at++]!;
      if (!isAttribute(type) || !this.attribute(type, false)) return false;
    }
    return true;
  }

  private column(isAbove: boolean): boolean {
    const { view } = this.ring;
    if (!this.has(isAbove ? 9 : 5)) return false;
    const key = this.names.argument(view.getUint16(this.at, true));
    const width = view.getUint8(this.at + 2);
    const count = view.getUint16(this.at + 3, true);
    const base = isAbove ? view.getInt32(this.at + 5, true) : undefined;
    this.at += isAbove ? 9 : 5;
    const isKnown = width === 1 || width === 2 || (!isAbove && (width === 4 || width === 8));
    if (!isKnown || !this.has(count * width)) return false;
    if (!this.isDry) this.writeColumn(key, base, width, count);
    this.at += count * width;
    return true;
  }

  private writeColumn(key: InternedName, base: number | undefined, width: number, count: number): void {
    const list = this.writer.list(key);
    for (let index = 0; index < count; index++) {
      this.writer.item(this.columnValue(base, width, this.at + index * width));
    }
    this.writer.endList(list);
  }

  private columnValue(base: number | undefined, width: number, at: number): number {
    const { view } = this.ring;
    if (base !== undefined) return base + (width === 1 ? view.getUint8(at) : view.getUint16(at, true));
    if (width === 1) return view.getInt8(at);
    if (width === 2) return view.getInt16(at, true);
    return width === 4 ? view.getInt32(at, true) : view.getFloat64(at, true);
  }

  private text8(): string | undefined {
    const from = this.at + 1;
    if (!this.skipText()) return undefined;
    return (this.ring.bytes as Utf8Bytes).utf8Slice(from, this.at);
  }

  private skipText(): boolean {
    return this.has(1) && this.skip(1 + this.ring.bytes[this.at]!);
  }

  private skip(bytes: number): boolean {
    if (!this.has(bytes)) return false;
    this.at += bytes;
    return true;
  }

  private has(bytes: number): boolean {
    return this.at + bytes <= this.end;
  }
}

function isAttribute(type: number): boolean {
  return (type >= ITEM.int && type <= ITEM.string) || type === ITEM.strings || type === ITEM.numbers;
}
