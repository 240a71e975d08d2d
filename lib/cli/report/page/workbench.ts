// SPDX-License-Identifier: Apache-2.0
//
// The second view: requests that can be filtered and sorted, the timeline of the one that is chosen, and what is told of
// it or of a slice of it. Called by main.ts.
import { requestDetails, sliceDetails } from './details';
import { fill, make } from './dom';
import type { PageRequest } from './format';
import type { Report, Span } from './read-data';
import { swatch } from './stage-table';
import { Table } from './table';
import type { Item } from './timeline/layout';
import { Timeline } from './timeline/timeline';
import { nanos, offset, percent, shortOffset, whole } from './units';

/** Of a request's duration, what is shown of the GPU streams before and after it. */
const AROUND = 0.25;

export class Workbench {
  readonly element: HTMLElement;
  readonly #report: Report;
  readonly #onChoose: (request: PageRequest) => void;
  readonly #requests: Table<PageRequest>;
  readonly #slices: Table<Span>;
  readonly #timeline = new Timeline((item) => this.#selected(item));
  readonly #title = make('h2', { id: 'request-title' }, 'No request');
  readonly #notes = make('p', { class: 'hint' });
  readonly #details = make('div', {
    class: 'details',
    attributes: { 'aria-label': 'Details', role: 'region', tabindex: 0 },
  });
  readonly #said = make('p', { class: 'said', attributes: { 'aria-live': 'polite' } });
  readonly #count = make('span', { class: 'count', attributes: { 'aria-live': 'polite' } });
  readonly #filter: HTMLInputElement;
  readonly #failedOnly: HTMLInputElement;
  #request: PageRequest | undefined;
  #spans: readonly Span[] = [];

  constructor(report: Report, onChoose: (request: PageRequest) => void) {
    this.#report = report;
    this.#onChoose = onChoose;
    this.#requests = this.#requestTable();
    this.#slices = this.#sliceTable();
    this.#filter = make('input', {
      id: 'filter',
      attributes: {
        type: 'search',
        placeholder: 'Filter: id, name, service, trace, >10ms',
        'aria-label': 'Filter requests by id, name, service or trace; >10ms for the slower ones',
        spellcheck: 'false',
      },
      on: { input: () => this.#showRequests() },
    });
    this.#failedOnly = make('input', { attributes: { type: 'checkbox' }, on: { change: () => this.#showRequests() } });
    this.element = this.#layOut();
    this.#showRequests();
  }

  get requests(): readonly PageRequest[] {
    return this.#report.data.requests;
  }

  focusFilter(): void {
    this.#filter.focus();
    this.#filter.select();
  }

  /** Selects the request so many further down the list. */
  step(by: number): void {
    this.#requests.step(by);
  }

  /** Shows a request, and a span of it. */
  open(request: PageRequest, spanId?: string): void {
    if (request !== this.#request) this.#show(request);
    this.#requests.select(request);
    const span = this.#spans.find((each) => each.spanId === spanId);
    if (span !== undefined) this.#goTo(span);
  }

  #layOut(): HTMLElement {
    const tools = make(
      'div',
      { class: 'tools', attributes: { role: 'group', 'aria-label': 'Zoom' } },
      tool('−', 'Zoom out (S)', () => this.#timeline.zoom(1.6)),
      tool('Fit', 'Fit the whole request (F)', () => this.#timeline.fit()),
      tool('+', 'Zoom in (W)', () => this.#timeline.zoom(1 / 1.6)),
    );
    return make(
      'div',
      { class: 'workbench' },
      make(
        'section',
        { class: 'requests', attributes: { 'aria-label': 'Requests' } },
        make('div', { class: 'section-head' }, this.#filter),
        make('div', { class: 'filters' }, make('label', {}, this.#failedOnly, ' failed only'), this.#count),
        this.#requests.element,
        this.#limits(),
      ),
      make(
        'section',
        { class: 'looked', attributes: { 'aria-labelledby': 'request-title' } },
        make('div', { class: 'section-head' }, this.#title, this.#notes, tools),
        this.#timeline.element,
        make('div', { class: 'below' }, this.#details, this.#slices.element),
        this.#said,
      ),
    );
  }

  /** What of a large input is not in the page. */
  #limits(): HTMLElement | undefined {
    const { requests, summary, streams } = this.#report.data;
    const of = (why: PageRequest['why']) => requests.filter((request) => request.why === why).length;
    const without = requests.filter(({ spans, left }) => spans.length === 0 && left > 0).length;
    const lines = [
      requests.length < summary.requests.count
        ? `${whole(requests.length)} of ${whole(summary.requests.count)} requests are in this page: the ${whole(of('slowest'))} slowest, ${whole(of('failed'))} more that failed, ${whole(of('sample'))} others by chance.`
        : '',
      without > 0 ? `${whole(without)} of them are without a timeline, to keep the page small.` : '',
      streams.left > 0 ? `GPU streams are whole around the first ${whole(streams.complete)} requests only.` : '',
    ].filter((line) => line !== '');
    return lines.length === 0
      ? undefined
      : make('p', { class: 'limits', attributes: { role: 'note' } }, lines.join(' '));
  }

  #requestTable(): Table<PageRequest> {
    const { text } = { text: (id: number) => this.#report.text(id) };
    const longest = Math.max(1, ...this.#report.data.requests.map(({ duration }) => duration));
    return new Table<PageRequest>({
      label: 'Requests',
      columns: [
        {
          title: 'Duration',
          width: '104px',
          isNumber: true,
          sortBy: ({ duration }) => duration,
          show: ({ duration }) => durationCell(duration, longest),
        },
        {
          title: 'Id',
          width: 'minmax(70px, 1.4fr)',
          sortBy: ({ id, traceId }) => id || traceId,
          show: ({ id, traceId, error }) => make('span', { class: error ? 'failed' : '' }, id || traceId),
        },
        { title: 'Name', width: 'minmax(50px, 1fr)', sortBy: ({ name }) => text(name), show: ({ name }) => text(name) },
        {
          title: 'Start',
          width: '82px',
          isNumber: true,
          sortBy: ({ start }) => start,
          show: ({ start }) => nanos(start - this.#first()),
        },
      ],
      sort: { column: 0, descending: true },
      onSelect: (request) => this.#show(request),
      onOpen: () => this.#timeline.canvas.focus(),
    });
  }

  #first(): number {
    return Number(BigInt(this.#report.data.summary.startUnixNano) - BigInt(this.#report.data.baseUnixNano));
  }

  #sliceTable(): Table<Span> {
    return new Table<Span>({
      label: 'Slices of the request',
      columns: [
        {
          title: 'Slice',
          width: 'minmax(90px, 1.4fr)',
          sortBy: ({ name }) => name,
          show: ({ name, isOwner }) => make('span', { class: 'step' }, swatch(name, isOwner), name),
        },
        {
          title: 'Start',
          width: '106px',
          isNumber: true,
          sortBy: ({ start }) => start,
          show: ({ start }) => shortOffset(start),
        },
        {
          title: 'Duration',
          width: '82px',
          isNumber: true,
          sortBy: ({ start, end }) => end - start,
          show: ({ start, end }) => nanos(end - start),
        },
        {
          title: 'Of it',
          width: '60px',
          isNumber: true,
          sortBy: ({ start, end }) => end - start,
          show: ({ start, end }) => percent((end - start) / Math.max(1, this.#request?.duration ?? 1)),
        },
      ],
      sort: { column: 1, descending: false },
      onSelect: (span) => this.#goTo(span, false),
      onOpen: (span) => this.#goTo(span, true),
    });
  }

  #showRequests(): void {
    const words = this.#filter.value.trim().toLowerCase().split(/\s+/);
    const failed = this.#failedOnly.checked;
    const rows = this.requests.filter(
      (request) => (!failed || request.error) && words.every((word) => this.#matches(request, word)),
    );
    this.#requests.show(rows);
    this.#count.textContent =
      rows.length === this.requests.length
        ? `${whole(rows.length)} requests`
        : `${whole(rows.length)} of ${whole(this.requests.length)}`;
  }

  #matches(request: PageRequest, word: string): boolean {
    const limit = /^([<>])(\d+(?:\.\d+)?)(ns|us|µs|ms|s)?$/.exec(word);
    if (limit !== null) {
      const sizes: Readonly<Record<string, number>> = { ns: 1, us: 1e3, µs: 1e3, ms: 1e6, s: 1e9 };
      const time = Number(limit[2]) * sizes[limit[3] ?? 'ms']!;
      return limit[1] === '>' ? request.duration > time : request.duration < time;
    }
    const texts = [request.id, this.#report.text(request.name), this.#report.text(request.service), request.traceId];
    return texts.some((text) => text.toLowerCase().includes(word));
  }

  #show(request: PageRequest): void {
    this.#request = request;
    this.#spans = this.#report.spansOf(request);
    const whole = this.#wholeOf(request);
    const id = request.id || request.traceId;
    const title = `${this.#report.text(request.name)} ${id}`;
    this.#title.textContent = title;
    this.#notes.textContent = this.#noteOf(request);
    this.#timeline.show({
      title: `Timeline of ${title}`,
      spans: this.#spans,
      streams: this.#spans.length === 0 ? [] : this.#report.streamsAround(request, whole.start, whole.end),
      request: { start: 0, end: request.duration },
      whole,
    });
    this.#slices.show(this.#spans);
    this.#slices.select(undefined);
    this.#showDetails(undefined);
    this.#onChoose(request);
  }

  #wholeOf({ duration }: PageRequest): { start: number; end: number } {
    const around = Math.max(1000, duration * AROUND);
    const starts = this.#spans.reduce((least, { start }) => Math.min(least, start), -around);
    const ends = this.#spans.reduce((most, { end }) => Math.max(most, end), duration + around);
    return { start: starts, end: ends };
  }

  #noteOf({ spans, left, duration }: PageRequest): string {
    if (spans.length === 0)
      return left > 0 ? 'its slices did not fit into this page' : 'none of its slices are in the input';
    const missing = left > 0 ? `, ${whole(left)} more are not in this page` : '';
    return `${nanos(duration)}, ${whole(spans.length)} spans${missing}`;
  }

  #selected(item: Item | undefined): void {
    this.#slices.select(item?.span);
    this.#showDetails(item);
    if (item === undefined) this.#said.textContent = '';
    else this.#said.textContent = `${item.name}, ${nanos(item.end - item.start)}, from ${offset(item.start)}`;
  }

  #goTo(span: Span, zoom = false): void {
    this.#timeline.reveal(span.place, zoom);
    this.#slices.select(span);
    this.#showDetails({ name: span.name, start: span.start, end: span.end, row: 0, span });
  }

  #showDetails(item: Item | undefined): void {
    if (this.#request === undefined) return;
    const looked = {
      report: this.#report,
      request: this.#request,
      spans: this.#spans,
      goTo: (span: Span) => this.#goTo(span),
    };
    const parts = item === undefined ? requestDetails(looked) : sliceDetails(item, looked);
    fill(this.#details, make('div', { class: 'columns' }, ...parts));
    this.#details.scrollTop = 0;
  }
}

function tool(text: string, title: string, click: () => void): HTMLElement {
  return make('button', { title, attributes: { type: 'button', 'aria-label': title }, on: { click } }, text);
}

function durationCell(duration: number, longest: number): Node {
  const bar = make('i', { attributes: { 'aria-hidden': 'true' } });
  bar.style.width = `${Math.max(1, (100 * duration) / longest)}%`;
  return make('div', { class: 'duration' }, bar, make('span', {}, nanos(duration)));
}
