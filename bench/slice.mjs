// SPDX-License-Identifier: Apache-2.0
//
// What a host slice costs JavaScript, begin and end: against its floor (two addon calls that read the same clock, and
// have neither argument nor result) and against a span of OpenTelemetry's SDK with the same parent and link.
import { context, trace } from '@opentelemetry/api';
import { BasicTracerProvider, BatchSpanProcessor } from '@opentelemetry/sdk-trace-base';
import { loadFloorAddon } from './floor-addon.mjs';
import { measurePair, report, row } from './statistics.mjs';
import {
  clockName,
  DISCARD,
  REQUESTS,
  requireDelivered,
  STAGES,
  stages,
  startRequests,
  startTracing,
} from './tracing.mjs';

const OPERATIONS = 4096;
// Under the batch processor's queue, or its drop path would be measured.
const SDK_OPERATIONS = 1024;

const tracer = startTracing();
const clock = clockName();
const floor = loadFloorAddon(clock);
const requests = startRequests(tracer);
let recorded = 0;

function slices(operations) {
  for (let i = 0; i < operations; i++) {
    const request = requests[i & (REQUESTS - 1)];
    const token = request.begin(stages[(i >> 3) & (STAGES - 1)]);
    request.end(token);
  }
  recorded += operations;
}

function addonCalls(operations) {
  for (let i = 0; i < operations; i++) {
    floor.read();
    floor.read();
  }
}

const provider = new BasicTracerProvider({ spanProcessors: [new BatchSpanProcessor(DISCARD)] });
const sdk = provider.getTracer('bench');
const roots = requests.map((_, index) => sdk.startSpan(`root_${index}`));
const parents = roots.map((root) => trace.setSpan(context.active(), root));
const previous = roots.map((root) => root.spanContext());
const names = stages.map((stage) => stage.name);

function sdkSpans(operations) {
  for (let i = 0; i < operations; i++) {
    const which = i & (REQUESTS - 1);
    const options = { links: [{ context: previous[which] }] };
    const span = sdk.startSpan(names[(i >> 3) & (STAGES - 1)], options, parents[which]);
    span.end();
    previous[which] = span.spanContext();
  }
}

const settle = () => tracer.flush();
const what = 'host slice, begin + end';
const onFloor = await measurePair(slices, addonCalls, { operations: OPERATIONS, settle });
const onSdk = await measurePair(slices, sdkSpans, {
  operations: OPERATIONS,
  referenceOperations: SDK_OPERATIONS,
  settle,
  settleReference: () => provider.forceFlush(),
});
await requireDelivered(tracer, recorded);
const rows = [
  row({ id: 'slice.js', what, reference: 'two addon calls that read the same clock' }, onFloor),
  row({ id: 'slice.js.otel', what, reference: 'SDK span, same parent and link, BatchSpanProcessor' }, onSdk),
];
report(rows, { clock });
await tracer.shutdown();
await provider.shutdown();
