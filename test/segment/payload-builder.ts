// SPDX-License-Identifier: Apache-2.0
//
// Writes payload items byte by byte, as docs/design/segment.md gives them, for segments built by tests.

export class PayloadBuilder {
  readonly bytes: number[] = [];

  int(key: number, value: bigint | number): this {
    return this.u8(1).u16(key).u64(BigInt(value));
  }
  double(key: number, value: number): this {
    return this.u8(2).u16(key).f64(value);
  }
  bool(key: number, value: boolean): this {
    return this.u8(3)
      .u16(key)
      .u8(value ? 1 : 0);
  }
  string(key: number, value: string): this {
    return this.u8(4).u16(key).text(value);
  }
  event(event: number, time: bigint, flags: number, attributes: number): this {
    return this.u8(5).u16(event).u64(time).u8(flags).u8(attributes);
  }
  status(code: number, message: string): this {
    return this.u8(6).u8(code).text(message);
  }
  gpu(launch: bigint, source: number, device: number, stream: bigint, uuid = 0, sampling = 1): this {
    return this.u8(7).u64(launch).u8(source).u16(device).u64(stream).u16(uuid).u16(sampling);
  }
  batchRef(lane: number, batch: number, generation: number): this {
    return this.u8(8).u16(lane).u16(batch).u32(generation);
  }
  column(key: number, width: 1 | 2 | 4 | 8, values: readonly number[]): this {
    this.u8(9).u16(key).u8(width).u16(values.length);
    for (const value of values) {
      if (width === 1) this.u8(value);
      else if (width === 2) this.u16(value);
      else if (width === 4) this.u32(value);
      else this.f64(value);
    }
    return this;
  }
  offsetColumn(key: number, width: 1 | 2, base: number, values: readonly number[]): this {
    this.u8(17)
      .u16(key)
      .u8(width)
      .u16(values.length)
      .u32(base >>> 0);
    for (const value of values) width === 1 ? this.u8(value - base) : this.u16(value - base);
    return this;
  }
  name(value: string): this {
    return this.u8(10).text(value);
  }
  traceState(value: string): this {
    const bytes = Buffer.from(value);
    return this.u8(11).u16(bytes.length).raw(bytes);
  }
  losses(losses: readonly (readonly [reason: number, count: bigint])[]): this {
    this.u8(12).u8(losses.length);
    for (const [reason, count] of losses) this.u8(reason).u64(count);
    return this;
  }
  strings(key: number, values: readonly string[]): this {
    this.u8(13).u16(key).u8(values.length);
    for (const value of values) this.text(value);
    return this;
  }
  numbers(key: number, values: readonly number[]): this {
    this.u8(14).u16(key).u8(values.length);
    for (const value of values) this.f64(value);
    return this;
  }
  exception(type: string, message: string): this {
    return this.u8(15).text(type).text(message);
  }
  link(traceId: string, spanId: string): this {
    return this.u8(16).raw(Buffer.from(traceId + spanId, 'hex'));
  }
  raw(bytes: Iterable<number>): this {
    for (const byte of bytes) this.bytes.push(byte & 0xff);
    return this;
  }

  private text(value: string): this {
    const bytes = Buffer.from(value);
    return this.u8(bytes.length).raw(bytes);
  }
  private u8(value: number): this {
    return this.raw([value]);
  }
  private u16(value: number): this {
    return this.raw([value, value >> 8]);
  }
  private u32(value: number): this {
    return this.raw([value, value >> 8, value >> 16, value >> 24]);
  }
  private u64(value: bigint): this {
    const bytes = Buffer.alloc(8);
    bytes.writeBigUInt64LE(BigInt.asUintN(64, value));
    return this.raw(bytes);
  }
  private f64(value: number): this {
    const bytes = Buffer.alloc(8);
    bytes.writeDoubleLE(value);
    return this.raw(bytes);
  }
}

export function payload(): PayloadBuilder {
  return new PayloadBuilder();
}
