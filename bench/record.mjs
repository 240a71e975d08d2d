// SPDX-License-Identifier: Apache-2.0
//
// What the other ways to record cost, each beside a bare slice (begin + end) of the same run: `next`, events,
// attributes, the scope helper, a wrapped function, a slice told after the fact. Three numbers also beside a span of
// OpenTelemetry's SDK with the same ones.
import { context, trace } from '@opentelemetry/api';
import { BasicTracerProvider, BatchSpanProcessor } from '@opentelemetry/sdk-trace-base';
import { defineEvents } from 'gpuspan';
import { measurePair, report, row } from './statistics.mjs';
import { DISCARD, REQUESTS, requireDelivered, STAGES, stages, startRequests, startTracing } from './tracing.mjs';

const OPERATIONS = 4096;
// Under the batch processor's queue, or its drop path would be measured.
const SDK_OPERATIONS = 1024;

const tracer = startTracing();
const requests = startRequests(tracer);
const events = Object.values(defineEvents('bench', { hint: { level: 1 }, retract: { level: 1 } }));
const names = stages.map((stage) => stage.name);
const words = Array.from({ length: 8 }, (_, index) => `model-${index}-instruct`);
const settle = () => tracer.flush();
let recorded = 0;

function bare(operations) {
  for (let i = 0; i < operations; i++) {
    const request = requests[i & (REQUESTS - 1)];
    request.end(request.begin(stages[(i >> 3) & (STAGES - 1)]));
  }
  recorded += operations;
}

/** One chain a request, so that each call finds the slice that its last one there began. */
const chains = new Array(REQUESTS).fill(0);
function nexts(operations) {
  for (let i = 0; i < operations; i++) {
    const which = i & (REQUESTS - 1);
    chains[which] = requests[which].next(chains[which], stages[(i >> 3) & (STAGES - 1)]);
  }
  for (let which = 0; which < REQUESTS; which++) {
    requests[which].end(chains[which]);
    chains[which] = 0;
  }
  recorded += operations;
}

function withEvent(operations) {
  for (let i = 0; i < operations; i++) {
    const request = requests[i & (REQUESTS - 1)];
    const token = request.begin(stages[(i >> 3) & (STAGES - 1)]);
    request.event(events[i & 1]);
    request.end(token);
  }
  recorded += operations;
}

function withFullEvent(operations) {
  for (let i = 0; i < operations; i++) {
    const request = requests[i & (REQUESTS - 1)];
    const token = request.begin(stages[(i >> 3) & (STAGES - 1)]);
    request.event(events[i & 1], { kept: i, share: 0.5 });
    request.end(token);
  }
  recorded += operations;
}

function withNumbers(operations) {
  for (let i = 0; i < operations; i++) {
    const request = requests[i & (REQUESTS - 1)];
    const token = request.begin(stages[(i >> 3) & (STAGES - 1)]);
    request.end(token, { tokens: i, batch: 64, load: 0.5 });
  }
  recorded += operations;
}

function withString(operations) {
  for (let i = 0; i < operations; i++) {
    const request = requests[i & (REQUESTS - 1)];
    const token = request.begin(stages[(i >> 3) & (STAGES - 1)]);
    request.end(token, { model: words[i & 7] });
  }
  recorded += operations;
}

let sink = 0;
const body = (token) => token;
function scopes(operations) {
  for (let i = 0; i < operations; i++) {
    sink += requests[i & (REQUESTS - 1)].slice(stages[(i >> 3) & (STAGES - 1)], body);
  }
  recorded += operations;
}

const wrapped = stages.map((stage) => stage.wrap((value) => value + 1));
/** The ambient request is looked up at each call, and entered once a sample. */
function wraps(operations) {
  requests[0].run(() => {
    for (let i = 0; i < operations; i++) sink += wrapped[(i >> 3) & (STAGES - 1)](i);
  });
  recorded += operations;
}

const told = requests.map(() => tracer.now());
function afterTheFact(operations) {
  for (let i = 0; i < operations; i++) {
    const which = i & (REQUESTS - 1);
    requests[which].record(stages[(i >> 3) & (STAGES - 1)], told[which], told[which]);
  }
  recorded += operations;
}

const provider = new BasicTracerProvider({ spanProcessors: [new BatchSpanProcessor(DISCARD)] });
const sdk = provider.getTracer('bench');
const parents = requests.map((_, index) => trace.setSpan(context.active(), sdk.startSpan(`root_${index}`)));
function sdkNumbers(operations) {
  for (let i = 0; i < operations; i++) {
    const span = sdk.startSpan(names[(i >> 3) & (STAGES - 1)], undefined, parents[i & (REQUESTS - 1)]);
    span.setAttributes({ tokens: i, batch: 64, load: 0.5 });
    span.end();
  }
}

const LOOPS = [
  ['record.next', 'chain of next(), per slice', nexts],
  ['record.event', 'slice with an event', withEvent],
  ['record.event2', 'slice with an event of 2 attributes', withFullEvent],
  ['record.numbers', 'slice with 3 numeric attributes', withNumbers],
  ['record.string', 'slice with 1 string', withString],
  ['record.scope', 'slice(stage, body)', scopes],
  ['record.wrap', 'wrapped function in a request', wraps],
  ['record.past', 'record(), a slice that is over', afterTheFact],
];
const rows = [];
for (const [id, what, loop] of LOOPS) {
  const samples = await measurePair(loop, bare, { operations: OPERATIONS, settle, settleReference: settle });
  rows.push(row({ id, what, reference: 'bare slice, begin + end' }, samples));
}
const onSdk = await measurePair(withNumbers, sdkNumbers, {
  operations: OPERATIONS,
  referenceOperations: SDK_OPERATIONS,
  settle,
  settleReference: () => provider.forceFlush(),
});
const peer = {
  id: 'record.numbers.otel',
  what: 'slice with 3 numeric attributes',
  reference: 'SDK span with the same',
};
rows.splice(4, 0, row(peer, onSdk));
await requireDelivered(tracer, recorded);
if (!Number.isFinite(sink)) throw new Error('the loops computed nothing');
report(rows);
await tracer.shutdown();
await provider.shutdown();
