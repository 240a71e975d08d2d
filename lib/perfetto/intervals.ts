// SPDX-License-Identifier: Apache-2.0
//
// What a track holds, so that slices on it nest. Slices come complete and mostly in the order of their ends, so a parent
// comes after its children; viewers nest by times alone, and of slices that begin at one instant they take the one that
// was written first for the parent. So a slice that begins with one inside it is drawn a nanosecond earlier. Bounded: of
// many slices side by side, the older half becomes one block, which others can enclose or follow.

/** What is kept of one track at most. */
export const MAX_INTERVALS = 4096;

const FIRST_INTERVALS = 16;

export class Intervals {
  /** Side by side and in order: those that nothing encloses yet. As given, and as drawn. */
  private starts = new Float64Array(FIRST_INTERVALS);
  private drawn = new Float64Array(FIRST_INTERVALS);
  private ends = new Float64Array(FIRST_INTERVALS);
  private count = 0;

  /** When the last of them ends; -Infinity: there is none. */
  get end(): number {
    return this.count === 0 ? -Infinity : this.ends[this.count - 1]!;
  }

  /**
   * Takes an interval in. Returns by how much earlier than `start` it is to be drawn, or -1: it overlaps what is here
   * already, and belongs on another track. Times are nanoseconds from any fixed instant.
   */
  place(start: number, end: number): number {
    let at = this.count;
    let begin = start;
    while (at > 0 && this.ends[at - 1]! > begin) {
      const inside = at - 1;
      if (this.starts[inside]! < start || this.ends[inside]! > end) return -1;
      if (this.drawn[inside]! <= begin) begin = this.drawn[inside]! - 1;
      at = inside;
    }
    this.count = at;
    this.push(start, begin, end);
    return start - begin;
  }

  /** Nothing more will come that encloses what is here. */
  seal(): void {
    if (this.count > 1) this.merge(this.count);
  }

  private push(start: number, drawn: number, end: number): void {
    if (this.count === this.starts.length) this.makeRoom();
    this.starts[this.count] = start;
    this.drawn[this.count] = drawn;
    this.ends[this.count] = end;
    this.count += 1;
  }

  private makeRoom(): void {
    if (this.count >= MAX_INTERVALS) {
      this.merge(this.count / 2);
      return;
    }
    this.starts = grown(this.starts);
    this.drawn = grown(this.drawn);
    this.ends = grown(this.ends);
  }

  // The first `merged` of them become one.
  private merge(merged: number): void {
    const last = merged - 1;
    this.ends[0] = this.ends[last]!;
    this.starts.copyWithin(1, merged, this.count);
    this.drawn.copyWithin(1, merged, this.count);
    this.ends.copyWithin(1, merged, this.count);
    this.count -= last;
  }
}

function grown(values: Float64Array<ArrayBuffer>): Float64Array<ArrayBuffer> {
  const more = new Float64Array(values.length * 2);
  more.set(values);
  return more;
}
