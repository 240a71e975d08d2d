// SPDX-License-Identifier: Apache-2.0
//
// GPUSPAN_FILE, from the record to the file: what is in it however a process ends, beside which other delivery, and what
// happens when it cannot be written.
import { spawnSync } from 'node:child_process';
import { lstatSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, symlinkSync } from 'node:fs';
import { hostname, tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Receiver, startReceiver } from 'gpuspan/testing';
import { afterEach, beforeEach, describe, expect, it, type TestContext } from 'vitest';
import { type View, view } from '../perfetto/viewer';
import { growthLimit } from '../process-memory';
import { type Ended, runScript } from './child';

// A request is drawn as itself, its stay on the worker, and its slices.
const SLICES = 10;
const DRAWN = 2 + SLICES;

let folder: string;
let file: string;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'gpuspan-file-'));
  file = join(folder, 'x.pftrace');
});

afterEach(() => rmSync(folder, { recursive: true, force: true }));

function run(steps: readonly string[], variables: NodeJS.ProcessEnv = {}, endpoint = ''): Promise<Ended> {
  return runScript('steps.cjs', steps, endpoint, { GPUSPAN_FILE: file, ...variables });
}

/** Something else under the file's name. */
function place(make: () => unknown): string {
  make();
  return file;
}

/** Every file of the folder, one behind the other. */
function shown(): View {
  return view(Buffer.concat(readdirSync(folder).map((name) => readFileSync(join(folder, name)))));
}

interface Stats {
  readonly recorded: number;
  readonly consumed: number;
  readonly inRing: number;
  readonly exported: number;
  readonly rssMebibytes: number;
  readonly outages: readonly string[];
  readonly lost: Readonly<Record<string, number>>;
  readonly reader: {
    readonly delivered: number;
    readonly held: number;
    readonly lost: Readonly<Record<string, number>>;
  };
}

/** The last line of a script's output. */
function statsOf({ stdout }: Ended): Stats {
  return JSON.parse(stdout.trim().split('\n').at(-1)!);
}

function sum(counts: Readonly<Record<string, number>>): number {
  return Object.values(counts).reduce((all, one) => all + one, 0);
}

function expectBalanced({ recorded, consumed, inRing, lost, reader }: Stats): void {
  expect(recorded).toBe(consumed + inRing + sum(lost));
  expect(consumed).toBe(reader.delivered + reader.held + sum(reader.lost));
}

describe('a trace file alone is delivery', () => {
  it.each<[string, string, number, number]>([
    ['the process ends naturally', 'natural', 0, 10],
    ['process.exit is called right after recording', 'exit', 0, 10],
    ['an error is thrown and not caught', 'throw', 1, 10],
    ['a worker_thread recorded and ended', 'worker-ends', 0, 10],
    ['only a worker_thread called start, and it ends', 'worker-only', 0, 10],
    ['two worker_threads read, one after the other', 'two-workers', 0, 20],
    ['the reader is terminated and another thread takes over', 'reader-terminated', 0, 20],
    ['a thread reads on after shutdown of another', 'after-shutdown', 0, 20],
    ['shutdown has resolved', 'shutdown', 0, 10],
  ])('and one valid file has everything when %s', async (_, mode, code, requests) => {
    const ended = await runScript('ends.cjs', [mode], '', { GPUSPAN_FILE: join(folder, 'x-%p.pftrace') });
    expect(ended).toMatchObject({ code, signal: null });
    expect(ended.stderr).not.toMatch(/gpuspan/);
    expect(readdirSync(folder)).toEqual([expect.stringMatching(/^x-\d+\.pftrace$/)]);
    expect(shown().slices).toHaveLength(requests * DRAWN);
  });

  it('and has what was still open, flagged', async () => {
    await runScript('ends.cjs', ['open'], '', { GPUSPAN_FILE: file });
    const outer = shown().slices.find(({ name }) => name === 'outer');
    expect(outer?.args).toMatchObject({ 'gpuspan.unfinished': [true] });
  });

  it('and every flush finishes it: what was recorded before is there to be read', async () => {
    const ended = await run(['record=3', 'flush', 'exit'], { TEST_EXIT_TIMEOUT: '0' });
    expect(ended).toMatchObject({ code: 0, stderr: '' });
    expect(statsOf(ended)).toMatchObject({ recorded: 30, inRing: 0, reader: { delivered: 30, lost: {} } });
    expect(shown().slices).toHaveLength(3 * DRAWN);
  });

  it('and with OTEL_TRACES_EXPORTER=none too', async () => {
    const ended = await run(['record=1'], { OTEL_TRACES_EXPORTER: 'none' });
    expect(ended).toMatchObject({ code: 0, stderr: '' });
    expect(shown().slices).toHaveLength(DRAWN);
  });

  it('and what an earlier run left under its name is replaced', async () => {
    await run(['record=5']);
    await run(['record=2']);
    expect(shown().slices).toHaveLength(2 * DRAWN);
  });

  it('and files of several processes, one behind the other, are one trace with a group for each', async () => {
    const GPUSPAN_FILE = join(folder, 'x-%p.pftrace');
    const names = { OTEL_SERVICE_NAME: 'decoder' };
    await Promise.all([1, 2, 3].map((count) => run([`record=${count}`], { GPUSPAN_FILE, ...names })));
    const { slices, tracks } = shown();
    expect(slices).toHaveLength(6 * DRAWN);
    const groups = [...tracks.values()].filter(({ pid }) => pid !== undefined);
    expect(groups.map(({ name }) => name)).toEqual(new Array(3).fill(`decoder main @${hostname()}`));
    expect(new Set(groups.map(({ pid }) => pid)).size).toBe(3);
  });

  it('and takes many times what a ring holds without growing', async () => {
    const steps = ['record=2000', 'rss', 'record=10000', 'rss', 'shutdown'];
    const ended = await run(steps, { GPUSPAN_RING_SLOTS: '32768' });
    expect(ended).toMatchObject({ code: 0, stderr: '' });
    const stats = statsOf(ended);
    expect(stats).toMatchObject({ recorded: 120_000, inRing: 0, lost: {}, reader: { delivered: 120_000, lost: {} } });
    expect(stats.rssMebibytes * 2 ** 20).toBeLessThan(growthLimit(48));
    expect(shown().slices).toHaveLength(12_000 * DRAWN);
  });
});

describe('a trace file beside other delivery', () => {
  let receiver: Receiver;

  beforeEach(async () => {
    receiver = await startReceiver();
  });

  afterEach(() => receiver.close());

  it('has everything, as the receiver has', async () => {
    const ended = await run(['record=40', 'shutdown'], {}, receiver.url);
    expect(ended).toMatchObject({ code: 0, stderr: '' });
    expect(statsOf(ended)).toMatchObject({ recorded: 400, inRing: 0, reader: { delivered: 400, held: 0, lost: {} } });
    expect(receiver.spans).toHaveLength(40 * DRAWN);
    expect(shown().slices).toHaveLength(40 * DRAWN);
  });

  it.each([
    ['http/protobuf', 'http/protobuf'],
    ['http/json', 'http/json'],
  ])('has everything over %s when the process exits at once', async (_, protocol) => {
    const ended = await runScript('ends.cjs', ['exit'], receiver.url, {
      GPUSPAN_FILE: file,
      OTEL_EXPORTER_OTLP_PROTOCOL: protocol,
    });
    expect(ended).toMatchObject({ code: 0, stderr: '' });
    expect(receiver.spans).toHaveLength(10 * DRAWN);
    expect(shown().slices).toHaveLength(10 * DRAWN);
  });

  it('goes on to the end while the receiver does not answer; what does not fit its queue is lost to it alone', async () => {
    receiver.behave({ delayMillis: 60_000 });
    // More than a ring under half full holds, and what may be in flight and wait: 32,768 spans and two exports.
    const steps = new Array<string[]>(6).fill(['record=1000', 'room=13700']).flat();
    const variables = { TEST_EXIT_TIMEOUT: '3000', GPUSPAN_RING_SLOTS: '32768' };
    const ended = await run([...steps, 'exit'], variables, receiver.url);
    expect(ended.code).toBe(0);
    expect(shown().slices).toHaveLength(6000 * DRAWN);
    expect(
      ended.stderr.match(/takes less than is recorded: \d+ spans wait for it; more are lost to it \(queue_full\)/g),
    ).toHaveLength(1);
    expect(ended.stderr).toMatch(/were not delivered to http:\S+ and \S+x\.pftrace within 3000 ms/);
    const stats = statsOf(ended);
    expectBalanced(stats);
    expect(stats).toMatchObject({ recorded: 60_000, lost: {}, reader: { delivered: 0 } });
    expect(stats.reader.lost['queue_full']).toBeGreaterThan(1000);
  });

  it('goes on while the receiver refuses, and what that lost counts once', async () => {
    receiver.behave({ status: 400 });
    const ended = await run(['record=10', 'shutdown'], {}, receiver.url);
    expect(statsOf(ended)).toMatchObject({ reader: { delivered: 0, lost: { export_failed: 100 } } });
    expect(shown().slices).toHaveLength(10 * DRAWN);
  });

  it('does not hold the receiver up when it cannot be written, and what it lacks counts once', async () => {
    const ended = await run(['record=10', 'shutdown'], { GPUSPAN_FILE: join(folder, 'missing', 'x') }, receiver.url);
    expect(receiver.spans).toHaveLength(10 * DRAWN);
    const stats = statsOf(ended);
    expectBalanced(stats);
    expect(stats).toMatchObject({ recorded: 100, reader: { delivered: 0, lost: { file_failed: 100 } } });
    expect(ended.stderr.match(/gpuspan: export to \S+ fails: ENOENT/g)).toHaveLength(1);
  });

  it('is written on the thread of an exporter object, and has everything at process.exit', async () => {
    const ended = await run(['exporter', 'record=20', 'exit']);
    expect(ended).toMatchObject({ code: 0, stderr: '' });
    expect(shown().slices).toHaveLength(20 * DRAWN);
  });

  it('has everything when an exporter object never answers', async () => {
    const ended = await run(['silent-exporter', 'record=400', 'exit'], { TEST_EXIT_TIMEOUT: '3000' });
    expect(ended.code).toBe(0);
    expect(shown().slices).toHaveLength(400 * DRAWN);
  });
});

describe('a trace file that cannot be written', () => {
  it.each<[string, () => string, RegExp]>([
    ['its folder is missing', () => join(folder, 'missing', 'x.pftrace'), /ENOENT: no such file or directory, open/],
    ['it is a folder', () => place(() => mkdirSync(file)), /is a folder/],
    ['it is a pipe', () => place(() => spawnSync('mkfifo', [file])), /is no regular file/],
    [
      'it leads into a missing folder',
      () => place(() => symlinkSync('missing/x.pftrace', file)),
      /ENOENT: no such file or directory, open '\S+\/missing\/x\.pftrace'/,
    ],
    ['it leads to itself', () => place(() => symlinkSync('x.pftrace', file)), /ELOOP/],
    ['it leads to a device', () => place(() => symlinkSync('/dev/null', file)), /is no regular file/],
  ])('is one line and counted loss when %s', async (_, prepare, message) => {
    const GPUSPAN_FILE = prepare();
    const before = lstatSync(file, { throwIfNoEntry: false })?.mode;
    const ended = await run(['record=2', 'flush', 'record=3', 'shutdown'], { GPUSPAN_FILE });
    expect(ended.code).toBe(0);
    expect(ended.stderr.match(/gpuspan: .*/g)).toEqual([expect.stringMatching(message)]);
    const stats = statsOf(ended);
    expectBalanced(stats);
    expect(stats).toMatchObject({ recorded: 50, inRing: 0, reader: { delivered: 0, lost: { file_failed: 50 } } });
    expect(lstatSync(file, { throwIfNoEntry: false })?.mode).toBe(before);
  });

  it('is begun when its folder appears, and says how much was lost until then', async () => {
    const GPUSPAN_FILE = join(folder, 'late', 'x.pftrace');
    const steps = [
      'record=2',
      'flush',
      `folder=${join(folder, 'late')}`,
      'record-until-delivered',
      'record=7',
      'shutdown',
    ];
    const ended = await run(steps, { GPUSPAN_FILE });
    const { slices } = view(readFileSync(GPUSPAN_FILE));
    const stats = statsOf(ended);
    expectBalanced(stats);
    expect(slices.filter(({ name }) => name === 'outer' || name === 'inner')).toHaveLength(stats.reader.delivered);
    expect(stats.reader.delivered).toBeGreaterThanOrEqual(70);
    expect(stats.outages).toEqual([`begin ${GPUSPAN_FILE}`, `end ${GPUSPAN_FILE}`]);
    expect(ended.stderr).toMatch(/gpuspan: export to \S+ succeeds again; \d+ spans were lost/);
    expect(ended.stderr.match(/gpuspan: /g)).toHaveLength(2);
  });

  it.each([
    ['removed', 'remove', /the file was removed; another one is begun/],
    ['cut short', 'cut', /the file was cut; its trace begins again/],
  ])('goes on with a trace that explains itself after it was %s', async (_, how, message) => {
    const steps = ['record=4', 'flush', `${how}=${file}`, 'record=5', 'flush', 'record=6', 'shutdown'];
    const ended = await run(steps);
    expect(ended.stderr).toMatch(message);
    const stats = statsOf(ended);
    expectBalanced(stats);
    expect(stats.reader.lost).toEqual({ file_failed: 50 });
    const bytes = readFileSync(file);
    expect(view(how === 'cut' ? bytes.subarray(10) : bytes).slices).toHaveLength(6 * DRAWN);
  });

  it('is counted loss while its folder is gone, and goes on when that is back', async () => {
    const parent = join(folder, 'parent');
    mkdirSync(parent);
    const GPUSPAN_FILE = join(parent, 'x.pftrace');
    const steps = [
      'record=4',
      'flush',
      `remove=${parent}`,
      'record=5',
      'flush',
      'record=5',
      'flush',
      `folder=${parent}`,
    ];
    const ended = await run([...steps, 'record-until-delivered', 'shutdown'], { GPUSPAN_FILE });
    expect(ended.code).toBe(0);
    expectBalanced(statsOf(ended));
    expect(view(readFileSync(GPUSPAN_FILE)).slices.length).toBeGreaterThanOrEqual(DRAWN);
  });

  it.each([
    ['when it leads nowhere yet', ['record=6', 'shutdown'], {}],
    [
      'when its target was removed',
      ['record=4', 'flush', 'remove-target', 'record=5', 'flush', 'record=6', 'shutdown'],
      { file_failed: 50 },
    ],
  ])('is written through a symbolic link %s', async (_, steps, lost) => {
    mkdirSync(join(folder, 'elsewhere'));
    const target = join(folder, 'elsewhere', 'y.pftrace');
    symlinkSync('elsewhere/z.pftrace', file);
    symlinkSync('y.pftrace', join(folder, 'elsewhere', 'z.pftrace'));
    const ended = await run(steps.map((step) => (step === 'remove-target' ? `remove=${target}` : step)));
    const stats = statsOf(ended);
    expectBalanced(stats);
    expect(stats.reader.lost).toEqual(lost);
    expect(view(readFileSync(target)).slices).toHaveLength(6 * DRAWN);
    expect(lstatSync(file).isSymbolicLink()).toBe(true);
  });

  it('is left to another process that took its name over, and says what helps', async () => {
    const steps = ['record=1', 'flush', `remove=${file}`, `write=${file}`, 'record=2', 'flush', 'record=3', 'shutdown'];
    const ended = await run(steps);
    expect(readFileSync(file, 'latin1')).toBe('of another process');
    expect(statsOf(ended).reader).toMatchObject({ delivered: 10, lost: { file_failed: 50 } });
    expect(ended.stderr.match(/gpuspan: /g)).toHaveLength(1);
  });

  it('ends at a whole packet where a write was cut off by the limit of file sizes', async () => {
    const ended = await run(['record=20', 'flush', 'limit=50000', 'record=200', 'flush', 'record=5', 'shutdown']);
    expect(ended.code).toBe(0);
    expect(ended.stderr.match(/gpuspan: export to \S+ fails: EFBIG/g)).toHaveLength(1);
    const stats = statsOf(ended);
    expectBalanced(stats);
    expect(stats.reader.lost['file_failed']).toBeGreaterThan(0);
    expect(shown().slices.filter(({ name }) => /outer|inner/.test(name))).toHaveLength(stats.reader.delivered);
  });

  it('is whole after a full disk, goes on when there is room, and the two lines name the loss', (ctx) => {
    const filled = ['record=20', 'flush', 'fill=filler', 'record=400', 'flush'];
    const ended = onSmallDisk(ctx, [...filled, 'remove=filler', 'record-until-delivered', 'record=5', 'shutdown']);
    expect(ended.code).toBe(0);
    expect(ended.stderr.match(/gpuspan: .*/g)).toEqual([
      expect.stringMatching(/export to \S+x\.pftrace fails: ENOSPC/),
      expect.stringMatching(/export to \S+x\.pftrace succeeds again; \d+ spans were lost/),
    ]);
    const stats = statsOf(ended);
    expectBalanced(stats);
    expect(stats.reader.delivered + (stats.reader.lost['file_failed'] ?? 0)).toBe(stats.recorded);
    const slices = view(readFileSync(join(folder, 'kept'))).slices.filter(({ name }) => /outer|inner/.test(name));
    expect(slices).toHaveLength(stats.reader.delivered);
  });
});

/** The steps on a file system of 256 KiB; the trace is copied out of it. */
function onSmallDisk(ctx: TestContext, steps: readonly string[]): Ended {
  const script = join(import.meta.dirname, 'scripts', 'steps.cjs');
  const mount = 'mount -t tmpfs -o size=256k,mode=0700 tmpfs "$1" || exit 77; cd "$1"; shift';
  const commands = `${mount}; "$@"; status=$?; cp x.pftrace ../kept; exit $status`;
  const namespace = process.getuid?.() === 0 ? ['--mount'] : ['--mount', '--map-root-user'];
  const disk = join(folder, 'disk');
  mkdirSync(disk);
  const ended = spawnSync(
    'unshare',
    [...namespace, 'sh', '-c', commands, 'sh', disk, process.execPath, script, ...steps],
    {
      encoding: 'utf8',
      env: { ...process.env, GPUSPAN: '1', GPUSPAN_FILE: 'x.pftrace' },
    },
  );
  if (ended.status === 77 || /unshare/.test(ended.stderr))
    ctx.skip(`mounting a tmpfs is not permitted here: ${ended.stderr}`);
  return { ...ended, code: ended.status, signal: ended.signal };
}
