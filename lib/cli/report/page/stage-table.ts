// SPDX-License-Identifier: Apache-2.0
//
// The table of stages: counts, quantiles, share of the requests' time and distributions, sorted by any column, with a
// filter. Called by overview.ts.
import { type Axis, axisOf, decades, drawDistribution, place } from './distribution';
import { fill, make } from './dom';
import type { PageStage } from './format';
import { onTheme, stageMark } from './theme';
import { nanos, percent, tick, whole } from './units';

interface Column {
  readonly title: string;
  readonly hint?: string;
  readonly isNumber?: boolean;
  readonly sortBy: (stage: PageStage) => number | string;
  readonly show: (stage: PageStage) => Node | string;
}

const COLUMNS: readonly Column[] = [
  { title: 'Stage', sortBy: ({ name }) => name.toLowerCase(), show: nameOf },
  { title: 'Where', sortBy: whereOf, show: whereCell },
  time('p50', ({ durationNanos }) => durationNanos.p50),
  time('p90', ({ durationNanos }) => durationNanos.p90),
  time('p99', ({ durationNanos }) => durationNanos.p99),
  time('Most', ({ durationNanos }) => durationNanos.max),
  {
    title: 'Count',
    hint: 'A slice of a batch counts once.',
    isNumber: true,
    sortBy: ({ durationNanos }) => durationNanos.count,
    show: ({ durationNanos }) => whole(durationNanos.count),
  },
  time('Total', ({ durationNanos }) => durationNanos.total),
  {
    title: 'Of requests',
    hint: 'Of the time of all requests, what they spent in the stage. Stages nest, so this need not add up to 100 %.',
    isNumber: true,
    sortBy: ({ share }) => share ?? -1,
    show: shareCell,
  },
];
/** As many fit beside each other. */
const MOST_LABELS = 6;
const FIRST_SORT = COLUMNS.findIndex(({ title }) => title === 'Total');

/** The table, and its filter. */
export function stageTable(all: readonly PageStage[]): HTMLElement {
  const stages = all.filter(({ durationNanos }) => durationNanos.count > 0);
  const axis = axisOf(stages.map(({ distribution }) => distribution));
  const sort = { column: FIRST_SORT, descending: true };
  const head = make('thead');
  const body = make('tbody');
  let filter = '';
  const show = () => {
    fill(head, headRow(sort, axis, show));
    const wanted = stages.filter(({ name, service }) => `${name} ${service}`.toLowerCase().includes(filter));
    fill(body, ...sorted(wanted, sort).map((stage) => row(stage, axis)));
  };
  onTheme(show);
  const input = make('input', {
    attributes: { type: 'search', placeholder: 'Filter stages', 'aria-label': 'Filter stages', spellcheck: 'false' },
    on: {
      input: () => {
        filter = input.value.trim().toLowerCase();
        show();
      },
    },
  });
  return make(
    'section',
    { attributes: { 'aria-labelledby': 'stages-title' } },
    make('div', { class: 'section-head' }, make('h2', { id: 'stages-title' }, 'Stages'), input),
    make('div', { class: 'wide' }, make('table', { class: 'stages' }, head, body)),
  );
}

type Sort = { column: number; descending: boolean };

function headRow(sort: Sort, axis: Axis, show: () => void): HTMLElement {
  const cells = COLUMNS.map(({ title, hint, isNumber }, column) => {
    const order = sort.column === column ? (sort.descending ? 'descending' : 'ascending') : 'none';
    const click = () => {
      const descending = sort.column === column ? !sort.descending : isNumber === true;
      Object.assign(sort, { column, descending });
      show();
    };
    const button = make('button', { attributes: { type: 'button' }, on: { click } }, title);
    const properties = { class: isNumber ? 'number' : '', attributes: { 'aria-sort': order, scope: 'col' } };
    return make('th', hint === undefined ? properties : { ...properties, title: hint }, button);
  });
  const all = decades(axis);
  const each = Math.ceil(all.length / MOST_LABELS);
  const labels = all.flatMap((value, index) => {
    if (index % each !== 0) return [];
    const label = make('span', {}, tick(value, value));
    label.style.left = `${place(value, axis)}%`;
    return [label];
  });
  const drawn = make(
    'th',
    { class: 'drawn', attributes: { scope: 'col', 'aria-label': 'Distribution' } },
    make('div', { class: 'axis' }, ...labels),
  );
  return make('tr', {}, ...cells, drawn);
}

function sorted(stages: readonly PageStage[], { column, descending }: Sort): PageStage[] {
  const { sortBy } = COLUMNS[column]!;
  const sign = descending ? -1 : 1;
  return [...stages].sort((a, b) => {
    const [one, other] = [sortBy(a), sortBy(b)];
    return one < other ? -sign : one > other ? sign : 0;
  });
}

function row(stage: PageStage, axis: Axis): HTMLElement {
  const cells = COLUMNS.map(({ show, isNumber }) => make('td', { class: isNumber ? 'number' : '' }, show(stage)));
  const drawing = drawDistribution(stage.distribution, stage.durationNanos, axis, stageMark(stage.name));
  return make('tr', {}, ...cells, make('td', { class: 'drawn' }, drawing));
}

function time(title: string, of: (stage: PageStage) => number): Column {
  return { title, isNumber: true, sortBy: of, show: (stage) => nanos(of(stage)) };
}

function nameOf({ name, service }: PageStage): Node {
  return make(
    'div',
    { class: 'stage-name', title: `${name}, service ${service}` },
    swatch(name),
    make('span', {}, name),
    make('small', {}, service),
  );
}

/** The stage's colour; none for the span of a request or worker. */
export function swatch(name: string, isOwner = false): HTMLElement {
  const element = make('i', { class: isOwner ? 'swatch owner' : 'swatch', attributes: { 'aria-hidden': 'true' } });
  if (!isOwner) element.style.background = stageMark(name);
  return element;
}

function whereOf({ where, source }: PageStage): string {
  return where === 'host' ? 'host' : `GPU ${source ?? ''}`;
}

function whereCell(stage: PageStage): Node | string {
  if (stage.where === 'host') return 'host';
  return make('span', { class: 'gpu-where' }, make('b', {}, 'GPU'), ` ${stage.source ?? ''}`);
}

function shareCell({ share }: PageStage): Node | string {
  if (share === undefined) return '–';
  const bar = make('i', { attributes: { 'aria-hidden': 'true' } });
  bar.style.width = `${Math.min(100, 100 * share)}%`;
  return make('div', { class: 'share' }, make('span', {}, percent(share)), make('div', {}, bar));
}
