// SPDX-License-Identifier: Apache-2.0
//
// Arguments of the trace writer's open event (TrackEvent.debug_annotations): a name and a number, text, truth value or
// list of them. All methods make room.

import { type ProtobufWriter, VARINT_BYTES } from '../protobuf/writer';
import type { InternedName } from './interned-names';

const ARGUMENT = 0x22;
const BOOL = 0x10;
const INT = 0x20;
const DOUBLE = 0x29;
const TEXT = 0x32;
const LIST = 0x62;
const WORD = 2 ** 32;
/** Of one argument besides its name and value: tags and lengths. */
const FRAME_BYTES = 16;

export class ArgumentWriter {
  constructor(private readonly out: ProtobufWriter) {}

  /** An integer that a double holds exactly is written as one. */
  number(name: InternedName, value: number): void {
    const begun = this.open(name);
    this.writeNumber(value);
    this.out.end(begun);
  }

  /** An int64 in two u32 halves. */
  int64(name: InternedName, low: number, high: number): void {
    const begun = this.open(name);
    const { out } = this;
    out.bytes[out.at++] = INT;
    if (high === 0) out.varint(low);
    else out.varint64(low, high);
    out.end(begun);
  }

  bool(name: InternedName, value: boolean): void {
    const begun = this.open(name);
    this.writeBool(value);
    this.out.end(begun);
  }

  text(name: InternedName, value: string): void {
    const begun = this.open(name);
    this.writeText(value);
    this.out.end(begun);
  }

  /** Other kinds of values are written as their text. */
  value(name: InternedName, value: unknown): void {
    const begun = this.open(name);
    this.writeValue(value);
    this.out.end(begun);
  }

  /** Begins a list; `item` for each element, then `endList` with what it returned. */
  list(name: InternedName): number {
    return this.open(name);
  }

  item(value: unknown): void {
    const { out } = this;
    out.reserve(FRAME_BYTES + VARINT_BYTES);
    out.bytes[out.at++] = LIST;
    const begun = out.begin();
    this.writeValue(value);
    out.end(begun);
  }

  endList(begun: number): void {
    this.out.end(begun);
  }

  private open(name: InternedName): number {
    const { out } = this;
    const { bytes: source } = name;
    const { length } = source;
    out.reserve(length + FRAME_BYTES + VARINT_BYTES);
    const { bytes, at } = out;
    bytes[at] = ARGUMENT;
    for (let index = 0; index < length; index++) bytes[at + 2 + index] = source[index]!;
    out.at = at + 2 + length;
    return at + 1;
  }

  private writeValue(value: unknown): void {
    if (typeof value === 'number') this.writeNumber(value);
    else if (typeof value === 'boolean') this.writeBool(value);
    else if (Array.isArray(value)) for (const item of value) this.item(item);
    else this.writeText(String(value));
  }

  private writeNumber(value: number): void {
    const { out } = this;
    if (!Number.isSafeInteger(value)) {
      out.bytes[out.at++] = DOUBLE;
      out.double(value);
      return;
    }
    out.bytes[out.at++] = INT;
    if (value >= 0 && value < WORD) out.varint(value);
    else {
      const high = Math.floor(value / WORD);
      out.varint64((value - high * WORD) >>> 0, high >>> 0);
    }
  }

  private writeBool(value: boolean): void {
    const { out } = this;
    out.bytes[out.at++] = BOOL;
    out.bytes[out.at++] = value ? 1 : 0;
  }

  private writeText(value: string): void {
    const { out } = this;
    out.bytes[out.at++] = TEXT;
    out.text(value);
  }
}
