// SPDX-License-Identifier: Apache-2.0
//
// `npm run bench`: asks every question in a process of its own and prints one table. Options: `--json FILE` writes
// the result, `--quick` takes fewer samples, and names of questions (off, slice, ...) ask only those.
import { fork, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync, writeFileSync } from 'node:fs';
import { cpus, release, type } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { ROOT } from '../scripts/fresh.mjs';
import { buildFloorAddon } from './floor-addon.mjs';
import { buildNativeBenches } from './native-bench.mjs';
import { renderTable } from './table.mjs';

/** Each is a file of this folder; `on`: with tracing on. */
const QUESTIONS = {
  off: { on: false },
  slice: { on: true },
  record: { on: true },
  native: { on: false },
  cuda: { on: false },
  batch: { on: true },
  carrier: { on: true },
  read: { on: true },
  otlp: { on: true },
  perfetto: { on: true },
  bytes: { on: true },
};
/** The order of the table. */
const IDS = [
  ...['off.js', 'off.scope', 'off.wrap', 'off.c', 'slice.js', 'slice.js.otel', 'slice.c'],
  ...['next', 'event', 'event2', 'numbers', 'numbers.otel', 'string', 'scope', 'wrap', 'past'].map(
    (id) => `record.${id}`,
  ),
  ...['batch64.define', 'batch64.slice', 'batch256.column'],
  ...[
    'gpu.own',
    'gpu.cuda.launch',
    'gpu.cuda.own',
    'gpu.cuda.resolver',
    'gpu.cuda.idle',
    'carrier',
    'carrier.threads',
    'carrier.processes',
    'carrier.header',
    'read.span',
    'otlp.slice',
    'otlp.numbers',
    'perfetto.slice',
    'perfetto.numbers',
    'perfetto.bytes',
    'bytes.slice',
    'bytes.lane',
  ],
];
const PEERS = [
  '@opentelemetry/api',
  '@opentelemetry/core',
  '@opentelemetry/sdk-trace-base',
  '@opentelemetry/otlp-transformer',
  'protobufjs',
];

function environment({ on }, quick) {
  const inherited = Object.entries(process.env).filter(([name]) => !/^(GPUSPAN|OTEL_)/.test(name));
  const env = { ...Object.fromEntries(inherited), BENCH_QUICK: quick ? '1' : '0' };
  return on ? { ...env, GPUSPAN: '1' } : env;
}

/** The rows of one question. */
async function ask(name, quick) {
  const child = fork(join(ROOT, 'bench', `${name}.mjs`), {
    env: environment(QUESTIONS[name], quick),
    execArgv: ['--expose-gc'],
  });
  /** @type {{ rows: object[], facts: object } | undefined} */
  let answer;
  child.on('message', (message) => {
    answer = /** @type {typeof answer} */ (message);
  });
  const [status, signal] = await once(child, 'exit');
  if (status !== 0 || answer === undefined) throw new Error(`bench ${name} failed (${signal ?? `exit ${status}`})`);
  return answer;
}

function versionOf(name) {
  return JSON.parse(readFileSync(join(ROOT, 'node_modules', name, 'package.json'), 'utf8')).version;
}

function describeMachine() {
  const compiler = spawnSync(process.env.CXX ?? 'g++', ['--version'], { encoding: 'utf8' }).stdout?.split('\n')[0];
  return {
    cpu: cpus()[0]?.model.trim() ?? process.arch,
    cores: cpus().length,
    kernel: `${type()} ${release()}`,
    compiler: compiler ?? 'no compiler',
  };
}

async function main() {
  const { values, positionals } = parseArgs({
    options: { json: { type: 'string' }, quick: { type: 'boolean', default: false } },
    allowPositionals: true,
  });
  const names = positionals.length > 0 ? positionals : Object.keys(QUESTIONS);
  const unknown = names.filter((name) => !(name in QUESTIONS));
  if (unknown.length > 0)
    throw new Error(`no such question: ${unknown.join(', ')}; there are ${Object.keys(QUESTIONS).join(', ')}`);
  buildFloorAddon();
  buildNativeBenches();
  const result = {
    date: new Date().toISOString(),
    command: `npm run bench${values.quick ? ' -- --quick' : ''}`,
    machine: describeMachine(),
    node: process.versions.node,
    versions: Object.fromEntries(PEERS.map((name) => [name, versionOf(name)])),
    clock: 'unknown',
    rows: [],
  };
  for (const name of names) {
    process.stderr.write(`bench: ${name}\n`);
    const { rows, facts } = await ask(name, values.quick);
    result.rows.push(...rows);
    Object.assign(result, facts);
  }
  result.rows.sort((a, b) => IDS.indexOf(a.id) - IDS.indexOf(b.id));
  console.log(renderTable(result));
  if (values.json) writeFileSync(values.json, `${JSON.stringify(result, null, 2)}\n`);
}

await main();
