// SPDX-License-Identifier: Apache-2.0
//
// What package.json promises to whoever installs the package: nothing is compiled or run at installation.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { ROOT } from '../../scripts/fresh.mjs';

const manifest = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8'));
const INSTALL_SCRIPTS = ['preinstall', 'install', 'postinstall', 'prepare', 'prepublish', 'preprepare', 'postprepare'];

describe('the manifest', () => {
  it('has no script that npm runs at installation', () => {
    expect(Object.keys(manifest.scripts).filter((name) => INSTALL_SCRIPTS.includes(name))).toEqual([]);
  });

  it('keeps npm from compiling because of binding.gyp', () => {
    expect(manifest.gypfile).toBe(false);
  });

  it('leaves the choice of the OpenTelemetry API to the application', () => {
    expect(manifest.dependencies).not.toHaveProperty('@opentelemetry/api');
    expect(manifest.peerDependencies).toHaveProperty('@opentelemetry/api');
  });

  it('puts the types first in every condition, as TypeScript needs', () => {
    const conditions = Object.values(manifest.exports).filter((entry) => typeof entry === 'object');
    const orders = conditions.flatMap((entry) => Object.values(entry as object)).map((entry) => Object.keys(entry)[0]);
    expect(new Set(orders)).toEqual(new Set(['types']));
  });
});
