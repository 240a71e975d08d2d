// SPDX-License-Identifier: Apache-2.0
//
// Builds the addon a second time without touching build/, which the tests and the benches use: a folder of symbolic
// links stands in for the checkout. Called by scripts/prebuild.mjs (what ships) and scripts/test-sanitized.mjs.
import { mkdirSync, rmSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';
import { ROOT } from './fresh.mjs';

/** An empty folder under the checkout from which node-gyp sees binding.gyp, package.json and native/. */
export function stageAddon(name) {
  const folder = join(ROOT, name);
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(folder);
  for (const entry of ['binding.gyp', 'package.json', 'native']) symlinkSync(join('..', entry), join(folder, entry));
  return folder;
}
