// SPDX-License-Identifier: Apache-2.0
//
// Builds what the example's device needs, when its sources have changed since they were last built: the addon in
// native/, CUDA kernels where there is nvcc, and the simulated CUDA driver for `sim`. Called by demo.mjs and by the
// tests. In a project of your own this is `node-gyp rebuild` in native/, and nvcc.

import { dirname, join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { ROOT, runWhenStale, withLock } from '../../scripts/fresh.mjs';
import { findNvcc, requireCompiler, runNodeGyp, runProgram, SetupError } from '../../scripts/toolchain.mjs';
import { KERNELS } from './device.mjs';

const NATIVE = fileURLToPath(new URL('native', import.meta.url));
const FOLDER = relative(ROOT, NATIVE);
const SIMULATOR = join('native', 'sim');

/** Machine code for each generation since Turing, and PTX for what comes later. */
const GENERATIONS = ['compute_75,code=[sm_75,sm_80,sm_90,compute_75]'];
/** A few hundred microseconds a kernel. */
const SIMULATED_TIMES = 'kernel=lognormal:100000:100000:0.4';

const compilers = () => [process.versions.node, process.arch, process.env.CXX ?? '', process.env.CXXFLAGS ?? ''];

/** @returns {boolean} whether it had to be built. Throws a SetupError that says what is missing. */
export function buildDevice() {
  const step = {
    name: 'example-text-server',
    inputs: [FOLDER, 'native/include', 'node_modules/node-addon-api/package.json'],
    outputs: [`${FOLDER}/build/Release/text_server_device.node`],
    extra: compilers(),
  };
  return withLock(() =>
    runWhenStale(step, ({ clean }) => {
      requireCompiler();
      runNodeGyp({ cwd: NATIVE, clean, what: `building ${dirname(FOLDER)}'s addon` });
    }),
  );
}

/** Compiles native/forward.cu; without nvcc nothing happens, unless GPUSPAN_REQUIRE_NVCC=1. Needs the addon's folder. */
function buildKernels() {
  const nvcc = findNvcc();
  if (nvcc === undefined) {
    if (process.env.GPUSPAN_REQUIRE_NVCC !== '1') return;
    throw new SetupError(`cannot compile ${FOLDER}/forward.cu, missing: nvcc (CUDA toolkit)`);
  }
  const inputs = ['forward.cu', 'device.h'].map((name) => join(FOLDER, name));
  const options = ['-fatbin', '-std=c++17', '--expt-relaxed-constexpr', '-Werror', 'all-warnings'];
  const generations = GENERATIONS.flatMap((one) => ['-gencode', `arch=${one}`]);
  const args = [...options, ...generations, '-o', KERNELS, inputs[0]];
  const step = { name: 'example-text-server-kernels', inputs, outputs: [KERNELS], extra: [nvcc, ...args] };
  withLock(() => runWhenStale(step, () => runProgram(nvcc, args, { what: `compiling ${inputs[0]}` })));
}

/** @returns {string} the path of the library */
function buildSimulator() {
  const library = join(ROOT, SIMULATOR, 'build', 'Release', 'libgpuspan_sim_cuda.so');
  const inputs = [SIMULATOR, 'native/gpu/cuda/cuda_types.h'];
  const step = { name: 'simulated-driver', inputs, outputs: [library], extra: compilers() };
  withLock(() =>
    runWhenStale(step, ({ clean }) => {
      requireCompiler();
      runNodeGyp({ cwd: join(ROOT, SIMULATOR), clean, what: 'building the simulated CUDA driver' });
    }),
  );
  return library;
}

/**
 * Builds all that a device needs.
 * @param {string} kind one of DEVICES
 * @returns {Record<string, string>} variables that the service needs where the user has not set them
 */
export function setUpDevice(kind) {
  buildDevice();
  if (kind === 'cuda' || kind === 'sim') buildKernels();
  if (kind !== 'sim') return {};
  return { GPUSPAN_CUDA_LIBRARY: process.env.GPUSPAN_CUDA_LIBRARY || buildSimulator(), GPUSPAN_SIM: SIMULATED_TIMES };
}
