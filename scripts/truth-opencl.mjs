// SPDX-License-Identifier: Apache-2.0
//
// `npm run truth:opencl`: builds and runs native/test/truth_opencl in full: 10,000 kernels in five minutes on a real
// OpenCL driver, every time in the segment held against the truth. Options after `--` go to the program: --kernels N,
// --seconds S, --seed X, --json FILE. `--build` only builds, `--no-build` only runs (CI: beside other stages). Where no
// device can show it, the program says why and this exits 0, or 1 with GPUSPAN_REQUIRE_OPENCL=1.
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { buildNative, nativeFolder, requireNativeTools } from './native-build.mjs';
import { SetupError } from './toolchain.mjs';

const TARGET = 'gpuspan_opencl_truth';
const REFUSED = 77;

function build() {
  requireNativeTools();
  buildNative('plain', { target: TARGET, openCl: true });
}

function run(args) {
  const program = join(nativeFolder('plain'), 'truth_opencl', TARGET);
  const { status, signal, error } = spawnSync(program, args, { stdio: 'inherit' });
  if (error) throw new SetupError(error.message);
  if (status !== 0 && status !== REFUSED) throw new SetupError(`failed (${signal ?? `exit ${status}`})`);
}

const args = process.argv.slice(2);
const own = ['--build', '--no-build'];
try {
  if (!args.includes('--no-build')) build();
  if (!args.includes('--build')) run(args.filter((argument) => !own.includes(argument)));
} catch (error) {
  if (!(error instanceof SetupError)) throw error;
  console.error(`truth:opencl: ${error.message}`);
  process.exitCode = 1;
}
