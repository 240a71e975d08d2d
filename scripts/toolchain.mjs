// SPDX-License-Identifier: Apache-2.0
//
// What a build needs from the system, and how node-gyp is run here: its headers come from the running Node's own
// installation where that has them, so that nothing is downloaded; elsewhere node-gyp fetches them itself.
// Called by scripts/setup.mjs, scripts/prebuild.mjs, the benches and the set-up of the examples.
import { spawnSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { dirname, join } from 'node:path';
import { ROOT } from './fresh.mjs';

/** An error whose message is all that the user needs to read. */
export class SetupError extends Error {}

/** Runs a program with its output shown; throws a SetupError naming it when it fails. */
export function runProgram(command, args, { cwd = ROOT, env = process.env, what = command } = {}) {
  const result = spawnSync(command, args, { cwd, env, stdio: 'inherit' });
  if (result.error) throw new SetupError(`${what}: ${result.error.message}`);
  if (result.status !== 0) throw new SetupError(`${what} failed (${result.signal ?? `exit ${result.status}`})`);
}

/** True when the program can be started. */
export function answers(command, args = ['--version']) {
  return spawnSync(command, args, { stdio: 'ignore' }).status === 0;
}

/** The running Node must be one that package.json names. `version` is a parameter for the tests. */
export function requireNode(version = process.versions.node) {
  const [major, minor] = version.split('.').map(Number);
  const fits = (major === 20 && minor >= 17) || (major === 22 && minor >= 9) || major > 22;
  if (!fits)
    throw new SetupError(
      `gpuspan needs Node ^20.17 or >= 22.9, this is ${version}: install one from https://nodejs.org`,
    );
}

/** What node-gyp needs. One message names everything that is missing. */
export function requireCompiler(env = process.env) {
  const compilers = env.CXX ? [env.CXX.split(' ')[0]] : ['g++', 'c++', 'clang++'];
  const missing = [];
  if (!compilers.some((compiler) => answers(compiler))) missing.push('a C++20 compiler (g++)');
  if (!answers('make')) missing.push('make');
  if (!answers(env.PYTHON ?? 'python3')) missing.push('python3');
  if (missing.length > 0) {
    throw new SetupError(
      `cannot build the addon, missing: ${missing.join(', ')}. On Debian: apt-get install g++ make python3`,
    );
  }
}

/** The CUDA compiler's command, if there is one. */
export function findNvcc() {
  return ['nvcc', '/usr/local/cuda/bin/nvcc'].find((path) => answers(path));
}

/** The prefix of the running Node, if headers of exactly its version lie there. */
function headersPrefix() {
  const prefix = dirname(dirname(process.execPath));
  const header = join(prefix, 'include', 'node', 'node_version.h');
  if (!existsSync(header)) return undefined;
  const text = readFileSync(header, 'utf8');
  const part = (name) => new RegExp(`#define NODE_${name}_VERSION (\\d+)`).exec(text)?.[1];
  const version = [part('MAJOR'), part('MINOR'), part('PATCH')].join('.');
  return version === process.versions.node ? prefix : undefined;
}

/** `--nodedir` for node-gyp, or nothing when it was set by the user or must download the headers. */
export function nodedirArguments(env = process.env) {
  const prefix = env.npm_config_nodedir ? undefined : headersPrefix();
  return prefix === undefined ? [] : [`--nodedir=${prefix}`];
}

/** Runs node-gyp in `cwd`; `clean` throws away what an earlier build left. */
export function runNodeGyp({ cwd = ROOT, clean = true, args = [], what = 'node-gyp' } = {}) {
  const script = join(ROOT, 'node_modules', 'node-gyp', 'bin', 'node-gyp.js');
  const commands = clean ? ['rebuild'] : ['configure', 'build'];
  for (const command of commands) {
    const jobs = command === 'configure' ? [] : [`--jobs=${availableParallelism()}`];
    runProgram(process.execPath, [script, command, '--silent', ...jobs, ...nodedirArguments(), ...args], { cwd, what });
  }
}
