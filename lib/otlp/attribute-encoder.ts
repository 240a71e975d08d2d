// SPDX-License-Identifier: Apache-2.0
//
// Encodes the attributes of the ring reader's current record straight from its payload, values as bytes. It declines
// whatever asks for more than copying, and the record then takes the way through an object: an item other than a plain
// attribute, a key given twice, a payload that breaks off.

import { ITEM } from '../segment/layout';
import { WORD } from '../segment/position';
import type { RingReader } from '../segment/ring-reader';
import type { Key, Names } from './names';
import { FRAGMENT_SLACK, putFragment } from '../protobuf/fragment';
import { type ProtobufWriter, VARINT_BYTES } from '../protobuf/writer';

const ATTRIBUTES = 0x4a; // Span.attributes, a message
const INT_VALUE = 0x18;
const STRING_VALUE = 0x0a;
const BOOL_VALUE = 0x10;
const GPU_BYTES = 23;
const BATCH_REF_BYTES = 8;
// Of a KeyValue besides key and value: tag, two lengths of at most three bytes, the value's tag.
const FRAME_BYTES = 8;

type Utf8Bytes = Buffer & { utf8Slice(start: number, end: number): string };

/** A column's place in the payload, as ITEM.column and ITEM.offsetColumn have it. */
export interface ColumnPlace {
  readonly key: Key;
  readonly width: number;
  /** To be added to unsigned values; undefined: as stored. */
  readonly base: number | undefined;
  readonly count: number;
  /** Of the first value, in the ring reader's bytes. */
  readonly offset: number;
}

export class AttributeEncoder {
  /** Where the current record's item of that type begins, behind its type byte; 0: it has none. */
  gpuAt = 0;
  batchRefAt = 0;
  readonly columns: ColumnPlace[] = [];

  private record = 0;
  private at = 0;
  private end = 0;

  constructor(
    private readonly ring: RingReader,
    private readonly names: Names,
    private readonly writer: ProtobufWriter,
  ) {}

  /** To be called first for every record. */
  begin(): void {
    this.record += 1;
    this.gpuAt = 0;
    this.batchRefAt = 0;
    if (this.columns.length > 0) this.columns.length = 0; // to set a length is a call of the runtime
  }

  /**
   * Writes the attributes that the current record's payload has from `from` on; false: it declines, and the writer has to
   * go back.
   */
  encode(from: number): boolean {
    const { ring } = this;
    this.at = from;
    this.end = ring.payloadEnd;
    while (this.at < this.end) {
      const type = ring.bytes[this.at]!;
      if (type === ITEM.end) return true;
      this.at += 1;
      if (!this.item(type)) return false;
    }
    return true;
  }

  /** Whether the current record has no attribute of this key yet; from now on it has. */
  isNew(key: Key): boolean {
    if (key.record === this.record || key.isIndex) return false;
    key.record = this.record;
    return true;
  }

  /** An attribute of the current record that is a number. */
  number(key: Key, value: number): void {
    const begun = this.open(key, 1 + VARINT_BYTES);
    this.writer.numberValue(value);
    this.close(begun, key);
  }

  bool(key: Key, value: boolean): void {
    const begun = this.open(key, 2);
    const { writer } = this;
    writer.bytes[writer.at++] = BOOL_VALUE;
    writer.bytes[writer.at++] = value ? 1 : 0;
    this.close(begun, key);
  }

  text(key: Key, value: string): void {
    const begun = this.open(key, 1);
    this.writer.bytes[this.writer.at++] = STRING_VALUE;
    this.writer.text(value);
    this.close(begun, key);
  }

  /** Length and text of bytes of the ring reader. */
  copyText(from: number, to: number): void {
    // Bytes that are no ASCII may be no UTF-8 either, and such text is no valid protobuf.
    if (!this.copyAscii(from, to)) this.writer.text((this.ring.bytes as Utf8Bytes).utf8Slice(from, to));
  }

  private item(type: number): boolean {
    switch (type) {
      case ITEM.int:
        return this.int();
      case ITEM.string:
        return this.string();
      case ITEM.double:
        return this.double();
      case ITEM.bool:
        return this.boolean();
      case ITEM.gpu:
        this.gpuAt = this.at;
        return this.skip(GPU_BYTES);
      case ITEM.batchRef:
        this.batchRefAt = this.at;
        return this.skip(BATCH_REF_BYTES);
      case ITEM.column:
        return this.column(false);
      case ITEM.offsetColumn:
        return this.column(true);
      default:
        return false;
    }
  }

  private int(): boolean {
    if (this.at + 10 > this.end) return false;
    const { view } = this.ring;
    const low = view.getUint32(this.at + 2, true);
    const high = view.getInt32(this.at + 6, true);
    if (!Number.isSafeInteger(high * WORD + low)) return false;
    const key = this.key();
    if (key === undefined) return false;
    this.at += 8;
    const begun = this.open(key, 1 + VARINT_BYTES);
    const { writer } = this;
    writer.bytes[writer.at++] = INT_VALUE;
    if (high === 0) writer.varint(low);
    else writer.varint64(low, high >>> 0);
    this.close(begun, key);
    return true;
  }

  private double(): boolean {
    if (this.at + 10 > this.end) return false;
    const key = this.key();
    if (key === undefined) return false;
    this.number(key, this.ring.view.getFloat64(this.at, true));
    this.at += 8;
    return true;
  }

  private boolean(): boolean {
    if (this.at + 3 > this.end) return false;
    const key = this.key();
    if (key === undefined) return false;
    this.bool(key, this.ring.bytes[this.at]! !== 0);
    this.at += 1;
    return true;
  }

  private string(): boolean {
    if (this.at + 3 > this.end) return false;
    const key = this.key();
    if (key === undefined) return false;
    const from = this.at + 1;
    const to = from + this.ring.bytes[this.at]!;
    if (to > this.end) return false;
    this.at = to;
    const begun = this.open(key, to - from + 3);
    const { writer } = this;
    writer.bytes[writer.at++] = STRING_VALUE;
    this.copyText(from, to);
    this.close(begun, key);
    return true;
  }

  private copyAscii(from: number, to: number): boolean {
    const { writer } = this;
    const source = this.ring.bytes;
    const { bytes, at } = writer;
    writer.varint(to - from);
    const shift = writer.at - from;
    let all = 0;
    for (let index = from; index < to; index++) {
      const byte = source[index]!;
      all |= byte;
      bytes[index + shift] = byte;
    }
    writer.at = all < 0x80 ? to + shift : at;
    return all < 0x80;
  }

  private column(isAbove: boolean): boolean {
    const { view } = this.ring;
    if (this.at + (isAbove ? 9 : 5) > this.end) return false;
    const key = this.key();
    if (key === undefined) return false;
    const width = view.getUint8(this.at);
    const count = view.getUint16(this.at + 1, true);
    const base = isAbove ? view.getInt32(this.at + 3, true) : undefined;
    const offset = this.at + (isAbove ? 7 : 3);
    const isKnown = width === 1 || width === 2 || (!isAbove && (width === 4 || width === 8));
    if (!isKnown || offset + count * width > this.end) return false;
    this.columns.push({ key, width, base, count, offset });
    this.at = offset + count * width;
    return true;
  }

  private key(): Key | undefined {
    const key = this.names.key(this.ring.view.getUint16(this.at, true));
    this.at += 2;
    return this.isNew(key) ? key : undefined;
  }

  private skip(bytes: number): boolean {
    this.at += bytes;
    return this.at <= this.end;
  }

  // A KeyValue up to its value, whose length is left open.
  private open(key: Key, valueBytes: number): number {
    const { writer } = this;
    writer.reserve(key.encoded.length + FRAGMENT_SLACK + valueBytes + FRAME_BYTES);
    const begun = writer.at;
    writer.bytes[begun] = ATTRIBUTES;
    writer.at = begun + 2;
    putFragment(writer, key.encoded);
    writer.at += 1;
    return begun + 1;
  }

  private close(begun: number, key: Key): void {
    const { writer } = this;
    writer.end(begun + 1 + key.encoded.length);
    writer.end(begun);
  }
}
