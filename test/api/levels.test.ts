// SPDX-License-Identifier: Apache-2.0
//
// Level and modules changed at run time, with the real addon: in this thread, in worker_threads that record already,
// and in ones that start later. One process, so the tests run in order.
import { once } from 'node:events';
import { Worker } from 'node:worker_threads';
import { defineEvents, defineStages, GpuspanError, type Request, start } from 'gpuspan';
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from 'vitest';

process.env['GPUSPAN'] = '1';

const stages = defineStages('levels', { coarse: { level: 1 }, fine: { level: 3 } });
const events = defineEvents('levels', { noted: { level: 1 } });
const quiet = defineStages('quiet', { hushed: { level: 1 } });
const exporter = {
  export: (_: unknown[], done: (result: { code: number }) => void) => done({ code: 0 }),
  async shutdown() {},
};
const tracer = start({ exporter, device: 'none', level: 2, ringSlots: 1024 });

/** What a thread sees: `kept` is a request in flight, `levels` and `tokens` are those of a new one. */
const BODY = `
  const { parentPort } = require('node:worker_threads');
  const { defineStages, start } = require('gpuspan');
  const stages = { ...defineStages('levels', { coarse: { level: 1 }, fine: { level: 3 } }), ...defineStages('quiet', { hushed: { level: 1 } }) };
  const tracer = start({ device: 'none', level: 2, ringSlots: 1024 });
  const kept = tracer.request();
  const opened = (request) => Object.fromEntries(Object.entries(stages).map(([name, stage]) => {
    const token = request.begin(stage);
    request.end(token);
    return [name, token !== 0];
  }));
  parentPort.on('message', (carrier) => {
    const told = [tracer.level, tracer.modules ?? 'all'];
    const before = { level: kept.level, opened: opened(kept) };
    const request = carrier === undefined ? tracer.request() : tracer.adopt(carrier);
    const seen = { told, before, level: request.level, opened: opened(request) };
    request.finish();
    parentPort.postMessage(seen);
  });
  parentPort.postMessage('ready');
`;

interface Seen {
  readonly told: unknown;
  readonly before: { readonly level: number; readonly opened: Record<string, boolean> };
  readonly level: number;
  readonly opened: Record<string, boolean>;
}

async function spawn(): Promise<Worker> {
  const worker = new Worker(BODY, { eval: true });
  await once(worker, 'message');
  return worker;
}

async function look(worker: Worker, carrier?: unknown): Promise<Seen> {
  const answer = once(worker, 'message');
  worker.postMessage(carrier);
  return (await answer)[0] as Seen;
}

function opens(request: Request, stage = stages.coarse): boolean {
  const token = request.begin(stage);
  request.end(token);
  return token !== 0;
}

let workers: Worker[];
beforeAll(async () => {
  workers = await Promise.all([spawn(), spawn()]);
});
afterEach(() => {
  tracer.setLevel(2);
  tracer.setModules(undefined);
  vi.restoreAllMocks();
});
afterAll(async () => {
  await Promise.all(workers.map((worker) => worker.terminate()));
  await tracer.shutdown();
});

describe('setLevel', () => {
  it('holds in every thread from its next request on, and requests in flight keep theirs', async () => {
    const kept = tracer.request();
    tracer.setLevel(3);
    expect(tracer.level).toBe(3);
    const next = tracer.request();
    expect([kept.level, next.level]).toEqual([2, 3]);
    expect([opens(kept, stages.fine), opens(next, stages.fine)]).toEqual([false, true]);
    for (const worker of workers) {
      const seen = await look(worker);
      expect(seen).toMatchObject({ told: [3, 'all'], level: 3, opened: { fine: true } });
      expect(seen.before).toMatchObject({ level: 2, opened: { fine: false } });
    }
    kept.finish();
    next.finish();
  });

  it('holds in threads that start later, over the level they start with', async () => {
    tracer.setLevel(4);
    const worker = await spawn();
    expect(await look(worker)).toMatchObject({ told: [4, 'all'], level: 4 });
    await worker.terminate();
  });

  it('makes new requests inert at 0, in every thread, and live again at the next change', async () => {
    const kept = tracer.request();
    tracer.setLevel(0);
    const { lostOwners } = tracer.stats();
    const inert = tracer.request();
    expect([inert.level, inert.carrier(), kept.level]).toEqual([-1, undefined, 2]);
    expect(await look(workers[0]!)).toMatchObject({ told: [0, 'all'], level: -1 });
    expect(tracer.stats().lostOwners).toEqual(lostOwners);
    tracer.setLevel(1);
    const live = tracer.request();
    expect(live.level).toBe(1);
    expect(await look(workers[0]!)).toMatchObject({ level: 1 });
    live.finish();
    kept.finish();
  });

  it('hands the caller on at 0', () => {
    tracer.setLevel(0);
    const headers = { traceparent: '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01' };
    expect(tracer.request({ headers }).headers()).toEqual(headers);
  });

  it('leaves an adopted request the level that it brings', async () => {
    const request = tracer.request();
    tracer.setLevel(4);
    expect(await look(workers[0]!, request.carrier())).toMatchObject({ told: [4, 'all'], level: 2 });
    request.finish();
  });

  it.each([-1, 5, 1.5, '3', undefined, null, Number.NaN])('refuses %j and changes nothing', (level) => {
    expect(() => tracer.setLevel(level as never)).toThrow(GpuspanError);
    expect(() => tracer.setLevel(level as never)).toThrow(expect.objectContaining({ code: 'GPUSPAN_OPTION' }));
    expect(tracer.level).toBe(2);
  });
});

describe('setModules', () => {
  it('shuts and opens the stages of every thread when it next starts or adopts a request', async () => {
    expect(tracer.setModules(['levels'])).toEqual([]);
    expect(tracer.modules).toEqual(['levels']);
    const request = tracer.request();
    expect([opens(request), opens(request, quiet.hushed)]).toEqual([true, false]);
    expect(await look(workers[0]!)).toMatchObject({ told: [2, ['levels']], opened: { coarse: true, hushed: false } });
    expect(await look(workers[1]!, request.carrier())).toMatchObject({ opened: { coarse: true, hushed: false } });
    request.finish();

    tracer.setModules(undefined);
    expect(tracer.modules).toBeUndefined();
    const again = tracer.request();
    expect(opens(again, quiet.hushed)).toBe(true);
    for (const worker of workers) expect(await look(worker)).toMatchObject({ opened: { coarse: true, hushed: true } });
    again.finish();
  });

  it('records nothing of any module given none, but requests', () => {
    tracer.setModules([]);
    const request = tracer.request();
    const before = tracer.stats().recorded;
    request.event(events.noted);
    expect([request.level, opens(request), opens(request, quiet.hushed)]).toEqual([2, false, false]);
    expect(tracer.stats().recorded).toBe(before);
    request.finish();
  });

  it('lets a slice that is open end as usual', () => {
    const request = tracer.request();
    const token = request.begin(stages.coarse);
    tracer.setModules([]);
    tracer.request().finish();
    const before = tracer.stats();
    request.end(token);
    expect(tracer.stats().recorded).toBe(before.recorded + 1);
    expect(tracer.stats().lost).toEqual(before.lost);
    request.finish();
  });

  it('says which names nobody has declared, each once by a warning, and takes them as soon as somebody does', () => {
    const warning = vi.spyOn(process, 'emitWarning').mockReturnValue();
    expect(tracer.setModules(['levels', 'not_yet', 'not_yet'])).toEqual(['not_yet']);
    expect(tracer.setModules(['not_yet'])).toEqual(['not_yet']);
    expect(warning).toHaveBeenCalledTimes(1);
    expect(warning).toHaveBeenCalledWith(expect.stringContaining('"not_yet"'), 'GpuspanWarning');
    const request = tracer.request();
    const { late } = defineStages('not_yet', { late: { level: 1 } });
    expect([opens(request, late), opens(request)]).toEqual([true, false]);
    expect(tracer.setModules(['not_yet'])).toEqual([]);
    request.finish();
  });

  it.each([['levels'], [['levels', 7]], [['']], [null], [[undefined]], [new Array(2)]])(
    'refuses %j and changes nothing',
    (modules) => {
      expect(() => tracer.setModules(modules as never)).toThrow(GpuspanError);
      expect(tracer.modules).toBeUndefined();
    },
  );
});
