// SPDX-License-Identifier: Apache-2.0
//
// What the reader refuses to read, and how it says so.

import { describe, expect, test } from 'vitest';

import { readHeader } from '../../lib/segment/header';
import { MemorySource } from '../../lib/segment/source';
import { SegmentBuilder } from './segment-builder';

function corrupted(change: (bytes: Buffer) => void): MemorySource {
  const segment = new SegmentBuilder();
  change(segment.bytes);
  return segment.source();
}

describe('a segment header', () => {
  test('is read when everything in it fits', () => {
    const segment = new SegmentBuilder({ lanes: 3, ringSlots: 128, clock: 2, clockHz: 2_400_000_000n });
    expect(readHeader(segment.source())).toMatchObject({
      pid: 4242,
      lanes: 3,
      ringSlots: 128,
      monotonicTicks: false,
      clockHz: 2.4e9,
      laneStride: segment.laneStride,
      totalBytes: segment.bytes.length,
    });
  });

  const u32 = (at: number, value: number) => (bytes: Buffer) => bytes.writeUInt32LE(value, at);
  const u64 = (at: number, value: bigint) => (bytes: Buffer) => bytes.writeBigUInt64LE(value, at);
  test.each([
    ['the magic', u32(0, 0), /does not begin with GPUSPAN1/],
    ['an older version', u32(8, 1), /layout version 1, and this gpuspan reads version 2/],
    ['a newer version', u32(8, 3), /layout version 3, and this gpuspan reads version 2/],
    ['other structures', u32(12, 5), /structures are not those of layout version 2/],
    ['a total beyond the source', u64(16, 1n << 40n), /but has/],
    ['a total of less than a header', u64(16, 100n), /but has/],
    ['an unknown clock', u32(28, 9), /clock 9 is unknown/],
    ['a clock rate of 0', u64(152, 0n), /0 Hz is impossible/],
    ['no lanes', u32(56, 0), /0 lanes/],
    ['too many lanes', u32(56, 4096), /4096 lanes/],
    ['a ring that is no power of two', u32(60, 96), /96 slots/],
    ['a ring of no slots', u32(60, 0), /0 slots/],
    ['a ring of 2^25 slots', u32(60, 2 ** 25), /slots/],
    ['a table of no entries', u32(84, 0), /0 entries/],
    ['a huge table', u32(96, 0xffff_ffff), /4294967295 entries/],
    ['a dictionary outside', u64(88, 1n << 62n), /dictionary lies outside/],
    ['a dictionary over the header', u64(88, 8n), /dictionary lies outside/],
    ['snapshots outside', u64(104, 1n << 63n), /clock snapshots lie outside/],
    ['lanes outside', u64(112, 1n << 33n), /lanes lie outside/],
    ['lanes that overlap', u64(120, 640n), /outside their lanes/],
    ['batch tables outside', u32(136, 0xffff_ff00), /batch tables lie outside/],
    ['chunks outside', u32(144, 0xffff_ff00), /member chunks lie outside/],
    ['rings outside', u32(148, 0xffff_ff00), /rings lie outside/],
  ])('with %s wrong is refused by name', (_, change, message) => {
    const source = corrupted(change);
    expect(() => readHeader(source)).toThrow(message);
    expect(() => readHeader(source)).toThrow(expect.objectContaining({ code: 'GPUSPAN_SEGMENT' }));
  });

  test('is refused when there are fewer bytes than a header has', () => {
    expect(() => readHeader(new MemorySource(new Uint8Array(100)))).toThrow(/100 bytes, fewer than its header/);
  });
});
