// SPDX-License-Identifier: Apache-2.0
//
// The timeline of one request: its tracks on a canvas, what is in sight of them, and which slice is selected. Called by
// workbench.ts, which shows what is selected. The canvas's data-start and data-end tell what is in sight, in ns.
import { make } from '../dom';
import type { Span, StreamSlice } from '../read-data';
import { onTheme } from '../theme';
import { nanos, offset } from '../units';
import { type Controls, listen } from './input';
import { type Item, type Layout, layOut } from './layout';
import { firstFrom, heightOf, Painter, type Place, placesOf, ROW, RULER, topOf } from './painter';
import { Strip } from './strip';
import { type Range, View } from './view';

const NAMES_WIDTH = 210;
const NARROW_NAMES = 110;
const NARROW = 700;
/** How near the pointer must be to a slice of no width. */
const NEAR_PIXELS = 3;
const MARGIN = 0.02;

export interface Shown {
  readonly title: string;
  readonly spans: readonly Span[];
  readonly streams: readonly StreamSlice[];
  readonly request: Range;
  /** Around the request, as far as there is something to see. */
  readonly whole: Range;
}

export class Timeline implements Controls {
  readonly element: HTMLElement;
  readonly canvas: HTMLCanvasElement;
  readonly #onSelect: (item: Item | undefined) => void;
  readonly #painter: Painter;
  readonly #strip = new Strip((time) => this.#centre(time));
  readonly #tip = make('div', { class: 'tip', attributes: { role: 'tooltip', hidden: '' } });
  readonly #box: HTMLElement;
  #view = new View({ start: 0, end: 1 }, { start: 0, end: 1 });
  #request: Range = { start: 0, end: 1 };
  #layout: Layout = { tracks: [], items: new Map() };
  #places: readonly Place[] = [];
  #selected: Item | undefined;
  #hovered: Item | undefined;
  #scrolled = 0;
  #height = 0;
  #pending = false;

  constructor(onSelect: (item: Item | undefined) => void) {
    this.#onSelect = onSelect;
    this.canvas = make('canvas', {
      class: 'tracks',
      attributes: { tabindex: 0, role: 'application', 'aria-roledescription': 'timeline', 'aria-describedby': 'keys' },
    });
    this.#painter = new Painter(this.canvas.getContext('2d')!);
    this.#box = make('div', { class: 'canvas-box' }, this.canvas, this.#tip);
    this.element = make('div', { class: 'timeline' }, this.#strip.element, this.#box);
    listen(this.canvas, this);
    new ResizeObserver(() => this.#draw()).observe(this.#box);
    onTheme(() => this.#draw());
  }

  get left(): number {
    return this.#view.left;
  }

  show({ title, spans, streams, request, whole }: Shown): void {
    this.#layout = layOut(spans, streams);
    this.#places = placesOf(this.#layout.tracks);
    this.#request = request;
    this.#view = new View(whole, request);
    this.#view.show(request, MARGIN);
    this.#selected = this.#hovered = undefined;
    this.#scrolled = 0;
    this.canvas.setAttribute('aria-label', title);
    this.#hideTip();
    this.#draw();
  }

  /** Selects a span of the request and brings it into sight; tells nobody. */
  reveal(place: number | undefined, zoom = false): void {
    this.#selected = place === undefined ? undefined : this.#layout.items.get(place);
    if (this.#selected !== undefined) {
      if (zoom) this.#view.show(this.#selected, 0.2);
      this.#bringIntoSight(this.#selected);
    }
    this.#draw();
  }

  zoom(factor: number, x?: number): void {
    this.#view.zoom(factor, x);
    this.#draw();
  }

  pan(pixels: number): void {
    this.#view.pan(pixels);
    this.#draw();
  }

  scroll(pixels: number): void {
    this.#scrolled += pixels;
    this.#draw();
  }

  fit(): void {
    this.#view.show(this.#request, MARGIN);
    this.#draw();
  }

  select(x: number, y: number): void {
    this.#choose(this.#itemAt(x, y));
  }

  clear(): void {
    this.#choose(undefined);
  }

  zoomToSelected(): void {
    if (this.#selected !== undefined) this.#view.show(this.#selected, 0.2);
    this.#draw();
  }

  hover(x: number, y: number): void {
    const item = this.#itemAt(x, y);
    this.canvas.style.cursor = item === undefined ? 'grab' : 'pointer';
    if (item !== undefined) this.#showTip(item, x, y);
    else this.#hideTip();
    if (item === this.#hovered) return;
    this.#hovered = item;
    this.#draw();
  }

  leave(): void {
    this.#hovered = undefined;
    this.#hideTip();
    this.#draw();
  }

  step(direction: 'left' | 'right' | 'up' | 'down'): void {
    const rows = this.#places.flatMap(({ track }) => track.rows);
    const at = rows.findIndex((row) => this.#selected !== undefined && row.includes(this.#selected));
    if (at === -1) {
      this.#choose(rows[0]?.[0]);
      return;
    }
    const row = rows[at]!;
    const place = row.indexOf(this.#selected!);
    if (direction === 'left') this.#choose(row[Math.max(0, place - 1)]);
    else if (direction === 'right') this.#choose(row[Math.min(row.length - 1, place + 1)]);
    else this.#choose(this.#nearest(rows, at, direction === 'up' ? -1 : 1));
  }

  #nearest(rows: readonly (readonly Item[])[], from: number, by: number): Item | undefined {
    const row = rows[from + by];
    const item = this.#selected!;
    if (row === undefined || row.length === 0) return item;
    // The one that is under it, else the next.
    return row[Math.min(row.length - 1, firstFrom(row, item.start + 1))];
  }

  #choose(item: Item | undefined): void {
    this.#selected = item;
    if (item !== undefined) this.#bringIntoSight(item);
    this.#onSelect(item);
    this.#draw();
  }

  #bringIntoSight(item: Item): void {
    this.#view.reveal(item);
    const top = topOf(item, this.#places) ?? 0;
    if (top - this.#scrolled < RULER) this.#scrolled = top - RULER;
    if (top + ROW - this.#scrolled > this.#height) this.#scrolled = top + ROW - this.#height;
  }

  #itemAt(x: number, y: number): Item | undefined {
    if (x < this.#view.left || y < RULER) return undefined;
    const inPlace = y + this.#scrolled;
    const place = this.#places.find(({ top, height }) => inPlace >= top && inPlace < top + height);
    const row = place?.track.rows[Math.floor((inPlace - place.top) / ROW)] ?? [];
    const near = NEAR_PIXELS * this.#view.nanosPerPixel;
    const time = this.#view.time(x);
    const first = firstFrom(row, time - near);
    const around = row.slice(first, first + 8).filter(({ start }) => start <= time + near);
    return around.find(({ start, end }) => start <= time && end >= time) ?? around[0];
  }

  #centre(time: number): void {
    const span = this.#view.end - this.#view.start;
    this.#view.show({ start: time - span / 2, end: time + span / 2 });
    this.#draw();
  }

  #showTip(item: Item, x: number, y: number): void {
    const bound = item.span?.bound === undefined ? '' : ` ± ${nanos(item.span.bound)}`;
    const other = item.span === undefined ? ', of another request' : '';
    this.#tip.replaceChildren(
      make('strong', {}, item.name),
      make('span', {}, `${nanos(item.end - item.start)}${bound}${other}`),
      make('span', { class: 'muted' }, offset(item.start)),
    );
    this.#tip.hidden = false;
    const { clientWidth, clientHeight } = this.#box;
    const left = Math.min(x + 14, clientWidth - this.#tip.offsetWidth - 4);
    const below = y + 18 + this.#tip.offsetHeight < clientHeight;
    this.#tip.style.transform = `translate(${Math.max(0, left)}px, ${below ? y + 18 : y - this.#tip.offsetHeight - 8}px)`;
  }

  #hideTip(): void {
    this.#tip.hidden = true;
  }

  #draw(): void {
    if (this.#pending) return;
    this.#pending = true;
    requestAnimationFrame(() => {
      this.#pending = false;
      this.#drawNow();
    });
  }

  #drawNow(): void {
    const { clientWidth: width, clientHeight: height } = this.#box;
    if (width === 0 || height === 0) return;
    const view = this.#view;
    view.left = width < NARROW ? NARROW_NAMES : NAMES_WIDTH;
    view.width = Math.max(1, width - view.left);
    this.#height = height;
    this.#scrolled = Math.max(0, Math.min(this.#scrolled, heightOf(this.#places) - height));
    const ratio = devicePixelRatio;
    this.canvas.width = width * ratio;
    this.canvas.height = height * ratio;
    this.canvas.getContext('2d')!.setTransform(ratio, 0, 0, ratio, 0, 0);
    this.canvas.dataset['start'] = String(view.start);
    this.canvas.dataset['end'] = String(view.end);
    this.canvas.dataset['left'] = String(view.left);
    const { tracks } = this.#layout;
    const scene = {
      view,
      request: this.#request,
      scroll: this.#scrolled,
      height,
      selected: this.#selected,
      hovered: this.#hovered,
    };
    this.#painter.paint(scene, this.#places);
    this.#strip.paint(view, tracks, ratio);
  }
}
