// SPDX-License-Identifier: Apache-2.0
//
// What a GPU slice on CUDA costs beside the driver: on the launching thread, where the driver is one that does
// nothing, and on the resolver's, where it is the simulated one, whose time is subtracted. Nothing here is about a GPU.
import { execFileSync } from 'node:child_process';
import { nativeBench } from './native-bench.mjs';
import { countedRow, median, QUICK, report, row } from './statistics.mjs';

const run = (program, argument) => JSON.parse(execFileSync(nativeBench(program), [argument], { encoding: 'utf8' }));

const launch = run('cuda_launch_bench', QUICK ? '40' : '400');
const measured = run('cuda_resolver_bench', QUICK ? '2' : '5');
const own = {
  id: 'gpu.cuda.own',
  what: 'CUDA slice, without driver calls and clock reads',
  reference: 'C host slice',
};
const resolver = {
  id: 'gpu.cuda.resolver',
  what: "resolver's CPU a slice at 10,000/s, without the driver's",
  reference: "with the simulated driver's",
};
const idle = {
  id: 'gpu.cuda.idle',
  what: "resolver's CPU in 2 s, idle for 2 s before",
  unit: 'ns',
  reference: 'in 2 s at 10,000 slices/s',
};
const SLICES_IN_TWO_SECONDS = 20_000;

report([
  row(own, launch),
  row(resolver, measured.resolver),
  countedRow(idle, measured.idle, median(measured.resolver.own) * SLICES_IN_TWO_SECONDS),
]);
