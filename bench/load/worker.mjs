// SPDX-License-Identifier: Apache-2.0
//
// The application under load, in a process of its own: a scripted workload of requests, at a steady rate, recorded by
// nothing, gpuspan or OpenTelemetry's SDK, whenever its parent (run.mjs) says so. Tells it what that cost, or what came of it.
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { monitorEventLoopDelay } from 'node:perf_hooks';
import { Worker } from 'node:worker_threads';

const [, , mode, rateText] = process.argv;
const RATE = Number(rateText);
/**
 * What a request of a text model does: six stages that say how many tokens they had, then steps of decoding one right
 * after the other, of which every eleventh does.
 */
const STAGES = ['tokenize', 'queue_wait', 'prefill', 'sample', 'detokenize', 'stream_write'];
const STEP = 'decode_step';
const STEPS = 44;
const TELLING_STEPS = 11;
const SLICES = STAGES.length + STEPS;
/** A steady rate in steps of the timers' own resolution. */
const TICK_MILLIS = 1;
/** First requests, in rounds that a BatchSpanProcessor's queue takes: slow ones, at which it would drop at once. */
const FIRST = { rounds: 4, requests: 50 };
/** Objects that fill the young generation, both halves, so that all its pages are there; run.mjs says why. */
const GARBAGE = 1_000_000;
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

function fillYoungGeneration() {
  const last = [];
  for (let i = 0; i < GARBAGE; i++) last[i % 100] = [i];
  return last.length;
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
  const { [STEP]: decodeStep, ...others } = defineStages(
    'load',
    Object.fromEntries([...STAGES, STEP].map((name) => [name, { level: 1 }])),
  );
  const stages = Object.values(others);
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
      let step = request.begin(decodeStep);
      for (let i = 1; i < STEPS; i++) {
        work();
        step =
          i % TELLING_STEPS === 0 ? request.next(step, decodeStep, { tokens: id }) : request.next(step, decodeStep);
      }
      work();
      request.end(step, { tokens: id });
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
      for (const name of STAGES) {
        const span = tracer.startSpan(name, undefined, context);
        work();
        span.setAttribute('tokens', id);
        span.end();
      }
      for (let i = 1; i <= STEPS; i++) {
        const span = tracer.startSpan(STEP, undefined, context);
        work();
        if (i % TELLING_STEPS === 0) span.setAttribute('tokens', id);
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

/** The workload for so long: what it cost, CPU in ns a slice, what was offered, and what the recorder says of it. */
async function run(seconds) {
  sink += fillYoungGeneration();
  const earlier = counts();
  const delay = monitorEventLoopDelay({ resolution: TICK_MILLIS });
  const before = threadNanos();
  delay.enable();
  const requests = await drive(seconds);
  delay.disable();
  // What was put off is paid in the end.
  await flush();
  const cpuNanos = threadNanos() - before;
  const { lost, settled } = counts();
  const offered = requests * SLICES;
  return {
    requests,
    offered,
    cpu: cpuNanos / offered,
    p99: delay.percentile(99) / 1e6,
    // Slices that the reader says were delivered; 0: nobody says.
    settled: settled - earlier.settled,
    lost: Object.fromEntries(
      Object.entries(lost)
        .map(([reason, count]) => /** @type {const} */ ([reason, count - (earlier.lost[reason] ?? 0)]))
        .filter(([, count]) => count > 0),
    ),
    rssMaxMb: process.resourceUsage().maxRSS / 1024,
    sink,
  };
}

for (let round = 0; round < FIRST.rounds; round++) {
  for (let i = 0; i < FIRST.requests; i++) request();
  await flush();
}
await drive(WARM_UP_SECONDS);
await flush();

process.on('message', async ({ seconds }) => {
  process.send(await run(seconds));
});
process.on('disconnect', shutdown);
process.send('warm');
