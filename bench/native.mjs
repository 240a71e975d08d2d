// SPDX-License-Identifier: Apache-2.0
//
// What native code pays, from the native bench programs: the disabled pair and the launching thread's part of a CUDA
// slice in instructions, a host slice through gpuspan.h, and a GPU slice on a device timer that does nothing.
import { execFileSync } from 'node:child_process';
import { readPinned, tryCount } from '../scripts/instructions.mjs';
import { nativeBench } from './native-bench.mjs';
import { countedRow, QUICK, report, row } from './statistics.mjs';

const SAMPLES = QUICK ? 40 : 400;

const measured = JSON.parse(execFileSync(nativeBench('record_bench'), [String(SAMPLES)], { encoding: 'utf8' }));
const slice = { id: 'slice.c', what: 'C host slice, begin + end', reference: 'two reads of the same clock' };
const gpu = { id: 'gpu.own', what: 'GPU slice, begin + end, null device timer', reference: 'C host slice' };

// Without valgrind the pinned count is shown, and said to be that.
const counted = tryCount();
const note = counted === undefined ? ' (pinned: no valgrind here)' : '';
const instructions = counted ?? readPinned();
const pair = { id: 'off.c', what: `disabled C begin + end${note}`, unit: 'instructions', reference: 'allowed' };
const launch = {
  id: 'gpu.cuda.launch',
  what: `CUDA slice on the launching thread, outside driver and libc${note}`,
  unit: 'instructions',
  reference: 'C host slice',
};

report([
  countedRow(pair, instructions.off, 3),
  countedRow(launch, instructions.gpu, instructions.slice),
  row(slice, measured['slice.c']),
  row(gpu, measured['gpu.own']),
]);
