// SPDX-License-Identifier: Apache-2.0
//
// Builds the C++ tests, each variant in a folder of its own. Called by scripts/test-native.mjs and
// scripts/truth-opencl.mjs, with the same settings, so that neither builds again what the other has built.
import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import { ROOT } from './fresh.mjs';
import { answers, runProgram, SetupError } from './toolchain.mjs';

/** Throws when a program that building or running the tests takes is missing. */
export function requireNativeTools() {
  const missing = ['cmake', 'ctest'].filter((tool) => !answers(tool));
  if (missing.length > 0) {
    throw new SetupError(
      `missing: ${missing.join(', ')}. On Debian: apt-get install cmake ninja-build libgtest-dev libgmock-dev`,
    );
  }
}

/** Where a variant is built. */
export function nativeFolder(variant) {
  return join(ROOT, `build-native-${variant}`);
}

/**
 * Configures and builds the variant, or of it only `target`; returns its folder. `sanitize` is as in CMakeLists.txt;
 * with `openCl` it is an error when the OpenCL headers are missing.
 */
export function buildNative(variant, { sanitize = '', target = '', openCl = false } = {}) {
  const out = nativeFolder(variant);
  // Our declarations of OpenCL and CUDA are checked against the real headers, which CI insists on.
  const must = (variable, asked = false) => (asked || process.env[variable] === '1' ? 'ON' : 'OFF');
  const settings = [
    'GPUSPAN_TESTS=ON',
    `GPUSPAN_SANITIZE=${sanitize}`,
    `GPUSPAN_REQUIRE_OPENCL_HEADERS=${must('GPUSPAN_REQUIRE_OPENCL', openCl)}`,
    `GPUSPAN_REQUIRE_CUDA_HEADERS=${must('GPUSPAN_REQUIRE_CUDA_HEADERS')}`,
  ];
  const defines = settings.map((setting) => `--CD${setting}`);
  const cmakeJs = join(ROOT, 'node_modules', 'cmake-js', 'bin', 'cmake-js');
  const jobs = String(availableParallelism());
  const options = ['--out', out, '--config', 'RelWithDebInfo', '--parallel', jobs, '--log-level', 'warn', ...defines];
  if (target !== '') options.push('--target', target);
  for (const command of ['configure', 'build']) {
    runProgram(process.execPath, [cmakeJs, command, ...options], { what: `building the ${variant} tests` });
  }
  return out;
}
