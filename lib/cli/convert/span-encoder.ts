// SPDX-License-Identifier: Apache-2.0
//
// A span as a record: where it belongs, and its event with ids, attributes, status, links and flows. Called for each span
// that is read.
import type { InternedNames } from '../../perfetto/interned-names';
import type { ReceivedSpan } from '../../testing/otlp-json';
import type { SpanKind } from '../model/classify';
import { EventFields } from './event-fields';
import type { Places } from './places';
import { MAX_RECORD_BYTES, RECORD, RecordWriter } from './record';
import { SpanPlaces } from './span-place';

/** Told apart from the flows along links, which have the earlier span's id. */
const LAUNCH_FLOW = 0x4750_5531;
const MAX_LINKS = 128;
const STATUS_ERROR = 2;
const KINDS: readonly (string | undefined)[] = [undefined, undefined, 'server', 'client', 'producer', 'consumer'];

export class SpanEncoder {
  readonly #record = new RecordWriter();
  readonly #fields: EventFields;
  readonly #places: SpanPlaces;

  constructor(names: InternedNames, places: Places) {
    this.#fields = new EventFields(this.#record, names);
    this.#places = new SpanPlaces(places);
  }

  /** Values and instants that were cut or left out so far. */
  get cut(): number {
    return this.#fields.cut;
  }

  /** Valid until the next call. */
  encode(span: ReceivedSpan): Buffer {
    const record = this.#record;
    const { kind, place, origin, flags } = this.#places.of(span);
    record.begin({ start: span.startTimeUnixNano, end: span.endTimeUnixNano, place, origin, flags });
    record.lane(span.traceId);
    record.id(RECORD.id, span.spanId);
    record.id(RECORD.parent, span.parentSpanId);
    this.#event(span, kind);
    record.endFields();
    this.#instants(span);
    return record.take();
  }

  #event(span: ReceivedSpan, kind: SpanKind): void {
    const fields = this.#fields;
    fields.name(span.name === '' ? '(no name)' : span.name);
    fields.category(span.scope.name);
    this.#flows(span, kind);
    fields.argument('trace_id', span.traceId);
    fields.argument('span_id', span.spanId);
    if (span.parentSpanId !== '') fields.argument('parent_span_id', span.parentSpanId);
    const spanKind = KINDS[span.kind];
    if (spanKind !== undefined) fields.argument('span.kind', spanKind);
    if (span.status.code === STATUS_ERROR) fields.argument('error', String(span.status.message));
    if (span.links.length > 0) fields.argument('links', linkTexts(span));
    fields.arguments(span.attributes);
  }

  // A copy of a batch slice is one of many: arrows from all of them to the batch would hide everything else.
  #flows({ spanId, parentSpanId, links, attributes }: ReceivedSpan, kind: SpanKind): void {
    const fields = this.#fields;
    if (kind !== 'slice' && kind !== 'foreign-root') return;
    if ('gpu.time.source' in attributes) {
      if (parentSpanId !== '') fields.flow(parentSpanId, LAUNCH_FLOW);
      return;
    }
    fields.flow(spanId, LAUNCH_FLOW);
    fields.flow(spanId);
    for (const link of links.slice(0, MAX_LINKS)) if (isSpanId(link.spanId)) fields.flow(link.spanId);
  }

  #instants({ events }: ReceivedSpan): void {
    for (const { name, timeUnixNano, attributes } of events) {
      const isSound = typeof name === 'string' && timeUnixNano >= 0n && timeUnixNano < 2n ** 63n;
      if (!isSound || this.#record.out.at + MAX_RECORD_BYTES / 4 > MAX_RECORD_BYTES) {
        this.#fields.cut++;
        continue;
      }
      this.#record.beginInstant(timeUnixNano);
      this.#fields.name(name === '' ? '(no name)' : name);
      this.#fields.arguments(attributes);
      this.#record.endInstant();
    }
  }
}

function linkTexts({ traceId, links }: ReceivedSpan): string[] {
  return links
    .slice(0, MAX_LINKS)
    .map((link) => (link.traceId === traceId ? link.spanId : `${link.traceId}/${link.spanId}`));
}

function isSpanId(id: string): boolean {
  return /^[0-9a-f]{16}$/i.test(id);
}
