// SPDX-License-Identifier: Apache-2.0
//
// What is open on the tracks of a place while the sweep goes through time: rows on which slices nest, and lanes for
// requests. A request that comes takes the lane that it had, or the first free one, and keeps it while anything of it is
// open. Slices come in the order of their starts.
import type { Track } from '../../perfetto/trace-writer';
import { MinHeap } from './min-heap';
import { RecentMap } from './recent-map';

/** A slice that has begun. A class, because literals that spread are made slowly. */
export class OpenSlice {
  constructor(
    readonly end: bigint,
    readonly id: bigint,
    readonly parent: bigint,
    readonly place: number,
    readonly origin: number,
    /** Counts up, so that of slices that end together the inner one ends first. */
    readonly order: number,
    readonly row: Row,
    readonly lane: Lane | undefined,
  ) {}
}

/** A track on which slices nest. */
export interface Row {
  readonly track: Track;
  readonly open: OpenSlice[];
}

export type MakeRow = () => Row | undefined;

export class Lane {
  /** Rows of what the request did, the lane's own track first, and of its GPU slices. */
  readonly rows: Row[] = [];
  readonly gpuRows: Row[] = [];
  key = 0n;
  /** Slices that are open on it. */
  open = 0;
  /** Waits among the free ones. */
  isQueued = false;

  constructor(readonly index: number) {}
}

/** Requests whose last lane is remembered. */
const MAX_REMEMBERED = 4096;
/** Rows of one lane: what overlaps more often than this has no place. */
export const MAX_ROWS = 512;

export class Lanes {
  readonly #byKey = new RecentMap<bigint, Lane>(MAX_REMEMBERED);
  readonly #free = new MinHeap<Lane>((a, b) => a.index < b.index);
  #count = 0;

  /** The lane of the request `key`. */
  find(key: bigint): Lane {
    const known = this.#byKey.get(key);
    if (known !== undefined && known.key === key) return known;
    const lane = known !== undefined && known.open === 0 ? known : this.#firstFree();
    lane.key = key;
    this.#byKey.set(key, lane);
    return lane;
  }

  /** After the last slice on the lane has ended. */
  release(lane: Lane): void {
    if (!lane.isQueued) this.#free.push(lane);
    lane.isQueued = true;
  }

  #firstFree(): Lane {
    for (let lane = this.#free.pop(); lane !== undefined; lane = this.#free.pop()) {
      lane.isQueued = false;
      if (lane.open === 0) return lane;
    }
    return new Lane(this.#count++);
  }
}

/** The row on which the slice nests by its times alone; `make` adds one. */
export function rowByTime(rows: Row[], end: bigint, make: MakeRow): Row | undefined {
  for (const row of rows) {
    const top = row.open[row.open.length - 1];
    if (top === undefined || top.end >= end) return row;
  }
  return added(rows, make);
}

/** The row on which the slice `ancestor` encloses it, else an empty one. */
export function rowBelow(rows: Row[], ancestor: OpenSlice | undefined, end: bigint, make: MakeRow): Row | undefined {
  if (ancestor !== undefined && ancestor.end >= end) {
    const { row } = ancestor;
    if (row.open[row.open.length - 1] === ancestor && rows.includes(row)) return row;
  }
  return rows.find((row) => row.open.length === 0) ?? added(rows, make);
}

function added(rows: Row[], make: MakeRow): Row | undefined {
  const row = rows.length < MAX_ROWS ? make() : undefined;
  if (row !== undefined) rows.push(row);
  return row;
}
