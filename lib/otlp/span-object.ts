// SPDX-License-Identifier: Apache-2.0
//
// A span object as OTLP, field by field as the official serializer does it: for spans that are rare enough to be made
// as objects first (pipeline.ts says which).

import type { Link, SpanContext } from '@opentelemetry/api';
import type { ReadableSpan, TimedEvent } from '@opentelemetry/sdk-trace-base';

import { toWords } from '../timeline/scale';
import { writeAttributes } from './values';
import type { ProtobufWriter } from '../protobuf/writer';

// Of a context: it is known whether it is remote, and it is.
const KNOWN = 0x100;
const REMOTE = 0x200;
/** Most bytes of the fields of a span, event or link whose size is bounded. */
const FIXED_BYTES = 160;

const words = new Uint32Array(2);

/** One element of ScopeSpans.spans. */
export function writeSpan(writer: ProtobufWriter, span: ReadableSpan): void {
  writer.reserve(FIXED_BYTES);
  writer.tag(2, 2);
  const begun = writer.begin();
  writeIdentity(writer, span);
  writer.tag(7, 1);
  writeTime(writer, span.startTime);
  writer.tag(8, 1);
  writeTime(writer, span.endTime);
  writeAttributes(writer, span.attributes, 9);
  writer.reserve(FIXED_BYTES);
  writeCount(writer, 10, span.droppedAttributesCount);
  for (const event of span.events) writeEvent(writer, event);
  writer.reserve(FIXED_BYTES);
  writeCount(writer, 12, span.droppedEventsCount);
  for (const link of span.links) writeLink(writer, link);
  writer.reserve(FIXED_BYTES);
  writeCount(writer, 14, span.droppedLinksCount);
  writeStatus(writer, span.status);
  writer.reserve(FIXED_BYTES);
  writeFlags(writer, 16, span.spanContext().traceFlags, span.parentSpanContext?.isRemote);
  writer.end(begun);
}

function writeIdentity(writer: ProtobufWriter, span: ReadableSpan): void {
  const { traceId, spanId, traceState } = span.spanContext();
  writeId(writer, 1, traceId);
  writeId(writer, 2, spanId);
  writeTraceState(writer, traceState);
  writer.reserve(FIXED_BYTES);
  if (span.parentSpanContext !== undefined) writeId(writer, 4, span.parentSpanContext.spanId);
  writer.tag(5, 2);
  writer.text(span.name);
  writer.reserve(FIXED_BYTES);
  writeCount(writer, 6, span.kind + 1);
}

function writeEvent(writer: ProtobufWriter, event: TimedEvent): void {
  writer.reserve(FIXED_BYTES);
  writer.tag(11, 2);
  const begun = writer.begin();
  writer.tag(1, 1);
  writeTime(writer, event.time);
  writer.tag(2, 2);
  writer.text(event.name);
  if (event.attributes !== undefined) writeAttributes(writer, event.attributes, 3);
  writer.reserve(FIXED_BYTES);
  writeCount(writer, 4, event.droppedAttributesCount ?? 0);
  writer.end(begun);
}

function writeLink(writer: ProtobufWriter, { context, droppedAttributesCount = 0 }: Link): void {
  writer.reserve(FIXED_BYTES);
  writer.tag(13, 2);
  const begun = writer.begin();
  writeId(writer, 1, context.traceId);
  writeId(writer, 2, context.spanId);
  writeTraceState(writer, context.traceState);
  writer.reserve(FIXED_BYTES);
  writeCount(writer, 5, droppedAttributesCount);
  writeFlags(writer, 6, context.traceFlags, context.isRemote);
  writer.end(begun);
}

function writeStatus(writer: ProtobufWriter, { code, message }: ReadableSpan['status']): void {
  writer.tag(15, 2);
  const begun = writer.begin();
  if (message !== undefined && message !== '') {
    writer.tag(2, 2);
    writer.text(message);
  }
  writer.reserve(FIXED_BYTES);
  writeCount(writer, 3, code);
  writer.end(begun);
}

function writeTraceState(writer: ProtobufWriter, state: SpanContext['traceState']): void {
  const text = state?.serialize() ?? '';
  if (text === '') return;
  writer.tag(3, 2);
  writer.text(text);
}

function writeFlags(writer: ProtobufWriter, field: number, flags: number, isRemote: boolean | undefined): void {
  writer.tag(field, 5);
  writer.word((flags & 0xff) | KNOWN | (isRemote === true ? REMOTE : 0));
}

function writeCount(writer: ProtobufWriter, field: number, count: number): void {
  writer.tag(field, 0);
  writer.varint(count);
}

function writeId(writer: ProtobufWriter, field: number, hex: string): void {
  const size = hex.length / 2;
  writer.tag(field, 2);
  writer.varint(size);
  const { bytes, at } = writer;
  for (let index = 0; index < size; index++) {
    bytes[at + index] = (digit(hex.charCodeAt(2 * index)) << 4) | digit(hex.charCodeAt(2 * index + 1));
  }
  writer.at = at + size;
}

// '0'..'9' are 0x30..0x39, 'a'..'f' 0x61..0x66.
function digit(code: number): number {
  return code < 0x3a ? code - 0x30 : code - 0x57;
}

function writeTime(writer: ProtobufWriter, time: ReadableSpan['startTime']): void {
  toWords(time, words);
  writer.word(words[0]!);
  writer.word(words[1]!);
}
