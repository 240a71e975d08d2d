// SPDX-License-Identifier: Apache-2.0
//
// Brings a checkout to where everything runs: dependencies, addon, TypeScript, ESM entries. Each step is skipped
// when it is fresh. Uses Node's built-in modules only, because it runs before anything is installed.
// Called first by `npm run build`, `demo`, `test`, `bench` and `lint`. With --dependencies it stops after those.
import { cpSync, existsSync, readFileSync, rmSync } from 'node:fs';
import { join, relative } from 'node:path';
import { installDependencies } from './dependencies.mjs';
import { listFiles, ROOT, runWhenStale, withLock } from './fresh.mjs';
import { requireCompiler, requireNode, runNodeGyp, runProgram, SetupError } from './toolchain.mjs';

const ADDON_INPUTS = [
  'binding.gyp',
  'native/sources.json',
  'native/include',
  'native/core',
  'native/gpu',
  'native/process',
  'native/node',
  'scripts/toolchain.mjs',
  'node_modules/node-addon-api/package.json',
];
const ESM_ENTRIES = 'scripts/write-esm-entries.mjs';
const TSC = join('node_modules', 'typescript', 'bin', 'tsc');
/** What runs in the browser, a project of its own because it knows a document and no Node. */
const PAGE = 'lib/cli/report/page';

function buildAddon() {
  if (process.platform !== 'linux') return `not built: gpuspan is inert on ${process.platform}`;
  const step = {
    name: 'addon',
    inputs: ADDON_INPUTS,
    outputs: ['build/Release/gpuspan.node'],
    extra: [process.versions.node, process.arch, process.env.CXX ?? '', process.env.CXXFLAGS ?? ''],
  };
  const built = runWhenStale(step, ({ clean }) => {
    requireCompiler();
    runNodeGyp({ clean, what: 'building the addon' });
  });
  return built ? 'built' : 'fresh';
}

/** Removes what tsc wrote for sources that are gone, so that it is neither packed nor imported. */
function pruneOutput() {
  for (const file of listFiles(['dist'], ROOT)) {
    const source = relative(join(ROOT, 'dist'), file).replace(/(\.d\.ts|\.d\.mts|\.js\.map|\.js|\.mjs)$/, '.ts');
    if (!existsSync(join(ROOT, 'lib', source))) rmSync(file);
  }
}

function buildTypeScript() {
  const step = {
    name: 'typescript',
    inputs: ['lib', 'tsconfig.json', 'package.json', 'package-lock.json', ESM_ENTRIES],
    outputs: ['dist/index.js', 'dist/index.mjs', 'dist/cli/report/page/style'],
  };
  const built = runWhenStale(step, () => {
    // What both have is the package's own in the end.
    for (const project of [PAGE, '.'])
      runProgram(process.execPath, [TSC, '-p', project], { what: `tsc -p ${project}` });
    cpSync(join(PAGE, 'style'), join('dist', relative('lib', PAGE), 'style'), { recursive: true });
    pruneOutput();
    runProgram(process.execPath, [ESM_ENTRIES], { what: 'writing the ESM entries' });
  });
  return built ? 'built' : 'fresh';
}

function buildAll(report) {
  report.push(`addon ${buildAddon()}`);
  report.push(`TypeScript ${buildTypeScript()}`);
}

function setUp() {
  const { name } = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8'));
  requireNode();
  const report = [];
  report.push(`dependencies ${installDependencies() ? 'installed' : 'fresh'}`);
  if (!process.argv.includes('--dependencies')) buildAll(report);
  console.error(`${name} set-up: ${report.join(', ')}`);
}

try {
  withLock(setUp);
} catch (error) {
  if (!(error instanceof SetupError)) throw error;
  console.error(`set-up: ${error.message}`);
  process.exitCode = 1;
}
