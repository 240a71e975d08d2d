// SPDX-License-Identifier: Apache-2.0
//
// What handing a request on costs: its carrier out, the copy that takes it there, and adopting it. The copies are those
// of a worker_thread (structured clone), of another process (JSON, as Node's IPC and most queues have it) and of a header.
// Both ends run in this thread, so that the CPU of both is one figure. The first two rows are without the copy itself: the
// reference is one of an equal message that was made before, and is taken off. Beside it W3C inject and extract, which
// carry less.
import { context, defaultTextMapGetter, defaultTextMapSetter, trace } from '@opentelemetry/api';
import { W3CTraceContextPropagator } from '@opentelemetry/core';
import { carrierToHeader } from 'gpuspan';
import { measurePair, report, row } from './statistics.mjs';
import { REQUESTS, startRequests, startTracing, stages } from './tracing.mjs';

// Fewer than the requests that a lane can have open, and short enough that most samples are not interrupted.
const OPERATIONS = 128;

const tracer = startTracing();
const requests = startRequests(tracer);
// A slice each, so that there is something to link to.
for (const request of requests) request.end(request.begin(stages[0]));
const messages = requests.map((request) => request.carrier());
let adopted = [];
let copied = [];

function within(operations) {
  for (let i = 0; i < operations; i++) adopted.push(tracer.adopt(requests[i & (REQUESTS - 1)].carrier()));
}

function toThread(operations) {
  for (let i = 0; i < operations; i++)
    adopted.push(tracer.adopt(structuredClone(requests[i & (REQUESTS - 1)].carrier())));
}

function cloneMessage(operations) {
  for (let i = 0; i < operations; i++) copied.push(structuredClone(messages[i & (REQUESTS - 1)]));
}

function toProcess(operations) {
  for (let i = 0; i < operations; i++)
    adopted.push(tracer.adopt(JSON.parse(JSON.stringify(requests[i & (REQUESTS - 1)].carrier()))));
}

function jsonMessage(operations) {
  for (let i = 0; i < operations; i++) copied.push(JSON.parse(JSON.stringify(messages[i & (REQUESTS - 1)])));
}

function asHeader(operations) {
  for (let i = 0; i < operations; i++) {
    const headers = { 'gpuspan-carrier': carrierToHeader(requests[i & (REQUESTS - 1)].carrier()) };
    adopted.push(tracer.adopt(headers['gpuspan-carrier']));
  }
}

async function leaveAll() {
  if (adopted.some((request) => request.level < 0)) throw new Error('an adopted request is inert');
  for (const request of adopted) request.leave();
  adopted = [];
  await tracer.flush();
}

function forget() {
  if (copied.some((message) => message.v !== 1)) throw new Error('a copy is none');
  copied = [];
}

const propagator = new W3CTraceContextPropagator();
const contexts = requests.map((_, index) => {
  const ids = {
    traceId: String(index + 1).padStart(32, 'a'),
    spanId: String(index + 1).padStart(16, 'b'),
    traceFlags: 1,
  };
  return trace.setSpanContext(context.active(), ids);
});
let extracted;

function injectAndExtract(operations) {
  for (let i = 0; i < operations; i++) {
    const headers = {};
    propagator.inject(contexts[i & (REQUESTS - 1)], headers, defaultTextMapSetter);
    extracted = propagator.extract(context.active(), headers, defaultTextMapGetter);
  }
}

/** What handing on took beyond the copy. */
function beyond({ own, other }) {
  return { own: own.map((value, index) => value - other[index]), other };
}

const settle = { operations: OPERATIONS, settle: leaveAll };
const W3C = 'W3C inject + extract';
const rows = [
  row(
    { id: 'carrier', what: 'carrier() + adopt()', reference: W3C },
    await measurePair(within, injectAndExtract, settle),
  ),
  row(
    {
      id: 'carrier.threads',
      what: 'the same over a structured clone, beyond it',
      reference: 'clone of an equal message',
    },
    beyond(await measurePair(toThread, cloneMessage, { ...settle, settleReference: forget })),
  ),
  row(
    { id: 'carrier.processes', what: 'the same over JSON, beyond it', reference: 'JSON of an equal message' },
    beyond(await measurePair(toProcess, jsonMessage, { ...settle, settleReference: forget })),
  ),
  row(
    { id: 'carrier.header', what: 'the same as a header', reference: W3C },
    await measurePair(asHeader, injectAndExtract, settle),
  ),
];
if (trace.getSpanContext(extracted) === undefined) throw new Error('nothing was extracted');
report(rows);
await tracer.shutdown();
