// SPDX-License-Identifier: Apache-2.0
//
// `gpuspan report`: what it says of made-up spans whose figures are plain, and its exit codes.
import { execFileSync } from 'node:child_process';
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { fileOf, gpuspan, type MadeSpan, otlpRequest, temporaryFolder, traceId } from './otlp';

const MS = 1_000_000;
const root = (trace: number, start: number, end: number, more: Partial<MadeSpan> = {}): MadeSpan => ({
  trace,
  id: trace * 100,
  name: 'request',
  start,
  end,
  attributes: { 'gpuspan.request.level': 2, rid: `rid-${trace}` },
  ...more,
});
const worker = (trace: number, start: number, end: number, attributes: MadeSpan['attributes'] = {}): MadeSpan => ({
  trace,
  id: trace * 100 + 1,
  parent: trace * 100,
  name: 'DecodeWorker',
  start,
  end,
  attributes: { 'gpuspan.request.level': 2, 'gpuspan.worker.label': 'DecodeWorker', 'thread.id': 7, ...attributes },
});
const gpu = (stream: number, delay: number) => ({
  'gpu.time.source': 'simulated',
  'gpu.time.bound_ns': 500,
  'gpu.time.clamped': false,
  'gpu.device': 0,
  'gpu.stream': stream,
  'gpu.uuid': 'GPU-1',
  'gpu.queue_delay_ns': delay,
});

/** Two requests; a batch with both, whose step of 20 ms is in either trace too; two streams that overlap for 5 ms. */
const SPANS: readonly MadeSpan[] = [
  { trace: 9, id: 902, parent: 900, name: 'verify', start: 20 * MS, end: 40 * MS },
  { trace: 9, id: 903, parent: 902, name: 'forward', start: 20 * MS, end: 30 * MS, attributes: gpu(0, 1000) },
  { trace: 9, id: 904, parent: 902, name: 'forward', start: 25 * MS, end: 40 * MS, attributes: gpu(1, 3000) },
  ...[1, 2].map((trace) => ({
    trace,
    id: trace * 100 + 2,
    parent: trace * 100 + 1,
    name: 'verify',
    start: 20 * MS,
    end: 40 * MS,
    link: [9, 900] as const,
  })),
  { trace: 1, id: 110, parent: 101, name: 'tokenize', start: 0, end: 10 * MS },
  worker(1, 0, 50 * MS, { 'gpuspan.lost.ring': 3 }),
  worker(2, 10 * MS, 60 * MS, { 'gpuspan.lost.ring': 5, 'gpuspan.lost.time': 1 }),
  { trace: 9, id: 900, name: 'batch', start: 15 * MS, end: 45 * MS, attributes: { 'gpuspan.batch.size': 2 } },
  root(1, 0, 60 * MS),
  root(2, 10 * MS, 50 * MS, { error: true }),
];
const json = async (path: string, ...words: string[]) => {
  const { code, stdout } = await gpuspan('report', '--json', path, ...words);
  return { code, report: JSON.parse(stdout) };
};

describe('gpuspan report', () => {
  it('counts a batch slice once, and in the requests for every member', async () => {
    const { report } = await json(fileOf([otlpRequest(SPANS)]));
    const verify = report.stages.find((stage: { name: string }) => stage.name === 'verify');
    expect(verify).toMatchObject({ where: 'host', service: 'decoder', durationNanos: { count: 1, p50: 20 * MS } });
    expect(verify.share).toBeCloseTo(40 / 100);
    expect(report.batches).toMatchObject({ count: 1, size: { p50: 2 }, durationNanos: { p50: 30 * MS } });
  });

  it('tells busy, idle and overlapping time of streams and devices, queue delay and bounds', async () => {
    const { report } = await json(fileOf([otlpRequest(SPANS)]));
    expect(report.gpu.devices).toMatchObject([
      {
        device: 'GPU-1',
        sources: ['simulated'],
        slices: 2,
        busyNanos: 20 * MS,
        idleNanos: 0,
        overlapNanos: 5 * MS,
        streams: [
          { stream: '0', busyNanos: 10 * MS },
          { stream: '1', busyNanos: 15 * MS },
        ],
      },
    ]);
    expect(report.gpu).toMatchObject({
      queueDelayNanos: { p50: 1000, max: 3000 },
      boundNanos: { max: 500 },
      clamped: 0,
    });
  });

  it('shows the slowest requests with what they waited for', async () => {
    const { report } = await json(fileOf([otlpRequest(SPANS)]), '--slowest', '1');
    expect(report.requests).toMatchObject({ count: 2, errors: 1, durationNanos: { p50: 40 * MS, max: 60 * MS } });
    expect(report.slowest).toMatchObject([
      {
        traceId: traceId(1),
        id: 'rid-1',
        durationNanos: 60 * MS,
        criticalPath: [
          { name: '(no slice)', nanos: 30 * MS },
          { name: 'verify', nanos: 20 * MS },
          { name: 'tokenize', nanos: 10 * MS },
        ],
      },
    ]);
  });

  it('adds up the losses of lanes, of which each span tells the count so far', async () => {
    const { report } = await json(fileOf([otlpRequest(SPANS)]));
    expect(report.losses).toEqual({ total: 6, byReason: { ring: 5, time: 1 } });
  });

  it('says the same of files read together as of one', async () => {
    const [a, b] = [fileOf([otlpRequest(SPANS.slice(0, 6))]), fileOf([otlpRequest(SPANS.slice(6))])];
    const { files, ...together } = JSON.parse((await gpuspan('report', '--json', a, b)).stdout);
    const { files: one, ...whole } = (await json(fileOf([otlpRequest(SPANS)]))).report;
    expect(together).toEqual(whole);
    expect([files.length, one.length]).toEqual([2, 1]);
  });

  it('takes spans of other libraries without a parent for requests, where none is of gpuspan', async () => {
    const foreign = otlpRequest(
      [
        { id: 1, name: 'Req 7', end: 9 },
        { id: 2, parent: 1, name: 'prefill', end: 4 },
      ],
      'sglang',
      'x',
    );
    const { report } = await json(fileOf([foreign]));
    expect(report.slowest).toMatchObject([
      { name: 'Req 7', criticalPath: [{ nanos: 5 }, { name: 'prefill', nanos: 4 }] },
    ]);
    const mixed = await json(fileOf([foreign, otlpRequest(SPANS)]));
    expect(mixed.report.requests.count).toBe(2);
  });

  it('prints all of it as text, and nothing that a terminal would obey', async () => {
    const hostile = { trace: 1, id: 120, parent: 101, name: 'evil\u001b[2J\u202e\nname', start: 0, end: MS };
    const { code, stdout, stderr } = await gpuspan('report', fileOf([otlpRequest([...SPANS, hostile])]));
    expect([code, stderr]).toEqual([0, '']);
    expect(stdout).toContain('2 requests in 60.0 ms, 1 with an error: p50 40.0 ms');
    expect(stdout).toMatch(/verify +host +decoder +1 +20\.000 +20\.000 +20\.000 +20\.000 +40\.0 %/);
    expect(stdout).toMatch(/forward +GPU \(simulated\) +decoder +2/);
    expect(stdout).toContain('1 batch: members p50 2');
    expect(stdout).toMatch(/GPU-1 +2 +20\.0 ms +0 ns +100\.0 % +5\.00 ms/);
    expect(stdout).toContain('losses: 6 (ring 5, time 1)');
    expect(stdout).toContain('evil?[2J??name');
    expect(stdout).not.toMatch(/[^\n\x20-\x7e]/);
  });

  it('keeps counting when every span has a name of its own', async () => {
    const many = Array.from({ length: 2000 }, (_, i) => ({
      trace: 1,
      id: 1000 + i,
      parent: 101,
      name: `n${i}`,
      end: 5,
    }));
    const { report } = await json(fileOf([otlpRequest([...many, ...SPANS])]));
    expect(report.stages.length).toBeLessThan(600);
    const other = report.stages.find((stage: { name: string }) => stage.name === '(other)');
    expect(other.durationNanos.count).toBeGreaterThan(1400);
  });

  it('tells how far it is when asked to', async () => {
    const many = Array.from({ length: 20_000 }, (_, i) => ({ id: i + 1, attributes: { pad: 'x'.repeat(300) } }));
    const requests = Array.from({ length: 20 }, (_, i) => otlpRequest(many.slice(i * 1000, (i + 1) * 1000)));
    const { code, stderr } = await gpuspan('report', '--progress', fileOf(requests));
    expect(code).toBe(0);
    expect(stderr.replace(/^gpuspan: \d+ % of \d+ MB$/gm, '').trim()).toBe('');
  });
});

describe('gpuspan report --html', () => {
  it('writes a page, and prints the text beside it', async () => {
    const input = fileOf([otlpRequest(SPANS)]);
    const path = join(temporaryFolder(), 'report.html');
    const { code, stdout } = await gpuspan('report', '--html', path, '--slowest', '1', input);
    expect([code, stdout]).toEqual([0, (await gpuspan('report', '--slowest', '1', input)).stdout]);
    expect(readFileSync(path, 'utf8')).toMatch(/^<!doctype html>\n.*"default-src 'none'; /s);
  });

  it('writes nothing but the page to standard output for -', async () => {
    const { stdout } = await gpuspan('report', '--html', '-', fileOf([otlpRequest(SPANS)]));
    expect(stdout).toMatch(/^<!doctype html>.*<\/html>\n$/s);
  });

  it('has a page for a trace without requests or GPU', async () => {
    const { code, stdout } = await gpuspan('report', '--html', '-', fileOf([otlpRequest([{ id: 1, parent: 2 }])]));
    expect([code, stdout.length > 1000]).toEqual([0, true]);
  });
});

describe('the exit code of gpuspan report', () => {
  it('is 0 for a damaged file with spans, and 1 with --fail-on-loss, which tells what is wrong', async () => {
    const path = fileOf(`${JSON.stringify(otlpRequest([{ id: 1 }]))}\nno JSON\n{"resourceSpans":[`);
    const { code, stdout } = await gpuspan('report', path);
    expect(code).toBe(0);
    expect(stdout).toContain('1 span, 1 line not JSON, it ends too soon, what was complete is used');
    expect((await gpuspan('report', '--fail-on-loss', path)).code).toBe(1);
  });

  it('is 1 for losses with --fail-on-loss, 0 without losses', async () => {
    expect((await gpuspan('report', '--fail-on-loss', fileOf([otlpRequest(SPANS)]))).code).toBe(1);
    expect((await gpuspan('report', '--fail-on-loss', fileOf([otlpRequest([{ id: 1 }])]))).code).toBe(0);
  });

  it('is 2 for arguments that are not understood', async () => {
    for (const words of [['report'], ['report', '--nope', 'x'], ['report', '--slowest', 'many', 'x'], ['reprot'], []]) {
      const { code, stdout, stderr } = await gpuspan(...words);
      expect([code, stdout]).toEqual([2, '']);
      expect(stderr).not.toBe('');
    }
  });

  it('is 3 for input without a span, or that cannot be read', async () => {
    for (const path of [fileOf(''), fileOf('{}\n'), fileOf('hello\n'), temporaryFolder(), '/nowhere/at/all']) {
      const { code, stdout, stderr } = await gpuspan('report', path);
      expect([code, stdout]).toEqual([3, '']);
      expect(stderr).toContain(path);
    }
  });

  it('is 4 for a page that cannot be written', async () => {
    const { code, stderr } = await gpuspan('report', '--html', '/nowhere/report.html', fileOf([otlpRequest(SPANS)]));
    expect([code, stderr]).toEqual([4, expect.stringContaining('/nowhere/report.html cannot be written')]);
  });

  it('is 2 for a page that would replace an input, or what is no page, which stay', async () => {
    const input = fileOf([otlpRequest(SPANS)]);
    const other = fileOf('not a page\n');
    for (const [page, left] of [
      [input, readFileSync(input, 'utf8')],
      [other, 'not a page\n'],
    ] as const) {
      expect((await gpuspan('report', '--html', page, input)).code).toBe(2);
      expect(readFileSync(page, 'utf8')).toBe(left);
    }
  });

  it('is 0 for a page in place of another one or of an empty file, with nothing left beside it', async () => {
    const folder = temporaryFolder();
    const page = join(folder, 'report.html');
    writeFileSync(page, '');
    for (let i = 0; i < 2; i++) {
      expect((await gpuspan('report', '--html', page, fileOf([otlpRequest(SPANS)]))).code).toBe(0);
      expect(readdirSync(folder)).toEqual(['report.html']);
    }
  });

  it('is 3 for a pipe, which cannot be read twice', async () => {
    const pipe = join(temporaryFolder(), 'pipe');
    execFileSync('mkfifo', [pipe]);
    const { code, stderr } = await gpuspan('report', pipe);
    expect([code, stderr]).toEqual([3, expect.stringContaining(`${pipe} is a pipe`)]);
  });

  it('comes with a line that a terminal cannot take for a command', async () => {
    const { code, stderr } = await gpuspan('report', '/nowhere/\x1b[2J');
    expect([code, stderr]).toEqual([3, expect.stringContaining('/nowhere/?[2J')]);
    expect(stderr).not.toContain('\x1b');
  });

  it('is 0 for help and the version, which go to standard output', async () => {
    for (const words of [['--help'], ['report', '--help'], ['--version']]) {
      const { code, stdout, stderr } = await gpuspan(...words);
      expect([code, stderr]).toEqual([0, '']);
      expect(stdout).toMatch(words[0] === '--version' ? /^\d+\.\d+\.\d+\n$/ : /Exit codes:\n {2}0 {2}done/);
    }
  });
});
