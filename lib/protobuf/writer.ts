// SPDX-License-Identifier: Apache-2.0
//
// Writes protobuf into one buffer that grows and is used again. Written here because a library that goes through
// objects costs more than everything else the reader does. Methods write where `at` stands; only those that say so make
// room first, so that a caller who knows the size of what comes asks for it once. On the reader's thread.

type Utf8Bytes = Buffer & { utf8Write(text: string, at: number): number };

const FIRST_BYTES = 64 * 1024;
const HIGH_BIT = 0x80;
const WORD = 2 ** 32;
const MAX_INT64 = 2 ** 63;
/** Up to here a loop over characters is faster than the call that encodes text. */
const SHORT_TEXT = 48;
/** A varint's most bytes. */
export const VARINT_BYTES = 10;

export class ProtobufWriter {
  bytes: Utf8Bytes;
  view: DataView;
  /** Where the next byte goes. */
  at = 0;

  /** `capacity`: bytes to begin with. */
  constructor(capacity = FIRST_BYTES) {
    this.bytes = Buffer.allocUnsafeSlow(capacity) as Utf8Bytes;
    this.view = new DataView(this.bytes.buffer);
  }

  /** Makes room for `count` more bytes. */
  reserve(count: number): void {
    if (this.at + count > this.bytes.length) this.grow(count);
  }

  /** At most two bytes: field numbers below 2048. */
  tag(field: number, wireType: number): void {
    this.varint((field << 3) | wireType);
  }

  /** `value`: a u32. */
  varint(value: number): void {
    let rest = value;
    while (rest >= HIGH_BIT) {
      this.bytes[this.at++] = (rest & 0x7f) | HIGH_BIT;
      rest >>>= 7;
    }
    this.bytes[this.at++] = rest;
  }

  /** An int64 in two u32 halves. */
  varint64(low: number, high: number): void {
    let lower = low;
    let upper = high;
    while (upper > 0 || lower >= HIGH_BIT) {
      this.bytes[this.at++] = (lower & 0x7f) | HIGH_BIT;
      lower = ((lower >>> 7) | (upper << 25)) >>> 0;
      upper >>>= 7;
    }
    this.bytes[this.at++] = lower;
  }

  word(value: number): void {
    this.view.setInt32(this.at, value, true);
    this.at += 4;
  }

  double(value: number): void {
    this.view.setFloat64(this.at, value, true);
    this.at += 8;
  }

  /** Makes room. Longer ones than names and keys are better copied otherwise. */
  copy(source: Uint8Array): void {
    const { length } = source;
    this.reserve(length);
    const { bytes, at } = this;
    for (let index = 0; index < length; index++) bytes[at + index] = source[index]!;
    this.at = at + length;
  }

  /** Begins a message or text whose length is not known; returns what `end` needs. Makes room for the length. */
  begin(): number {
    this.reserve(1);
    return this.at++;
  }

  /** Makes room where the length takes more than the byte it was given. */
  end(begun: number): void {
    const length = this.at - begun - 1;
    if (length < HIGH_BIT) this.bytes[begun] = length;
    else this.widen(begun, 1, length);
  }

  /** Writes `length` at `begun`, where `reserved` bytes lie between it and the content, which moves as it must. */
  widen(begun: number, reserved: number, length: number): void {
    const size = varintSize(length);
    this.reserve(size);
    this.bytes.copyWithin(begun + size, begun + reserved, this.at);
    const end = this.at + size - reserved;
    this.at = begun;
    this.varint(length);
    this.at = end;
  }

  /** Length and UTF-8. Makes room. */
  text(value: string): void {
    this.reserve(value.length * 3 + 5);
    if (value.length <= SHORT_TEXT && this.ascii(value)) return;
    const begun = this.begin();
    this.at += this.bytes.utf8Write(value, this.at);
    this.end(begun);
  }

  /**
   * A number as OTLP's AnyValue, without the message's own length: an int_value where it is an integer of 64 bits,
   * else a double_value. Needs 1 + VARINT_BYTES.
   */
  numberValue(value: number): void {
    const isInteger = Number.isInteger(value) && value >= -MAX_INT64 && value < MAX_INT64;
    this.bytes[this.at++] = isInteger ? 0x18 : 0x21;
    if (!isInteger) this.double(value);
    else if (value >= 0 && value < WORD) this.varint(value);
    else this.integer(value);
  }

  private integer(value: number): void {
    const high = Math.floor(value / WORD);
    this.varint64((value - high * WORD) >>> 0, high >>> 0);
  }

  private ascii(value: string): boolean {
    const { bytes, at } = this;
    const { length } = value;
    bytes[at] = length;
    for (let index = 0; index < length; index++) {
      const code = value.charCodeAt(index);
      if (code >= HIGH_BIT) return false;
      bytes[at + 1 + index] = code;
    }
    this.at = at + 1 + length;
    return true;
  }

  private grow(count: number): void {
    const bytes = Buffer.allocUnsafeSlow(Math.max(this.bytes.length * 2, this.at + count)) as Utf8Bytes;
    this.bytes.copy(bytes, 0, 0, this.at);
    this.bytes = bytes;
    this.view = new DataView(bytes.buffer);
  }
}

export function varintSize(value: number): number {
  if (value < 0x80) return 1;
  if (value < 0x4000) return 2;
  if (value < 0x20_0000) return 3;
  return value < 0x1000_0000 ? 4 : 5;
}
