// SPDX-License-Identifier: Apache-2.0
//
// The whole of a request in a few pixels above its timeline, with a window over what is in sight; dragging moves the
// window. Called by the timeline for each frame that changed.
import { make } from '../dom';
import { colour, stageMark } from '../theme';
import type { Track } from './layout';
import type { View } from './view';

const HEIGHT = 34;
const BAR = 3;
const MOST_BARS = 7;

export class Strip {
  readonly element: HTMLCanvasElement;
  readonly #onMove: (time: number) => void;
  #view: View | undefined;

  /** `onMove` gets the time that is to be in the middle. */
  constructor(onMove: (time: number) => void) {
    this.#onMove = onMove;
    const move = (event: PointerEvent) => this.#move(event);
    this.element = make('canvas', {
      class: 'strip',
      title: 'The whole request. Drag to move what is shown below.',
      attributes: { 'aria-hidden': 'true' },
      on: {
        pointerdown: (event) => {
          this.element.setPointerCapture(event.pointerId);
          move(event);
        },
        pointermove: (event) => {
          if (event.buttons !== 0) move(event);
        },
      },
    });
  }

  paint(view: View, tracks: readonly Track[], ratio: number): void {
    this.#view = view;
    const width = view.left + view.width;
    this.element.width = width * ratio;
    this.element.height = HEIGHT * ratio;
    const context = this.element.getContext('2d')!;
    context.scale(ratio, ratio);
    for (const [index, track] of tracks.slice(0, MOST_BARS).entries())
      this.#track(context, track, 5 + index * (BAR + 1));
    const [from, to] = [this.#x(view.start), this.#x(view.end)];
    context.fillStyle = colour('veil');
    context.fillRect(view.left, 0, from - view.left, HEIGHT);
    context.fillRect(to, 0, width - to, HEIGHT);
    context.strokeStyle = colour('accent');
    context.lineWidth = 1;
    context.strokeRect(Math.round(from) + 0.5, 0.5, Math.max(2, Math.round(to - from) - 1), HEIGHT - 1);
  }

  #track(context: CanvasRenderingContext2D, { rows }: Track, y: number): void {
    // Below a root or worker span is what differs.
    const row = rows.length > 1 && rows[0]!.length === 1 ? rows[1]! : (rows[0] ?? []);
    let painted = Number.NEGATIVE_INFINITY;
    for (const { name, start, end, span } of row) {
      const [from, to] = [this.#x(start), this.#x(end)];
      if (to < painted + 0.5) continue;
      painted = Math.max(to, from + 1);
      context.fillStyle = span === undefined ? colour('other') : stageMark(name);
      context.fillRect(from, y, painted - from, BAR);
    }
  }

  #x(time: number): number {
    const { left, width, whole } = this.#view!;
    return left + ((time - whole.start) / (whole.end - whole.start)) * width;
  }

  #move(event: PointerEvent): void {
    if (this.#view === undefined) return;
    const { left, width, whole } = this.#view;
    this.#onMove(whole.start + ((event.offsetX - left) / width) * (whole.end - whole.start));
  }
}
