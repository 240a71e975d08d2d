// SPDX-License-Identifier: Apache-2.0
//
// Installs the locked dependencies when node_modules does not already hold them. npm writes its own record of what
// it installed (node_modules/.package-lock.json) as its last act, so an interrupted install is seen as stale.
// Called by scripts/setup.mjs before anything of node_modules is used.
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { ROOT } from './fresh.mjs';
import { runProgram } from './toolchain.mjs';

function readPackages(file) {
  return existsSync(file) ? JSON.parse(readFileSync(file, 'utf8')).packages : undefined;
}

/** True when every package of package-lock.json that every system needs is installed at its locked version. */
export function dependenciesFresh(root = ROOT) {
  const locked = readPackages(join(root, 'package-lock.json'));
  const installed = readPackages(join(root, 'node_modules', '.package-lock.json'));
  if (locked === undefined || installed === undefined) return false;
  return Object.entries(locked).every(
    ([path, entry]) => path === '' || entry.optional || installed[path]?.version === entry.version,
  );
}

/** Returns true when it installed. Install scripts are not needed by any of our dependencies, so none may run. */
export function installDependencies() {
  if (dependenciesFresh()) return false;
  runProgram('npm', ['ci', '--ignore-scripts', '--no-audit', '--no-fund', '--loglevel=error'], { what: 'npm ci' });
  return true;
}
