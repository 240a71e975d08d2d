// SPDX-License-Identifier: Apache-2.0
//
// A track whose slices nest, with tracks below it for those that overlap: each slice goes on the first one where it
// nests. Bounded: of the tracks below only the latest are remembered, and what fits on none of them gets a new one.

import { Intervals } from './intervals';
import type { Track, TraceWriter } from './trace-writer';

/** Tracks below one that are remembered. */
export const MAX_OVERLAPS = 16;

interface Row {
  readonly track: Track;
  readonly intervals: Intervals;
}

export class NestedTrack {
  /** Where the last `place` put the slice, and by how many ns it is to be drawn earlier. */
  track: Track;
  shift = 0;
  private readonly main: Row;
  private below: Row[] = [];

  constructor(
    private readonly writer: TraceWriter,
    track: Track,
  ) {
    this.main = { track, intervals: new Intervals() };
    this.track = track;
  }

  /** The described track itself. */
  get own(): Track {
    return this.main.track;
  }

  /** When the last slice on it ends. */
  get end(): number {
    let latest = this.main.intervals.end;
    for (const { intervals } of this.below) latest = Math.max(latest, intervals.end);
    return latest;
  }

  /** Finds the slice a place, which `track` and `shift` then say. Times as in Intervals. */
  place(start: number, end: number): void {
    if (this.takes(this.main, start, end)) return;
    for (const row of this.below) if (this.takes(row, start, end)) return;
    const track = this.writer.track({ name: 'overlapping', parent: this.own });
    const row = { track, intervals: new Intervals() };
    if (this.below.length >= MAX_OVERLAPS) this.below.shift();
    this.below.push(row);
    this.takes(row, start, end);
  }

  /** Nothing more will come that encloses what is here. */
  seal(): void {
    this.main.intervals.seal();
    for (const { intervals } of this.below) intervals.seal();
  }

  private takes(row: Row, start: number, end: number): boolean {
    const shift = row.intervals.place(start, end);
    if (shift < 0) return false;
    this.track = row.track;
    this.shift = shift;
    return true;
  }
}
