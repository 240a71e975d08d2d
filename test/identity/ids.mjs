// SPDX-License-Identifier: Apache-2.0
//
// A process of ids.test.ts: forks the next one while it traces itself, records requests on its main thread and on
// worker_threads at the same time, and sends the ids of its spans and of its descendants' to its parent.
import { fork } from 'node:child_process';
import { once } from 'node:events';
import { isMainThread, parentPort, Worker, workerData } from 'node:worker_threads';
import { defineStages, start } from 'gpuspan';

const stages = defineStages('ids', { outer: { level: 1 }, inner: { level: 1 } });

if (isMainThread) await main(...process.argv.slice(2).map(Number));
else record(start({ device: 'none' }), workerData);

async function main(generations, threads, requests) {
  const spans = [];
  const exporter = {
    export(some, done) {
      spans.push(...some.map((span) => span.spanContext()));
      done({ code: 0 });
    },
    async shutdown() {},
  };
  const tracer = start({ exporter, device: 'none' });
  const next = generations > 1 ? fork(process.argv[1], [generations - 1, threads, requests]) : undefined;
  const descendants = next === undefined ? [[]] : once(next, 'message');
  const workers = Array.from({ length: threads }, () => new Worker(new URL(import.meta.url), { workerData: requests }));
  record(tracer, requests);
  await Promise.all(workers.map((worker) => once(worker, 'exit')));
  await tracer.shutdown();
  const own = { traces: [...new Set(spans.map((span) => span.traceId))], spans: spans.map((span) => span.spanId) };
  const [others] = await descendants;
  process.send([own, ...others], () => process.disconnect());
}

function record(tracer, requests) {
  for (let i = 0; i < requests; i++) {
    const request = tracer.request();
    const outer = request.begin(stages.outer);
    request.end(request.begin(stages.inner));
    request.end(outer);
    request.finish();
  }
  parentPort?.close();
}
