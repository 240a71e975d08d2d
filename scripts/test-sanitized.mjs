// SPDX-License-Identifier: Apache-2.0
//
// The vitest suite once more, with the addon built with AddressSanitizer and its run-time preloaded into every Node
// process. Leaks are looked for as well; what other programs of the run never free is in scripts/lsan.supp.
import { execFileSync } from 'node:child_process';
import { join } from 'node:path';
import { ROOT, runWhenStale, withLock } from './fresh.mjs';
import { stageAddon } from './staging.mjs';
import { runNodeGyp, runProgram } from './toolchain.mjs';

const FOLDER = 'build-asan';

function build() {
  const cwd = stageAddon(FOLDER);
  runNodeGyp({ cwd, args: ['--sanitize=address'], what: 'building the addon with AddressSanitizer' });
}

/** The run-time libraries that the compiler links against; Node itself is not linked with them, so preload. */
function sanitizerLibraries() {
  const compiler = process.env.CXX ?? 'g++';
  // libstdc++ comes along because AddressSanitizer must find __cxa_throw when it starts.
  return ['libasan.so', 'libstdc++.so'].map((name) =>
    execFileSync(compiler, [`-print-file-name=${name}`], { encoding: 'utf8' }).trim(),
  );
}

const step = {
  name: 'asan',
  inputs: [
    'binding.gyp',
    'native/sources.json',
    ...['include', 'core', 'gpu', 'process', 'node'].map((part) => `native/${part}`),
  ],
  outputs: [join(FOLDER, 'build', 'Release', 'gpuspan.node')],
  extra: [process.versions.node],
};
withLock(() => runWhenStale(step, build));
const env = {
  // Their 2000 are in `npm test`; these are others, of ten worlds.
  MODEL_PROGRAMS: '500',
  ...process.env,
  GPUSPAN_PREBUILD: join(ROOT, FOLDER),
  LD_PRELOAD: sanitizerLibraries().join(' '),
  ASAN_OPTIONS: 'detect_leaks=1:halt_on_error=1:abort_on_error=0:exitcode=86',
  LSAN_OPTIONS: `suppressions=${join(ROOT, 'scripts', 'lsan.supp')}:print_suppressions=0`,
};
// No test of these loads the addon, so nothing of theirs is instrumented: the read side, from segments that they write
// themselves, and what comes after it (and a browser does not start below a preloaded run-time, and spins). What spans/
// does with a real segment is in. A test that loads the addon belongs in another folder.
const WITHOUT_ADDON = ['cli', 'deploy', 'otlp', 'perfetto', 'report', 'repository', 'segment', 'testing', 'timeline'];
const EXCLUDED = [...WITHOUT_ADDON.map((folder) => `test/${folder}/**`), 'test/spans/!(recorded-segment).test.ts'];
const vitest = join(ROOT, 'node_modules', 'vitest', 'vitest.mjs');
runProgram(
  process.execPath,
  [
    vitest,
    'run',
    ...EXCLUDED.flatMap((pattern) => ['--exclude', pattern]),
    '--testTimeout=180000',
    ...process.argv.slice(2),
  ],
  {
    env,
    what: 'the suite under AddressSanitizer',
  },
);
