// SPDX-License-Identifier: Apache-2.0
//
// What handing a request on costs: its carrier out, and adopting it, against W3C inject and extract, which carry less.
import { context, defaultTextMapGetter, defaultTextMapSetter, trace } from '@opentelemetry/api';
import { W3CTraceContextPropagator } from '@opentelemetry/core';
import { measurePair, report, row } from './statistics.mjs';
import { REQUESTS, startRequests, startTracing } from './tracing.mjs';

// Fewer than the requests that a lane can have open.
const OPERATIONS = 512;

const tracer = startTracing();
const requests = startRequests(tracer);
let adopted = [];

function handOn(operations) {
  for (let i = 0; i < operations; i++) adopted.push(tracer.adopt(requests[i & (REQUESTS - 1)].carrier()));
}

async function leaveAll() {
  if (adopted.some((request) => request.level < 0)) throw new Error('an adopted request is inert');
  for (const request of adopted) request.leave();
  adopted = [];
  await tracer.flush();
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

const samples = await measurePair(handOn, injectAndExtract, { operations: OPERATIONS, settle: leaveAll });
if (trace.getSpanContext(extracted) === undefined) throw new Error('nothing was extracted');
report([row({ id: 'carrier', what: 'carrier() + adopt()', reference: 'W3C inject + extract' }, samples)]);
await tracer.shutdown();
