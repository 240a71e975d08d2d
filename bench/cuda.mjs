// SPDX-License-Identifier: Apache-2.0
//
// What a GPU slice on CUDA costs beside the driver: on the launching thread, on the resolver's, and on an idle one. The
// driver is the simulated one without latencies, its time is subtracted, so nothing here is about a GPU.
import { execFileSync } from 'node:child_process';
import { nativeBench } from './native-bench.mjs';
import { countedRow, QUICK, report, row } from './statistics.mjs';

const SAMPLES = QUICK ? 40 : 400;

const measured = JSON.parse(execFileSync(nativeBench('cuda_bench'), [String(SAMPLES)], { encoding: 'utf8' }));
const own = {
  id: 'gpu.cuda.own',
  what: 'CUDA slice (simulated driver), without driver calls and clock reads',
  reference: 'C host slice',
};
const resolver = {
  id: 'gpu.cuda.resolver',
  what: "resolver's CPU a slice at 10,000/s, without the driver's",
  reference: "with the simulated driver's",
};
const idle = { id: 'gpu.cuda.idle', what: "resolver's CPU in 2 s, idle for 2 s", unit: 'ns', reference: 'allowed' };

report([
  row(own, measured['gpu.cuda.own']),
  row(resolver, measured['gpu.cuda.resolver']),
  countedRow(idle, measured['gpu.cuda.idle'], 0),
]);
