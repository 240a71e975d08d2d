// SPDX-License-Identifier: Apache-2.0
//
// What the reader spends on a slice on its way out: from its slots in the ring to the bytes of an OTLP request. Against
// OpenTelemetry's way to the same bytes: a span of the SDK with the same parent, link and attributes, and the official
// serializer. Both make requests of 512 spans.
import { context, trace } from '@opentelemetry/api';
import { ProtobufTraceSerializer } from '@opentelemetry/otlp-transformer';
import { BasicTracerProvider } from '@opentelemetry/sdk-trace-base';
import { Encoding, SLICES_PER_READ } from './encoding.mjs';
import { openOtlpPipeline } from './lane.mjs';
import { report, row } from './statistics.mjs';

const encoding = new Encoding(openOtlpPipeline, (requests) => {
  let bytes = 0;
  for (const request of requests) {
    bytes += request.bytes.length;
    request.letGo();
  }
  return bytes;
});

let bytes = 0;
let ended = [];
const provider = new BasicTracerProvider({
  spanProcessors: [
    {
      onStart: () => {},
      onEnd: (span) => ended.push(span),
      forceFlush: () => Promise.resolve(),
      shutdown: () => Promise.resolve(),
    },
  ],
});
const sdk = provider.getTracer('bench');
const root = sdk.startSpan('root');
const parent = trace.setSpan(context.active(), root);
let previous = root.spanContext();

function serialize() {
  if (ended.length < SLICES_PER_READ) return;
  bytes += ProtobufTraceSerializer.serializeRequest(ended).length;
  ended = [];
}

function sdkSpans(operations) {
  for (let i = 0; i < operations; i++) {
    const span = sdk.startSpan('forward', { links: [{ context: previous }] }, parent);
    span.end();
    previous = span.spanContext();
    serialize();
  }
}

function sdkSpansWithNumbers(operations) {
  for (let i = 0; i < operations; i++) {
    const span = sdk.startSpan('forward', { links: [{ context: previous }] }, parent);
    span.setAttribute('tokens', i & 511);
    span.setAttribute('position', i);
    span.end();
    previous = span.spanContext();
    serialize();
  }
}

const reference = 'SDK span and official serializer';
const plain = await encoding.measure(encoding.fill, sdkSpans);
const numbers = await encoding.measure(encoding.fillWithNumbers, sdkSpansWithNumbers);
if (bytes === 0) throw new Error('the serializer made nothing');
report([
  row({ id: 'otlp.slice', what: 'slot in the ring to OTLP bytes', reference }, plain),
  row({ id: 'otlp.numbers', what: 'the same, slice with two numbers', reference }, numbers),
]);
