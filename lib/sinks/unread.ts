// SPDX-License-Identifier: Apache-2.0
//
// How far each lane is written at a moment: what a flush has to read up to. Root and worker spans are in no count
// of slices, so only positions tell. Called by Drain when a flush begins.
import { readHeader } from '../segment/header';
import { LaneCursor } from '../segment/lane';
import { distance } from '../segment/position';
import type { SegmentSource } from '../segment/source';

/** A ring position, as two u32 halves. */
export interface Position {
  readonly low: number;
  readonly high: number;
}

/** Ends of what is published, by lane; lanes whose ring is empty are left out. */
export function unreadLanes(source: SegmentSource): Map<number, Position> {
  const header = readHeader(source);
  const ends = new Map<number, Position>();
  for (let lane = 0; lane < header.lanes; lane++) {
    const cursor = new LaneCursor(lane, source, header);
    cursor.refresh();
    // Lanes are first claimed in the order of their indices; the memory of one that never was is not to be touched.
    if (cursor.generation === 0) break;
    if (cursor.pending === 0) continue;
    cursor.pass(cursor.pending, 0);
    ends.set(lane, { low: cursor.low, high: cursor.high });
  }
  return ends;
}

/** Whether `position` is at `end` or behind it; positions wrap. */
export function hasReached(position: Position, end: Position): boolean {
  return distance(position.low, position.high, end.low, end.high) < 2 ** 63;
}
