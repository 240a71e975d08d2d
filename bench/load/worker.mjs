// SPDX-License-Identifier: Apache-2.0
//
// The application under load, in a process of its own: a scripted workload of requests with ten slices each, at a steady
// rate, with nothing, gpuspan or OpenTelemetry's SDK recording. Run by run.mjs; tells its parent what it cost.
import { readFileSync } from 'node:fs';
import { monitorEventLoopDelay } from 'node:perf_hooks';

const [, , mode, rateText, secondsText] = process.argv;
const RATE = Number(rateText);
const SECONDS = Number(secondsText);
const SLICES = 10;
/** A steady rate in steps of the timers' own resolution. */
const TICK_MILLIS = 1;
/** Requests before it counts, so that everything is compiled; in rounds that a BatchSpanProcessor's queue takes. */
const WARM_UP = { rounds: 4, requests: 50 };
/** Work of the application itself, about as much as a step of a scheduler takes. */
const WORK = 200;

const recorders = { off: recordNothing, gpuspan: recordGpuspan, otel: recordOtel };
let sink = 0;

function work() {
  for (let i = 0; i < WORK; i++) sink = (sink * 31 + i) | 0;
}

function recordNothing() {
  return {
    request: () => {
      for (let i = 0; i < SLICES; i++) work();
    },
    flush: async () => {},
    finish: async () => ({}),
  };
}

async function recordGpuspan() {
  const { defineStages, start } = await import('gpuspan');
  const names = Array.from({ length: SLICES }, (_, index) => [`step_${index}`, { level: 1 }]);
  const stages = Object.values(defineStages('load', Object.fromEntries(names)));
  const tracer = start({ serviceName: 'load', device: 'none' });
  if (!tracer.enabled) throw new Error(tracer.reason);
  let id = 0;
  return {
    request: () => {
      const request = tracer.request({ id: `r${id++}` });
      for (const stage of stages) {
        const token = request.begin(stage);
        work();
        request.end(token, { tokens: id });
      }
      request.finish();
    },
    flush: () => tracer.flush(),
    finish: async () => {
      await tracer.flush();
      const { lost, reader } = tracer.stats();
      await tracer.shutdown();
      return { ...lost, ...reader.lost };
    },
  };
}

async function recordOtel() {
  const { BasicTracerProvider, BatchSpanProcessor } = await import('@opentelemetry/sdk-trace-base');
  const { OTLPTraceExporter } = await import('@opentelemetry/exporter-trace-otlp-proto');
  const { ROOT_CONTEXT, trace } = await import('@opentelemetry/api');
  const provider = new BasicTracerProvider({ spanProcessors: [new BatchSpanProcessor(new OTLPTraceExporter())] });
  const tracer = provider.getTracer('load');
  const names = Array.from({ length: SLICES }, (_, index) => `step_${index}`);
  let id = 0;
  return {
    request: () => {
      const root = tracer.startSpan('request', { attributes: { rid: `r${id++}` } }, ROOT_CONTEXT);
      const context = trace.setSpan(ROOT_CONTEXT, root);
      for (const name of names) {
        const span = tracer.startSpan(name, undefined, context);
        work();
        span.setAttribute('tokens', id);
        span.end();
      }
      root.end();
    },
    flush: () => provider.forceFlush(),
    finish: async () => {
      await provider.forceFlush();
      await provider.shutdown();
      return {};
    },
  };
}

/** What this thread has run so far, in ns: of the thread, not of the process, which includes gpuspan's and V8's others. */
function threadNanos() {
  return Number(readFileSync(`/proc/self/task/${process.pid}/schedstat`, 'utf8').split(' ')[0]);
}

const { request, flush, finish } = await recorders[mode]();
for (let round = 0; round < WARM_UP.rounds; round++) {
  for (let i = 0; i < WARM_UP.requests; i++) request();
  await flush();
}
const warmUp = WARM_UP.rounds * WARM_UP.requests;
const delay = monitorEventLoopDelay({ resolution: TICK_MILLIS });
delay.enable();
const before = threadNanos();
const started = performance.now();
let requests = 0;

await new Promise((resolve) => {
  const timer = setInterval(() => {
    const elapsed = Math.min(performance.now() - started, SECONDS * 1000);
    const due = Math.floor((elapsed * RATE) / 1000 / SLICES);
    while (requests < due) {
      request();
      requests++;
    }
    if (elapsed < SECONDS * 1000) return;
    clearInterval(timer);
    resolve();
  }, TICK_MILLIS);
});
delay.disable();
const lost = await finish();
process.send({
  slices: requests * SLICES,
  // To be taken off what arrived.
  warmUp: warmUp * SLICES,
  requests: requests + warmUp,
  cpuNanos: threadNanos() - before,
  eventLoopP99Ms: delay.percentile(99) / 1e6,
  rssMaxMb: process.resourceUsage().maxRSS / 1024,
  lost,
  sink,
});
process.disconnect();
