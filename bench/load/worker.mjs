// SPDX-License-Identifier: Apache-2.0
//
// The application under load, in a process of its own: a scripted workload of requests with ten slices each, at a steady
// rate, with nothing, gpuspan or OpenTelemetry's SDK recording. Run by run.mjs; tells its parent what it cost.
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { monitorEventLoopDelay } from 'node:perf_hooks';
import { Worker } from 'node:worker_threads';

const [, , mode, rateText, secondsText] = process.argv;
const RATE = Number(rateText);
const SECONDS = Number(secondsText);
/**
 * What a request of a text model does: six stages that say how many tokens they had, and 44 steps of decoding, of which
 * every eleventh does.
 */
const SCRIPT = [
  ...['tokenize', 'queue_wait', 'prefill', 'sample', 'detokenize', 'stream_write'].map((name) => ({
    name,
    tells: true,
  })),
  ...Array.from({ length: 44 }, (_, step) => ({ name: 'decode_step', tells: step % 11 === 0 })),
];
const SLICES = SCRIPT.length;
/** A steady rate in steps of the timers' own resolution. */
const TICK_MILLIS = 1;
/** First requests, in rounds that a BatchSpanProcessor's queue takes: slow ones, at which it would drop at once. */
const FIRST = { rounds: 4, requests: 50 };
/** Then at the rate, before it counts: until everything is compiled, here and in the threads behind. */
const WARM_UP_SECONDS = 2;

const recorders = { off: recordNothing, gpuspan: recordGpuspan, null: recordForNothing, otel: recordOtel };
/**
 * Work of the application itself: a search that finds nothing, in native code, because what a loop of JavaScript costs
 * depends on what the compiler makes of its surroundings.
 */
const TEXT = Buffer.alloc(8192);
/** Of recorders that count nothing. */
const NO_COUNTS = { lost: {}, settled: 0 };
let sink = 0;

function work() {
  sink += TEXT.indexOf(0xff);
}

function recordNothing() {
  return {
    request: () => {
      for (let i = 0; i < SLICES; i++) work();
    },
    flush: async () => {},
    counts: () => NO_COUNTS,
    shutdown: async () => {},
  };
}

async function recordGpuspan() {
  const { defineStages, start } = await import('gpuspan');
  const stages = defineStages('load', Object.fromEntries(SCRIPT.map(({ name }) => [name, { level: 1 }])));
  const script = SCRIPT.map(({ name, tells }) => ({ stage: stages[name], tells }));
  const tracer = start({ serviceName: 'load', device: 'none' });
  if (!tracer.enabled) throw new Error(tracer.reason);
  let id = 0;
  return {
    request: () => {
      const request = tracer.request({ id: `r${id++}` });
      for (const { stage, tells } of script) {
        const token = request.begin(stage);
        work();
        if (tells) request.end(token, { tokens: id });
        else request.end(token);
      }
      request.finish();
    },
    flush: () => tracer.flush(),
    counts: () => {
      const { lost, reader } = tracer.stats();
      return { lost: { ...lost, ...reader.lost }, settled: reader.delivered };
    },
    shutdown: () => tracer.shutdown(),
  };
}

/** gpuspan with a reader that encodes and lets go. */
async function recordForNothing() {
  const recorder = await recordGpuspan();
  const reader = new Worker(new URL('null-reader.mjs', import.meta.url));
  await once(reader, 'message');
  return {
    ...recorder,
    shutdown: async () => {
      await recorder.shutdown();
      await reader.terminate();
    },
  };
}

async function recordOtel() {
  const { BasicTracerProvider, BatchSpanProcessor } = await import('@opentelemetry/sdk-trace-base');
  const { OTLPTraceExporter } = await import('@opentelemetry/exporter-trace-otlp-proto');
  const { ROOT_CONTEXT, trace } = await import('@opentelemetry/api');
  const provider = new BasicTracerProvider({ spanProcessors: [new BatchSpanProcessor(new OTLPTraceExporter())] });
  const tracer = provider.getTracer('load');
  let id = 0;
  return {
    request: () => {
      const root = tracer.startSpan('request', { attributes: { rid: `r${id++}` } }, ROOT_CONTEXT);
      const context = trace.setSpan(ROOT_CONTEXT, root);
      for (const { name, tells } of SCRIPT) {
        const span = tracer.startSpan(name, undefined, context);
        work();
        if (tells) span.setAttribute('tokens', id);
        span.end();
      }
      root.end();
    },
    flush: () => provider.forceFlush(),
    counts: () => NO_COUNTS,
    shutdown: () => provider.shutdown(),
  };
}

/** What this thread has run so far, in ns: of the thread, not of the process, which includes gpuspan's and V8's others. */
function threadNanos() {
  return Number(readFileSync(`/proc/self/task/${process.pid}/schedstat`, 'utf8').split(' ')[0]);
}

const { request, flush, counts, shutdown } = await recorders[mode]();

/** Requests at the rate for so long; how many. */
async function drive(seconds) {
  const millis = seconds * 1000;
  const started = performance.now();
  let requests = 0;
  await new Promise((resolve) => {
    const timer = setInterval(() => {
      const elapsed = Math.min(performance.now() - started, millis);
      const due = Math.floor((elapsed * RATE) / 1000 / SLICES);
      while (requests < due) {
        request();
        requests++;
      }
      if (elapsed < millis) return;
      clearInterval(timer);
      resolve();
    }, TICK_MILLIS);
  });
  return requests;
}

for (let round = 0; round < FIRST.rounds; round++) {
  for (let i = 0; i < FIRST.requests; i++) request();
  await flush();
}
await drive(WARM_UP_SECONDS);
await flush();
// The parent forgets what has arrived so far.
process.send('warm');
await once(process, 'message');

const warm = counts();
const delay = monitorEventLoopDelay({ resolution: TICK_MILLIS });
delay.enable();
const before = threadNanos();
const requests = await drive(SECONDS);
delay.disable();
await flush();
const { lost, settled } = counts();
await shutdown();
process.send({
  slices: requests * SLICES,
  requests,
  cpuNanos: threadNanos() - before,
  eventLoopP99Ms: delay.percentile(99) / 1e6,
  rssMaxMb: process.resourceUsage().maxRSS / 1024,
  lost: Object.fromEntries(
    Object.entries(lost)
      .map(([reason, count]) => /** @type {const} */ ([reason, count - (warm.lost[reason] ?? 0)]))
      .filter(([, count]) => count > 0),
  ),
  // Slices that the reader says were delivered; 0: nobody says.
  settled: settled - warm.settled,
  sink,
});
process.disconnect();
