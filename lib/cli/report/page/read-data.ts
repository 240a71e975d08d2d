// SPDX-License-Identifier: Apache-2.0
//
// The report's data as the page uses it: spans of a request are made when it is looked at. Called by main.ts first.
import { type PageAttributes, type PageData, type PageRequest, type PageSpan, SPAN, type TextId } from './format';

export interface Attribute {
  readonly key: string;
  readonly value: string;
}

export interface SpanEvent {
  readonly name: string;
  /** ns from the request's start. */
  readonly at: number;
  readonly attributes: readonly Attribute[];
}

/** A span of the request that is looked at. Times in ns from the request's start. */
export interface Span {
  /** Its place in the request's spans. */
  readonly place: number;
  readonly name: string;
  readonly parent: number;
  readonly previous: number;
  readonly spanId: string;
  readonly track: string;
  readonly start: number;
  readonly end: number;
  readonly isRequest: boolean;
  readonly isWorker: boolean;
  /** It is the request or one of its workers, and holds slices. */
  readonly isOwner: boolean;
  readonly isGpu: boolean;
  readonly isError: boolean;
  readonly onPath: boolean;
  readonly ofBatch: boolean;
  readonly bound: number | undefined;
  readonly launch: number | undefined;
  readonly attributes: readonly Attribute[];
  readonly events: readonly SpanEvent[];
  readonly left: number;
}

/** A GPU slice of any request. Times in ns from the start of the request that is looked at. */
export interface StreamSlice {
  readonly name: string;
  readonly track: string;
  readonly start: number;
  readonly end: number;
}

export class Report {
  readonly data: PageData;

  constructor(data: PageData) {
    this.data = data;
  }

  text(id: TextId): string {
    return this.data.strings[id] ?? '';
  }

  spansOf(request: PageRequest): Span[] {
    return request.spans.map((span, place) => this.#span(span, place));
  }

  /** Those that were open between two times from the request's start. */
  streamsAround(request: PageRequest, from: number, to: number): StreamSlice[] {
    const { slices } = this.data.streams;
    const found: StreamSlice[] = [];
    for (let at = 0; at < slices.length; at += 4) {
      const start = slices[at + 2]! - request.start;
      const end = start + slices[at + 3]!;
      if (start > to) break;
      if (end >= from) found.push({ name: this.text(slices[at]!), track: this.text(slices[at + 1]!), start, end });
    }
    return found;
  }

  #span(span: PageSpan, place: number): Span {
    const [name, parent, flags, track, start, duration, spanId, attributes, events, previous, bound, launch, left] =
      span;
    return {
      place,
      name: this.text(name),
      parent,
      previous,
      spanId,
      track: this.text(track),
      start,
      end: start + duration,
      isRequest: (flags & SPAN.request) !== 0,
      isWorker: (flags & SPAN.worker) !== 0,
      isOwner: (flags & (SPAN.request | SPAN.worker)) !== 0,
      isGpu: (flags & SPAN.gpu) !== 0,
      isError: (flags & SPAN.error) !== 0,
      onPath: (flags & SPAN.onPath) !== 0,
      ofBatch: (flags & SPAN.ofBatch) !== 0,
      bound: bound < 0 ? undefined : bound,
      launch: launch ?? undefined,
      attributes: this.#attributes(attributes),
      events: events.map(([event, at, own]) => ({ name: this.text(event), at, attributes: this.#attributes(own) })),
      left,
    };
  }

  #attributes(attributes: PageAttributes): Attribute[] {
    return Array.from({ length: attributes.length / 2 }, (_, index) => ({
      key: this.text(attributes[2 * index]!),
      value: this.text(attributes[2 * index + 1]!),
    }));
  }
}

export function readReport(): Report {
  return new Report(JSON.parse(document.getElementById('data')!.textContent ?? '') as PageData);
}
