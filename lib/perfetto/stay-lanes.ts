// SPDX-License-Identifier: Apache-2.0
//
// Tracks for what goes on at the same time in one thread, its requests or its batches: one that comes takes the first
// free track on which nothing is drawn since it began, and keeps it until it goes. Bounded: of those that
// never go, the one that was silent for the longest gives its track up.

import type { NestedTrack } from './nested-track';

/** Tracks of one thread that are remembered: as many requests as it can have open. */
export const MAX_LANES = 4096;

interface Lane {
  readonly track: NestedTrack;
  key: number;
  isTaken: boolean;
  /** Counts up with every use. */
  used: number;
}

export class StayLanes {
  /** Those that are here now. */
  present = 0;
  private readonly lanes: Lane[] = [];
  private readonly byKey = new Map<number, Lane>();
  private last: Lane | undefined;
  private uses = 0;

  /**
   * `makeTrack`: describes the track of that number, from 0 on. `beginOf`: when the stay `key` began, of which the slice at
   * hand is the first one to come; undefined: unknown.
   */
  constructor(
    private readonly makeTrack: (index: number) => NestedTrack,
    private readonly beginOf: (key: number) => number | undefined,
  ) {}

  /** The track of the stay `key`, for a slice that begins at `start`. */
  find(key: number, start: number): NestedTrack {
    const { last } = this;
    if (last !== undefined && last.key === key && last.isTaken) return last.track;
    const known = this.byKey.get(key);
    if (known?.isTaken === true) return this.use(known).track;
    return this.use(this.begin(key, Math.min(start, this.beginOf(key) ?? start))).track;
  }

  /** The same, for the stay's own slice. */
  findOwn(key: number, start: number): NestedTrack {
    const known = this.byKey.get(key);
    return this.use(known?.isTaken === true ? known : this.begin(key, start)).track;
  }

  /** The same, for what comes after the stay has ended and does not begin another one. */
  findEnded(key: number, start: number): NestedTrack {
    const lane = this.byKey.get(key);
    if (lane !== undefined) return lane.track;
    const { track } = this.begin(key, start);
    this.leave(key);
    return track;
  }

  /** The stay is over: its track is free. */
  leave(key: number): void {
    const lane = this.byKey.get(key);
    if (lane === undefined || !lane.isTaken) return;
    lane.isTaken = false;
    this.present -= 1;
  }

  private begin(key: number, start: number): Lane {
    const known = this.byKey.get(key);
    if (known !== undefined && known.track.end <= start) return this.take(known, key);
    return this.take(this.free(start) ?? this.make(), key);
  }

  private take(lane: Lane, key: number): Lane {
    if (lane.isTaken) this.present -= 1;
    if (this.byKey.get(lane.key) === lane) this.byKey.delete(lane.key);
    lane.track.seal();
    lane.key = key;
    lane.isTaken = true;
    this.byKey.set(key, lane);
    this.present += 1;
    return lane;
  }

  private use(lane: Lane): Lane {
    this.uses += 1;
    lane.used = this.uses;
    this.last = lane;
    return lane;
  }

  private free(start: number): Lane | undefined {
    return this.lanes.find((lane) => !lane.isTaken && lane.track.end <= start);
  }

  private make(): Lane {
    if (this.lanes.length >= MAX_LANES) {
      let oldest = this.lanes[0]!;
      for (const lane of this.lanes) if (lane.used < oldest.used) oldest = lane;
      return oldest;
    }
    const lane = { track: this.makeTrack(this.lanes.length), key: Number.NaN, isTaken: false, used: 0 };
    this.lanes.push(lane);
    return lane;
  }
}
