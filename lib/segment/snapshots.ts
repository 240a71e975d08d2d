// SPDX-License-Identifier: Apache-2.0
//
// Takes clock snapshots out of the segment's history as they are appended. Called once per read of the pipeline;
// there is one snapshot a second or so, hence BigInt.

import { HEADER, SNAPSHOT } from './layout';
import type { SegmentHeader } from './header';
import type { SegmentSource } from './source';

/** One bracketed reading of the clocks, in ticks and ns. */
export interface Snapshot {
  readonly ticks: bigint;
  readonly monotonic: bigint;
  readonly realtime: bigint;
  /** CLOCK_BOOTTIME - CLOCK_MONOTONIC: grows by what the machine was suspended. */
  readonly boottimeOffset: bigint;
}

export class SnapshotReader {
  private seen = 0n;
  private readonly counter = new Uint8Array(8);

  constructor(
    private readonly source: SegmentSource,
    private readonly header: SegmentHeader,
  ) {}

  /** The snapshots appended since the last call, oldest first; the first call returns all the history there is. */
  readNew(): Snapshot[] {
    if (!this.source.read(HEADER.snapshots, 8, this.counter)) return [];
    const taken = new DataView(this.counter.buffer).getBigUint64(0, true);
    const fresh = BigInt.asUintN(64, taken - this.seen);
    if (fresh === 0n) return [];
    this.seen = taken;
    // One fewer than the ring holds: the oldest may be in the course of being replaced.
    const most = BigInt(Math.max(1, this.header.snapshotCapacity - 1));
    return this.readLast(taken, Number(fresh < most ? fresh : most));
  }

  private readLast(taken: bigint, count: number): Snapshot[] {
    const { snapshotCapacity, snapshotOffset } = this.header;
    const bytes = new Uint8Array(SNAPSHOT.bytes);
    const view = new DataView(bytes.buffer);
    const snapshots: Snapshot[] = [];
    for (let back = count; back >= 1; back--) {
      const index = Number(BigInt.asUintN(64, taken - BigInt(back)) % BigInt(snapshotCapacity));
      if (!this.source.read(snapshotOffset + index * SNAPSHOT.bytes, SNAPSHOT.bytes, bytes)) break;
      snapshots.push({
        ticks: view.getBigUint64(SNAPSHOT.ticks, true),
        monotonic: view.getBigUint64(SNAPSHOT.monotonic, true),
        realtime: view.getBigInt64(SNAPSHOT.realtime, true),
        boottimeOffset: view.getBigInt64(SNAPSHOT.boottimeOffset, true),
      });
    }
    return snapshots;
  }
}
