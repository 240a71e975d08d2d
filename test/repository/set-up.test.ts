// SPDX-License-Identifier: Apache-2.0
//
// When a set-up step runs and when it is skipped (scripts/fresh.mjs), and what is said when a prerequisite is missing.
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { dependenciesFresh } from '../../scripts/dependencies.mjs';
import { ROOT, runWhenStale } from '../../scripts/fresh.mjs';
import { requireCompiler, requireNode } from '../../scripts/toolchain.mjs';

let root: string;
const STEP_NAME = `test-${process.pid}`;

beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'gpuspan-set-up-'));
  writeFileSync(join(root, 'input'), 'one');
});
afterEach(() => {
  rmSync(root, { recursive: true });
  rmSync(join(ROOT, 'build-state', `${STEP_NAME}.stamp`), { force: true });
});

function runStep(build: (state: { clean: boolean }) => void = () => writeFileSync(join(root, 'output'), '')): boolean {
  return runWhenStale({ name: STEP_NAME, inputs: ['input'], outputs: ['output'], root }, build);
}

describe('a set-up step', () => {
  it('runs once, and is skipped while its inputs stay the same', () => {
    expect([runStep(), runStep()]).toEqual([true, false]);
  });

  it('runs again when the content of an input changed', () => {
    runStep();
    writeFileSync(join(root, 'input'), 'two');
    expect(runStep()).toBe(true);
  });

  it('runs again when its output is gone', () => {
    runStep();
    rmSync(join(root, 'output'));
    expect(runStep()).toBe(true);
  });

  it('runs again after a failure, going on from what it had', () => {
    const states: boolean[] = [];
    runStep();
    writeFileSync(join(root, 'input'), 'two');
    const fail = ({ clean }: { clean: boolean }) => {
      states.push(clean);
      throw new Error('broken');
    };
    expect(() => runStep(fail)).toThrow('broken');
    expect(() => runStep(fail)).toThrow('broken');
    expect(states).toEqual([false, false]);
  });

  it('starts clean when it never ran or was interrupted', () => {
    const states: boolean[] = [];
    const build = ({ clean }: { clean: boolean }) => {
      states.push(clean);
      writeFileSync(join(root, 'output'), '');
    };
    runStep(build);
    rmSync(join(ROOT, 'build-state', `${STEP_NAME}.stamp`));
    runStep(build);
    expect(states).toEqual([true, true]);
  });
});

describe('installed dependencies', () => {
  function writeLock(file: string, version: string): void {
    mkdirSync(join(root, 'node_modules'), { recursive: true });
    const packages = { '': {}, 'node_modules/a': { version }, 'node_modules/b': { version: '1.0.0', optional: true } };
    writeFileSync(join(root, file), JSON.stringify({ packages }));
  }

  it('are stale when npm never finished installing', () => {
    writeLock('package-lock.json', '1.0.0');
    expect(dependenciesFresh(root)).toBe(false);
  });

  it('are fresh when every required package has its locked version', () => {
    writeLock('package-lock.json', '1.0.0');
    writeLock('node_modules/.package-lock.json', '1.0.0');
    expect(dependenciesFresh(root)).toBe(true);
  });

  it('are stale when the lock file asks for another version', () => {
    writeLock('package-lock.json', '1.0.1');
    writeLock('node_modules/.package-lock.json', '1.0.0');
    expect(dependenciesFresh(root)).toBe(false);
  });
});

describe('a missing prerequisite', () => {
  it.each(['18.20.0', '20.16.0', '22.8.0'])('refuses Node %s and names the ones that fit', (version) => {
    expect(() => requireNode(version)).toThrow(/needs Node \^20\.17 or >= 22\.9, this is/);
  });

  it.each(['20.17.0', '22.9.0', '24.0.0'])('accepts Node %s', (version) => {
    expect(() => requireNode(version)).not.toThrow();
  });

  it('names compiler and Python and the command that installs them', () => {
    const env = { CXX: '/nowhere/g++', PYTHON: '/nowhere/python3' };
    expect(() => requireCompiler(env)).toThrow(
      /missing: a C\+\+20 compiler \(g\+\+\), python3\. On Debian: apt-get install/,
    );
  });
});
