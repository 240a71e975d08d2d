// SPDX-License-Identifier: Apache-2.0
//
// What is told of the request, or of the slice of it that is selected: times with their bounds, attributes, events, and
// the slices it hangs on. Called by workbench.ts.
import { make } from './dom';
import type { PageRequest } from './format';
import type { Attribute, Report, Span } from './read-data';
import { swatch } from './stage-table';
import type { Item } from './timeline/layout';
import { moment, nanos, offset, percent } from './units';

export interface Looked {
  readonly report: Report;
  readonly request: PageRequest;
  readonly spans: readonly Span[];
  /** Selects a span of the request. */
  readonly goTo: (span: Span) => void;
}

export function requestDetails({ report, request, spans }: Looked): HTMLElement[] {
  const root = spans.find(({ spanId }) => spanId === request.spanId);
  const rows: Row[] = [
    ['Duration', nanos(request.duration)],
    ['Start', moment(report.data.baseUnixNano, request.start)],
    ['Service', report.text(request.service)],
    ['Trace', make('code', {}, request.traceId)],
  ];
  const steps = request.path.map(
    ([name, time, gpu]): Row => [
      make('span', { class: 'step' }, swatch(report.text(name)), report.text(name)),
      `${nanos(time)}, ${percent(time / request.duration)}${gpu > 0 ? `, GPU ${nanos(gpu)} of it` : ''}`,
    ],
  );
  const title = make('h3', {}, report.text(request.name), request.error ? badge('failed', 'bad') : undefined);
  return [
    part(title, list(rows)),
    ...(steps.length > 0 ? [part(make('h3', {}, 'Waited for'), list(steps))] : []),
    ...attributeParts(root?.attributes ?? [], root?.left ?? 0),
    ...eventParts(root?.events ?? []),
  ];
}

export function sliceDetails(item: Item, looked: Looked): HTMLElement[] {
  const { report, request } = looked;
  const { span } = item;
  const duration = item.end - item.start;
  const rows: Row[] = [
    ['Duration', `${nanos(duration)}, ${percent(duration / Math.max(1, request.duration))} of the request`],
    ['Start', `${offset(item.start)} from the request’s`],
    ['', moment(report.data.baseUnixNano, request.start + item.start)],
    ...(span === undefined ? [] : spanRows(span, looked)),
  ];
  const title = make('h3', {}, swatch(item.name, span?.isOwner), item.name, ...badges(span));
  return [
    part(title, list(rows)),
    ...attributeParts(span?.attributes ?? [], span?.left ?? 0),
    ...eventParts(span?.events ?? []),
  ];
}

function badges(span: Span | undefined): (HTMLElement | undefined)[] {
  if (span === undefined) return [badge('of another request')];
  return [
    span.isGpu ? badge('GPU') : undefined,
    span.ofBatch ? badge('of a batch') : undefined,
    span.onPath ? badge('critical path', 'warm') : undefined,
    span.isError ? badge('failed', 'bad') : undefined,
  ];
}

function spanRows(span: Span, { spans, goTo }: Looked): Row[] {
  const link = (place: number): Node | undefined => {
    const target = spans[place];
    if (target === undefined) return undefined;
    const button = { class: 'link', attributes: { type: 'button' }, on: { click: () => goTo(target) } };
    return make('button', button, target.name);
  };
  const rows: readonly (readonly [Row[0], Row[1] | undefined])[] = [
    ['Bound', span.bound === undefined ? undefined : `± ${nanos(span.bound)}`],
    [
      'Launched',
      span.launch === undefined ? undefined : `${offset(span.launch)}, queued ${nanos(span.start - span.launch)}`,
    ],
    ['In', link(span.parent)],
    ['After', link(span.previous)],
    ['On', span.track],
    ['Span', make('code', {}, span.spanId)],
  ];
  return rows.filter((row): row is Row => row[1] !== undefined);
}

function attributeParts(attributes: readonly Attribute[], left: number): HTMLElement[] {
  if (attributes.length === 0) return [];
  const rows = attributes.map(({ key, value }): Row => [key, value]);
  const more: Row[] = left > 0 ? [['', `${left} more are not in this page`]] : [];
  return [part(make('h3', {}, 'Attributes'), list([...rows, ...more]))];
}

function eventParts(events: Span['events']): HTMLElement[] {
  if (events.length === 0) return [];
  const rows = events.flatMap(({ name, at, attributes }): Row[] => [
    [name, offset(at)],
    ...attributes.map(({ key, value }): Row => [`· ${key}`, value]),
  ]);
  return [part(make('h3', {}, 'Events'), list(rows))];
}

type Row = readonly [string | Node, string | Node];

function list(rows: readonly Row[]): HTMLElement {
  return make('dl', {}, ...rows.flatMap(([term, value]) => [make('dt', {}, term), make('dd', {}, value)]));
}

function part(title: HTMLElement, body: HTMLElement): HTMLElement {
  return make('div', { class: 'part' }, title, body);
}

function badge(text: string, kind = ''): HTMLElement {
  return make('span', { class: `badge ${kind}` }, text);
}
