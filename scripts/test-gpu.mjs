// SPDX-License-Identifier: Apache-2.0
//
// `npm run test:gpu`: what only an NVIDIA GPU can show. Compiles the measuring program (native/test/hardware/) wherever
// there is nvcc, and runs it where there is a GPU. Where one is missing it says so and exits 0, or 1 with
// GPUSPAN_REQUIRE_NVCC=1 and GPUSPAN_REQUIRE_GPU=1: a machine that was rented for it must not pass by skipping.
import { existsSync, mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { ROOT, runWhenStale, withLock } from './fresh.mjs';
import { findNvcc, runProgram, SetupError } from './toolchain.mjs';

const SOURCE = join('native', 'test', 'hardware', 'gpu_report.cu');
const PROGRAM = join('build-gpu', 'gpu_report');

function compile(nvcc) {
  mkdirSync(join(ROOT, 'build-gpu'), { recursive: true });
  const options = ['-std=c++17', '-O2', '-Werror', 'all-warnings', '-Xcompiler', '-Wall,-Wextra'];
  runProgram(nvcc, [...options, '-o', PROGRAM, SOURCE, '-ldl'], { what: 'compiling the GPU measurements' });
}

function skip(what, reason, requirement) {
  console.log(`test:gpu: ${what}: ${reason}`);
  if (process.env[requirement] === '1') process.exitCode = 1;
}

function main() {
  const nvcc = findNvcc();
  if (nvcc === undefined) {
    skip('NOT COMPILED, NOT RUN', 'there is no nvcc here (CUDA toolkit)', 'GPUSPAN_REQUIRE_NVCC');
    if (process.env.GPUSPAN_REQUIRE_GPU === '1') process.exitCode = 1;
    return;
  }
  const step = { name: 'gpu-report', inputs: [SOURCE], outputs: [PROGRAM], extra: [nvcc] };
  withLock(() => runWhenStale(step, () => compile(nvcc)));
  console.log(`test:gpu: ${SOURCE} compiles`);
  if (!existsSync('/dev/nvidiactl')) {
    skip('NOT RUN', 'there is no NVIDIA GPU here (/dev/nvidiactl is missing)', 'GPUSPAN_REQUIRE_GPU');
    return;
  }
  runProgram(join(ROOT, PROGRAM), [], { what: 'the GPU measurements' });
}

try {
  main();
} catch (error) {
  if (!(error instanceof SetupError)) throw error;
  console.error(`test:gpu: ${error.message}`);
  process.exitCode = 1;
}
