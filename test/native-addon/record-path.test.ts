// SPDX-License-Identifier: Apache-2.0
//
// The record path of the addon, with what TypeScript passes and with everything else: nothing throws, nothing
// crashes, and what cannot be recorded is a counted loss.
import { afterEach, describe, expect, it } from 'vitest';
import { BATCH_FLAG, NONE, SCRATCH, SCRATCH_BYTES } from '../../lib/native';
import { HOSTILE, Lane, loadAddon, where } from './addon';
import { records } from './segment-view';

const native = loadAddon();
const lane = new Lane(native);
const stage = lane.stage('outer');
const inner = lane.stage('inner', 2);

/** Losses by reason that `body` added. */
function lossesOf(body: () => void): Record<string, number> {
  const before = native.stats().lost;
  body();
  const changes = Object.entries(native.stats().lost).map(
    ([name, count]) => [name, count - (before[name] ?? 0)] as const,
  );
  return Object.fromEntries(changes.filter(([, count]) => count !== 0));
}

const drain = () => records(native, lane.lane, { consume: true });

afterEach(() => {
  drain();
  const { recorded, consumed, inRing, lost } = lane.counts();
  expect(recorded).toBe(consumed + inRing + lost);
});

describe('slices', () => {
  it('writes a slice under its worker span', () => {
    const request = lane.start();
    const worker = lane.view.getBigUint64(SCRATCH.span, true);
    native.end(native.begin(where(request, stage)));
    native.requestFinish(request, 0);
    const [slice, workerSpan, root] = drain();
    expect(slice).toMatchObject({ kind: 'slice', stage, parent: worker });
    expect(workerSpan).toMatchObject({ kind: 'worker', span: worker, parent: root?.span });
    expect(root?.kind).toBe('root');
    expect(slice && slice.end >= slice.start).toBe(true);
  });

  it('takes the named token as parent, not the innermost slice', () => {
    const request = lane.start();
    const first = native.begin(where(request, stage));
    const second = native.begin(where(request, stage));
    native.end(native.beginUnder(where(request, inner), first));
    native.end(second);
    native.end(first);
    native.requestFinish(request, 0);
    const slices = drain().filter(({ kind }) => kind === 'slice');
    expect(slices.map(({ stage }) => stage)).toEqual([inner, stage, stage]);
    expect(slices[0]?.parent).toBe(slices[2]?.span);
  });

  it('ends one slice and begins the next at the same instant', () => {
    const request = lane.start();
    const token = native.begin(where(request, stage));
    native.end(lane.next(token, inner));
    native.requestFinish(request, 0);
    const [first, second] = drain();
    expect(second).toMatchObject({ stage: inner, start: first?.end });
  });

  it('takes the integer of the hot calls from the scratch memory, and leaves the token there', () => {
    const request = lane.start();
    const integer = (value?: number) => {
      if (value !== undefined) lane.view.setInt32(SCRATCH.integer, value, true);
      return lane.view.getInt32(SCRATCH.integer, true);
    };
    integer(where(request, stage));
    native.beginPlaced();
    const token = integer();
    expect(token).toBeGreaterThan(0);
    native.endPlaced();
    const lost = lossesOf(() => {
      for (const made of [token, 0, -5, 0x7fffffff]) {
        integer(made);
        native.endPlaced();
      }
    });
    expect(lost).toEqual({ stale: 4 });
    const open = native.begin(where(request, stage));
    expect(lossesOf(() => expect(lane.next(open, 4000)).toBe(0))).toEqual({ invalid: 1 });
    expect(lossesOf(() => expect(lane.next(-5, stage)).toBe(0))).toEqual({ invalid: 1 });
    native.end(open);
    for (const place of [where(request, 4000), where(0x7fff, stage), where(0xffff, stage)]) {
      integer(place);
      expect(Object.values(lossesOf(() => native.beginPlaced()))).toEqual([1]);
      expect(integer()).toBe(0);
    }
    native.requestFinish(request, 0);
    expect(drain().filter(({ kind }) => kind === 'slice')).toMatchObject([{ stage }, { stage }]);
  });

  it('keeps the payload that the scratch memory holds', () => {
    const request = lane.start();
    const token = native.begin(where(request, stage));
    const item = Buffer.from([3, 7, 0, 1]); // kBool, key 7, true
    lane.bytes.set(item, SCRATCH.payload);
    lane.endWith(token, item.length);
    native.requestFinish(request, 0);
    expect(drain()[0]?.payload.subarray(0, item.length)).toEqual(item);
  });

  it('records an interval given in nanoseconds', () => {
    const request = lane.start();
    native.record(where(request, stage), 1_000n, 2_500n, 0);
    native.requestFinish(request, 0);
    expect(drain()[0]).toMatchObject({ start: 1_000n, end: 2_500n });
  });

  it('ends the slice without attributes when the payload is not in the scratch memory', () => {
    const request = lane.start();
    const tooMany = SCRATCH_BYTES - SCRATCH.payload + 1;
    const second = lane.next(native.begin(where(request, stage)), stage, tooMany);
    lane.endWith(second, tooMany);
    lane.endWith(native.begin(where(request, stage)), 0xffff);
    native.requestFinish(request, 0);
    const slices = drain().filter(({ kind }) => kind === 'slice');
    expect(slices).toHaveLength(3);
    expect(slices.every(({ payload }) => payload.length === 0)).toBe(true);
  });

  it('counts tokens that are stale, ended twice or made up, and touches no other slice', () => {
    const request = lane.start();
    const open = native.begin(where(request, stage));
    const done = native.begin(where(request, stage));
    native.end(done);
    const lost = lossesOf(() => {
      native.end(done);
      native.end(0x7fffffff);
      native.end(-5);
      expect(lane.next(done, stage)).toBe(0);
    });
    expect(lost).toEqual({ stale: 4 });
    native.end(open);
    native.requestFinish(request, 0);
    expect(drain().filter(({ kind }) => kind === 'slice')).toHaveLength(2);
  });

  it('counts stages and owners that are out of range', () => {
    const request = lane.start();
    const lost = lossesOf(() => {
      for (const place of [where(request, 4000), where(request, 0xffff), where(0x7fff, stage), where(0xffff, stage)]) {
        expect(native.begin(place)).toBe(0);
        expect(native.beginUnder(place, 1)).toBe(0);
      }
    });
    expect(Object.values(lost).reduce((sum, count) => sum + count, 0)).toBe(8);
    native.requestFinish(request, 0);
  });

  it('counts an end before its start, reason time', () => {
    const request = lane.start();
    expect(lossesOf(() => native.record(where(request, stage), 2_000n, 1_000n, 0))).toEqual({ time: 1 });
    native.requestFinish(request, 0);
  });

  it('takes no number for a token that only equals one modulo 2^32', () => {
    const request = lane.start();
    const token = native.begin(where(request, stage));
    for (const made of [token + 2 ** 32, token - 2 ** 32]) {
      expect(lossesOf(() => native.end(made))).toEqual({ stale: 1 });
      expect(lossesOf(() => native.annotate(made, 0))).toEqual({ stale: 1 });
      expect(lossesOf(() => native.beginUnder(where(request, inner), made))).toEqual({ invalid: 1 });
    }
    native.end(token);
    native.requestFinish(request, 0);
    expect(drain().filter(({ kind }) => kind === 'slice')).toMatchObject([{ stage }]);
  });

  it('counts what JavaScript refuses under the reason it names', () => {
    expect(lossesOf(() => native.lose(6))).toEqual({ closed: 1 });
    expect(lossesOf(() => native.lose(99))).toEqual({ invalid: 1 });
  });
});

describe('requests and batches', () => {
  it('gives a new trace, or continues the caller’s', () => {
    const first = lane.start();
    const made = lane.bytes.slice(0, 16);
    expect(made.some((byte) => byte !== 0)).toBe(true);
    native.requestFinish(first, 0);
    lane.bytes.fill(0xab, SCRATCH.traceId, 16).fill(0xcd, SCRATCH.parent, SCRATCH.root);
    const second = native.requestStart(1, 0);
    native.requestFinish(second, 0);
    const root = drain().at(-1);
    expect(root).toMatchObject({ kind: 'root', trace: 'ab'.repeat(16), parent: 0xcdcdcdcdcdcdcdcdn });
  });

  it('continues an adopted request under its root without writing one', () => {
    lane.bytes.fill(0x11, SCRATCH.traceId, 16).fill(0x22, SCRATCH.root, SCRATCH.previous);
    const request = native.requestAdopt(2);
    native.end(native.begin(where(request, stage)));
    native.requestLeave(request, 0);
    const found = drain();
    expect(found.map(({ kind }) => kind)).toEqual(['slice', 'worker']);
    expect(found[1]).toMatchObject({ parent: 0x2222222222222222n, trace: '11'.repeat(16) });
  });

  it('tells a carrier what it links to', () => {
    const request = lane.start();
    const token = native.begin(where(request, stage));
    native.requestLink(request);
    const link = lane.view.getBigUint64(SCRATCH.previous, true);
    native.end(token);
    native.requestFinish(request, 0);
    expect(drain()[0]?.span).toBe(link);
  });

  it('writes one record for a slice of a batch', () => {
    const members = [lane.start(), lane.start(), lane.start()];
    lane.bytes.set(Buffer.from(new Uint16Array(members).buffer), SCRATCH.payload);
    const batch = native.batchDefine(members.length, 0);
    expect(batch).not.toBe(NONE);
    const span = lane.view.getBigUint64(SCRATCH.span, true);
    native.end(native.begin(where(batch | BATCH_FLAG, stage)));
    native.batchEnd(batch, 0);
    const found = drain();
    expect(found.map(({ kind }) => kind)).toEqual(['batch-slice', 'batch']);
    expect(found[0]?.parent).toBe(span);
    for (const member of members) native.requestFinish(member, 0);
  });

  it('refuses batches whose members are missing, out of range or outside the scratch memory', () => {
    lane.bytes.fill(0xff, SCRATCH.payload);
    for (const [count, bytes] of [
      [0, 0],
      [-1, 0],
      [1, 0],
      [4097, 0],
      [2 ** 30, 0],
      [1, SCRATCH_BYTES],
    ] as const) {
      expect(native.batchDefine(count, bytes)).toBe(NONE);
    }
  });

  it('refuses levels outside 1 to 4', () => {
    for (const level of [0, 5, -1, 256]) {
      expect(native.requestStart(level, 0)).toBe(NONE);
      expect(native.requestAdopt(level)).toBe(NONE);
    }
  });

  it('counts a request that is adopted without a root among the lost owners', () => {
    lane.bytes.fill(0, SCRATCH.traceId, SCRATCH.previous);
    const before = native.stats().lostOwners.invalid ?? 0;
    expect(native.requestAdopt(2)).toBe(NONE);
    expect(native.stats().lostOwners.invalid).toBe(before + 1);
    expect(drain()).toEqual([]);
  });

  it('counts a second finish and changes nothing', () => {
    const request = lane.start();
    native.requestFinish(request, 0);
    const before = drain().length;
    native.requestFinish(request, 0);
    native.requestLeave(request, 0);
    expect(before).toBeGreaterThan(0);
    expect(drain()).toEqual([]);
  });
});

describe('GPU slices without a device', () => {
  it('says why there is none and counts launches, reason gpu_device', () => {
    const opened = native.gpuOpen();
    expect(opened.source).toBe('');
    expect(opened.reason).not.toBe('');
    expect(() => native.gpuStream(1n)).toThrow(expect.objectContaining({ code: 'GPUSPAN_STREAM' }));
    const request = lane.start();
    expect(lossesOf(() => expect(native.gpuBegin(where(request, stage), 0)).toBe(0))).toEqual({ gpu_device: 1 });
    native.gpuEnd(0, 0);
    native.requestFinish(request, 0);
  });
});

describe('anything at all', () => {
  const calls = [
    'requestStart requestAdopt requestLeave requestFinish requestLink annotateRoot annotateWorker begin beginUnder end',
    'beginPlaced endPlaced nextPlaced annotate record event eventAt lose batchDefine batchEnd gpuBegin gpuEnd gpuAnnotate',
  ].flatMap((names) => names.split(' ') as (keyof typeof native)[]);

  it.each(calls)('%s neither throws nor crashes on values of any type', (name) => {
    const call = native[name] as (...values: unknown[]) => unknown;
    call();
    for (const first of HOSTILE) {
      for (const second of HOSTILE) {
        for (const third of [HOSTILE[0], HOSTILE[4], HOSTILE[8], HOSTILE[10]]) call(first, second, third, second);
      }
    }
    native.stats();
  });
});
