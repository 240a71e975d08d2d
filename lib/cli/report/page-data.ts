// SPDX-License-Identifier: Apache-2.0
//
// A report as the data that its page holds (page/format.ts): texts once, spans as short lists. Called by html.ts. Pure.
import type { ShownRequest } from '../model/shown-requests';
import type { ShownAttributes, ShownSpan } from '../model/shown-span';
import { fileProblems } from './file-problems';
import type { Report } from './make-report';
import {
  type PageAttributes,
  type PageData,
  type PageEvent,
  type PageRequest,
  type PageSpan,
  SPAN,
  type TextId,
} from './page/format';

/** `madeBy` is told in the page. */
export function pageData(report: Report, madeBy: string): PageData {
  const texts = new Texts();
  const base = BigInt(report.baseUnixNano);
  const { requests, ...summary } = report.summary;
  const { rows, chosen, ...counts } = requests;
  return {
    madeBy,
    files: report.files.map((file) => ({
      path: file.path,
      spans: file.spans,
      problems: [...fileProblems(file), ...file.notes],
    })),
    summary: { ...summary, requests: counts },
    baseUnixNano: report.baseUnixNano,
    requests: report.shown.map((shown) => ({ ...requestOf(shown, base, texts), why: shown.why })),
    streams: {
      slices: report.streams.slices.flatMap(({ name, track, start, end }) => [
        texts.id(name),
        texts.id(track),
        start,
        end - start,
      ]),
      left: report.streams.left,
      complete: report.streams.complete,
    },
    strings: texts.all,
  };
}

class Texts {
  readonly all: string[] = [];
  readonly #ids = new Map<string, TextId>();

  id(text: string): TextId {
    const known = this.#ids.get(text);
    if (known !== undefined) return known;
    this.#ids.set(text, this.all.length);
    this.all.push(text);
    return this.all.length - 1;
  }
}

function requestOf(shown: ShownRequest, base: bigint, texts: Texts): Omit<PageRequest, 'why'> {
  const { row, criticalPath } = shown;
  const start = Number(BigInt(row.startUnixNano) - base);
  const places = new Map(shown.spans.map(({ spanId }, index) => [spanId, index]));
  const onPath = new Set(shown.pathSpanIds);
  return {
    traceId: row.traceId,
    spanId: row.spanId,
    name: texts.id(row.name),
    id: row.id,
    service: texts.id(row.service),
    start,
    duration: row.durationNanos,
    error: row.error,
    spans: shown.spans.map((span) => spanOf(span, { start, places, texts, onPath: onPath.has(span.spanId) })),
    left: shown.left,
    path: criticalPath.map(({ name, nanos, gpuNanos }) => [texts.id(name), nanos, gpuNanos]),
  };
}

interface Around {
  readonly start: number;
  readonly places: ReadonlyMap<string, number>;
  readonly texts: Texts;
  readonly onPath: boolean;
}

function spanOf(span: ShownSpan, { start, places, texts, onPath }: Around): PageSpan {
  const { details } = span;
  const events = (details?.events ?? []).map(
    ({ name, at, attributes }): PageEvent => [texts.id(name), at - start, attributesOf(attributes, texts)],
  );
  return [
    texts.id(span.name),
    places.get(span.parentSpanId) ?? -1,
    flagsOf(span, onPath),
    texts.id(span.track),
    span.start - start,
    span.end - span.start,
    span.spanId,
    attributesOf(details?.attributes ?? [], texts),
    events,
    places.get(details?.previousSpanId ?? '') ?? -1,
    span.boundNanos ?? -1,
    details?.launch === undefined ? null : details.launch - start,
    details?.left ?? 0,
  ];
}

function flagsOf({ kind, gpu, error, details }: ShownSpan, onPath: boolean): number {
  return (
    (kind === 'request' ? SPAN.request : 0) |
    (kind === 'worker' ? SPAN.worker : 0) |
    (gpu ? SPAN.gpu : 0) |
    (error ? SPAN.error : 0) |
    (onPath ? SPAN.onPath : 0) |
    (details?.ofBatch === true ? SPAN.ofBatch : 0)
  );
}

function attributesOf(attributes: ShownAttributes, texts: Texts): PageAttributes {
  return attributes.flatMap(([key, value]) => [texts.id(key), texts.id(value)]);
}
