// SPDX-License-Identifier: Apache-2.0
//
// Runs a set-up step only when what it reads has changed since it last succeeded. Called by scripts/setup.mjs and
// by the set-up of the examples. The state lives in build-state/: one stamp a step, holding a hash of the inputs.
// A stamp is removed before its step starts and written when it has ended, so an interrupted step is always redone
// from scratch; a step that failed cleanly leaves FAILED, which lets it go on from what it had.
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { dirname, join, relative, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';

export const ROOT = resolve(dirname(fileURLToPath(import.meta.url)), '..');
const STATE = join(ROOT, 'build-state');
const FAILED = 'failed';
const SKIPPED_FOLDERS = new Set(['node_modules', 'build', 'dist', 'prebuilds', '.git']);

/** Every file under the given files and folders (relative to `root`), sorted; what does not exist is left out. */
export function listFiles(paths, root = ROOT) {
  const found = [];
  const visit = (path) => {
    if (!existsSync(path)) return;
    if (!statSync(path).isDirectory()) {
      found.push(path);
      return;
    }
    for (const entry of readdirSync(path, { withFileTypes: true })) {
      if (entry.isDirectory() && (SKIPPED_FOLDERS.has(entry.name) || entry.name.startsWith('build-'))) continue;
      visit(join(path, entry.name));
    }
  };
  for (const path of paths) visit(resolve(root, path));
  return [...new Set(found)].sort();
}

/** Hash of the names and contents of `inputs`, and of `extra` strings (versions, flags). */
export function fingerprint(inputs, extra = [], root = ROOT) {
  const hash = createHash('sha256');
  for (const text of extra) hash.update(`${text}\0`);
  for (const file of listFiles(inputs, root)) {
    hash
      .update(`${relative(root, file)}\0`)
      .update(readFileSync(file))
      .update('\0');
  }
  return hash.digest('hex');
}

function readStamp(file) {
  return existsSync(file) ? readFileSync(file, 'utf8') : undefined;
}

function writeStamp(file, value) {
  mkdirSync(dirname(file), { recursive: true });
  writeFileSync(`${file}.${process.pid}`, value);
  renameSync(`${file}.${process.pid}`, file);
}

/**
 * Runs `build` unless the step is fresh: its inputs hash to what its stamp says and its outputs exist.
 * `build` gets `{ clean }`: true when nothing that an earlier run left behind can be trusted. It throws on failure.
 * Returns true when it ran.
 */
export function runWhenStale({ name, inputs, outputs, extra = [], root = ROOT }, build) {
  const stampFile = join(STATE, `${name}.stamp`);
  const now = fingerprint(inputs, extra, root);
  const before = readStamp(stampFile);
  if (before === now && outputs.every((output) => existsSync(resolve(root, output)))) return false;
  rmSync(stampFile, { force: true });
  try {
    build({ clean: before === undefined });
  } catch (error) {
    writeStamp(stampFile, FAILED);
    throw error;
  }
  writeStamp(stampFile, now);
  return true;
}

function isAlive(pid) {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return error.code === 'EPERM';
  }
}

function tryLock(file) {
  try {
    writeFileSync(file, String(process.pid), { flag: 'wx' });
    return true;
  } catch (error) {
    if (error.code !== 'EEXIST') throw error;
  }
  const holder = Number(readStamp(file));
  // An empty file is a holder between creating and writing; a dead holder was interrupted.
  if (holder > 0 && !isAlive(holder)) rmSync(file, { force: true });
  return false;
}

/** Runs `body` while no other set-up of this checkout runs; waits for the one that does. */
export function withLock(body) {
  const file = join(STATE, 'lock');
  mkdirSync(STATE, { recursive: true });
  const sleeper = new Int32Array(new SharedArrayBuffer(4));
  while (!tryLock(file)) Atomics.wait(sleeper, 0, 0, 100);
  try {
    return body();
  } finally {
    rmSync(file, { force: true });
  }
}
