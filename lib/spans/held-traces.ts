// SPDX-License-Identifier: Apache-2.0
//
// Which traces keep the clock they began with. When realtime is stepped or the machine suspended while a request is
// open, its later slices would lie before its earlier ones, or hours behind them; so the whole trace goes on in the
// epoch it began in. Costs nothing until the first break; at a break the tables of open requests and batches say who
// is affected.

import type { SegmentHeader } from '../segment/header';
import { OwnerReader } from '../segment/owners';
import { WORD } from '../segment/position';
import type { SegmentSource } from '../segment/source';
import type { Timeline } from '../timeline/timeline';

export class HeldTraces {
  private readonly owners: OwnerReader;
  // Epoch by the first half of the trace id, which is random: two traces that share it share no harm.
  private held = new Map<number, number>();

  constructor(
    source: SegmentSource,
    header: SegmentHeader,
    private readonly timeline: Timeline,
  ) {
    this.owners = new OwnerReader(source, header);
  }

  /**
   * After a step: holds what is open on the first `lanes` lanes and began in an earlier epoch. What was held and is
   * no longer open is forgotten, so that the memory stays that of the tables.
   */
  hold(lanes: number): void {
    const { held, timeline } = this;
    const { epoch } = timeline.steps;
    const open = new Map<number, number>();
    for (let lane = 0; lane < lanes; lane++) {
      this.owners.forEach(lane, ({ trace, startLow, startHigh }) => {
        const key = keyOf(trace[0], trace[1]);
        const began = Math.min(timeline.epochAt(startLow, startHigh, false), held.get(key) ?? Infinity);
        if (began < epoch) open.set(key, Math.min(began, open.get(key) ?? Infinity));
      });
    }
    this.held = open;
  }

  get isEmpty(): boolean {
    return this.held.size === 0;
  }

  /** The epoch the trace is held in; undefined when it is not. */
  epochOf(first: number, second: number): number | undefined {
    return this.isEmpty ? undefined : this.held.get(keyOf(first, second));
  }
}

// A double holds 53 of the 64 bits.
function keyOf(first: number, second: number): number {
  return (first >>> 0) * WORD + (second >>> 0);
}
