// SPDX-License-Identifier: Apache-2.0
//
// `npm run truth -- --worlds N --seed S --json FILE`: builds gpuspan_truth and runs it with these options: random worlds
// are simulated, and what the estimator says of their GPU times is compared with the truth. `--help` lists the options.
import { join, resolve } from 'node:path';
import { availableParallelism } from 'node:os';
import { ROOT } from './fresh.mjs';
import { answers, runProgram, SetupError } from './toolchain.mjs';

const OPTIONS = ['--worlds', '--seed', '--json', '--plot'];
const USAGE = `usage: npm run truth -- [--worlds N] [--seed S] [--json FILE] [--plot FILE]
  --worlds N   random worlds to simulate (200)
  --seed S     of the first of them (1)
  --json FILE  the figures: overall, and of the quiet world in minute 1 and hour 24
  --plot FILE  for plots: a day of the quiet world, and the coverage of each world`;

/** The program's arguments; a file is relative to where npm was called. Numbers are the program's to judge. */
function programArguments(given) {
  const result = [];
  for (let i = 0; i < given.length; i += 2) {
    const [name, value] = [given[i], given[i + 1]];
    if (!OPTIONS.includes(name)) throw new SetupError(`unknown option ${name}\n${USAGE}`);
    if (value === undefined) throw new SetupError(`a value is missing after ${name}\n${USAGE}`);
    const isFile = name === '--json' || name === '--plot';
    result.push(name, isFile ? resolve(process.env.INIT_CWD ?? '.', value) : value);
  }
  return result;
}

function build() {
  const missing = ['cmake', 'ctest'].filter((tool) => !answers(tool));
  if (missing.length > 0) {
    throw new SetupError(
      `missing: ${missing.join(', ')}. On Debian: apt-get install cmake ninja-build libgtest-dev libgmock-dev`,
    );
  }
  // The folder of the plain native tests: what is built there already is not built again.
  const out = join(ROOT, 'build-native-plain');
  const cmakeJs = join(ROOT, 'node_modules', 'cmake-js', 'bin', 'cmake-js');
  const jobs = String(availableParallelism());
  const options = ['--out', out, '--config', 'RelWithDebInfo', '--parallel', jobs, '--log-level', 'warn'];
  const settings = ['--CDGPUSPAN_TESTS=ON', '--CDGPUSPAN_SANITIZE='];
  runProgram(process.execPath, [cmakeJs, 'configure', ...options, ...settings], { what: 'configuring gpuspan_truth' });
  const target = ['--build', out, '--target', 'gpuspan_truth', '--parallel', jobs];
  runProgram('cmake', target, { what: 'building gpuspan_truth' });
  return join(out, 'native', 'test', 'truth', 'gpuspan_truth');
}

try {
  const given = process.argv.slice(2);
  if (given.includes('--help')) {
    console.log(USAGE);
  } else {
    const args = programArguments(given);
    runProgram(build(), args, { what: 'the simulation' });
  }
} catch (error) {
  if (!(error instanceof SetupError)) throw error;
  console.error(`truth: ${error.message}`);
  process.exitCode = 1;
}
