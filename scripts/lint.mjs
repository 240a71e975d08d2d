// SPDX-License-Identifier: Apache-2.0
//
// `npm run lint`: type check, formatters, linters and the checks of our own, each as one named stage. All stages
// run; the exit status is 1 when any failed. `npm run lint -- --fix` lets the formatters write; names of stages
// after `--` run only those.
import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { dirname, join, relative } from 'node:path';
import { checkFolderReadmes } from './checks/folder-readmes.mjs';
import { checkIncludeDirection } from './checks/include-direction.mjs';
import { checkSources } from './checks/source-rules.mjs';
import { listFiles, ROOT } from './fresh.mjs';

const fix = process.argv.includes('--fix');
const only = process.argv.slice(2).filter((argument) => !argument.startsWith('--'));

function run(command, args) {
  const result = spawnSync(command, args, { cwd: ROOT, stdio: 'inherit' });
  if (result.error) console.error(`  ${command}: ${result.error.message}`);
  return result.status === 0;
}

/** Runs a program of node_modules/.bin. */
function runTool(name, args) {
  return run(join(ROOT, 'node_modules', '.bin', name), args);
}

function report(problems) {
  for (const problem of problems) console.error(`  ${problem}`);
  return problems.length === 0;
}

function nativeSources(pattern, folders) {
  const files = listFiles(folders.map((folder) => join('native', folder))).filter((file) => pattern.test(file));
  return files.map((file) => relative(ROOT, file));
}

function checkClangFormat() {
  const files = [
    ...nativeSources(/\.(h|cc|c|cu)$/, ['']),
    ...listFiles(['examples', 'bench']).filter((file) => /\.(h|cc|c|cu)$/.test(file)),
  ];
  return run('clang-format', fix ? ['-i', ...files] : ['--dry-run', '-Werror', ...files]);
}

/** Compiler flags as binding.gyp has them; a compilation database would need the tests to be configured. */
function compilerFlags() {
  const node = join(dirname(dirname(process.execPath)), 'include', 'node');
  const includes = [
    'native',
    'native/include',
    'native/core',
    'native/gpu',
    'native/process',
    'native/node',
    'node_modules/node-addon-api',
  ];
  return [
    ...['-std=c++20', '-fno-exceptions', '-fno-rtti', '-DNAPI_VERSION=8', '-DNODE_ADDON_API_DISABLE_CPP_EXCEPTIONS'],
    ...includes.map((folder) => `-I${join(ROOT, folder)}`),
    ...['-isystem', node, '-isystem', join(ROOT, 'node_modules', 'node-addon-api')],
  ];
}

function checkClangTidy() {
  const files = nativeSources(/\.cc$/, ['core', 'gpu', 'process', 'node']);
  if (files.length === 0) return true;
  const lists = Array.from({ length: Math.min(availableParallelism(), files.length) }, () => []);
  for (const [index, file] of files.entries()) lists[index % lists.length].push(file);
  const commands = lists.map((list) => ['clang-tidy', '--quiet', ...list, '--', ...compilerFlags()]);
  const script = commands.map((words) => words.map((word) => `'${word}'`).join(' ')).join(' & pids="$pids $!"; ');
  return run('bash', ['-c', `pids=""; ${script} & pids="$pids $!"; for pid in $pids; do wait $pid || exit 1; done`]);
}

const STAGES = {
  types: () =>
    ['.', 'lib/cli/report/page', 'tsconfig.test.json', 'test/report'].every((project) =>
      runTool('tsc', ['-p', project, '--noEmit']),
    ),
  scripts: () => runTool('tsc', ['-p', 'tsconfig.scripts.json']),
  biome: () => runTool('biome', ['check', ...(fix ? ['--write'] : ['--error-on-warnings']), '.']),
  'clang-format': checkClangFormat,
  'clang-tidy': checkClangTidy,
  imports: () => runTool('depcruise', ['--config', '.dependency-cruiser.cjs', '--output-type', 'err', 'lib']),
  includes: () => report(checkIncludeDirection(ROOT)),
  sources: () => report(checkSources(ROOT)),
  readmes: () => report(checkFolderReadmes(ROOT)),
  docs: () => run(process.execPath, [join('scripts', 'write-docs.mjs'), '--check']),
  publint: () => existsSync(join(ROOT, 'dist')) && runTool('publint', ['run', '--strict']),
};

const failed = [];
for (const [name, stage] of Object.entries(STAGES)) {
  if (only.length > 0 && !only.includes(name)) continue;
  const started = performance.now();
  const passed = stage();
  console.log(`lint ${name}: ${passed ? 'ok' : 'FAILED'} (${((performance.now() - started) / 1000).toFixed(1)} s)`);
  if (!passed) failed.push(name);
}
if (failed.length > 0) {
  console.error(`lint: failed: ${failed.join(', ')}`);
  process.exitCode = 1;
}
