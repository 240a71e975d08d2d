// SPDX-License-Identifier: Apache-2.0
//
// The demo with tracing on: one trace for each request, from the HTTP front end to the device and back.
import { type ReceivedSpan, query } from 'gpuspan/testing';
import { beforeAll, describe, expect, it } from 'vitest';
import { lossesOf } from '../../examples/text-server/demo/report.mjs';
import { setUpDevice } from '../../examples/text-server/setup.mjs';
import { view } from '../perfetto/viewer';
import { CORPUS, type DemoRun, needOpenCl, runDemo, SET_UP_MILLIS } from './run-demo';

const REQUESTS = 32;
const ROOT = 'request';
const SERVER = 2;
/** ReceivedSpan.flags: the parent is in another process. */
const PARENT_IS_REMOTE = 0x300;

const isGpu = (span: ReceivedSpan) => 'gpu.time.source' in span.attributes;
const labels = (spans: readonly ReceivedSpan[]) => spans.map((span) => span.attributes['gpuspan.worker.label']);

/** The host slice that waited for what `launch` launched: the next one under the same parent. */
function waitAfter(launch: ReceivedSpan, siblings: readonly ReceivedSpan[]): ReceivedSpan | undefined {
  return siblings.find(
    ({ name, startTimeUnixNano }) => name === 'gpu_wait' && startTimeUnixNano >= launch.endTimeUnixNano,
  );
}

/** Every GPU slice, with the slices of the host that it has to fit between. */
function gpuSlices(spans: readonly ReceivedSpan[]) {
  const tree = query(spans);
  const byId = new Map(spans.map((span) => [span.traceId + span.spanId, span]));
  return spans.filter(isGpu).map((slice) => {
    const launch = byId.get(slice.traceId + slice.parentSpanId)!;
    const parent = byId.get(launch.traceId + launch.parentSpanId)!;
    return { slice, launch, wait: waitAfter(launch, tree.children(parent))! };
  });
}

function expectGpuSlicesInPlace(spans: readonly ReceivedSpan[], source: string): void {
  const found = gpuSlices(spans);
  expect(found.length).toBeGreaterThan(REQUESTS);
  for (const { slice, launch, wait } of found) {
    expect(launch.name).toBe('gpu_launch');
    const bound = BigInt(slice.attributes['gpu.time.bound_ns'] as number);
    expect(slice.attributes['gpu.time.source']).toBe(source);
    expect(slice.startTimeUnixNano).toBeGreaterThanOrEqual(launch.startTimeUnixNano - bound);
    expect(slice.endTimeUnixNano).toBeGreaterThanOrEqual(slice.startTimeUnixNano);
    expect(slice.endTimeUnixNano).toBeLessThanOrEqual(wait.endTimeUnixNano + bound);
  }
}

function expectOneTraceARequest({ spans }: DemoRun): void {
  const roots = spans.filter(({ name }) => name === ROOT);
  expect(roots).toHaveLength(REQUESTS);
  expect(new Set(roots.map(({ traceId }) => traceId)).size).toBe(REQUESTS);
  expect(query(spans).orphans()).toEqual([]);
  // Three of four clients send a traceparent.
  const remote = roots.filter(({ flags }) => (flags & PARENT_IS_REMOTE) === PARENT_IS_REMOTE);
  expect(remote).toHaveLength((REQUESTS * 3) / 4);
  for (const root of roots) {
    const isRemote = remote.includes(root);
    expect([root.parentSpanId !== '', root.kind === SERVER]).toEqual([isRemote, isRemote]);
  }
}

/** What each request asked for and got. */
function expectGenAi(spans: readonly ReceivedSpan[]): void {
  for (const { attributes } of spans.filter(({ name }) => name === ROOT)) {
    expect(attributes).toMatchObject({
      'gen_ai.operation.name': 'text_completion',
      'gen_ai.provider.name': 'text-server',
      'gen_ai.request.model': 'toy',
      'gen_ai.request.stream': true,
      'gen_ai.response.model': 'toy',
      'gen_ai.response.finish_reasons': ['length'],
      'gen_ai.response.id': attributes['rid'],
    });
    expect(attributes['gen_ai.usage.output_tokens']).toBe(attributes['gen_ai.request.max_tokens']);
    expect(Number(attributes['gen_ai.usage.input_tokens'])).toBeGreaterThan(0);
    expect(Number(attributes['gen_ai.response.time_to_first_chunk'])).toBeGreaterThan(0);
  }
}

/** The printed rows, by stage: where, service, count. */
function stageTable(stdout: string): Record<string, [string, string, number]> {
  const lines = stdout.split('\n');
  const from = lines.findIndex((line) =>
    /^ {2}stage +where +service +count +p50 ms +p90 ms +p99 ms +total ms +of requests$/.test(line),
  );
  const rows = lines.slice(from + 1, lines.indexOf('', from));
  return Object.fromEntries(
    rows.map((row) => {
      const [name, where, service, count, ...times] = row.trim().split(/ {2,}/);
      expect(times.slice(0, 4).map((time) => /^\d+\.\d{3}$/.test(time))).toEqual([true, true, true, true]);
      return [name, [where!, service!, Number(count)]];
    }),
  );
}

/** Each measurement counts once, a batch's not again for every member. */
function expectStageTable({ stdout, spans }: DemoRun, gpu: string): void {
  const batches = new Set(
    query(spans)
      .byName('batch')
      .map(({ traceId }) => traceId),
  );
  const steps = spans.filter(({ name, traceId }) => name === 'spec_verify' && batches.has(traceId)).length;
  const pieces = query(spans).byName('detokenize').length;
  expect(steps).toBeGreaterThan(0);
  expect(pieces).toBeGreaterThan(REQUESTS);
  expect(stageTable(stdout)).toEqual({
    tokenize: ['host', 'text-server', REQUESTS],
    api_server_dispatch: ['host', 'text-server', REQUESTS],
    detokenize: ['host', 'text-server', pieces],
    stream_write: ['host', 'text-server', pieces],
    model_load: ['host', 'text-worker', 1],
    warm_up: ['host', 'text-worker', 1],
    prefill_waiting: ['host', 'text-worker', REQUESTS],
    prefill_forward: ['host', 'text-worker', REQUESTS],
    decode_forward: ['host', 'text-worker', REQUESTS],
    spec_draft: ['host', 'text-worker', steps],
    spec_verify: ['host', 'text-worker', steps],
    // One for each prompt and one for each step.
    gpu_launch: ['host', 'text-worker', REQUESTS + steps],
    gpu_wait: ['host', 'text-worker', REQUESTS + steps],
    gpu_forward: [gpu, 'text-worker', REQUESTS + steps],
  });
}

/** The page has every request, and the trace what both processes recorded, each slice once. */
function expectFiles({ files, page, trace, spans }: DemoRun): void {
  expect(files).toEqual(['spans.html', 'spans.jsonl', 'spans.pftrace']);
  expect(page).toMatch(/^<!doctype html>/);
  const roots = spans.filter(({ name }) => name === ROOT);
  for (const { attributes } of roots) expect(page).toContain(`"id":"${attributes['rid']}"`);
  const names = view(trace).slices.map(({ name }) => name);
  const drawn = (name: string) => names.filter((each) => each === name).length;
  const batches = new Set(spans.filter(({ name }) => name === 'batch').map(({ traceId }) => traceId));
  const steps = spans.filter(({ name, traceId }) => name === 'spec_verify' && batches.has(traceId)).length;
  expect([drawn('tokenize'), drawn('prefill_forward'), drawn('spec_verify')]).toEqual([REQUESTS, REQUESTS, steps]);
  expect(drawn('gpu_forward')).toBe(REQUESTS + steps);
}

describe('the demo on OpenCL', () => {
  it('gives each request one trace over both processes, down to its GPU slices, without loss', async (context) => {
    needOpenCl(context);
    const run = await runDemo(['--device', 'opencl', '--corpus', CORPUS]);
    expect(run.stderr).not.toContain('gpuspan');
    expect(run.status, run.stdout + run.stderr).toBe(0);
    expect(run.stdout).toContain(`${REQUESTS} of ${REQUESTS} continuations equal the CPU reference`);
    expect(run.stdout).toContain('losses of the server: none');
    expect(run.stdout).toContain('losses of the worker: none');
    // What the device is and where it runs comes from its driver.
    const [, device] = run.stdout.match(/^device: opencl, (.+)$/m) ?? [];
    expect(device).toMatch(/\(.+\)(, which runs on the CPU)?$/);
    expect(run.stdout).toContain(`GPU times: measured on a real OpenCL runtime, ${device}; half of them within`);
    expectStageTable(run, 'GPU (opencl)');

    expectFiles(run);
    expectOneTraceARequest(run);
    expectGenAi(run.spans);
    const tree = query(run.spans);
    for (const root of run.spans.filter(({ name }) => name === ROOT)) {
      const workers = tree.children(root);
      expect(labels(workers)).toEqual(['HttpServer', 'DecodeWorker']);
      expect(new Set(workers.map(({ resource }) => resource['process.pid'])).size).toBe(2);
    }
    expectGpuSlicesInPlace(run.spans, 'opencl');
  });

  it('nests a request as its stages do', async (context) => {
    needOpenCl(context);
    const run = await runDemo(['--device', 'opencl', '--corpus', CORPUS, '--requests', '1']);
    expect(run.status, run.stdout + run.stderr).toBe(0);
    const tree = query(run.spans);
    const [root] = run.spans.filter(({ name }) => name === ROOT);
    const lines = tree.tree(root!).split('\n');
    expect(lines.slice(0, 4)).toEqual(['request', '  HttpServer', '    tokenize', '    api_server_dispatch']);
    const worker = lines.slice(lines.indexOf('  DecodeWorker'));
    expect(worker.slice(0, 6)).toEqual([
      '  DecodeWorker',
      '    prefill_waiting',
      '    prefill_forward',
      '      gpu_launch',
      '        gpu_forward',
      '      gpu_wait',
    ]);
    expect(worker.slice(6, 12)).toEqual([
      '    decode_forward',
      '      spec_draft',
      '      spec_verify',
      '        gpu_launch',
      '          gpu_forward',
      '        gpu_wait',
    ]);
  });

  it('says how many tokens each member of a batch accepted, and they add up', async (context) => {
    needOpenCl(context);
    const { spans, stdout } = await runDemo(['--device', 'opencl', '--corpus', CORPUS, '--requests', '8']);
    const tree = query(spans);
    const roots = spans.filter(({ name }) => name === ROOT);
    expect(roots, stdout).toHaveLength(8);
    for (const root of roots) {
      const steps = spans.filter(({ name, traceId }) => name === 'spec_verify' && traceId === root.traceId);
      const accepted = steps.map((step) => Number(step.attributes['accepted_tokens']));
      // The first token comes from the prefill.
      const total = 1 + accepted.reduce((sum, count) => sum + count, 0);
      expect(total).toBe(Number(root.attributes['gen_ai.usage.output_tokens']));
      for (const step of steps) expect(tree.links(step).map(({ name }) => name)).toEqual(['batch']);
    }
    // Members join and go: each batch but the first links to the one that it continues.
    const batches = tree.byName('batch').sort((a, b) => Number(a.startTimeUnixNano - b.startTimeUnixNano));
    expect(batches.length).toBeGreaterThan(1);
    const continued = batches.map((batch) => tree.links(batch).find(({ name }) => name === 'batch')?.spanId);
    expect(continued).toEqual([undefined, ...batches.slice(0, -1).map(({ spanId }) => spanId)]);
  });

  it('records the copies to and from the device at level 3', async (context) => {
    needOpenCl(context);
    const args = ['--device', 'opencl', '--corpus', CORPUS, '--requests', '4'];
    const { spans, status } = await runDemo(args, { GPUSPAN_LEVEL: '3' });
    expect(status).toBe(0);
    const names = new Set(spans.filter(isGpu).map(({ name }) => name));
    expect(names).toEqual(new Set(['gpu_upload', 'gpu_forward', 'gpu_download']));
  });
});

describe('the demo on the simulated CUDA device', () => {
  const args = ['--corpus', CORPUS];
  const DEVICE = String.raw`gpuspan simulated GPU 0 \(simulated CUDA driver \d+\.\d\), computed on the CPU`;

  beforeAll(() => {
    setUpDevice('sim');
  }, SET_UP_MILLIS);

  it('labels GPU slices as simulated wherever it shows their times, and loses nothing', async () => {
    const run = await runDemo(args, { GPUSPAN_DEVICE: 'sim' });
    expect(run.stderr).toBe('');
    expect(run.status, run.stdout).toBe(0);
    expect(run.stdout).toContain(`${REQUESTS} of ${REQUESTS} continuations equal the CPU reference`);
    expect(run.stdout).toContain('losses of the server: none');
    expect(run.stdout).toContain('losses of the worker: none');
    expect(run.stdout).toMatch(new RegExp(`^device: sim, ${DEVICE}$`, 'm'));
    expect(run.stdout).toMatch(new RegExp(`^GPU times: simulated, not measured, ${DEVICE}; half of them within`, 'm'));
    expectStageTable(run, 'GPU (simulated)');
    expectFiles(run);
    expect(run.page).toContain('"source":"simulated"');
    expectOneTraceARequest(run);
    expectGpuSlicesInPlace(run.spans, 'simulated');
    const uuids = (spans: readonly ReceivedSpan[]) => new Set(spans.map(({ attributes }) => attributes['gpu.uuid']));
    // The worker's start comes before its first launch.
    const launching = run.spans.filter(
      ({ name, parentSpanId }) =>
        name === 'DecodeWorker' && run.spans.some((span) => span.name === ROOT && span.spanId === parentSpanId),
    );
    expect(uuids(launching)).toEqual(uuids(run.spans.filter(isGpu)));
    expect([...uuids(launching)]).toEqual([expect.stringMatching(/^GPU-/)]);
  });

  it('records the copies to and from the device at level 3, and counts the steps of each member', async () => {
    const { spans, status } = await runDemo(args, { GPUSPAN_DEVICE: 'sim', GPUSPAN_LEVEL: '3' });
    expect(status).toBe(0);
    const names = new Set(spans.filter(isGpu).map(({ name }) => name));
    expect(names).toEqual(new Set(['gpu_upload', 'gpu_forward', 'gpu_download']));
    expect(query(spans).orphans()).toEqual([]);
    for (const { traceId } of spans.filter(({ name }) => name === ROOT)) {
      const steps = spans.filter((span) => span.traceId === traceId && span.name === 'decode_loop');
      const counts = steps.map(({ attributes }) => Number(attributes['decode_ct'])).sort((a, b) => a - b);
      expect(counts).toEqual(steps.map((_, i) => i + 1));
      for (const { events } of steps) expect(events.map(({ name }) => name)).toEqual(['schedule']);
    }
  });

  it('lets a kernel take as long as GPUSPAN_SIM says', async () => {
    const env = { GPUSPAN_DEVICE: 'sim', GPUSPAN_SIM: 'kernel=fixed:20000000' };
    const { spans, status } = await runDemo([...args, '--requests', '1'], env);
    expect(status).toBe(0);
    const slices = spans.filter(isGpu);
    expect(slices.length).toBeGreaterThan(0);
    // Two kernels a launch.
    for (const { startTimeUnixNano, endTimeUnixNano } of slices)
      expect(endTimeUnixNano - startTimeUnixNano).toBeGreaterThanOrEqual(39_900_000n);
  });

  it('computes there also with tracing off', async () => {
    const run = await runDemo([...args, '--off', '--device', 'sim', '--requests', '4']);
    expect(run.status, run.stdout + run.stderr).toBe(0);
    expect(run.stdout).toMatch(new RegExp(`^device: sim, ${DEVICE}$`, 'm'));
    expect(run.stdout).toContain('4 of 4 continuations equal the CPU reference');
  });

  it('is not what another library says that it is', async () => {
    const run = await runDemo(args, { GPUSPAN_DEVICE: 'sim', GPUSPAN_CUDA_LIBRARY: 'libc.so.6' });
    expect(run.stderr).toContain('cannot compute on sim: libc.so.6 has no cuInit');
    expect(run.status).toBe(1);
  });
});

describe('the demo on CUDA', () => {
  it.each([
    [
      'there is no driver',
      { GPUSPAN_CUDA_LIBRARY: '/nowhere/libcuda.so.1' },
      'no CUDA driver: /nowhere/libcuda.so.1: ',
    ],
    [
      'the driver has no device',
      { GPUSPAN_SIM: 'devices=0' },
      'does not start: CUDA_ERROR_NO_DEVICE; check nvidia-smi',
    ],
  ])(
    'ends with a message and exit code 1 where %s',
    async (_, env, message) => {
      const run = await runDemo(['--corpus', CORPUS], { ...setUpDevice('sim'), ...env, GPUSPAN_DEVICE: 'cuda' });
      expect(run.stderr).toContain('text-server: cannot compute on cuda: ');
      expect(run.stderr).toContain(message);
      expect(run.status).toBe(1);
    },
    SET_UP_MILLIS,
  );
});

describe('the demo on threads', () => {
  it('traces the threads of its addon, and loses nothing', async () => {
    const run = await runDemo(['--device', 'threads', '--corpus', CORPUS]);
    expect(run.status, run.stdout + run.stderr).toBe(0);
    expect(run.stdout).toContain('device: threads');
    expect(run.stdout).toContain('GPU times: none');
    expectOneTraceARequest(run);
    expect(run.spans.filter(isGpu)).toEqual([]);
    const tree = query(run.spans);
    expect(tree.byName('cpu_forward').length).toBeGreaterThan(REQUESTS);
    const native = run.spans.filter((span) => span.attributes['gpuspan.worker.kind'] === 'native');
    const front = run.spans.filter((span) => span.attributes['gpuspan.worker.label'] === 'HttpServer');
    expect(native.length).toBeGreaterThan(0);
    expect(native.map((span) => span.resource['process.pid'])).not.toContain(front[0]!.resource['process.pid']);
  });
});

describe('the demo with rings that are too small', () => {
  it('still answers and leaves no span without its parent, but counts the losses by reason and exits with 1', async () => {
    const args = ['--device', 'threads', '--corpus', CORPUS];
    const run = await runDemo(args, { GPUSPAN_RING_SLOTS: '64' });
    expect(run.stdout).toContain(`${REQUESTS} of ${REQUESTS} continuations equal the CPU reference`);
    expect(run.stdout).toMatch(/losses of the server: .*\d+ ring/);
    expect(query(run.spans).orphans()).toEqual([]);
    expect(run.status).toBe(1);
  });
});

describe('the losses that the demo reports', () => {
  it('include root, worker and batch spans whose export failed', () => {
    const none = { lost: {}, lostOwners: {}, inRing: 0, reader: { held: 0, lostOwners: 0, lost: {} } };
    expect(lossesOf(none)).toEqual([]);
    expect(lossesOf({ ...none, reader: { held: 0, lostOwners: 3, lost: {} } })).toEqual([
      ['request, worker and batch spans after reading', 3],
    ]);
  });
});
