// SPDX-License-Identifier: Apache-2.0
//
// The packed tarball, installed with scripts disabled into an empty folder on a PATH without a compiler: it loads its
// prebuild, traces, and delivers. Run by `npm run test:package`, after the prebuild.
import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, readFileSync, realpathSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { type Receiver, startReceiver } from 'gpuspan/testing';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ROOT } from '../../scripts/fresh.mjs';

const PROGRAM = `
const { defineStages, start } = LOAD('gpuspan');
const { carrierFromHeader, carrierToHeader } = LOAD('gpuspan/carrier');
const stages = defineStages('package', { forward: { level: 1 } });
const tracer = start({ serviceName: 'packed' });
const request = tracer.request({ id: 'one' });
const slice = request.begin(stages.forward);
request.end(slice);
const carrier = request.carrier();
if (carrierFromHeader(carrierToHeader(carrier))?.root !== carrier?.root) throw new Error('the carrier is another');
request.finish();
console.log(JSON.stringify({ enabled: tracer.enabled, reason: tracer.reason ?? '' }));
await tracer.shutdown();
`;

let folder: string;
let receiver: Receiver;
let packed: string[];
let bareEnv: NodeJS.ProcessEnv;

/** npm without a shell and without PATH: its script beside the running Node, or the npm that runs us. */
function npm(args: string[], cwd: string, env: NodeJS.ProcessEnv): string {
  const beside = join(dirname(process.execPath), 'npm');
  const script = process.env['npm_execpath'] ?? realpathSync(beside);
  return execFileSync(process.execPath, [script, ...args], { cwd, env, encoding: 'utf8' });
}

/** An environment whose PATH holds Node and nothing else, with nothing that this run was told. */
function makeBareEnv(): NodeJS.ProcessEnv {
  const bin = join(folder, 'bin');
  mkdirSync(bin);
  symlinkSync(process.execPath, join(bin, 'node'));
  const env: NodeJS.ProcessEnv = { PATH: bin };
  for (const name of [
    'HOME',
    'npm_config_registry',
    'npm_config_cache',
    'npm_config_userconfig',
    'HTTPS_PROXY',
    'NODE_EXTRA_CA_CERTS',
  ]) {
    if (process.env[name] !== undefined) env[name] = process.env[name];
  }
  return env;
}

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'gpuspan-package-'));
  bareEnv = makeBareEnv();
  receiver = await startReceiver();
  const report = JSON.parse(npm(['pack', '--json', '--pack-destination', folder], ROOT, process.env))[0];
  packed = report.files.map((file: { path: string }) => file.path);
  writeFileSync(join(folder, 'package.json'), '{"private":true}');
  const flags = ['--ignore-scripts', '--prefer-offline', '--no-audit', '--no-fund', '--loglevel=error'];
  npm(['install', ...flags, join(folder, report.filename), '@opentelemetry/api@1'], folder, bareEnv);
  writeFileSync(join(folder, 'program.cjs'), `(async () => {${PROGRAM.replaceAll('LOAD', 'require')}})();`);
  writeFileSync(join(folder, 'program.mjs'), PROGRAM.replaceAll('LOAD', 'await import'));
});
afterAll(async () => {
  await receiver.close();
  rmSync(folder, { recursive: true });
});

interface Outcome {
  readonly status: number | null;
  readonly said: { readonly enabled: boolean; readonly reason: string };
  readonly errors: string;
}

/** Runs a program of the folder. Not synchronously: the receiver lives in this process and must answer. */
async function runInFolder(program: string, env: NodeJS.ProcessEnv): Promise<Outcome> {
  const child = spawn(process.execPath, [program], { cwd: folder, env: { ...bareEnv, ...env } });
  let output = '';
  let errors = '';
  child.stdout.on('data', (chunk) => (output += chunk));
  child.stderr.on('data', (chunk) => (errors += chunk));
  const [status] = await once(child, 'close');
  return { status, said: JSON.parse(output || '{}'), errors };
}

function tracing(): NodeJS.ProcessEnv {
  receiver.clear();
  return { GPUSPAN: '1', OTEL_EXPORTER_OTLP_ENDPOINT: receiver.url };
}

/** Every path at a leaf of the manifest's exports. */
function targetsOf(entry: unknown): string[] {
  return typeof entry === 'string' ? [entry] : Object.values(entry as object).flatMap(targetsOf);
}

describe('the tarball', () => {
  it('holds every file that the exports name', () => {
    const manifest = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8'));
    const files = targetsOf(manifest.exports).map((path) => path.replace('./', ''));
    expect(files.filter((path) => !packed.includes(path))).toEqual([]);
  });

  it('holds the binary for this system and no build folder', () => {
    const binaries = packed.filter((path) => path.endsWith('.node'));
    expect(binaries).toEqual([
      expect.stringMatching(`^prebuilds/${process.platform}-${process.arch}/gpuspan\\.(glibc|musl)\\.node$`),
    ]);
    expect(packed.filter((path) => path.startsWith('build') && path !== 'binding.gyp')).toEqual([]);
  });

  it.each(['program.cjs', 'program.mjs'])(
    'traces a slice and delivers it where nothing can be compiled (%s)',
    async (program) => {
      const outcome = await runInFolder(program, tracing());
      expect(outcome).toMatchObject({ status: 0, said: { enabled: true } });
      const spans = await receiver.waitFor((received) => received.some((span) => span.name === 'forward'));
      const slice = spans.find((span) => span.name === 'forward');
      expect(slice?.resource).toMatchObject({ 'service.name': 'packed' });
    },
  );

  it('is inert, and says why, where the tarball has no binary for the system', async () => {
    const outcome = await runInFolder('program.cjs', { ...tracing(), npm_config_arch: 'mips64' });
    expect(outcome).toMatchObject({ status: 0, said: { enabled: false } });
    expect(outcome.said.reason).toMatch(/^the package has no addon for this system/);
  });

  it('loads no binary when GPUSPAN is not set', async () => {
    const outcome = await runInFolder('program.cjs', { npm_config_arch: 'mips64' });
    expect(outcome).toMatchObject({ status: 0, said: { enabled: false }, errors: '' });
    expect(outcome.said.reason).toContain('GPUSPAN');
  });
});
