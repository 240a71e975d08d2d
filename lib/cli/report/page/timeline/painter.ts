// SPDX-License-Identifier: Apache-2.0
//
// Paints the tracks of a timeline: what is in sight of them, from the top of the scrolled part down. Called by the
// timeline for each frame that changed. Draws; changes nothing.
import { colour, stageColour, stageMark } from '../theme';
import { niceStep, tick } from '../units';
import type { Item, Track } from './layout';
import type { Range, View } from './view';

export const ROW = 20;
const TRACK_GAP = 12;
export const RULER = 26;
const INSET = 1;
const LEAST_WIDTH = 1;
const LEAST_TEXT = 22;
const NARROW = 3;
const FONT = '12px system-ui, sans-serif';
const SMALL = '11px system-ui, sans-serif';

export interface Scene {
  readonly view: View;
  /** When the request was open. */
  readonly request: Range;
  readonly scroll: number;
  readonly height: number;
  readonly selected: Item | undefined;
  readonly hovered: Item | undefined;
}

/** Where a track begins, from the top of the first, and how high it is. */
export interface Place {
  readonly track: Track;
  readonly top: number;
  readonly height: number;
}

export function placesOf(tracks: readonly Track[]): Place[] {
  let top = RULER + TRACK_GAP / 2;
  return tracks.map((track) => {
    const place = { track, top, height: Math.max(2, track.rows.length) * ROW };
    top += place.height + TRACK_GAP;
    return place;
  });
}

export function heightOf(places: readonly Place[]): number {
  const last = places.at(-1);
  return last === undefined ? RULER : last.top + last.height + TRACK_GAP;
}

/** The colours of the theme, read once a frame. */
function colours() {
  const names = ['ink', 'muted', 'line', 'panel', 'accent', 'error', 'other', 'warm', 'outside', 'owner'] as const;
  return Object.fromEntries(names.map((name) => [name, colour(name)])) as Record<(typeof names)[number], string>;
}
type Colours = ReturnType<typeof colours>;

export class Painter {
  readonly #context: CanvasRenderingContext2D;
  readonly #widths = new Map<string, number>();

  constructor(context: CanvasRenderingContext2D) {
    this.#context = context;
  }

  paint(scene: Scene, places: readonly Place[]): void {
    const palette = colours();
    const { view, height, scroll } = scene;
    const context = this.#context;
    context.clearRect(0, 0, view.left + view.width, height);
    this.#outside(scene, palette);
    this.#grid(view, height, palette);
    for (const place of places) {
      const top = place.top - scroll;
      if (top + place.height < RULER || top > height) continue;
      this.#track(place, top, scene, palette);
    }
    this.#launch(scene, places, palette);
    this.#ruler(view, palette);
    this.#bar(scene, heightOf(places), palette);
  }

  // Before and after the request, the GPU streams go on.
  #outside({ view, height, request }: Scene, { outside }: Colours): void {
    const context = this.#context;
    const [from, to] = [view.x(request.start), view.x(request.end)];
    context.fillStyle = outside;
    context.fillRect(view.left, RULER, Math.max(0, from - view.left), height - RULER);
    context.fillRect(Math.max(view.left, to), RULER, Math.max(0, view.left + view.width - to), height - RULER);
  }

  #grid(view: View, height: number, { line }: Colours): void {
    const context = this.#context;
    context.fillStyle = line;
    for (const { x } of ticksOf(view)) context.fillRect(Math.round(x), RULER, 1, height - RULER);
  }

  #ruler(view: View, { panel, muted, line }: Colours): void {
    const context = this.#context;
    context.fillStyle = panel;
    context.fillRect(0, 0, view.left + view.width, RULER);
    context.fillStyle = line;
    context.fillRect(0, RULER - 1, view.left + view.width, 1);
    context.font = SMALL;
    context.fillStyle = muted;
    context.textBaseline = 'middle';
    for (const { x, label } of ticksOf(view))
      if (x < view.left + view.width - 40) context.fillText(label, x + 4, RULER / 2);
  }

  /** Where the scrolled part is, where not all fits. */
  #bar({ view, scroll, height }: Scene, all: number, { muted }: Colours): void {
    if (all <= height) return;
    const context = this.#context;
    const room = height - RULER;
    context.save();
    context.globalAlpha = 0.5;
    context.fillStyle = muted;
    context.fillRect(view.left + view.width - 5, RULER + (scroll / all) * room, 4, Math.max(16, (height / all) * room));
    context.restore();
  }

  #track({ track, height }: Place, top: number, scene: Scene, palette: Colours): void {
    const context = this.#context;
    const { view } = scene;
    context.fillStyle = palette.line;
    context.fillRect(0, Math.round(top + height + TRACK_GAP / 2), view.left + view.width, 1);
    this.#text(track.title, 12, top + ROW / 2, view.left - 24, palette.ink, FONT);
    this.#text(track.subtitle, 12, top + ROW * 1.5, view.left - 24, palette.muted, SMALL);
    context.save();
    context.beginPath();
    context.rect(view.left, RULER, view.width, scene.height - RULER);
    context.clip();
    for (const [index, row] of track.rows.entries()) this.#row(row, top + index * ROW, scene, palette);
    context.restore();
  }

  #row(row: readonly Item[], y: number, scene: Scene, palette: Colours): void {
    if (y + ROW < RULER || y > scene.height) return;
    const { view } = scene;
    let painted = Number.NEGATIVE_INFINITY;
    for (let at = firstFrom(row, view.start); at < row.length && row[at]!.start <= view.end; at++) {
      const item = row[at]!;
      const x = view.x(item.start);
      const width = Math.max(LEAST_WIDTH, view.x(item.end) - x);
      // Of slices too short to be told apart, one stands for all.
      if (x + width < painted + 0.5 && item !== scene.selected) continue;
      painted = x + width;
      this.#slice(item, { x, width, y }, scene, palette);
    }
    for (let at = firstFrom(row, view.start); at < row.length && row[at]!.start <= view.end; at++) {
      this.#events(row[at]!, y, view, palette);
    }
  }

  #slice(item: Item, { x, width, y }: { x: number; width: number; y: number }, scene: Scene, palette: Colours): void {
    const context = this.#context;
    const { span } = item;
    const from = Math.max(x, scene.view.left - 2);
    const seen = Math.min(x + width, scene.view.left + scene.view.width + 2) - from;
    context.fillStyle = fillOf(item, width, palette);
    context.fillRect(from, y + INSET, seen, ROW - 2 * INSET);
    if (span?.bound !== undefined) this.#bound(item, span.bound, y, scene.view, palette);
    if (width > NARROW) this.#edges(item, { x: from, width: seen, y }, palette);
    if (seen > LEAST_TEXT) {
      this.#text(
        item.name,
        from + 5,
        y + ROW / 2 + 0.5,
        seen - 9,
        span === undefined ? palette.muted : palette.ink,
        FONT,
      );
    }
    if (item !== scene.selected && item !== scene.hovered) return;
    context.strokeStyle = item === scene.selected ? palette.accent : palette.muted;
    context.lineWidth = item === scene.selected ? 2 : 1;
    context.strokeRect(from + 0.5, y + INSET + 0.5, Math.max(1, seen - 1), ROW - 2 * INSET - 1);
  }

  /** Left: where it begins, in the colour's strong form. Below: it is on the critical path. Above: it failed. */
  #edges({ name, span }: Item, { x, width, y }: { x: number; width: number; y: number }, palette: Colours): void {
    const context = this.#context;
    if (span === undefined) return;
    context.fillStyle = span.isOwner ? palette.muted : stageMark(name);
    context.fillRect(x, y + INSET, 1.5, ROW - 2 * INSET);
    if (span.onPath) {
      context.fillStyle = palette.warm;
      context.fillRect(x, y + ROW - INSET - 2, width, 2);
    }
    if (span.isError) {
      context.fillStyle = palette.error;
      context.fillRect(x, y + INSET, width, 2);
    }
  }

  /** The interval that holds the true time of either end, where it is wide enough to be seen. */
  #bound({ start, end }: Item, bound: number, y: number, view: View, { ink }: Colours): void {
    if (bound / view.nanosPerPixel < 1.5) return;
    const context = this.#context;
    context.save();
    context.fillStyle = ink;
    for (const time of [start, end]) {
      const [from, to] = [view.x(time - bound), view.x(time + bound)];
      context.globalAlpha = 0.16;
      context.fillRect(from, y + INSET, to - from, ROW - 2 * INSET);
      context.globalAlpha = 0.8;
      context.fillRect(from, y + ROW / 2 - 0.5, to - from, 1);
      for (const x of [from, to]) context.fillRect(x - 0.5, y + 5, 1, ROW - 10);
    }
    context.restore();
  }

  #events({ span }: Item, y: number, view: View, { warm, panel }: Colours): void {
    for (const { at } of span?.events ?? []) {
      const x = view.x(at);
      const context = this.#context;
      context.beginPath();
      context.moveTo(x, y + 3);
      context.lineTo(x + 5, y + 8);
      context.lineTo(x, y + 13);
      context.lineTo(x - 5, y + 8);
      context.closePath();
      context.fillStyle = warm;
      context.fill();
      context.strokeStyle = panel;
      context.lineWidth = 1;
      context.stroke();
    }
  }

  /** From where a GPU slice was launched to where it began. */
  #launch({ view, selected, scroll, height }: Scene, places: readonly Place[], { accent }: Colours): void {
    const span = selected?.span;
    if (selected === undefined || span?.launch === undefined) return;
    const to = topOf(selected, places);
    const parent = places
      .flatMap(({ track }) => track.rows.flat())
      .find(({ span: each }) => each?.place === span.parent);
    const from = parent === undefined ? undefined : topOf(parent, places);
    if (to === undefined || from === undefined) return;
    const context = this.#context;
    const [x1, y1] = [view.x(span.launch), from - scroll + ROW - 2];
    const [x2, y2] = [view.x(span.start), to - scroll + ROW / 2];
    context.save();
    context.beginPath();
    context.rect(view.left, RULER, view.width, height - RULER);
    context.clip();
    context.strokeStyle = accent;
    context.fillStyle = accent;
    context.lineWidth = 1.5;
    context.beginPath();
    context.arc(x1, y1, 2.5, 0, 2 * Math.PI);
    context.fill();
    context.beginPath();
    context.moveTo(x1, y1);
    context.bezierCurveTo(x1, (y1 + y2) / 2, x2, (y1 + y2) / 2, x2, y2);
    context.stroke();
    context.restore();
  }

  #text(text: string, x: number, y: number, room: number, ink: string, font: string): void {
    const context = this.#context;
    context.font = font;
    context.textBaseline = 'middle';
    context.fillStyle = ink;
    const fitting = this.#fitting(text, room, font);
    if (fitting !== '') context.fillText(fitting, x, y);
  }

  #fitting(text: string, room: number, font: string): string {
    const width = this.#widthOf(text, font);
    if (width <= room) return text;
    const letters = Math.floor((text.length * (room - 8)) / width);
    return letters < 2 ? '' : `${text.slice(0, letters)}…`;
  }

  #widthOf(text: string, font: string): number {
    const key = font + text;
    const known = this.#widths.get(key);
    if (known !== undefined) return known;
    const { width } = this.#context.measureText(text);
    if (this.#widths.size < 10_000) this.#widths.set(key, width);
    return width;
  }
}

/** Owners are no stages and have no colour of their own; what is too narrow to be written on is in the strong one. */
function fillOf({ name, span }: Item, width: number, palette: Colours): string {
  if (span === undefined) return palette.other;
  if (span.isOwner) return palette.owner;
  return width > NARROW ? stageColour(name) : stageMark(name);
}

/** The first of a row that is not over before `time`. */
export function firstFrom(row: readonly Item[], time: number): number {
  let low = 0;
  let high = row.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (row[middle]!.end < time) low = middle + 1;
    else high = middle;
  }
  return low;
}

export function topOf(item: Item, places: readonly Place[]): number | undefined {
  const place = places.find(({ track }) => track.rows[item.row]?.includes(item));
  return place === undefined ? undefined : place.top + item.row * ROW;
}

function ticksOf(view: View): { readonly x: number; readonly label: string }[] {
  const step = niceStep(view.end - view.start, view.width / 110);
  const first = Math.ceil(view.start / step);
  const count = Math.min(200, Math.floor(view.end / step) - first + 1);
  return Array.from({ length: Math.max(0, count) }, (_, index) => {
    const time = (first + index) * step;
    return { x: view.x(time), label: tick(time, step) };
  });
}
