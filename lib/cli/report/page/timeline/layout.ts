// SPDX-License-Identifier: Apache-2.0
//
// Where a request's slices go: a track for the request, one for each of its workers and one for each GPU stream around
// it; in a track, a row below another for what is nested, and for what would overlap. Called for each request. Pure.
import type { Span, StreamSlice } from '../read-data';

const REQUEST = 'request';

export interface Item {
  readonly name: string;
  readonly start: number;
  readonly end: number;
  readonly row: number;
  /** Undefined: a GPU slice of another request. */
  readonly span: Span | undefined;
}

export interface Track {
  readonly kind: 'request' | 'worker' | 'gpu';
  readonly title: string;
  readonly subtitle: string;
  /** By row; in a row by time, without overlaps. */
  readonly rows: readonly (readonly Item[])[];
}

export interface Layout {
  readonly tracks: readonly Track[];
  /** By the span's place. */
  readonly items: ReadonlyMap<number, Item>;
}

export function layOut(spans: readonly Span[], streams: readonly StreamSlice[]): Layout {
  const items = new Map<number, Item>();
  const groups = groupBy(spans, trackKeys(spans));
  const host: Track[] = [];
  for (const group of groups.values()) {
    if (group[0]!.isGpu) continue;
    const track = hostTrack(group, items);
    if (track.kind === 'request') host.unshift(track);
    else host.push(track);
  }
  return { tracks: [...host, ...gpuTracks(groups, streams, items)], items };
}

/** GPU slices go to their stream, others to the worker they are under, the rest to the request or their process. */
function trackKeys(spans: readonly Span[]): (span: Span) => string {
  const known = new Map<number, string>();
  const rootTracks = new Set(spans.filter(({ isRequest }) => isRequest).map(({ track }) => track));
  const own = (span: Span): string | undefined => {
    if (span.isGpu) return `gpu ${span.track}`;
    if (span.isWorker) return `worker ${span.track} ${span.name} ${attributeOf(span, 'thread.id') ?? ''}`;
    return span.isRequest ? REQUEST : undefined;
  };
  const above = (span: Span): string => {
    // Spans that name each other as parents are passed once.
    const passed = new Set<Span>([span]);
    for (let at = spans[span.parent]; at !== undefined && !passed.has(at); at = spans[at.parent]) {
      const key = at.isGpu ? undefined : (known.get(at.place) ?? own(at));
      if (key !== undefined) return key;
      passed.add(at);
    }
    return '';
  };
  return (span) => {
    const key = own(span) ?? above(span);
    const elsewhere = key === '' || (key === REQUEST && !rootTracks.has(span.track));
    const found = elsewhere ? `process ${span.track}` : key;
    known.set(span.place, found);
    return found;
  };
}

function hostTrack(spans: readonly Span[], items: Map<number, Item>): Track {
  const worker = spans.find(({ isWorker }) => isWorker);
  const root = spans.find(({ isRequest }) => isRequest);
  const first = worker ?? root ?? spans[0]!;
  const rows = placeRows(spans, items);
  const ranks = ['dp', 'pp', 'tp', 'ep'].flatMap((kind) => {
    const rank = worker && attributeOf(worker, `gpuspan.worker.${kind}_rank`);
    return rank === undefined ? [] : [`${kind} ${rank}`];
  });
  const thread = worker && attributeOf(worker, 'thread.id');
  return {
    kind: worker === undefined && root !== undefined ? 'request' : 'worker',
    title: worker?.name ?? root?.name ?? first.track,
    subtitle: [first.track, thread === undefined ? '' : `tid ${thread}`, ...ranks]
      .filter((part) => part !== '')
      .join(' · '),
    rows,
  };
}

function gpuTracks(
  groups: ReadonlyMap<string, readonly Span[]>,
  streams: readonly StreamSlice[],
  items: Map<number, Item>,
): Track[] {
  const names = new Set(streams.map(({ track }) => track));
  for (const group of groups.values()) if (group[0]!.isGpu) names.add(group[0]!.track);
  const around = groupBy(streams, ({ track }) => track);
  return [...names].sort().map((track) => {
    const own = groups.get(`gpu ${track}`) ?? [];
    const mine = new Set(own.map(({ start, end, name }) => `${start} ${end} ${name}`));
    // The measurement itself, of a batch that this request is in, is there as the request's own slice.
    const others = (around.get(track) ?? []).filter(({ start, end, name }) => !mine.has(`${start} ${end} ${name}`));
    const [stream, device] = [track.split(', ').at(-1)!, track.split(', ').slice(0, -1).join(', ')];
    const source = own[0] && attributeOf(own[0], 'gpu.time.source');
    const rows = gpuRows([...own, ...others], items);
    return { kind: 'gpu', title: device, subtitle: source === undefined ? stream : `${stream} · ${source}`, rows };
  });
}

function gpuRows(slices: readonly (Span | StreamSlice)[], items: Map<number, Item>): Item[][] {
  const rows: Item[][] = [];
  const sorted = [...slices].sort((a, b) => a.start - b.start || b.end - a.end);
  for (const slice of sorted) {
    const span = 'place' in slice ? slice : undefined;
    const row = freeRow(rows, 0, slice.start);
    put(rows, { name: slice.name, start: slice.start, end: slice.end, row, span }, items);
  }
  return rows;
}

/** In the first row below its parent's that is free; parents first, also those that begin later. */
function placeRows(spans: readonly Span[], items: Map<number, Item>): Item[][] {
  const rows: Item[][] = [];
  const own = new Set(spans.map(({ place }) => place));
  const waiting = new Map(spans.map((span) => [span.place, span]));
  for (const first of spans) {
    const way: Span[] = [];
    for (let at = waiting.get(first.place); at !== undefined; at = waiting.get(at.parent)) {
      waiting.delete(at.place);
      way.push(at);
    }
    for (const span of way.reverse()) {
      const above = own.has(span.parent) ? items.get(span.parent) : undefined;
      const row = freeRow(rows, above === undefined ? 0 : above.row + 1, span.start);
      put(rows, { name: span.name, start: span.start, end: span.end, row, span }, items);
    }
  }
  return rows;
}

function freeRow(rows: readonly (readonly Item[])[], from: number, start: number): number {
  let row = from;
  while (rows[row] !== undefined && (rows[row]!.at(-1)?.end ?? Number.NEGATIVE_INFINITY) > start) row++;
  return row;
}

function put(rows: Item[][], item: Item, items: Map<number, Item>): void {
  while (rows.length <= item.row) rows.push([]);
  rows[item.row]!.push(item);
  if (item.span !== undefined) items.set(item.span.place, item);
}

function groupBy<Item>(items: readonly Item[], keyOf: (item: Item) => string): Map<string, Item[]> {
  const groups = new Map<string, Item[]>();
  for (const item of items) {
    const key = keyOf(item);
    const group = groups.get(key);
    if (group === undefined) groups.set(key, [item]);
    else group.push(item);
  }
  return groups;
}

/** Of an attribute. */
export function attributeOf(span: Span, key: string): string | undefined {
  return span.attributes.find((attribute) => attribute.key === key)?.value;
}
