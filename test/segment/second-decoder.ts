// SPDX-License-Identifier: Apache-2.0
//
// A second reader of segments, written from docs/design/segment.md alone: slow, in BigInt, and sharing no code with
// lib/. What both make of a segment must be the same (test/spans/two-decoders.test.ts). It trusts the segment.

export interface DecodedEvent {
  name: string;
  time: bigint;
  attributes: Record<string, unknown>;
}

export interface DecodedRecord {
  lane: number;
  kind: number;
  flags: number;
  sequence: number;
  stage: string;
  level: number;
  start: bigint;
  end: bigint;
  traceId: string;
  spanId: bigint;
  parentSpanId: bigint;
  /** The last 8 bytes, whose meaning depends on the kind. */
  tail: Buffer;
  attributes: Record<string, unknown>;
  events: DecodedEvent[];
  columns: { key: string; values: number[] }[];
  name?: string;
  traceState?: string;
  status?: { code: number; message: string };
  exception?: { type: string; message: string };
  links: { traceId: string; spanId: string }[];
  losses: { reason: number; count: bigint }[];
  gpu?: { launch: bigint; source: number; device: number; stream: bigint; uuid?: string; sampling: number };
  batchRef?: { lane: number; batch: number; generation: number };
}

export interface DecodedMember {
  traceId: string;
  workerSpanId: bigint;
  parentSpanId: bigint;
  leftAt: bigint;
  level: number;
}

class Bytes {
  at = 0;
  constructor(readonly bytes: Buffer) {}
  u8(): number {
    return this.bytes.readUInt8((this.at += 1) - 1);
  }
  u16(): number {
    return this.bytes.readUInt16LE((this.at += 2) - 2);
  }
  u32(): number {
    return this.bytes.readUInt32LE((this.at += 4) - 4);
  }
  u64(): bigint {
    return this.bytes.readBigUInt64LE((this.at += 8) - 8);
  }
  i64(): bigint {
    return this.bytes.readBigInt64LE((this.at += 8) - 8);
  }
  f64(): number {
    return this.bytes.readDoubleLE((this.at += 8) - 8);
  }
  hex(length: number): string {
    return this.bytes.toString('hex', (this.at += length) - length, this.at);
  }
  text(length: number): string {
    return this.bytes.toString('utf8', (this.at += length) - length, this.at);
  }
}

export class SecondDecoder {
  constructor(private readonly segment: Buffer) {
    if (segment.toString('latin1', 0, 8) !== 'GPUSPAN1') throw new Error('not a segment');
  }

  /** Ticks or monotonic ns to epoch ns times 10^6, by exact interpolation between the snapshots around it. */
  epoch(stamp: bigint, monotonic: boolean): bigint {
    const capacity = this.u32(96);
    const count = Number(this.u64(1032));
    const at = (index: number): number => Number(this.u64(104)) + (index % capacity) * 40;
    const counter = (index: number): bigint => this.u64(at(index) + (monotonic ? 8 : 0));
    const real = (index: number): bigint => this.segment.readBigInt64LE(at(index) + 16);
    let index = Math.max(0, count - capacity);
    while (index + 2 < count && counter(index + 1) <= stamp) index++;
    const nanos = (stamp - counter(index)) * (real(index + 1) - real(index)) * 1_000_000n;
    return real(index) * 1_000_000n + nanos / (counter(index + 1) - counter(index));
  }

  /** The unread records of all lanes. */
  records(): DecodedRecord[] {
    return Array.from({ length: this.u32(56) }, (_, lane) => this.recordsOf(lane)).flat();
  }

  label(lane: number): string {
    const id = this.segment.readUInt16LE(this.lane(lane) + 400);
    return id === 0 ? 'worker' : this.entry(id).text;
  }

  members(lane: number, batch: number, generation: number): { spanId: bigint; members: DecodedMember[] } {
    const at = this.lane(lane) + this.u32(136) + batch * 128;
    if (this.u32(at) !== generation)
      throw new Error(`batch ${batch} has generation ${this.u32(at)}, not ${generation}`);
    const members: DecodedMember[] = [];
    let chunk = this.segment.readUInt16LE(at + 48);
    while (members.length < this.u32(at + 40)) {
      const start = this.lane(lane) + this.u32(144) + chunk * 784;
      for (let index = 0; index < 16 && members.length < this.u32(at + 40); index++) {
        members.push(this.member(start + 16 + index * 48));
      }
      chunk = this.segment.readUInt16LE(start);
    }
    return { spanId: this.u64(at + 24), members };
  }

  private member(at: number): DecodedMember {
    return {
      traceId: this.segment.toString('hex', at, at + 16),
      workerSpanId: this.u64(at + 16),
      parentSpanId: this.u64(at + 24),
      leftAt: this.u64(at + 32),
      level: this.segment.readUInt8(at + 40),
    };
  }

  private recordsOf(lane: number): DecodedRecord[] {
    const records: DecodedRecord[] = [];
    const slots = BigInt(this.u32(60));
    const ring = this.lane(lane) + this.u32(148);
    const slot = (position: bigint): Buffer => {
      const at = ring + Number(position % slots) * 64;
      return this.segment.subarray(at, at + 64);
    };
    for (let position = this.u64(this.lane(lane) + 128); position !== this.u64(this.lane(lane)); ) {
      const head = slot(position);
      const continued = (head.readUInt8(1) & 1) !== 0;
      const count = continued ? slot(position + 1n).readUInt8(0) : 0;
      const rest = Array.from({ length: count }, (_, index) => slot(position + 1n + BigInt(index)));
      records.push(this.record(lane, head, Buffer.concat(rest).subarray(1)));
      position = BigInt.asUintN(64, position + 1n + BigInt(count));
    }
    return records;
  }

  private record(lane: number, slot: Buffer, payload: Buffer): DecodedRecord {
    const stage = this.entry(slot.readUInt16LE(2));
    const record: DecodedRecord = {
      lane,
      kind: slot.readUInt8(0),
      flags: slot.readUInt8(1),
      stage: stage.text,
      level: stage.level,
      sequence: slot.readUInt32LE(4),
      start: slot.readBigUInt64LE(8),
      end: slot.readBigUInt64LE(16),
      traceId: slot.toString('hex', 24, 40),
      spanId: slot.readBigUInt64LE(40),
      parentSpanId: slot.readBigUInt64LE(48),
      tail: slot.subarray(56, 64),
      attributes: {},
      events: [],
      columns: [],
      losses: [],
      links: [],
    };
    const bytes = new Bytes(payload);
    while (bytes.at < payload.length && this.item(bytes.u8(), bytes, record));
    return record;
  }

  private item(type: number, bytes: Bytes, record: DecodedRecord): boolean {
    if (type === 0) return false;
    if (type <= 4 || type === 13 || type === 14) this.attribute(type, bytes, record.attributes);
    else if (type === 5) record.events.push(this.event(bytes));
    else if (type === 6) record.status = { code: bytes.u8(), message: bytes.text(bytes.u8()) };
    else if (type === 7) record.gpu = this.gpu(bytes);
    else if (type === 8) record.batchRef = { lane: bytes.u16(), batch: bytes.u16(), generation: bytes.u32() };
    else if (type === 9) record.columns.push(this.column(bytes));
    else if (type === 10) record.name = bytes.text(bytes.u8());
    else if (type === 11) record.traceState = bytes.text(bytes.u16());
    else if (type === 12)
      for (let n = bytes.u8(); n > 0; n--) record.losses.push({ reason: bytes.u8(), count: bytes.u64() });
    else if (type === 15) record.exception = { type: bytes.text(bytes.u8()), message: bytes.text(bytes.u8()) };
    else if (type === 17) record.columns.push(this.offsetColumn(bytes));
    else if (type === 16) record.links.push({ traceId: bytes.hex(16), spanId: bytes.hex(8) });
    else throw new Error(`item ${type}`);
    return true;
  }

  private attribute(type: number, bytes: Bytes, into: Record<string, unknown>): void {
    const key = this.entry(bytes.u16()).text;
    if (type === 1) {
      const value = bytes.i64();
      into[key] = Number.isSafeInteger(Number(value)) ? Number(value) : String(value);
    } else if (type === 2) into[key] = bytes.f64();
    else if (type === 3) into[key] = bytes.u8() === 1;
    else if (type === 4) into[key] = bytes.text(bytes.u8());
    else if (type === 13) into[key] = Array.from({ length: bytes.u8() }, () => bytes.text(bytes.u8()));
    else into[key] = Array.from({ length: bytes.u8() }, () => bytes.f64());
  }

  private gpu(bytes: Bytes): NonNullable<DecodedRecord['gpu']> {
    const gpu = { launch: bytes.u64(), source: bytes.u8(), device: bytes.u16(), stream: bytes.u64() };
    const id = bytes.u16();
    const sampling = bytes.u16();
    return id === 0 ? { ...gpu, sampling } : { ...gpu, uuid: this.entry(id).text, sampling };
  }

  private event(bytes: Bytes): DecodedEvent {
    const name = this.entry(bytes.u16()).text;
    const stamp = bytes.u64();
    const event: DecodedEvent = { name, time: this.epoch(stamp, (bytes.u8() & 1) !== 0), attributes: {} };
    for (let n = bytes.u8(); n > 0; n--) this.attribute(bytes.u8(), bytes, event.attributes);
    return event;
  }

  private column(bytes: Bytes): { key: string; values: number[] } {
    const key = this.entry(bytes.u16()).text;
    const width = bytes.u8();
    const values = Array.from({ length: bytes.u16() }, () => {
      if (width === 8) return bytes.f64();
      const value = width === 1 ? bytes.u8() : width === 2 ? bytes.u16() : bytes.u32();
      return Number(BigInt.asIntN(width * 8, BigInt(value)));
    });
    return { key, values };
  }

  private offsetColumn(bytes: Bytes): { key: string; values: number[] } {
    const key = this.entry(bytes.u16()).text;
    const width = bytes.u8();
    const count = bytes.u16();
    const base = bytes.u32() | 0;
    return { key, values: Array.from({ length: count }, () => base + (width === 1 ? bytes.u8() : bytes.u16())) };
  }

  private entry(id: number): { text: string; level: number } {
    const at = Number(this.u64(88)) + id * 272;
    const word = this.u32(at);
    return { text: this.segment.toString('utf8', at + 8, at + 8 + (word >>> 16)), level: (word >>> 8) & 255 };
  }

  private lane(lane: number): number {
    return Number(this.u64(112) + BigInt(lane) * this.u64(120));
  }
  private u32(at: number): number {
    return this.segment.readUInt32LE(at);
  }
  private u64(at: number): bigint {
    return this.segment.readBigUInt64LE(at);
  }
}
