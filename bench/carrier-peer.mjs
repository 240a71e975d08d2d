// SPDX-License-Identifier: Apache-2.0
//
// The other end of bench/crossing.mjs: a worker_thread or a forked process that gets messages one by one. It adopts what
// they carry or, for the reference, only looks at it. After the last of a round it answers with the CPU that its process
// has used so far, in microseconds; it leaves what it has adopted when it is told to, outside of a round.
import { parentPort } from 'node:worker_threads';
import { start } from 'gpuspan';
import { startTracing } from './tracing.mjs';

// In a worker_thread the main thread's exporter is the process's.
const tracer = parentPort === null ? startTracing() : start();
if (!tracer.enabled) throw new Error(`tracing is off: ${tracer.reason}`);
let adopted = [];
let levels = 0;

function receive({ adopt, leave, last, trace }) {
  if (leave) {
    for (const request of adopted) request.leave();
    adopted = [];
  } else if (adopt) {
    const request = tracer.adopt(trace);
    levels += request.level;
    adopted.push(request);
  } else {
    levels += trace.level;
  }
  if (!last) return;
  const { user, system } = process.cpuUsage();
  answer({ cpu: user + system, levels });
  levels = 0;
}

function answer(message) {
  if (parentPort === null) process.send?.(message);
  else parentPort.postMessage(message);
}

if (parentPort === null) process.on('message', receive);
else parentPort.on('message', receive);
answer({ cpu: 0, levels: 0 });
