// SPDX-License-Identifier: Apache-2.0
//
// The loader of lib/native.ts, each case in a process of its own: loading is once a process.
import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { ROOT } from './addon';

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'gpuspan-loader-'));
});
afterEach(() => rmSync(folder, { recursive: true }));

/** The JSON that `body` prints, with `native` being the loader's module. */
function run(body: string, environment: Record<string, string> = {}): unknown {
  const script = `const native = require(${JSON.stringify(join(ROOT, 'dist', 'native.js'))}); ${body}`;
  const output = execFileSync(process.execPath, ['-e', script], {
    encoding: 'utf8',
    env: { ...process.env, ...environment },
  });
  return JSON.parse(output);
}
const REASON = 'console.log(JSON.stringify(native.loadNative().reason ?? null))';

it('loads nothing until it is asked to, then once', () => {
  const body = `
    const mapped = () => require('node:fs').readFileSync('/proc/self/maps', 'utf8').includes('gpuspan.node');
    const before = mapped();
    const first = native.loadNative();
    console.log(JSON.stringify([before, mapped(), first === native.loadNative(), typeof first.native.begin]));`;
  expect(run(body)).toEqual([false, true, true, 'function']);
});

it('says that a system is not supported', () => {
  const body = `Object.defineProperty(process, 'platform', { value: 'darwin' }); ${REASON}`;
  expect(run(body)).toBe(`gpuspan records on Linux only, this is darwin-${process.arch}`);
});

it('says that there is no addon for the system', () => {
  expect(run(REASON, { GPUSPAN_PREBUILD: folder })).toBe(
    `the package has no addon for this system (linux-${process.arch})`,
  );
});

it('says why an addon does not load, in one line', () => {
  mkdirSync(join(folder, 'build', 'Release'), { recursive: true });
  writeFileSync(join(folder, 'build', 'Release', 'gpuspan.node'), 'not a library');
  const reason = run(REASON, { GPUSPAN_PREBUILD: folder });
  expect(reason).toMatch(/^the addon could not be loaded: .*gpuspan\.node/);
  expect(reason).not.toContain('\n');
});
