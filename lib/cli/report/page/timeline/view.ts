// SPDX-License-Identifier: Apache-2.0
//
// Which part of a request's time is in sight, and where on the canvas a time is. Changed by the timeline's input. Pure.

/** Nothing is to be seen between two neighbouring nanoseconds. */
const LEAST_SPAN = 50;

export interface Range {
  readonly start: number;
  readonly end: number;
}

export class View {
  readonly #whole: Range;
  #start: number;
  #end: number;
  /** Pixels of the canvas that show time. */
  left = 0;
  width = 1;

  /** Of a request that may be looked at from `whole.start` to `whole.end`; shows `first`. */
  constructor(whole: Range, first: Range) {
    this.#whole = whole;
    this.#start = first.start;
    this.#end = Math.max(first.end, first.start + LEAST_SPAN);
  }

  get start(): number {
    return this.#start;
  }

  get end(): number {
    return this.#end;
  }

  get whole(): Range {
    return this.#whole;
  }

  get nanosPerPixel(): number {
    return (this.#end - this.#start) / this.width;
  }

  x(time: number): number {
    return this.left + (time - this.#start) / this.nanosPerPixel;
  }

  time(x: number): number {
    return this.#start + (x - this.left) * this.nanosPerPixel;
  }

  /** Shows `factor` times as much; what is at `x` stays there. */
  zoom(factor: number, x = this.left + this.width / 2): void {
    const whole = this.#whole.end - this.#whole.start;
    const span = Math.min(whole, Math.max(LEAST_SPAN, (this.#end - this.#start) * factor));
    const fixed = this.time(x);
    const part = (x - this.left) / this.width;
    this.#set(fixed - part * span, span);
  }

  pan(pixels: number): void {
    this.#set(this.#start + pixels * this.nanosPerPixel, this.#end - this.#start);
  }

  show({ start, end }: Range, margin = 0): void {
    const span = Math.max(LEAST_SPAN, (end - start) * (1 + 2 * margin));
    this.#set((start + end - span) / 2, span);
  }

  /** Moves as little as is needed to have the range in sight. */
  reveal({ start, end }: Range): void {
    const span = this.#end - this.#start;
    if (end > this.#start && start < this.#end && (start >= this.#start || end <= this.#end)) return;
    this.#set(start + Math.min(span, end - start) / 2 - span / 2, span);
  }

  #set(start: number, span: number): void {
    const most = Math.max(this.#whole.start, this.#whole.end - span);
    this.#start = Math.min(most, Math.max(this.#whole.start, start));
    this.#end = this.#start + Math.min(span, this.#whole.end - this.#whole.start);
  }
}
