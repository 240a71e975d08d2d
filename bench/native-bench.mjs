// SPDX-License-Identifier: Apache-2.0
//
// Builds the native bench programs (native/bench/) with the flags of the shipped addon, in build-bench/.
// Called by bench/run.mjs and scripts/count-instructions.mjs.
import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import { ROOT, runWhenStale, withLock } from '../scripts/fresh.mjs';
import { answers, requireCompiler, runProgram, SetupError } from '../scripts/toolchain.mjs';

const OUT = 'build-bench';

/** The path of a built program, `record_bench`, `cuda_bench` or `instructions`. */
export function nativeBench(name) {
  return join(ROOT, OUT, name);
}

function build() {
  requireCompiler();
  if (!answers('cmake')) throw new SetupError('cannot build the native benches without cmake: apt-get install cmake');
  const cmakeJs = join(ROOT, 'node_modules', 'cmake-js', 'bin', 'cmake-js');
  const defines = ['--CDGPUSPAN_BENCHES=ON', '--CDGPUSPAN_TESTS=OFF'];
  const options = ['--out', join(ROOT, OUT), '--config', 'Release', '--parallel', String(availableParallelism())];
  for (const command of ['configure', 'build']) {
    const words = [cmakeJs, command, ...options, '--log-level', 'error', ...defines];
    runProgram(process.execPath, words, { what: 'building the native benches' });
  }
}

export function buildNativeBenches() {
  const step = {
    name: 'native-bench',
    inputs: [
      'CMakeLists.txt',
      'native/sources.json',
      'native/include',
      'native/core',
      'native/gpu',
      'native/process',
      'native/sim',
      'native/bench',
    ],
    outputs: [join(OUT, 'record_bench'), join(OUT, 'cuda_bench'), join(OUT, 'instructions')],
    extra: [process.env.CXX ?? ''],
  };
  withLock(() => runWhenStale(step, build));
}
