// SPDX-License-Identifier: Apache-2.0
//
// Reads and checks a segment's header. What it returns is a copy taken once: every offset and capacity in it lies
// inside the segment, so the rest of lib/segment can compute addresses from it whatever the memory turns into later.

import { GpuspanError } from '../errors';
import {
  BATCH,
  CHUNK,
  CLOCK_KIND,
  ENTRY,
  HEADER,
  HEADER_BYTES,
  LANE,
  LAYOUT_SIGNATURE,
  LAYOUT_VERSION,
  MAX_LANES,
  MAX_RING_SLOTS,
  MIN_RING_SLOTS,
  REQUEST,
  SEGMENT_MAGIC,
  SLOT_BYTES,
  SNAPSHOT,
} from './layout';
import type { SegmentSource } from './source';

export interface SegmentHeader {
  readonly pid: number;
  readonly totalBytes: number;
  /** Ticks are nanoseconds of CLOCK_MONOTONIC. */
  readonly monotonicTicks: boolean;
  /** Ticks per second as first measured. */
  readonly clockHz: number;
  readonly lanes: number;
  /** A power of two. */
  readonly ringSlots: number;
  readonly requestCapacity: number;
  readonly batchCapacity: number;
  readonly chunkCapacity: number;
  readonly dictionaryCapacity: number;
  readonly dictionaryOffset: number;
  readonly snapshotCapacity: number;
  readonly snapshotOffset: number;
  readonly lanesOffset: number;
  readonly laneStride: number;
  /** Within a lane, from its start. */
  readonly requestsOffset: number;
  readonly batchesOffset: number;
  readonly chunksOffset: number;
  readonly ringOffset: number;
}

/** Throws `GpuspanError` with code `GPUSPAN_SEGMENT` when this is not a segment that this version can read. */
export function readHeader(source: SegmentSource): SegmentHeader {
  const bytes = new Uint8Array(HEADER_BYTES);
  if (!source.read(0, HEADER_BYTES, bytes)) throw unreadable(`it has ${source.size} bytes, fewer than its header`);
  const view = new DataView(bytes.buffer);
  if (view.getBigUint64(HEADER.magic, true) !== SEGMENT_MAGIC) throw unreadable('it does not begin with GPUSPAN1');
  const version = view.getUint32(HEADER.version, true);
  if (version !== LAYOUT_VERSION) {
    throw unreadable(`it has layout version ${version}, and this gpuspan reads version ${LAYOUT_VERSION}`);
  }
  const signature = view.getUint32(HEADER.signature, true);
  if (signature !== LAYOUT_SIGNATURE) {
    throw unreadable(`its structures are not those of layout version ${version} (signature ${signature.toString(16)})`);
  }
  const header = parse(view);
  const fault = findFault(header, view.getUint32(HEADER.clock, true), source.size);
  if (fault !== undefined) throw unreadable(fault);
  return header;
}

function unreadable(why: string): GpuspanError {
  return new GpuspanError('GPUSPAN_SEGMENT', `cannot read the segment: ${why}`);
}

function parse(view: DataView): SegmentHeader {
  const u32 = (at: number): number => view.getUint32(at, true);
  const u64 = (at: number): number => Number(view.getBigUint64(at, true));
  return {
    pid: u32(HEADER.pid),
    totalBytes: u64(HEADER.totalBytes),
    monotonicTicks: u32(HEADER.clock) === CLOCK_KIND.monotonic,
    clockHz: u64(HEADER.clockHz),
    lanes: u32(HEADER.lanes),
    ringSlots: u32(HEADER.ringSlots),
    requestCapacity: u32(HEADER.requestCapacity),
    batchCapacity: u32(HEADER.batchCapacity),
    chunkCapacity: u32(HEADER.chunkCapacity),
    dictionaryCapacity: u32(HEADER.dictionaryCapacity),
    dictionaryOffset: u64(HEADER.dictionaryOffset),
    snapshotCapacity: u32(HEADER.snapshotCapacity),
    snapshotOffset: u64(HEADER.snapshotOffset),
    lanesOffset: u64(HEADER.lanesOffset),
    laneStride: u64(HEADER.laneStride),
    requestsOffset: u32(HEADER.requestsOffset),
    batchesOffset: u32(HEADER.batchesOffset),
    chunksOffset: u32(HEADER.chunksOffset),
    ringOffset: u32(HEADER.ringOffset),
  };
}

const MAX_CAPACITY = 65_536;
const MAX_CLOCK_HZ = 1e11;

function findFault(h: SegmentHeader, clock: number, size: number): string | undefined {
  if (!(h.totalBytes >= HEADER_BYTES && h.totalBytes <= size)) return `it says ${h.totalBytes} bytes but has ${size}`;
  if (clock < CLOCK_KIND.monotonic || clock > CLOCK_KIND.cntvct) return `its clock ${clock} is unknown`;
  if (!(h.clockHz >= 1 && h.clockHz <= MAX_CLOCK_HZ)) return `its clock rate of ${h.clockHz} Hz is impossible`;
  if (h.lanes < 1 || h.lanes > MAX_LANES) return `it has ${h.lanes} lanes`;
  const powerOfTwo = (h.ringSlots & (h.ringSlots - 1)) === 0;
  if (!powerOfTwo || h.ringSlots < MIN_RING_SLOTS || h.ringSlots > MAX_RING_SLOTS)
    return `its rings have ${h.ringSlots} slots`;
  const tables = [h.requestCapacity, h.batchCapacity, h.chunkCapacity, h.dictionaryCapacity, h.snapshotCapacity];
  for (const capacity of tables) {
    if (capacity < 1 || capacity > MAX_CAPACITY) return `a table of ${capacity} entries is impossible`;
  }
  const inSegment = (at: number, length: number): boolean => at >= HEADER_BYTES && at + length <= h.totalBytes;
  if (!inSegment(h.dictionaryOffset, h.dictionaryCapacity * ENTRY.bytes)) return 'its dictionary lies outside';
  if (!inSegment(h.snapshotOffset, h.snapshotCapacity * SNAPSHOT.bytes)) return 'its clock snapshots lie outside';
  if (!inSegment(h.lanesOffset, h.lanes * h.laneStride)) return 'its lanes lie outside';
  const inLane = (at: number, length: number): boolean => at >= LANE.bytes && at + length <= h.laneStride;
  if (!inLane(h.requestsOffset, h.requestCapacity * REQUEST.bytes)) return 'its request tables lie outside their lanes';
  if (!inLane(h.batchesOffset, h.batchCapacity * BATCH.bytes)) return 'its batch tables lie outside their lanes';
  if (!inLane(h.chunksOffset, h.chunkCapacity * CHUNK.bytes)) return 'its member chunks lie outside their lanes';
  if (!inLane(h.ringOffset, h.ringSlots * SLOT_BYTES)) return 'its rings lie outside their lanes';
  return undefined;
}
