// SPDX-License-Identifier: Apache-2.0
//
// Spans in the one form that the model test compares, from an exporter object or from an OTLP receiver.

const SERVER_IN_SDK = 1;
const SERVER_IN_OTLP = 2;
const REMOTE = 0x300;

/** @returns {import('./compare.mjs').Span} of an SDK's ReadableSpan */
export function toSpan(span) {
  const { traceId, spanId } = span.spanContext();
  const parent = span.parentSpanContext;
  return {
    trace: traceId,
    id: spanId,
    parent: parent?.spanId ?? '',
    remote: parent?.isRemote === true,
    name: span.name,
    server: span.kind === SERVER_IN_SDK,
    start: span.startTime,
    end: span.endTime,
    attributes: span.attributes,
    events: span.events.map(({ name, attributes }) => ({ name, attributes: attributes ?? {} })),
    status: { code: span.status.code, message: span.status.message ?? '' },
    links: span.links.map(({ context }) => ({ trace: context.traceId, id: context.spanId })),
  };
}

/** @returns {import('./compare.mjs').Span} of a span as `gpuspan/testing` received it */
export function fromReceived(span) {
  return {
    trace: span.traceId,
    id: span.spanId,
    parent: span.parentSpanId,
    remote: (span.flags & REMOTE) === REMOTE,
    name: span.name,
    server: span.kind === SERVER_IN_OTLP,
    start: toPair(span.startTimeUnixNano),
    end: toPair(span.endTimeUnixNano),
    attributes: span.attributes,
    events: span.events.map(({ name, attributes }) => ({ name, attributes })),
    status: span.status,
    links: span.links.map(({ traceId, spanId }) => ({ trace: traceId, id: spanId })),
  };
}

/** @returns {[number, number]} */
function toPair(nanos) {
  return [Number(nanos / 1_000_000_000n), Number(nanos % 1_000_000_000n)];
}
