// SPDX-License-Identifier: Apache-2.0
//
// Walks over the fields of a protobuf message that anybody may have written. What runs over the end, or is no field,
// throws; nothing is copied. Called by the reader of Perfetto traces. Pure.
import { BadPacket } from './bad-packet';

export const WIRE = { varint: 0, fixed64: 1, bytes: 2, fixed32: 5 } as const;
const VARINT_BYTES = 10;
const WORD = 2 ** 32;

export class ProtobufFields {
  /** Of the current field. */
  field = 0;
  wireType = 0;
  /** Value of a varint or fixed32 field as a double, which is exact up to 2^53, and as u32 halves. */
  low = 0;
  high = 0;
  /** Of a bytes field, or of a fixed64 one. */
  start = 0;
  end = 0;
  #at: number;
  readonly #limit: number;

  constructor(
    readonly bytes: Buffer,
    from = 0,
    to = bytes.length,
  ) {
    this.#at = from;
    this.#limit = to;
  }

  /** Goes to the next field; false at the end. @throws BadPacket for what is no message */
  next(): boolean {
    if (this.#at >= this.#limit) return false;
    this.#varint();
    this.field = (this.low >>> 3) + this.high * 2 ** 29;
    this.wireType = this.low & 7;
    if (this.field === 0) throw new BadPacket('a field without a number');
    this.#value();
    return true;
  }

  /** Of a varint: the number, rounded beyond 2^53. */
  get number(): number {
    return this.high * WORD + this.low;
  }

  /** Of a varint or fixed64 as unsigned 64 bits. */
  get uint64(): bigint {
    return (BigInt(this.high) << 32n) | BigInt(this.low);
  }

  get int64(): bigint {
    return BigInt.asIntN(64, this.uint64);
  }

  /** The fields of a message. */
  message(): ProtobufFields {
    if (this.wireType !== WIRE.bytes) throw new BadPacket('a number where a message is due');
    return new ProtobufFields(this.bytes, this.start, this.end);
  }

  /** Of a bytes field, at most `most` bytes of it. */
  text(most: number): string {
    if (this.wireType !== WIRE.bytes) throw new BadPacket('a number where a text is due');
    return this.bytes.toString('utf8', this.start, Math.min(this.end, this.start + most));
  }

  get double(): number {
    return this.bytes.readDoubleLE(this.start);
  }

  #value(): void {
    if (this.wireType === WIRE.varint) this.#varint();
    else if (this.wireType === WIRE.bytes) {
      this.#varint();
      this.#take(this.number);
    } else if (this.wireType === WIRE.fixed64) {
      this.#take(8);
      this.low = this.bytes.readUInt32LE(this.start);
      this.high = this.bytes.readUInt32LE(this.start + 4);
    } else if (this.wireType === WIRE.fixed32) {
      this.#take(4);
      this.low = this.bytes.readUInt32LE(this.start);
      this.high = 0;
    } else throw new BadPacket(`a field of wire type ${this.wireType}`);
  }

  #take(count: number): void {
    if (count > this.#limit - this.#at) throw new BadPacket('a field that runs over the end');
    this.start = this.#at;
    this.#at += count;
    this.end = this.#at;
  }

  #varint(): void {
    const { bytes } = this;
    let [low, high] = [0, 0];
    for (let count = 0; count < VARINT_BYTES && this.#at < this.#limit; count++) {
      const byte = bytes[this.#at++]!;
      const part = byte & 0x7f;
      if (count < 4) low |= part << (7 * count);
      else if (count === 4) {
        low |= part << 28;
        high = part >>> 4;
      } else high |= part << (7 * count - 32);
      if (byte < 0x80) {
        this.low = low >>> 0;
        this.high = high >>> 0;
        return;
      }
    }
    throw new BadPacket('a number that does not end');
  }
}
