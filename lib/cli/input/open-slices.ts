// SPDX-License-Identifier: Apache-2.0
//
// Slices of a trace that were begun and not ended, track by track: an end belongs to the last begin on its track. Bounded;
// a begin that is left out takes its own end along, and all that is begun on its track before that. Used by the readers of
// Perfetto and Kineto traces. Pure.

/** Of one track and of all. */
const MAX_OPEN = 10_000;
const MAX_OPEN_OF_ALL = 200_000;

/** The end of a slice that was left out. */
export const LEFT_OUT = Symbol('left out');

interface Stack<T> {
  readonly slices: T[];
  /** Begun on top of them. */
  leftOut: number;
}

export class OpenSlices<K, T> {
  readonly #stacks = new Map<K, Stack<T>>();
  #count = 0;

  /** Of all tracks. */
  get count(): number {
    return this.#count;
  }

  /** False: it is left out. */
  begin(track: K, slice: T): boolean {
    const stack = this.#stackOf(track);
    if (stack.leftOut > 0 || stack.slices.length >= MAX_OPEN || this.#count >= MAX_OPEN_OF_ALL) {
      stack.leftOut++;
      return false;
    }
    stack.slices.push(slice);
    this.#count++;
    return true;
  }

  /** For a begin that cannot be used: as one beyond the limits. */
  leaveOut(track: K): void {
    this.#stackOf(track).leftOut++;
  }

  /** The innermost; undefined where nothing is open, or what is was left out. */
  top(track: K): T | undefined {
    const stack = this.#stacks.get(track);
    return stack?.leftOut === 0 ? stack.slices.at(-1) : undefined;
  }

  /** Of the last begin; undefined: there was none. */
  end(track: K): T | typeof LEFT_OUT | undefined {
    const stack = this.#stacks.get(track);
    if (stack === undefined) return undefined;
    const slice = stack.leftOut > 0 ? LEFT_OUT : stack.slices.pop();
    if (slice === LEFT_OUT) stack.leftOut--;
    else this.#count--;
    if (stack.slices.length === 0 && stack.leftOut === 0) this.#stacks.delete(track);
    return slice;
  }

  /** What never ended. */
  *rest(): Iterable<readonly [K, T]> {
    for (const [track, { slices }] of this.#stacks) for (const slice of slices) yield [track, slice];
  }

  #stackOf(track: K): Stack<T> {
    const known = this.#stacks.get(track);
    if (known !== undefined) return known;
    const made: Stack<T> = { slices: [], leftOut: 0 };
    this.#stacks.set(track, made);
    return made;
  }
}
