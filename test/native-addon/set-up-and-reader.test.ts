// SPDX-License-Identifier: Apache-2.0
//
// Set-up functions throw errors with a code for bad arguments; the reader's functions are bounds-checked.
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { ASK_AGAIN, SCRATCH, SCRATCH_BYTES } from '../../lib/native';
import { CONFIG, HOSTILE, IDENTITY, Lane, loadAddon, ROOT, where } from './addon';
import { records } from './segment-view';

const native = loadAddon();
const option = expect.objectContaining({ code: 'GPUSPAN_OPTION' });

describe('before open', () => {
  it('answers as an empty segment does', () => {
    expect(native.leaseHolder()).toBe(0);
    expect(native.leaseAcquire(1)).toBe(false);
    expect(native.segmentBytes()).toBe(0);
    expect(native.read(0, 1, new Uint8Array(1))).toBe(false);
    expect(native.begin(0)).toBe(0);
    expect(() => native.beginPlaced()).not.toThrow();
    expect(() => native.endPlaced()).not.toThrow();
    expect(() => native.nextPlaced()).not.toThrow();
    expect(() => native.attach(IDENTITY)).toThrow(expect.objectContaining({ code: 'GPUSPAN_LANE' }));
    expect(() => native.stats()).toThrow(expect.objectContaining({ code: 'GPUSPAN_SEGMENT' }));
  });

  it.each([
    ['lanes', 1],
    ['lanes', 2.5],
    ['lanes', 5000],
    ['ringSlots', 100],
    ['requestTtlMillis', -1],
    ['requestTtlMillis', '1'],
    ['ringSlots', 32],
    ['clock', 'sundial'],
    ['device', 'abacus'],
    ['directory', 7],
    ['cudaLibrary', null],
    ['modules', 'request'],
    ['modules', [1]],
  ])('refuses %s %j by name', (name, value) => {
    expect(() => native.open({ ...CONFIG, [name]: value })).toThrow(
      expect.objectContaining({ code: 'GPUSPAN_OPTION', message: expect.stringContaining(name) }),
    );
  });

  it('throws GPUSPAN_SEGMENT naming the directory that cannot be used', () => {
    expect(() => native.open({ ...CONFIG, directory: '/dev/null/gpuspan' })).toThrow(
      expect.objectContaining({ code: 'GPUSPAN_SEGMENT', message: expect.stringContaining('/dev/null/gpuspan') }),
    );
  });
});

describe('after open', () => {
  it('creates one segment, whatever later calls ask for', () => {
    const first = native.open(CONFIG);
    expect(first.created).toBe(true);
    expect(['tsc', 'cntvct', 'monotonic']).toContain(first.clock);
    const bytes = native.segmentBytes();
    expect(native.open({ ...CONFIG, lanes: 2 })).toMatchObject({ created: false, clock: first.clock });
    expect(native.segmentBytes()).toBe(bytes);
  });

  it('gives an environment one lane and one scratch memory', () => {
    const first = native.attach(IDENTITY);
    const again = native.attach({ ...IDENTITY, label: 'other' });
    expect(first.scratch.byteLength).toBe(SCRATCH_BYTES);
    expect(again.lane).toBe(first.lane);
    new Uint8Array(first.scratch)[100] = 42;
    expect(new Uint8Array(again.scratch)[100]).toBe(42);
    expect(native.environment()).toBe(native.environment());
  });

  it.each([
    ['label', 7],
    ['threadId', 'one'],
    ['tpRank', 1e9],
    ['gpuIndex', -2],
    ['gpuUuid', 7],
  ])('refuses an identity with %s %j', (name, value) => {
    expect(() => native.attach({ ...IDENTITY, [name]: value })).toThrow(option);
  });

  it('interns a name once and tells a conflicting level', () => {
    const module = native.intern('module', 0, 0, 'words').id;
    const first = native.intern('stage', module, 2, 'spoken');
    expect(first).toEqual({ id: first.id, level: 2, conflict: false });
    expect(native.intern('stage', module, 3, 'spoken')).toEqual({ id: first.id, level: 2, conflict: true });
    expect(native.intern('key', 0, 0, 'spoken').id).not.toBe(first.id);
  });

  it('refuses names that are none', () => {
    const intern = native.intern as (...values: unknown[]) => unknown;
    expect(() => intern('kind', 0, 0, 'x')).toThrow(option);
    expect(() => intern('stage', -1, 0, 'x')).toThrow(option);
    expect(() => intern('stage', 0, 9, 'x')).toThrow(option);
    expect(() => intern('stage', 0, 1, 7)).toThrow(option);
  });

  it('refuses levels and modules that are none', () => {
    for (const level of [-1, 5, '2', undefined]) expect(() => native.setLevel(level as never)).toThrow(option);
    for (const modules of ['all', [7], null]) expect(() => native.setModules(modules as never)).toThrow(option);
    expect([native.settingsChanged(), native.settings(false)]).toEqual([false, {}]);
  });

  it('asks for its settings to be followed before it starts a request after a change, and holds them', () => {
    native.setLevel(0);
    expect(native.setModules(['words', 'unheard_of'])).toEqual(['unheard_of']);
    expect([native.requestStart(1, 0), native.requestAdopt(1)]).toEqual([ASK_AGAIN, ASK_AGAIN]);
    expect(native.settings(false)).toEqual({ level: 0, modules: ['words', 'unheard_of'] });
    expect(native.settingsChanged()).toBe(true);
    native.setModules(undefined);
    expect(native.settings(true)).toEqual({ level: 0, modules: null });
    expect(native.settingsChanged()).toBe(false);
    native.requestFinish(native.requestStart(1, 0), 0);
  });

  it('takes values of any type without crashing', () => {
    const names =
      'open attach intern setLevel setModules settings gpuStream leaseAcquire leaseTransfer advance publishReader flushDone flushWait read';
    for (const name of names.split(' ') as (keyof typeof native)[]) {
      const call = native[name] as (...values: unknown[]) => unknown;
      for (const value of HOSTILE) {
        const outcome = (() => {
          try {
            return call(value, value, value, value, value);
          } catch (error) {
            return error;
          }
        })();
        expect(['boolean', 'undefined', 'object']).toContain(typeof outcome);
      }
    }
    native.leaseRelease(native.leaseHolder() || 1);
    native.settings(true);
  });
});

describe('the reader', () => {
  it('lets one environment hold the lease and hand it over', () => {
    const own = native.environment();
    expect(native.leaseAcquire(own)).toBe(true);
    expect(native.leaseAcquire(own + 1)).toBe(false);
    expect(native.leaseTransfer(own + 1, own)).toBe(false);
    expect(native.leaseTransfer(own, own + 1)).toBe(true);
    native.leaseRelease(own);
    expect(native.leaseHolder()).toBe(own + 1);
    native.leaseRelease(own + 1);
    expect(native.leaseHolder()).toBe(0);
  });

  it('copies only from inside the segment and into what has room', () => {
    const bytes = native.segmentBytes();
    const into = new Uint8Array(16);
    expect(native.read(0, 8, into)).toBe(true);
    expect(Buffer.from(into.buffer).toString('latin1', 0, 8)).toBe('GPUSPAN1');
    // Lanes that were never claimed are outside as well.
    expect(native.read(bytes - 1, 1, into)).toBe(false);
    expect(native.read(bytes, 1, into)).toBe(false);
    expect(native.read(bytes - 8, 16, into)).toBe(false);
    expect(native.read(0, 17, into)).toBe(false);
    expect(native.read(-1, 1, into)).toBe(false);
    expect(native.read(0, 8, new Uint16Array(16) as unknown as Uint8Array)).toBe(false);
  });

  it('moves a position only forward and only over what was written', () => {
    const lane = new Lane(native);
    const stage = lane.stage('read');
    const request = lane.start();
    native.end(native.begin(where(request, stage)));
    native.requestFinish(request, 0);
    expect(native.advance(lane.lane, 1_000, 0, 1, 0)).toBe(false);
    expect(native.advance(lane.lane, 0, 1, 1, 0)).toBe(false);
    expect(native.advance(9_999, 0, 0, 0, 0)).toBe(false);
    expect(lane.counts().inRing).toBe(1);
    records(native, lane.lane, { consume: true });
    expect(lane.counts()).toMatchObject({ inRing: 0, consumed: 1 });
    expect(native.advance(lane.lane, 0, 0, 0, 0)).toBe(false);
  });

  it('publishes what the reader did for stats', () => {
    native.publishReader(new Float64Array([5, 2, 3, 1, 0, 4]));
    expect(native.stats().reader).toMatchObject({ delivered: 5, held: 2, owners: 3 });
    expect(native.stats().reader.lost.slice(0, 3)).toEqual([1, 0, 4]);
  });

  it('waits for a flush until it is done, and not for ever', () => {
    const ticket = native.flushRequest();
    expect(native.flushRequested()).toBe(ticket);
    expect(native.flushWait(ticket, 1)).toBe(false);
    native.flushDone(ticket);
    expect(native.flushWait(ticket, 1)).toBe(true);
  });
});

describe('lanes that were never claimed', () => {
  it('are not touched, which would be fatal on a full file system', (ctx) => {
    const folder = mkdtempSync(join(tmpdir(), 'gpuspan-full-'));
    const script = join(ROOT, 'test', 'native-addon', 'full-file-system.cjs');
    const commands = `mount -t tmpfs -o size=4m,mode=0700 tmpfs "$1" || exit 77; exec "$2" "$3" "$1"`;
    const namespace = process.getuid?.() === 0 ? ['--mount'] : ['--mount', '--map-root-user'];
    const { status, stdout, stderr } = spawnSync(
      'unshare',
      [...namespace, 'sh', '-c', commands, 'sh', folder, process.execPath, script],
      { encoding: 'utf8' },
    );
    rmSync(folder, { recursive: true });
    if (status === 77 || /unshare/.test(stderr)) return ctx.skip(`mounting a tmpfs is not permitted here: ${stderr}`);
    expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
    expect(JSON.parse(stdout)).toEqual({ full: true, lanes: 1, read: false, advanced: false });
  });
});

describe('closeLane', () => {
  it('closes and flags what is open; later slices are lost, reason closed', () => {
    const lane = new Lane(native);
    const stage = lane.stage('left open');
    const request = lane.start();
    const token = native.begin(where(request, stage));
    native.closeLane();
    const unfinished = 1 << 3;
    const [slice] = records(native, lane.lane);
    expect(slice).toMatchObject({ kind: 'slice', stage });
    expect((slice?.flags ?? 0) & unfinished).toBe(unfinished);
    const before = native.stats().lost['closed'] ?? 0;
    native.end(token);
    expect(native.begin(where(request, stage))).toBe(0);
    lane.view.setInt32(SCRATCH.integer, where(request, stage), true);
    native.beginPlaced();
    expect(lane.view.getInt32(SCRATCH.integer, true)).toBe(0);
    native.endPlaced();
    expect(lane.next(token, stage)).toBe(0);
    expect(native.stats().lost['closed']).toBe(before + 5);
    const { recorded, consumed, inRing, lost } = lane.counts();
    expect(recorded).toBe(consumed + inRing + lost);
  });

  it('counts later calls about requests and batches among the owners and links to nothing', () => {
    const lane = new Lane(native);
    native.closeLane();
    const before = native.stats();
    lane.view.setBigUint64(SCRATCH.previous, 0x1234n, true);
    native.requestLink(0);
    expect(lane.view.getBigUint64(SCRATCH.previous, true)).toBe(0n);
    native.requestLeave(0, 0);
    native.requestFinish(0, 0);
    native.batchEnd(0, 0);
    const after = native.stats();
    expect(after.lost).toEqual(before.lost);
    expect((after.lostOwners['closed'] ?? 0) - (before.lostOwners['closed'] ?? 0)).toBe(4);
  });
});
