// SPDX-License-Identifier: Apache-2.0
//
// Slices of a trace that were begun and not ended, track by track: an end belongs to the last begin on its track, also where
// that begin cannot be used. Bounded; a begin beyond the limits takes its own end along, and all that is begun on its track
// before that. Used by the readers of Perfetto and Kineto traces. Pure.

/** Of one track and of all. */
const MAX_OPEN = 10_000;
const MAX_OPEN_OF_ALL = 200_000;

/** The end of a slice that was left out. */
export const LEFT_OUT = Symbol('left out');

interface Stack<T> {
  readonly slices: (T | typeof LEFT_OUT)[];
  /** Begun on top of them, beyond the limits. */
  leftOut: number;
}

export class OpenSlices<K, T> {
  readonly #stacks = new Map<K, Stack<T>>();
  #count = 0;

  /** Of all tracks, with those that cannot be used. */
  get count(): number {
    return this.#count;
  }

  /** False: it is left out. */
  begin(track: K, slice: T): boolean {
    return this.#push(track, slice);
  }

  /** For a begin that cannot be used: its end is LEFT_OUT, and what is begun before that is as any other. */
  leaveOut(track: K): void {
    this.#push(track, LEFT_OUT);
  }

  /** The innermost; undefined where nothing is open, or what is was left out. */
  top(track: K): T | undefined {
    const stack = this.#stacks.get(track);
    const top = stack?.leftOut === 0 ? stack.slices.at(-1) : undefined;
    return top === LEFT_OUT ? undefined : top;
  }

  /** Of the last begin; undefined: there was none. */
  end(track: K): T | typeof LEFT_OUT | undefined {
    const stack = this.#stacks.get(track);
    if (stack === undefined) return undefined;
    const isBeyond = stack.leftOut > 0;
    const slice = isBeyond ? LEFT_OUT : stack.slices.pop();
    if (isBeyond) stack.leftOut--;
    else this.#count--;
    if (stack.slices.length === 0 && stack.leftOut === 0) this.#stacks.delete(track);
    return slice;
  }

  /** What never ended. */
  *rest(): Iterable<readonly [K, T]> {
    for (const [track, { slices }] of this.#stacks)
      for (const slice of slices) if (slice !== LEFT_OUT) yield [track, slice];
  }

  #push(track: K, slice: T | typeof LEFT_OUT): boolean {
    const stack = this.#stackOf(track);
    if (stack.leftOut > 0 || stack.slices.length >= MAX_OPEN || this.#count >= MAX_OPEN_OF_ALL) {
      stack.leftOut++;
      return false;
    }
    stack.slices.push(slice);
    this.#count++;
    return true;
  }

  #stackOf(track: K): Stack<T> {
    const known = this.#stacks.get(track);
    if (known !== undefined) return known;
    const made: Stack<T> = { slices: [], leftOut: 0 };
    this.#stacks.set(track, made);
    return made;
  }
}
