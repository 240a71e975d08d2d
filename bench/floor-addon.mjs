// SPDX-License-Identifier: Apache-2.0
//
// Builds and loads the floor addon (bench/floor-addon/). Used by the questions that have it as their reference.
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { ROOT, runWhenStale, withLock } from '../scripts/fresh.mjs';
import { runNodeGyp } from '../scripts/toolchain.mjs';

const FOLDER = join('bench', 'floor-addon');
const BINARY = join(FOLDER, 'build', 'Release', 'floor.node');

export function buildFloorAddon() {
  const step = {
    name: 'floor-addon',
    inputs: [FOLDER, 'native/core/clock.h', 'native/core/layout.h'],
    outputs: [BINARY],
    extra: [process.versions.node],
  };
  const build = ({ clean }) => runNodeGyp({ cwd: join(ROOT, FOLDER), clean, what: 'building the floor addon' });
  withLock(() => runWhenStale(step, build));
}

/** `read()` reads the clock named, and does nothing else. */
export function loadFloorAddon(clock) {
  const floor = createRequire(import.meta.url)(join(ROOT, BINARY));
  if (clock !== 'monotonic') floor.useCounter();
  return floor;
}
