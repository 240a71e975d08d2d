// SPDX-License-Identifier: Apache-2.0
//
// Builds the example's addon in native/ when its sources have changed since it was last built. Called by demo.mjs and
// by the tests. In a project of your own this is `node-gyp rebuild` in that folder.

import { dirname, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { ROOT, runWhenStale, withLock } from '../../scripts/fresh.mjs';
import { requireCompiler, runNodeGyp } from '../../scripts/toolchain.mjs';

const NATIVE = fileURLToPath(new URL('native', import.meta.url));
const FOLDER = relative(ROOT, NATIVE);

/** @returns {boolean} whether it had to be built. Throws a SetupError that says what is missing. */
export function buildDevice() {
  const step = {
    name: 'example-text-server',
    inputs: [FOLDER, 'native/include', 'node_modules/node-addon-api/package.json'],
    outputs: [`${FOLDER}/build/Release/text_server_device.node`],
    extra: [process.versions.node, process.arch, process.env.CXX ?? '', process.env.CXXFLAGS ?? ''],
  };
  return withLock(() =>
    runWhenStale(step, ({ clean }) => {
      requireCompiler();
      runNodeGyp({ cwd: NATIVE, clean, what: `building ${dirname(FOLDER)}'s addon` });
    }),
  );
}
