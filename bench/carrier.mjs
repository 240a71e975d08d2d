// SPDX-License-Identifier: Apache-2.0
//
// What handing a request on costs: its carrier out, and adopting it. In this thread alone; on the way to a real
// worker_thread and a real process, as CPU of both ends beyond that of the same messages with carriers made before and not
// adopted (bench/crossing.mjs); and as one header, all of it. Beside it W3C inject and extract, which carry less.
import { context, defaultTextMapGetter, defaultTextMapSetter, trace } from '@opentelemetry/api';
import { W3CTraceContextPropagator } from '@opentelemetry/core';
import { carrierToHeader } from 'gpuspan';
import { crossProcesses, crossThreads } from './crossing.mjs';
import { measurePair, report, row } from './statistics.mjs';
import { REQUESTS, startRequests, startTracing, stages } from './tracing.mjs';

// Fewer than the requests that a lane can have open, and short enough that most samples are not interrupted.
const OPERATIONS = 128;

const tracer = startTracing();
const requests = startRequests(tracer);
// A slice each, so that there is something to link to.
for (const request of requests) request.end(request.begin(stages[0]));
let adopted = [];

function within(operations) {
  for (let i = 0; i < operations; i++) adopted.push(tracer.adopt(requests[i & (REQUESTS - 1)].carrier()));
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

/** What handing on took beyond the message. */
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
    { id: 'carrier.threads', what: 'the same to a worker_thread: CPU beyond the message', reference: 'the message' },
    beyond(await crossThreads(requests)),
  ),
  row(
    { id: 'carrier.processes', what: 'the same to a process: CPU beyond the message', reference: 'the message' },
    beyond(await crossProcesses(requests)),
  ),
  row(
    { id: 'carrier.header', what: 'the same as a header', reference: W3C },
    await measurePair(asHeader, injectAndExtract, settle),
  ),
];
if (trace.getSpanContext(extracted) === undefined) throw new Error('nothing was extracted');
report(rows);
await tracer.shutdown();
