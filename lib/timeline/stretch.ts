// SPDX-License-Identifier: Apache-2.0
//
// How ticks become realtime between two neighbouring snapshots. Mostly one straight line. Over a suspend there is
// none: the counter may have gone on, stood still or restarted, and nobody looked at the moment it happened. What was
// counted before is placed from the snapshot before, what was counted after from the one after, both at the rate
// measured before; a rate across a suspend would be the rate of nothing.

import type { Snapshot } from '../segment/snapshots';
import { breakBetween, wasSuspended } from './breaks';
import { makePoint, type ScalePoint } from './scale';

/** A counter that stands still while suspended may be off the expected count by this share of it, as any other. */
const RATE_TOLERANCE = 0.001;

export interface Stretch {
  /** Realtime nanoseconds a tick from the earlier snapshot on, and how many there can be of them. */
  readonly slope: number;
  readonly limit: number;
  /** Where a new run of ticks begins, counted after a suspend, if they can be told from those before. */
  readonly resumed: ScalePoint | undefined;
}

/** `rate` is in ns of CLOCK_MONOTONIC a tick, as measured up to the earlier snapshot. */
export function stretchBetween(earlier: Snapshot, later: Snapshot, rate: number): Stretch {
  const ticks = Number(later.ticks - earlier.ticks);
  const awake = Number(later.monotonic - earlier.monotonic);
  if (!wasSuspended(earlier, later)) {
    // Over a step the earlier offset holds up to the later snapshot.
    const nanos = breakBetween(earlier, later) === undefined ? Number(later.realtime - earlier.realtime) : awake;
    return { slope: nanos / ticks, limit: Infinity, resumed: undefined };
  }
  const counted = ticks * rate;
  if (ticks > 0 && counted <= awake * (1 + RATE_TOLERANCE)) {
    return { slope: awake / ticks, limit: awake, resumed: undefined };
  }
  // Suspended for a shorter time than awake: ticks before and after it overlap.
  if (ticks > 0 && counted <= 2 * awake) return { slope: rate, limit: awake, resumed: undefined };
  return { slope: rate, limit: awake, resumed: resumedAt(earlier, later, rate) };
}

// As early as the machine can have resumed. The earlier offset holds here as well, so that what CLOCK_MONOTONIC
// stamped in between lies right beside it.
function resumedAt(earlier: Snapshot, later: Snapshot, rate: number): ScalePoint {
  const awake = later.monotonic - earlier.monotonic;
  const most = BigInt(Math.floor(Number(awake) / rate));
  const back = most < later.ticks ? most : later.ticks;
  return makePoint(later.ticks - back, earlier.realtime + awake - BigInt(Math.round(Number(back) * rate)), rate);
}
