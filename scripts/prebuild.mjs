// SPDX-License-Identifier: Apache-2.0
//
// `npm run prebuild`: the binary that ships, as prebuilds/<platform>-<arch>/gpuspan.<libc>.node, stripped. One
// binary serves every Node that package.json names, because the addon uses Node-API only. Skipped when fresh.
import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { fingerprint, ROOT, runWhenStale, withLock } from './fresh.mjs';
import { stageAddon } from './staging.mjs';
import { nodedirArguments, requireCompiler, runProgram } from './toolchain.mjs';

const STAGING = 'build-prebuild';

function prebuild() {
  requireCompiler();
  const folder = stageAddon(STAGING);
  rmSync(join(ROOT, 'prebuilds'), { recursive: true, force: true });
  // prebuildify takes node-gyp's header folder from npm's configuration only.
  const nodedir = nodedirArguments()[0]?.replace('--nodedir=', '');
  const env = nodedir === undefined ? process.env : { ...process.env, npm_config_nodedir: nodedir };
  const script = join(ROOT, 'node_modules', 'prebuildify', 'bin.js');
  const options = ['--napi', '--strip', '--tag-libc', '-t', process.version, '--cwd', folder, '--out', ROOT];
  runProgram(process.execPath, [script, ...options], { env, what: 'prebuildify' });
}

const step = {
  name: 'prebuild',
  inputs: [
    'binding.gyp',
    'native/sources.json',
    ...['include', 'core', 'gpu', 'process', 'node'].map((part) => `native/${part}`),
  ],
  outputs: [join('prebuilds', `${process.platform}-${process.arch}`)],
  extra: [process.versions.node, process.arch, fingerprint(['scripts/prebuild.mjs'])],
};
const built = withLock(() => runWhenStale(step, prebuild));
console.error(`prebuild: ${built ? 'built' : 'fresh'}`);
