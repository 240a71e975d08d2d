// SPDX-License-Identifier: Apache-2.0
//
// `gpuspan convert --kineto`: the PyTorch profiler's Chrome trace on the clock of the spans, whatever is in it.
import { execFileSync } from 'node:child_process';
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { describe, expect, it } from 'vitest';
import { type View, view } from '../perfetto/viewer';
import { drawn, named, pathOf } from './converted';
import { BASE, fileOf, gpuspan, otlpRequest, temporaryFolder } from './otlp';

const EVENTS: readonly object[] = [
  { ph: 'X', cat: 'cpu_op', name: 'aten::mm', pid: 1234, tid: 1234, ts: 10.5, dur: 20.25, args: { 'External id': 5 } },
  {
    ph: 'X',
    cat: 'cuda_runtime',
    name: 'cudaLaunchKernel',
    pid: 1234,
    tid: 1234,
    ts: 12.001,
    dur: 3,
    args: { correlation: 9 },
  },
  { ph: 's', cat: 'ac2g', name: 'ac2g', id: 9, pid: 1234, tid: 1234, ts: 12.001 },
  { ph: 'X', cat: 'kernel', name: 'gemm', pid: 0, tid: 7, ts: 40, dur: 100.5, args: { stream: 7, correlation: 9 } },
  { ph: 'f', cat: 'ac2g', name: 'ac2g', id: 9, pid: 0, tid: 7, ts: 40, bp: 'e' },
  { ph: 'B', name: 'outer', pid: 1234, tid: 55, ts: 1, args: { a: 1 } },
  { ph: 'B', name: 'inner', pid: 1234, tid: 55, ts: 2 },
  { ph: 'E', pid: 1234, tid: 55, ts: 3 },
  { ph: 'E', pid: 1234, tid: 55, ts: 4, args: { b: 2 } },
  { ph: 'i', s: 't', name: 'mark', pid: 1234, tid: 55, ts: 2.5 },
  { ph: 'C', name: 'memory', pid: 1234, tid: 0, ts: 5, args: { bytes: 512, peak: 1024.5 } },
  { ph: 'X', cat: 'Trace', name: 'PyTorch Profiler (0)', pid: 'Spans', tid: 'PyTorch Profiler', ts: 0, dur: 200 },
  { ph: 'M', name: 'process_name', pid: 1234, tid: 0, args: { name: 'python' } },
  { ph: 'M', name: 'process_labels', pid: 0, tid: 0, args: { labels: 'GPU 0' } },
  { ph: 'M', name: 'thread_name', pid: 0, tid: 7, args: { name: 'stream 7' } },
];
const trace = (events: readonly unknown[] = EVENTS, base: string | null = String(BASE)) =>
  `{"schemaVersion": 1, "deviceProperties": [{"id": 0, "name": "a GPU"}], "displayTimeUnit": "ms",
  ${base === null ? '' : `"baseTimeNanoseconds": ${base},`} "traceEvents": ${JSON.stringify(events)}, "traceName": "x"}`;
const spans = [otlpRequest([{ id: 1, name: 'sound', start: 20_000, end: 30_000 }])];

async function merged(
  text: string | Uint8Array,
  ...words: string[]
): Promise<View & { stderr: string; stdout: string }> {
  const [out, kineto] = [join(temporaryFolder(), 'out.pftrace'), join(temporaryFolder(), 'torch.json')];
  writeFileSync(kineto, text);
  const { code, stdout, stderr } = await gpuspan('convert', ...words, '--kineto', kineto, '-o', out);
  expect([code, stderr]).toEqual([0, expect.any(String)]);
  return { ...view(readFileSync(out)), stdout, stderr };
}

const time = (nanos: number) => BASE + BigInt(nanos);

describe('a trace of the PyTorch profiler', () => {
  it('is drawn beside the spans, with its processes, threads and streams by their names', async () => {
    const shown = await merged(trace(), fileOf(spans));
    expect(drawn(shown).sort()).toEqual([
      'Spans (torch.json) / thread PyTorch Profiler: PyTorch Profiler (0)',
      'decoder / requests / requests 1: sound',
      'process 0 (torch.json) GPU 0 / stream 7: gemm',
      'python 1234 (torch.json) / thread 1234: aten::mm',
      'python 1234 (torch.json) / thread 1234: cudaLaunchKernel in aten::mm',
      'python 1234 (torch.json) / thread 55: inner in outer',
      'python 1234 (torch.json) / thread 55: outer',
    ]);
    expect(shown.stdout).toContain('1 span and 11 events of PyTorch');
  });

  it('has its times on the same clock, to the nanosecond, with categories and arguments', async () => {
    const shown = await merged(trace(), fileOf(spans));
    expect(named(shown, 'sound')).toMatchObject({ start: time(20_000), end: time(30_000) });
    expect(named(shown, 'aten::mm')).toMatchObject({ start: time(10_500), end: time(30_750), category: 'cpu_op' });
    expect(named(shown, 'cudaLaunchKernel')).toMatchObject({ start: time(12_001), args: { correlation: [9] } });
    expect(named(shown, 'outer').args).toEqual({ a: [1], b: [2] });
    expect(named(shown, 'inner').instants).toEqual([expect.objectContaining({ name: 'mark', time: time(2500) })]);
  });

  it('keeps its arrows, from launch to kernel, and its counters', async () => {
    const shown = await merged(trace());
    const launch = named(shown, 'cudaLaunchKernel').flows;
    expect(launch).toHaveLength(1);
    expect(named(shown, 'gemm').flows).toEqual(launch);
    expect(named(shown, 'aten::mm').flows).toEqual([]);
    const values = shown.counters.map(({ track, time: at, value }) => [pathOf(shown, track), at, value]);
    expect(values).toEqual([
      ['python 1234 (torch.json) / memory bytes', time(5000), 512],
      ['python 1234 (torch.json) / memory peak', time(5000), 1024.5],
    ]);
  });

  it('may say its base behind the events, be an array with epoch times, be compressed', async () => {
    const behind = `{"traceEvents": ${JSON.stringify(EVENTS)}, "baseTimeNanoseconds": ${BASE}}`;
    expect(named(await merged(behind), 'gemm').start).toBe(time(40_000));
    expect(named(await merged(gzipSync(trace())), 'gemm').start).toBe(time(40_000));
    const micros = Number(BASE / 1000n);
    const epoch = EVENTS.map((event) =>
      'ts' in event ? { ...event, ts: micros + Math.floor(event.ts as number) } : event,
    );
    expect(named(await merged(JSON.stringify(epoch)), 'gemm').start).toBe(time(40_000));
    expect(named(await merged(trace(epoch, null)), 'gemm').start).toBe(time(40_000));
  });

  it('keeps numbers that are written with more digits than a double prints', async () => {
    const args = '"id": 9007199254740993, "share": 12.500, "list": [1.50, 2], "deep": {"a": 1.50}';
    const shown = await merged(`{"traceEvents": [
      {"ph": "X", "name": "trailing", "pid": 1, "tid": 2, "ts": 6908475.120, "dur": 12.500, "args": {${args}}},
      {"ph": "C", "name": "load", "pid": 1, "ts": 5.10, "args": {"id": 9007199254740993, "value": 0.50}}
    ], "baseTimeNanoseconds": ${BASE}}`);
    expect(shown.stderr).not.toContain('malformed');
    const { start, end, args: kept } = named(shown, 'trailing');
    expect([start, end]).toEqual([time(6_908_475_120), time(6_908_487_620)]);
    expect(kept).toMatchObject({ share: [12.5], list: [[1.5, 2]], deep: ['{"a":1.5}'] });
    expect(shown.counters.map(({ value }) => value)).toContain(0.5);
  });

  it('has epoch times with places to the nanosecond', async () => {
    const shown = await merged(`[{"ph": "X", "name": "epoch", "pid": 1, "tid": 2,
      "ts": ${BASE / 1000n}.123, "dur": 0.007}, {"ph": "X", "name": "longer", "pid": 1, "tid": 3,
      "ts": ${BASE / 1000n}.4996, "dur": 1e3}]`);
    expect(named(shown, 'epoch')).toMatchObject({ start: time(123), end: time(130) });
    expect(named(shown, 'longer')).toMatchObject({ start: time(500), end: time(1_000_500) });
  });

  it('of one name as another has its own processes and arrows, and the folder that tells them apart', async () => {
    const folder = temporaryFolder();
    const paths = ['rank0', 'rank1'].map((rank) => join(folder, rank, 'torch.json'));
    for (const path of paths) {
      mkdirSync(join(path, '..'));
      writeFileSync(path, trace());
    }
    const out = join(folder, 'out.pftrace');
    const words = paths.flatMap((path) => ['--kineto', path]);
    expect((await gpuspan('convert', ...words, '-o', out)).code).toBe(0);
    const shown = view(readFileSync(out));
    const launches = shown.slices.filter(({ name }) => name === 'cudaLaunchKernel');
    expect(launches.map(({ track }) => pathOf(shown, track)).sort()).toEqual([
      'python 1234 (rank0/torch.json) / thread 1234',
      'python 1234 (rank1/torch.json) / thread 1234',
    ]);
    expect(new Set(launches.flatMap(({ flows }) => flows)).size).toBe(2);
  });

  it('of slices that never end keeps a number in all, whatever the threads, and tells the rest', async () => {
    const begun = Array.from(
      { length: 200_500 },
      (_, at) => `{"ph":"B","name":"b","pid":1,"tid":${at % 401},"ts":${at}}`,
    );
    const out = join(temporaryFolder(), 'out.pftrace');
    const kineto = fileOf(`{"traceEvents": [${begun.join()}], "baseTimeNanoseconds": ${BASE}}`);
    const { code, stdout, stderr } = await gpuspan('convert', '--kineto', kineto, '-o', out);
    expect([code, stdout]).toEqual([0, expect.stringContaining('200000 events of PyTorch')]);
    expect(stderr).toContain('500 slices left out: too many are open at a time');
    expect(stderr).not.toContain('kinds that are not drawn');
  });

  it('of slices in slices keeps a number, and those around what is left out end where they end', async () => {
    const event = (ph: string, name: string, ts: number) => ({ ph, name, pid: 1, tid: 1, ts });
    const begun = Array.from({ length: 10_001 }, (_, at) => event('B', `b${at}`, at));
    const shown = await merged(trace([...begun, event('E', '', 20_000), event('E', '', 20_001)]));
    expect(shown.stderr).toContain('1 slice left out: too many are open at a time');
    expect(shown.slices.some(({ name }) => name === 'b10000')).toBe(false);
    const { start, end } = shown.slices.find(({ name }) => name === 'b9999')!;
    expect(end - start).toBe(BigInt(20_001 - 9_999) * 1000n);
  });

  it('draws an arrow that belongs to no slice to an instant', async () => {
    const shown = await merged(
      trace([EVENTS[0]!, { ph: 's', cat: 'x', name: 'x', id: 1, pid: 1234, tid: 1234, ts: 15 }]),
    );
    expect(named(shown, 'aten::mm').instants.map(({ name }) => name)).toEqual(['x']);
  });

  it('is used up to where it was cut or is no JSON, around what is malformed, and told', async () => {
    const cut = await merged(trace().slice(0, trace().indexOf('{"ph":"B"')));
    expect(cut.slices.map(({ name }) => name).sort()).toEqual(['aten::mm', 'cudaLaunchKernel', 'gemm']);
    expect(cut.stderr).toContain('it ends too soon');
    const broken = await merged(trace().replace('{"ph":"B"', '}{"ph":"B"'));
    expect(broken.slices).toHaveLength(3);
    expect(broken.stderr).toContain('its rest is not JSON');
    const odd: unknown[] = [
      5,
      null,
      {},
      { ph: 'X', name: 'no time' },
      { ph: 'X', name: 'no time', ts: 'now' },
      { ph: 'X', name: 'too early', ts: -1e30 },
      { ph: 'E', pid: 1, tid: 1, ts: 1 },
      { ph: 'b', id: 1, ts: 1, name: 'async' },
      { ph: 'X', name: { a: 1 }, pid: {}, tid: [], ts: 1, dur: -5, cat: 7, args: [1] },
      { ph: 'B', name: 'never ends', pid: 1, tid: 1, ts: 7 },
      { ph: 'C', name: 'text', ts: 1, args: { value: 'no number' } },
      { ph: 'M', name: 'thread_name', args: null },
    ];
    const shown = await merged(trace(odd));
    expect(shown.stderr).toContain('7 malformed events, 1 event of kinds that are not drawn');
    expect(shown.slices.map(({ name, start, end }) => [name, Number(end - start)])).toEqual([
      ['(no name)', 0],
      ['never ends', 0],
    ]);
  });

  it.each([
    ['is missing', undefined],
    ['is no number', 'now'],
    ['is too early', -1e30],
    ['is infinite', '1e999'],
  ])('leaves out a begin whose time %s, its end with it, and nothing around or inside', async (_, ts) => {
    const event = (ph: string, name: string, at: unknown) => ({ ph, name, pid: 1, tid: 1, ts: at });
    const begun = [event('B', 'outer', 1), event('B', 'bad', ts), event('B', 'inner', 3)];
    const text = trace([...begun, ...[4, 5, 6].map((at) => event('E', '', at))]);
    const shown = await merged(text.replace('"1e999"', '1e999'));
    const times = shown.slices.map(({ name, start, end }) => [name, start, end]);
    expect(times.sort()).toEqual([
      ['inner', time(3000), time(4000)],
      ['outer', time(1000), time(6000)],
    ]);
    expect(shown.stderr).toMatch(/: 1 malformed event\n/);
  });

  it('takes an end at no valid time for the end of its own slice', async () => {
    const event = (ph: string, name: string, ts: unknown) => ({ ph, name, pid: 1, tid: 1, ts });
    const shown = await merged(
      trace([event('B', 'outer', 1), event('B', 'inner', 2), event('E', '', 'now'), event('E', '', 4)]),
    );
    const times = shown.slices.map(({ name, start, end }) => [name, start, end]);
    expect(times.sort()).toEqual([
      ['inner', time(2000), time(2000)],
      ['outer', time(1000), time(4000)],
    ]);
    expect(named(shown, 'inner').args).toEqual({ unfinished: [true] });
  });

  it('goes on behind an event that is not JSON', async () => {
    const shown = await merged(trace().replace('"ts":10.5,', '"ts":nope,'));
    expect(shown.stderr).toContain('1 malformed event');
    expect(shown.slices.map(({ name }) => name).sort()).toEqual([
      'PyTorch Profiler (0)',
      'cudaLaunchKernel',
      'gemm',
      'inner',
      'outer',
    ]);
  });

  it('may be no pipe, which cannot be read twice', async () => {
    const pipe = join(temporaryFolder(), 'pipe');
    execFileSync('mkfifo', [pipe]);
    const { code, stderr } = await gpuspan('convert', '--kineto', pipe, '-o', join(temporaryFolder(), 'x'));
    expect([code, stderr]).toEqual([3, expect.stringContaining(`${pipe} is a pipe`)]);
  });

  it('ends with 3 where it cannot be read or placed, and leaves nothing behind', async () => {
    const early = trace(EVENTS, null);
    const inputs: (string | Uint8Array)[] = [
      '',
      'x',
      '{}',
      '[]',
      trace([]),
      trace([{ ph: 'b', id: 1, ts: 1, name: 'async' }]),
      early,
      trace(EVENTS, '"now"'),
      trace(EVENTS, '-5'),
      new Uint8Array(600),
    ];
    inputs.push(gzipSync(trace()).subarray(0, 40), '['.repeat(1_000_000), '{"traceEvents":'.repeat(100_000));
    for (const input of inputs) {
      const out = join(temporaryFolder(), 'out.pftrace');
      const { code, stderr } = await gpuspan('convert', '--kineto', fileOf(input), '-o', out);
      expect([code, stderr]).toEqual([3, expect.stringContaining('spans.jsonl')]);
      expect(readdirSync(join(out, '..'))).toEqual([]);
    }
    for (const path of ['/nowhere/at/all', temporaryFolder()]) {
      expect((await gpuspan('convert', '--kineto', path, '-o', join(temporaryFolder(), 'x'))).code).toBe(3);
    }
  });

  it('needs an input at all', async () => {
    expect((await gpuspan('convert', '-o', join(temporaryFolder(), 'x'))).code).toBe(2);
  });
});
