// SPDX-License-Identifier: Apache-2.0
//
// What the tests of the addon look at in a segment: the records between a lane's two positions, decoded with no code
// of lib/, by the offsets of docs/design/segment.md.
import type { Native } from '../../lib/native';

const SLOT_BYTES = 64;
const AT = { lanesOffset: 112, laneStride: 120, ringSlots: 60, ringOffset: 148, read: 128 };
const CONTINUED = 1;

export const KINDS = ['', 'slice', 'gpu', 'root', 'worker', 'batch', 'batch-slice', 'batch-gpu'] as const;

export interface RecordView {
  readonly kind: (typeof KINDS)[number];
  readonly flags: number;
  readonly stage: number;
  readonly start: bigint;
  readonly end: bigint;
  readonly trace: string;
  readonly span: bigint;
  readonly parent: bigint;
  /** Attribute items, without the count that the first continuation begins with. */
  readonly payload: Buffer;
}

function bytesAt(native: Native, offset: number, length: number): Buffer {
  const into = new Uint8Array(length);
  if (!native.read(offset, length, into)) throw new RangeError(`outside the segment: ${offset}`);
  return Buffer.from(into.buffer);
}

function decode(slot: Buffer, payload: Buffer): RecordView {
  return {
    kind: KINDS[slot[0] ?? 0] ?? '',
    flags: slot[1] ?? 0,
    stage: slot.readUInt16LE(2),
    start: slot.readBigUInt64LE(8),
    end: slot.readBigUInt64LE(16),
    trace: slot.toString('hex', 24, 40),
    span: slot.readBigUInt64LE(40),
    parent: slot.readBigUInt64LE(48),
    payload,
  };
}

/** The records in a lane's ring, oldest first. With `consume`, they are read: the lane's position moves past them. */
export function records(native: Native, lane: number, { consume = false } = {}): RecordView[] {
  const header = bytesAt(native, 0, 256);
  const base = Number(header.readBigUInt64LE(AT.lanesOffset) + BigInt(lane) * header.readBigUInt64LE(AT.laneStride));
  const slots = header.readUInt32LE(AT.ringSlots);
  const written = bytesAt(native, base, 8).readBigUInt64LE();
  const slotAt = (position: bigint) => {
    const index = Number(position % BigInt(slots));
    return bytesAt(native, base + header.readUInt32LE(AT.ringOffset) + index * SLOT_BYTES, SLOT_BYTES);
  };
  const found: RecordView[] = [];
  let position = bytesAt(native, base + AT.read, 8).readBigUInt64LE();
  while (position < written) {
    const slot = slotAt(position++);
    const more: Buffer[] = [];
    if (((slot[1] ?? 0) & CONTINUED) !== 0) {
      for (let left = slotAt(position)[0] ?? 0; left > 0; --left) more.push(slotAt(position++));
    }
    found.push(decode(slot, Buffer.concat(more).subarray(1)));
  }
  if (consume) {
    const slices = found.filter(({ kind }) => kind !== 'root' && kind !== 'worker' && kind !== 'batch').length;
    native.advance(lane, Number(position & 0xffffffffn), Number(position >> 32n), slices, found.length - slices);
  }
  return found;
}
