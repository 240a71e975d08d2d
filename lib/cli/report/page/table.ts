// SPDX-License-Identifier: Apache-2.0
//
// A table that can be sorted, of as many rows as there are: only those in sight are elements. With the keyboard it is one
// stop of Tab; the arrows move in it. Used for requests and for the slices of one.
import { fill, make } from './dom';

export interface Column<Row> {
  readonly title: string;
  /** A CSS width; columns share what is left by their `fr`. */
  readonly width: string;
  readonly isNumber?: boolean;
  readonly sortBy: (row: Row) => number | string;
  readonly show: (row: Row) => Node | string;
}

export interface TableOptions<Row> {
  readonly label: string;
  readonly columns: readonly Column<Row>[];
  /** Place of the column that it is sorted by at first, and whether the greatest comes first. */
  readonly sort: { readonly column: number; readonly descending: boolean };
  readonly onSelect: (row: Row) => void;
  readonly onOpen?: (row: Row) => void;
}

const ROW_HEIGHT = 28;
const SPARE_ROWS = 6;
let tables = 0;

export class Table<Row> {
  readonly element: HTMLElement;
  readonly #options: TableOptions<Row>;
  readonly #head: HTMLElement;
  readonly #body = make('div', { class: 'rows' });
  readonly #scroller: HTMLElement;
  readonly #name = `table-${tables++}`;
  #sort: { column: number; descending: boolean };
  #all: readonly Row[] = [];
  #rows: Row[] = [];
  #selected = -1;

  constructor(options: TableOptions<Row>) {
    this.#options = options;
    this.#sort = { ...options.sort };
    this.#head = make('div', { class: 'row head', attributes: { role: 'row' } });
    this.#scroller = make('div', { class: 'scroller', on: { scroll: () => this.#draw() } }, this.#head, this.#body);
    const columns = options.columns.map(({ width }) => width).join(' ');
    this.element = make(
      'div',
      {
        class: 'grid',
        attributes: { role: 'grid', 'aria-label': options.label, tabindex: 0 },
        on: { keydown: (event) => this.#key(event) },
      },
      this.#scroller,
    );
    this.element.style.setProperty('--columns', columns);
    new ResizeObserver(() => this.#draw()).observe(this.#scroller);
    this.#drawHead();
  }

  /** In their order of sorting. */
  get rows(): readonly Row[] {
    return this.#rows;
  }

  show(rows: readonly Row[]): void {
    const selected = this.#rows[this.#selected];
    this.#all = rows;
    const { column, descending } = this.#sort;
    const { sortBy } = this.#options.columns[column]!;
    const sign = descending ? -1 : 1;
    const keyed = rows.map((row, place) => ({ row, place, key: sortBy(row) }));
    keyed.sort((a, b) => (a.key < b.key ? -sign : a.key > b.key ? sign : a.place - b.place));
    this.#rows = keyed.map(({ row }) => row);
    this.#selected = selected === undefined ? -1 : this.#rows.indexOf(selected);
    this.element.setAttribute('aria-rowcount', String(rows.length + 1));
    this.#body.style.height = `${rows.length * ROW_HEIGHT}px`;
    this.#draw();
  }

  /** Marks a row and brings it into sight, without telling. */
  select(row: Row | undefined): void {
    this.#selected = row === undefined ? -1 : this.#rows.indexOf(row);
    this.#reveal();
    this.#draw();
  }

  /** Selects the row so many further down, and tells. */
  step(by: number): void {
    if (this.#rows.length === 0) return;
    this.#choose(Math.min(this.#rows.length - 1, Math.max(0, this.#selected + by)));
  }

  #choose(place: number): void {
    this.#selected = place;
    this.#reveal();
    this.#draw();
    this.#options.onSelect(this.#rows[place]!);
  }

  #reveal(): void {
    if (this.#selected === -1) return;
    const top = this.#selected * ROW_HEIGHT;
    const { scrollTop } = this.#scroller;
    const clientHeight = this.#room();
    if (top < scrollTop) this.#scroller.scrollTop = top;
    else if (top + ROW_HEIGHT > scrollTop + clientHeight) this.#scroller.scrollTop = top + ROW_HEIGHT - clientHeight;
  }

  #key(event: KeyboardEvent): void {
    if (event.target !== this.element) return;
    const page = Math.max(1, Math.floor(this.#room() / ROW_HEIGHT) - 1);
    const steps: Readonly<Record<string, number>> = {
      ArrowDown: 1,
      ArrowUp: this.#selected === -1 ? 1 : -1,
      PageDown: page,
      PageUp: -page,
      Home: -this.#rows.length,
      End: this.#rows.length,
    };
    const row = this.#rows[this.#selected];
    if (event.key === 'Enter' && row !== undefined) this.#options.onOpen?.(row);
    else if (steps[event.key] !== undefined) this.step(steps[event.key]!);
    else return;
    event.preventDefault();
  }

  /** What is left for rows below the head. */
  #room(): number {
    return this.#scroller.clientHeight - this.#head.offsetHeight;
  }

  #drawHead(): void {
    const cells = this.#options.columns.map(({ title, isNumber }, column) => {
      const sorted = this.#sort.column === column ? (this.#sort.descending ? 'descending' : 'ascending') : 'none';
      const button = make(
        'button',
        { attributes: { type: 'button' }, on: { click: () => this.#sortBy(column) } },
        title,
      );
      const cell = { class: isNumber ? 'number' : '', attributes: { role: 'columnheader', 'aria-sort': sorted } };
      return make('div', cell, button);
    });
    fill(this.#head, ...cells);
  }

  #sortBy(column: number): void {
    const descending =
      this.#sort.column === column ? !this.#sort.descending : this.#options.columns[column]!.isNumber === true;
    this.#sort = { column, descending };
    this.#drawHead();
    this.show(this.#all);
    this.#reveal();
  }

  #draw(): void {
    const { scrollTop } = this.#scroller;
    const clientHeight = this.#room();
    const first = Math.max(0, Math.floor(scrollTop / ROW_HEIGHT) - SPARE_ROWS);
    const last = Math.min(this.#rows.length, Math.ceil((scrollTop + clientHeight) / ROW_HEIGHT) + SPARE_ROWS);
    const shown = this.#rows.slice(first, last).map((row, index) => this.#row(row, first + index));
    fill(this.#body, ...shown);
    const active = this.#selected >= first && this.#selected < last ? `${this.#name}-${this.#selected}` : '';
    this.element.setAttribute('aria-activedescendant', active);
  }

  #row(row: Row, place: number): HTMLElement {
    const cells = this.#options.columns.map(({ show, isNumber }) =>
      make('div', { class: isNumber ? 'number' : '', attributes: { role: 'gridcell' } }, show(row)),
    );
    const selected = place === this.#selected;
    const element = make(
      'div',
      {
        class: selected ? 'row selected' : 'row',
        id: `${this.#name}-${place}`,
        attributes: { role: 'row', 'aria-rowindex': place + 2, 'aria-selected': String(selected) },
        on: { click: () => this.#choose(place) },
      },
      ...cells,
    );
    element.style.top = `${place * ROW_HEIGHT}px`;
    return element;
  }
}
