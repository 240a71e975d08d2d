// SPDX-License-Identifier: Apache-2.0
//
// The paced sink in its two forms: in front of an OpenTelemetry SpanExporter, and in front of a transport of encoded OTLP
// requests.
import type { ReadableSpan } from '@opentelemetry/sdk-trace-base';
import type { Exporter } from '../otel/exporter';
import type { OtlpRequest } from '../otlp/request-memory';
import { PacedSink, type PacedSinkOptions, type Piece } from './paced-sink';

/** Spans an export. */
const MAX_SPANS = 512;

export class ExporterSink extends PacedSink<readonly ReadableSpan[], ReadableSpan[]> {
  constructor(exporter: Exporter<ReadableSpan[]>, options: PacedSinkOptions) {
    super(exporter, splitSpans, options);
  }
}

/** Requests are of bounded size as they come. */
export class RequestSink extends PacedSink<readonly OtlpRequest[], OtlpRequest> {
  constructor(exporter: Exporter<OtlpRequest>, options: PacedSinkOptions) {
    super(exporter, splitRequests, options);
  }
}

function splitRequests(requests: readonly OtlpRequest[]): Piece<OtlpRequest>[] {
  return requests.map((batch) => ({ batch, spanCount: batch.spanCount, letGo: () => batch.letGo() }));
}

function splitSpans(spans: readonly ReadableSpan[]): Piece<ReadableSpan[]>[] {
  const pieces: Piece<ReadableSpan[]>[] = [];
  for (let at = 0; at < spans.length; at += MAX_SPANS) {
    const batch = spans.slice(at, at + MAX_SPANS);
    pieces.push({ batch, spanCount: batch.length });
  }
  return pieces;
}
