// SPDX-License-Identifier: Apache-2.0
//
// Starting where something is wrong or scarce: folders, variables, lanes, threads. Each case in a process of its own,
// with the real addon.
import { mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { runProgram } from './child';

const ON = { GPUSPAN: '1', GPUSPAN_DEVICE: 'none', OTEL_TRACES_EXPORTER: 'none', GPUSPAN_RING_SLOTS: '1024' };

const RECORD_ONE = `
  import { defineStages, start } from 'gpuspan';
  const { one } = defineStages('set_up', { one: { level: 1 } });
  let failed;
  let tracer;
  try {
    tracer = start(JSON.parse(process.env.OPTIONS ?? '{}'));
  } catch (error) {
    failed = [error.name, error.code, error.message];
  }
  if (failed !== undefined) print({ failed });
  else {
    const request = tracer.request();
    request.end(request.begin(one));
    const recorded = tracer.stats().recorded;
    request.finish();
    print({ enabled: tracer.enabled, reason: tracer.reason, recorded });
  }
`;

const warnings = (stderr: string) => stderr.match(/GpuspanWarning: .*/g) ?? [];

let folder: string;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'gpuspan-set-up-'));
});
afterEach(() => rmSync(folder, { recursive: true }));

it('records into a named file of its own in the folder it was given', async () => {
  const program = `
    import { readdirSync, statSync } from 'node:fs';
    import { start } from 'gpuspan';
    start();
    print(readdirSync(process.env.GPUSPAN_DIR).map((name) => (statSync(process.env.GPUSPAN_DIR + '/' + name).mode & 0o777).toString(8)));
  `;
  const { output, stderr } = await runProgram(program, { ...ON, GPUSPAN_DIR: folder });
  expect(stderr).toBe('');
  expect(output).toEqual(['600']);
});

it.each(['missing/folder', 'file'])(
  'warns once and uses memory when GPUSPAN_DIR is a %s that cannot be used',
  async (name) => {
    writeFileSync(join(folder, 'file'), '');
    const { output, stderr } = await runProgram(RECORD_ONE, { ...ON, GPUSPAN_DIR: join(folder, name) });
    expect(output).toEqual({ enabled: true, reason: '', recorded: 1 });
    expect(warnings(stderr)).toEqual([expect.stringContaining(`GPUSPAN_DIR="${join(folder, name)}" cannot be used`)]);
    expect(readdirSync(folder)).toEqual(['file']);
  },
);

it('throws, naming the folder, when the option directory cannot be used', async () => {
  const directory = join(folder, 'missing', 'folder');
  const { output } = await runProgram(RECORD_ONE, { ...ON, OPTIONS: JSON.stringify({ directory }) });
  expect(output).toEqual({ failed: ['GpuspanError', 'GPUSPAN_SEGMENT', expect.stringContaining(directory)] });
});

it('is inert where the file-size limit leaves no room, and throws where code named the folder', async () => {
  const inert = await runProgram(RECORD_ONE, ON, 256);
  expect(inert.output).toEqual({ enabled: false, reason: expect.stringContaining('ulimit'), recorded: 0 });
  expect(warnings(inert.stderr)).toHaveLength(1);
  const thrown = await runProgram(RECORD_ONE, { ...ON, OPTIONS: JSON.stringify({ directory: folder }) }, 256);
  expect(thrown.output).toEqual({ failed: ['GpuspanError', 'GPUSPAN_SEGMENT', expect.stringContaining('ulimit')] });
  expect(readdirSync(folder)).toEqual([]);
});

it('warns of each bad variable once a process, however many threads start', async () => {
  const program = `
    import { Worker } from 'node:worker_threads';
    import { start } from 'gpuspan';
    const tracer = start();
    const text = "import { start } from 'gpuspan'; start();";
    for (let i = 0; i < 2; i++) {
      const worker = new Worker(text, { eval: true });
      await new Promise((resolve, reject) => worker.on('error', reject).on('exit', resolve));
    }
    print(tracer.enabled);
  `;
  const { output, stderr } = await runProgram(program, {
    ...ON,
    GPUSPAN_LEVEL: 'x',
    GPUSPAN_CLOCK: 'y',
    GPUSPAN_LANES: '1',
  });
  expect(output).toBe(true);
  expect(warnings(stderr).sort()).toEqual([
    expect.stringContaining('GPUSPAN_CLOCK="y"'),
    expect.stringContaining('GPUSPAN_LANES="1"'),
    expect.stringContaining('GPUSPAN_LEVEL="x"'),
  ]);
});

// Two worker_threads that start one after the other, and the main thread before, after, or not at all.
const threads = (main: 'first' | 'last' | 'never', body = '') => `
  import { Worker } from 'node:worker_threads';
  import { start } from 'gpuspan';
  const body = () => { const tracer = start(); ${body} };
  if (${main === 'first'}) body();
  const text = "import { start } from 'gpuspan'; (" + body + ')()';
  for (let i = 0; i < 2; i++) {
    const worker = new Worker(text, { eval: true });
    await new Promise((resolve, reject) => worker.on('error', reject).on('exit', resolve));
  }
  if (${main === 'last'}) body();
`;

it.each(['first', 'last', 'never'] as const)(
  'says once a process what is wrong with each variable when the main thread starts %s',
  async (main) => {
    const variables = { ...ON, GPUSPAN_LEVEL: 'x', GPUSPAN_FILE: 'trace-%x', OTEL_TRACES_EXPORTER: 'zipkin' };
    const { stderr } = await runProgram(threads(main), variables);
    expect(warnings(stderr).sort()).toEqual([
      expect.stringContaining('GPUSPAN_FILE="trace-%x"'),
      expect.stringContaining('GPUSPAN_LEVEL="x"'),
      expect.stringContaining('OTEL_TRACES_EXPORTER: zipkin'),
      expect.stringContaining('nowhere to send'),
    ]);
  },
);

it('says once, with nothing native loaded, that GPUSPAN is neither on nor off', async () => {
  const { stderr } = await runProgram(threads('first'), { ...ON, GPUSPAN: 'yes' });
  expect(warnings(stderr)).toEqual([expect.stringContaining('GPUSPAN="yes"')]);
});

it('says once a process that there is no GPU to time', async () => {
  const variables = { ...ON, GPUSPAN_DEVICE: 'cuda', GPUSPAN_CUDA_LIBRARY: join(folder, 'missing.so') };
  const { stderr } = await runProgram(threads('last', 'tracer.gpu()'), variables);
  expect(warnings(stderr)).toEqual([expect.stringContaining('GPU slices are not recorded')]);
});

it('gives a thread without a free lane an inert tracer, with one warning a process', async () => {
  const program = `
    import { Worker } from 'node:worker_threads';
    import { start } from 'gpuspan';
    start();
    const text = \`
      import { parentPort } from 'node:worker_threads';
      import { start } from 'gpuspan';
      const tracer = start();
      parentPort.on('message', () => process.exit());
      parentPort.postMessage([tracer.enabled, tracer.reason !== '']);
    \`;
    const workers = [0, 1, 2].map(() => new Worker(text, { eval: true }));
    const answers = await Promise.all(workers.map((worker) => new Promise((resolve) => worker.once('message', resolve))));
    for (const worker of workers) worker.postMessage('end');
    print(answers.sort());
  `;
  const { output, stderr } = await runProgram(program, { ...ON, GPUSPAN_LANES: '2' });
  expect(output).toEqual([
    [false, true],
    [false, true],
    [true, false],
  ]);
  expect(warnings(stderr)).toHaveLength(1);
});

it('records in a thread of its own with its own stages, and adopts what comes by postMessage', async () => {
  const program = `
    import { Worker } from 'node:worker_threads';
    import { start } from 'gpuspan';
    const tracer = start();
    const request = tracer.request();
    const text = \`
      import { parentPort, workerData } from 'node:worker_threads';
      import { defineStages, start } from 'gpuspan';
      const { two } = defineStages('thread', { two: { level: 2 } });
      const there = start({ worker: { label: 'Thread' } }).adopt(workerData);
      there.end(there.begin(two));
      parentPort.postMessage([there.level, there.carrier()]);
      there.leave();
    \`;
    const worker = new Worker(text, { eval: true, workerData: request.carrier() });
    const [level, carrier] = await new Promise((resolve) => worker.once('message', resolve));
    await new Promise((resolve) => worker.once('exit', resolve));
    request.finish();
    const { recorded, owners } = tracer.stats();
    print([level, carrier.trace === request.carrier().trace, recorded, owners]);
  `;
  const { output, stderr } = await runProgram(program, ON);
  expect(stderr).toBe('');
  // One slice; a worker span and a root span (nothing was recorded for the request on the main thread).
  expect(output).toEqual([2, true, 1, 2]);
});

it('does not keep the process alive', async () => {
  const { code, output } = await runProgram(`import { start } from 'gpuspan'; print(start().enabled);`, ON);
  expect([code, output]).toEqual([0, true]);
});
