// SPDX-License-Identifier: Apache-2.0
//
// Builds a segment in memory, byte by byte, from the layout that docs/design/segment.md documents, so that the
// reader can be tested on any content without the addon. It shares no constant with lib/segment.

import { MemorySource } from '../../lib/segment/source';
import type { PayloadBuilder } from './payload-builder';

export const Kind = { host: 1, gpu: 2, root: 3, worker: 4, batch: 5, batchSlice: 6, batchGpuSlice: 7 } as const;
export const Flag = {
  continued: 1,
  monotonic: 2,
  dropped: 4,
  unfinished: 8,
  truncated: 16,
  remoteParent: 32,
  clamped: 64,
  expired: 64,
  firstLevel: 128,
} as const;

export interface TestRecord {
  kind: number;
  flags?: number;
  stage?: number;
  start?: bigint;
  end?: bigint;
  /** 32 hex digits. */
  trace?: string;
  span?: bigint;
  parent?: bigint;
  previous?: bigint;
  gpu?: { bound: number; stream: number; lane: number };
  batch?: { lane: number; batch: number; generation: number };
  owner?: { lane: number; level: number };
  payload?: PayloadBuilder;
}

export interface TestIdentity {
  tid?: number;
  threadId?: number;
  label?: number;
  ranks?: readonly [number, number, number, number];
  kind?: number;
  gpuIndex?: number;
  gpuUuid?: number;
}

export interface TestMember {
  trace: string;
  worker: bigint;
  parent: bigint;
  leftAt?: bigint;
  level: number;
}

export interface SegmentShape {
  lanes: number;
  ringSlots: number;
  /** 1 CLOCK_MONOTONIC, 2 TSC. */
  clock: number;
  clockHz: bigint;
  firstPosition: bigint;
  dictionaryCapacity: number;
  snapshotCapacity: number;
  requestCapacity: number;
  batchCapacity: number;
  chunkCapacity: number;
}

export const TRACE = '000102030405060708090a0b0c0d0e0f';

const HEADER_BYTES = 4096;
const LANE_HEADER_BYTES = 640;

export class SegmentBuilder {
  readonly shape: SegmentShape;
  readonly bytes: Buffer;
  readonly dictionaryOffset = HEADER_BYTES;
  readonly snapshotOffset: number;
  readonly lanesOffset: number;
  readonly requestsOffset = LANE_HEADER_BYTES;
  readonly batchesOffset: number;
  readonly chunksOffset: number;
  readonly ringOffset: number;
  readonly laneStride: number;
  private names = 0;

  constructor(shape: Partial<SegmentShape> = {}) {
    this.shape = {
      lanes: 4,
      ringSlots: 64,
      clock: 1,
      clockHz: 1_000_000_000n,
      firstPosition: 0n,
      dictionaryCapacity: 64,
      snapshotCapacity: 16,
      requestCapacity: 4,
      batchCapacity: 4,
      chunkCapacity: 16,
      ...shape,
    };
    this.snapshotOffset = this.dictionaryOffset + this.shape.dictionaryCapacity * 272;
    this.lanesOffset = this.snapshotOffset + this.shape.snapshotCapacity * 40;
    this.batchesOffset = this.requestsOffset + this.shape.requestCapacity * 128;
    this.chunksOffset = this.batchesOffset + this.shape.batchCapacity * 128;
    this.ringOffset = this.chunksOffset + this.shape.chunkCapacity * 784;
    this.laneStride = this.ringOffset + this.shape.ringSlots * 64;
    this.bytes = Buffer.alloc(this.lanesOffset + this.shape.lanes * this.laneStride);
    this.writeHeader();
    this.name(2, 'other', 1);
  }

  source(): MemorySource {
    return new MemorySource(this.bytes);
  }

  /** Kinds: 1 module, 2 stage, 3 event, 4 key, 5 string. Returns the id. */
  name(kind: number, text: string, level = 0, module = 0): number {
    const id = this.names++;
    const at = this.dictionaryOffset + id * 272;
    const length = this.bytes.write(text, at + 8, 'utf8');
    this.bytes.writeUInt16LE(module, at + 4);
    this.bytes.writeUInt32LE((kind | (level << 8) | (length << 16)) >>> 0, at);
    this.bytes.writeUInt32LE(this.names, 1024);
    return id;
  }
  stage(text: string, level = 1): number {
    return this.name(2, text, level);
  }
  key(text: string): number {
    return this.name(4, text);
  }

  snapshot(ticks: bigint, monotonic: bigint, realtime: bigint, boottimeOffset = 0n): void {
    const taken = this.bytes.readBigUInt64LE(1032);
    const at = this.snapshotOffset + Number(taken % BigInt(this.shape.snapshotCapacity)) * 40;
    this.bytes.writeBigUInt64LE(ticks, at);
    this.bytes.writeBigUInt64LE(monotonic, at + 8);
    this.bytes.writeBigInt64LE(realtime, at + 16);
    this.bytes.writeBigInt64LE(boottimeOffset, at + 32);
    this.bytes.writeBigUInt64LE(taken + 1n, 1032);
  }

  claim(lane: number, identity: TestIdentity = {}): void {
    const at = this.lane(lane);
    if (this.bytes.readUInt32LE(at + 388) === 0) {
      this.bytes.writeBigUInt64LE(this.shape.firstPosition, at);
      this.bytes.writeBigUInt64LE(this.shape.firstPosition, at + 128);
    }
    this.bytes.writeUInt32LE(this.bytes.readUInt32LE(at + 388) + 1, at + 388);
    this.bytes.writeUInt32LE(identity.tid ?? 100 + lane, at + 392);
    this.bytes.writeInt32LE(identity.threadId ?? -1, at + 396);
    this.bytes.writeUInt16LE(identity.label ?? 0, at + 400);
    (identity.ranks ?? [-1, -1, -1, -1]).forEach((rank, index) => this.bytes.writeInt16LE(rank, at + 402 + index * 2));
    this.bytes.writeUInt16LE(identity.kind ?? 0, at + 410);
    this.bytes.writeUInt32LE(identity.gpuIndex ?? 0xffff_ffff, at + 412);
    this.bytes.writeUInt16LE(identity.gpuUuid ?? 0, at + 416);
    this.bytes.writeUInt32LE(1, at + 384);
  }

  /** Publishes a record; returns its first slot's offset in the segment. */
  append(lane: number, record: TestRecord): number {
    const payload = Buffer.from(record.payload?.bytes ?? []);
    const continuations = record.payload === undefined ? 0 : Math.ceil((payload.length + 1) / 64);
    const header = this.lane(lane);
    const position = this.bytes.readBigUInt64LE(header);
    const flags = (record.flags ?? 0) | (continuations > 0 ? Flag.continued : 0);
    const isOwner = record.kind >= 3 && record.kind <= 5;
    this.add(header + (isOwner ? 16 : 8), 1n);
    const at = this.slotOffset(lane, position);
    this.writeSlot(at, { ...record, flags }, header);
    const rest = Buffer.alloc(continuations * 64);
    if (continuations > 0) rest[0] = continuations;
    payload.copy(rest, 1);
    for (let slot = 0; slot < continuations; slot++) {
      rest.copy(this.bytes, this.slotOffset(lane, position + 1n + BigInt(slot)), slot * 64, slot * 64 + 64);
    }
    this.add(header, BigInt(1 + continuations));
    return at;
  }

  /** Moves the read position, as the lease holder does. */
  advance(lane: number, low: number, high: number, slices: number): void {
    const at = this.lane(lane);
    this.bytes.writeUInt32LE(low, at + 128);
    this.bytes.writeUInt32LE(high, at + 132);
    this.add(at + 136, BigInt(slices));
  }

  /** Fills an open-request entry: a request that began here at `rootStart`, or one adopted (`workerStart`). */
  request(lane: number, index: number, trace: string, { rootStart = 0n, workerStart = 0n }): void {
    const at = this.lane(lane) + this.requestsOffset + index * 128;
    this.bytes[at + 4] = 1;
    this.bytes[at + 6] = rootStart === 0n ? 0 : 1;
    this.bytes.write(trace, at + 8, 'hex');
    this.bytes.writeBigUInt64LE(rootStart, at + 40);
    this.bytes.writeBigUInt64LE(workerStart, at + 56);
  }

  /** Fills an open-batch entry and its member chunks, which are taken from `firstChunk` on. */
  batch(
    lane: number,
    index: number,
    generation: number,
    span: bigint,
    members: readonly TestMember[],
    firstChunk = 0,
    { trace = '00'.repeat(16), start = 0n } = {},
  ): void {
    const at = this.lane(lane) + this.batchesOffset + index * 128;
    this.bytes.writeUInt32LE(generation, at);
    this.bytes[at + 4] = 1;
    this.bytes.writeBigUInt64LE(span, at + 24);
    this.bytes.writeUInt32LE(members.length, at + 40);
    this.bytes.writeUInt16LE(members.length === 0 ? 0xffff : firstChunk, at + 48);
    this.bytes.write(trace, at + 8, 'hex');
    this.bytes.writeBigUInt64LE(start, at + 32);
    members.forEach((member, order) => this.writeMember(lane, firstChunk, order, member, members.length));
  }

  lane(lane: number): number {
    return this.lanesOffset + lane * this.laneStride;
  }
  chunk(lane: number, chunk: number): number {
    return this.lane(lane) + this.chunksOffset + chunk * 784;
  }
  slotOffset(lane: number, position: bigint): number {
    return this.lane(lane) + this.ringOffset + Number(position % BigInt(this.shape.ringSlots)) * 64;
  }

  private writeMember(lane: number, firstChunk: number, order: number, member: TestMember, count: number): void {
    const chunk = this.chunk(lane, firstChunk + Math.floor(order / 16));
    const last = Math.floor(order / 16) === Math.floor((count - 1) / 16);
    this.bytes.writeUInt16LE(last ? 0xffff : firstChunk + Math.floor(order / 16) + 1, chunk);
    const at = chunk + 16 + (order % 16) * 48;
    this.bytes.write(member.trace, at, 'hex');
    this.bytes.writeBigUInt64LE(member.worker, at + 16);
    this.bytes.writeBigUInt64LE(member.parent, at + 24);
    this.bytes.writeBigUInt64LE(member.leftAt ?? 0n, at + 32);
    this.bytes[at + 40] = member.level;
  }

  private writeSlot(at: number, record: TestRecord, laneHeader: number): void {
    const { bytes } = this;
    bytes.fill(0, at, at + 64);
    bytes[at] = record.kind;
    bytes[at + 1] = record.flags ?? 0;
    bytes.writeUInt16LE(record.stage ?? 0, at + 2);
    bytes.writeUInt32LE(Number(bytes.readBigUInt64LE(laneHeader + 8) & 0xffff_ffffn), at + 4);
    bytes.writeBigUInt64LE(record.start ?? 0n, at + 8);
    bytes.writeBigUInt64LE(record.end ?? record.start ?? 0n, at + 16);
    bytes.write(record.trace ?? TRACE, at + 24, 'hex');
    bytes.writeBigUInt64LE(record.span ?? 1n, at + 40);
    bytes.writeBigUInt64LE(record.parent ?? 0n, at + 48);
    if (record.previous !== undefined) bytes.writeBigUInt64LE(record.previous, at + 56);
    if (record.gpu !== undefined) {
      bytes.writeUInt32LE(record.gpu.bound, at + 56);
      bytes.writeUInt16LE(record.gpu.stream, at + 60);
      bytes.writeUInt16LE(record.gpu.lane, at + 62);
    }
    if (record.batch !== undefined) {
      bytes.writeUInt16LE(record.batch.lane, at + 56);
      bytes.writeUInt16LE(record.batch.batch, at + 58);
      bytes.writeUInt32LE(record.batch.generation, at + 60);
    }
    if (record.owner !== undefined) {
      bytes.writeUInt16LE(record.owner.lane, at + 56);
      bytes[at + 58] = record.owner.level;
    }
  }

  private writeHeader(): void {
    const { bytes, shape } = this;
    bytes.write('GPUSPAN1', 0, 'latin1');
    bytes.writeUInt32LE(2, 8);
    bytes.writeUInt32LE(0x33e4_5eb8, 12);
    bytes.writeBigUInt64LE(BigInt(bytes.length), 16);
    bytes.writeUInt32LE(4242, 24);
    bytes.writeUInt32LE(shape.clock, 28);
    bytes.writeUInt32LE(shape.lanes, 56);
    bytes.writeUInt32LE(shape.ringSlots, 60);
    bytes.writeUInt32LE(shape.requestCapacity, 68);
    bytes.writeUInt32LE(shape.batchCapacity, 72);
    bytes.writeUInt32LE(shape.chunkCapacity, 80);
    bytes.writeUInt32LE(shape.dictionaryCapacity, 84);
    bytes.writeBigUInt64LE(BigInt(this.dictionaryOffset), 88);
    bytes.writeUInt32LE(shape.snapshotCapacity, 96);
    bytes.writeBigUInt64LE(BigInt(this.snapshotOffset), 104);
    bytes.writeBigUInt64LE(BigInt(this.lanesOffset), 112);
    bytes.writeBigUInt64LE(BigInt(this.laneStride), 120);
    bytes.writeUInt32LE(this.requestsOffset, 132);
    bytes.writeUInt32LE(this.batchesOffset, 136);
    bytes.writeUInt32LE(this.chunksOffset, 144);
    bytes.writeUInt32LE(this.ringOffset, 148);
    bytes.writeBigUInt64LE(shape.clockHz, 152);
  }

  private add(at: number, count: bigint): void {
    this.bytes.writeBigUInt64LE(BigInt.asUintN(64, this.bytes.readBigUInt64LE(at) + count), at);
  }
}
