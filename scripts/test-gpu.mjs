// SPDX-License-Identifier: Apache-2.0
//
// `npm run test:gpu`: the tests that need an NVIDIA GPU (test/gpu/). Where there is none it says so and exits 0, or 1
// with GPUSPAN_REQUIRE_GPU=1: a machine that was rented for them must not pass by skipping.
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { listFiles, ROOT } from './fresh.mjs';
import { runProgram } from './toolchain.mjs';

function whyNot() {
  if (!existsSync('/dev/nvidiactl')) return 'there is no NVIDIA GPU here (/dev/nvidiactl is missing)';
  if (listFiles(['test/gpu']).length === 0)
    return 'there are no GPU tests yet (test/gpu/ is empty): CUDA is not supported yet';
  return undefined;
}

const reason = whyNot();
if (reason === undefined) {
  runProgram(join(ROOT, 'node_modules', '.bin', 'vitest'), ['run', 'test/gpu'], { what: 'the GPU tests' });
} else {
  console.log(`test:gpu: NOT RUN: ${reason}`);
  process.exitCode = process.env.GPUSPAN_REQUIRE_GPU === '1' ? 1 : 0;
}
