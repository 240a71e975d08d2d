// SPDX-License-Identifier: Apache-2.0
//
// Builds the test addon of this folder when its sources or gpuspan.h have changed. Called by the set-up of the tests
// that load it, on their own thread, before they start anything.
import { join } from 'node:path';
import { ROOT, runWhenStale, withLock } from '../../scripts/fresh.mjs';
import { runNodeGyp } from '../../scripts/toolchain.mjs';

const FOLDER = join('test', 'c-api');
const SOURCES = [
  ...['binding.gyp', 'call.h', 'consumer.c', 'details.c', 'opencl.c', 'opencl.h'],
  ...['pool.c', 'pool.h', 'threads.c', 'threads.h'],
];
const ADDONS = ['consumer', 'stranger', 'details'];

// A sanitizer that is preloaded for the tests must not be loaded into the compiler.
function build({ clean }) {
  const preloaded = process.env.LD_PRELOAD;
  delete process.env.LD_PRELOAD;
  try {
    runNodeGyp({ cwd: join(ROOT, FOLDER), clean, what: 'building the test addon' });
  } finally {
    if (preloaded !== undefined) process.env.LD_PRELOAD = preloaded;
  }
}

/** The folder of `consumer.node`, `stranger.node` and `details.node`. */
export function buildConsumer() {
  const step = {
    name: 'test-c-api',
    inputs: [...SOURCES.map((name) => join(FOLDER, name)), 'native/include'],
    outputs: ADDONS.map((name) => join(FOLDER, 'build', 'Release', `${name}.node`)),
    extra: [process.versions.node],
  };
  withLock(() => runWhenStale(step, build));
  return join(ROOT, FOLDER, 'build', 'Release');
}
