// SPDX-License-Identifier: Apache-2.0
//
// What the reader spends on a slice on its way out: from its slots in the ring to the bytes of an OTLP request. Against
// OpenTelemetry's way to the same bytes: a span of the SDK with the same parent, link and attributes, and the official
// serializer. Both make requests of 512 spans.
import { context, trace } from '@opentelemetry/api';
import { ProtobufTraceSerializer } from '@opentelemetry/otlp-transformer';
import { BasicTracerProvider } from '@opentelemetry/sdk-trace-base';
import { advance, openLane, openOtlpPipeline } from './lane.mjs';
import { measurePair, report, row } from './statistics.mjs';

const OPERATIONS = 4096;
const SDK_OPERATIONS = 1024;
const SPANS_PER_REQUEST = 512;
// What one sample reads, its untimed eighth included.
const FILLED = OPERATIONS + OPERATIONS / 8;
const DOUBLE = 2;

const { native, where, writePayload } = openLane();
const pipeline = openOtlpPipeline(native);
native.leaseAcquire(native.environment());
const tokens = native.intern('key', 0, 0, 'tokens').id;
const position = native.intern('key', 0, 0, 'position').id;
let bytes = 0;
let spans = 0;

function fill() {
  for (let i = 0; i < FILLED; i++) native.end(native.begin(where));
  native.snapshot();
}

function fillWithNumbers() {
  for (let i = 0; i < FILLED; i++) {
    const length = writePayload((view, at) => {
      for (const [index, [key, value]] of [
        [tokens, i & 511],
        [position, i],
      ].entries()) {
        view.setUint8(at + index * 11, DOUBLE);
        view.setUint16(at + index * 11 + 1, key, true);
        view.setFloat64(at + index * 11 + 3, value, true);
      }
      return 22;
    });
    native.endWith(native.begin(where), length);
  }
  native.snapshot();
}

function encode(operations) {
  for (let left = operations; left > 0; ) {
    const batch = pipeline.read(Math.min(left, SPANS_PER_REQUEST));
    if (batch === undefined) throw new Error(`the ring was ${left} slices short`);
    for (const request of batch.spans) bytes += request.bytes.length;
    left -= batch.spanCount;
    spans += batch.spanCount;
    advance(native, batch);
  }
}

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
  if (ended.length < SPANS_PER_REQUEST) return;
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

async function measure(settle, reference) {
  spans = 0;
  settle();
  const samples = await measurePair(encode, reference, {
    operations: OPERATIONS,
    referenceOperations: SDK_OPERATIONS,
    settle,
  });
  if (spans === 0 || spans % FILLED !== 0 || bytes === 0)
    throw new Error(`encoded ${spans} spans, not a multiple of ${FILLED}`);
  encode(FILLED); // what was filled in last
  return samples;
}

const reference = 'SDK span and official serializer';
const plain = await measure(fill, sdkSpans);
const numbers = await measure(fillWithNumbers, sdkSpansWithNumbers);
report([
  row({ id: 'otlp.slice', what: 'slot in the ring to OTLP bytes', reference }, plain),
  row({ id: 'otlp.numbers', what: 'the same, slice with two numbers', reference }, numbers),
]);
