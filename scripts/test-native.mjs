// SPDX-License-Identifier: Apache-2.0
//
// `npm run test:native`: builds and runs the C++ tests plainly, under AddressSanitizer with UndefinedBehaviorSanitizer
// and under ThreadSanitizer, each in a folder of its own. Names after `--` run only those: plain, address, thread.
import { join } from 'node:path';
import { readFileSync } from 'node:fs';
import { buildNative, requireNativeTools } from './native-build.mjs';
import { runProgram, SetupError } from './toolchain.mjs';

const VARIANTS = {
  plain: { sanitize: '', env: {} },
  address: {
    sanitize: 'address',
    env: { ASAN_OPTIONS: 'detect_leaks=1:strict_string_checks=1', UBSAN_OPTIONS: 'halt_on_error=1:print_stacktrace=1' },
  },
  thread: { sanitize: 'thread', env: { TSAN_OPTIONS: 'halt_on_error=1:second_deadlock_stack=1' } },
};

function runVariant(name, { sanitize, env }) {
  const out = buildNative(name, { sanitize });
  const ctest = ['--test-dir', out, '--output-on-failure', '--no-tests=error', '--timeout', '300'];
  runProgram('ctest', ctest, { env: { ...process.env, ...env }, what: `the ${name} tests` });
  tellSkips(out);
}

/** ctest counts a skipped test as passed; its log has them with their reasons. */
function tellSkips(out) {
  const log = readFileSync(join(out, 'Testing', 'Temporary', 'LastTest.log'), 'utf8');
  for (const [, reason, name] of log.matchAll(/: Skipped\n([^\n]*)\n+\[ {2}SKIPPED \] (\S+)/g)) {
    console.log(`test:native: skipped: ${name}: ${reason}`);
  }
  for (const [, reason] of log.matchAll(/^truth: NOT RUN: (.*)$/gm)) {
    console.log(`test:native: skipped: gpuspan_opencl_truth: ${reason}`);
  }
}

const names = process.argv.slice(2);
const unknown = names.filter((name) => !(name in VARIANTS));
try {
  if (unknown.length > 0)
    throw new SetupError(`unknown: ${unknown.join(', ')}; known: ${Object.keys(VARIANTS).join(', ')}`);
  requireNativeTools();
  for (const [name, variant] of Object.entries(VARIANTS)) {
    if (names.length === 0 || names.includes(name)) runVariant(name, variant);
  }
} catch (error) {
  if (!(error instanceof SetupError)) throw error;
  console.error(`test:native: ${error.message}`);
  process.exitCode = 1;
}
