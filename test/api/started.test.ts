// SPDX-License-Identifier: Apache-2.0
//
// A tracer that is on, with the real addon and an exporter on this thread: what the calls of the API come to.
// One process, one tracer, so the tests run in order and the last ones end it.
import type { ReadableSpan } from '@opentelemetry/sdk-trace-base';
import { GpuspanError, type Request, defineEvents, defineStages, start } from 'gpuspan';
import { afterAll, beforeEach, describe, expect, it } from 'vitest';

process.env['GPUSPAN'] = '1';

const stages = defineStages('started', { tokenize: { level: 1 }, forward: { level: 2 }, detail: { level: 3 } });
const events = defineEvents('started', { retract: { level: 1 } });
const exported: ReadableSpan[] = [];
const exporter = {
  export(spans: ReadableSpan[], done: (result: { code: number }) => void) {
    exported.push(...spans);
    done({ code: 0 });
  },
  async shutdown() {},
};
const options = {
  exporter,
  serviceName: 'api-test',
  device: 'none',
  worker: { label: 'ApiWorker', tpRank: 1 },
} as const;
const tracer = start(options);
const TRACE = '0af7651916cd43dd8448eb211c80319c';
const CALLER = 'b7ad6b7169203331';
const traceparent = (flags: string) => `00-${TRACE}-${CALLER}-${flags}`;

beforeEach(async () => {
  await tracer.flush();
  exported.length = 0;
});
afterAll(() => tracer.shutdown());

async function spans(): Promise<ReadableSpan[]> {
  await tracer.flush();
  return exported;
}

async function named(name: string): Promise<ReadableSpan> {
  const found = (await spans()).filter((span) => span.name === name);
  expect(found).toHaveLength(1);
  return found[0]!;
}

const idOf = (span: ReadableSpan) => span.spanContext().spanId;
const parentOf = (span: ReadableSpan) => span.parentSpanContext?.spanId;

describe('start', () => {
  it('is on, and gives the same tracer again', () => {
    expect([tracer.enabled, tracer.reason]).toEqual([true, '']);
    expect(start()).toBe(tracer);
    expect(start({ ...options, worker: { tpRank: 1, label: 'ApiWorker' } })).toBe(tracer);
  });

  it('refuses other options, and bad ones, and goes on', () => {
    const started = expect.objectContaining({ code: 'GPUSPAN_STARTED' });
    expect(() => start({ level: 4 })).toThrow(started);
    expect(() => start({ exporter: { ...exporter } })).toThrow(started);
    expect(() => start({ level: 7 as never })).toThrow(GpuspanError);
    expect(start().enabled).toBe(true);
  });

  it('has an address for native code', () => {
    expect(tracer.apiAddress).toBeGreaterThan(0n);
  });
});

describe('a request', () => {
  it('becomes a root span under its caller, a worker span and nested slices', async () => {
    const headers = { TraceParent: traceparent('01'), tracestate: 'vendor=1' };
    const request = tracer.request({ id: 'r-1', name: 'chat', headers, attributes: { 'gen_ai.request.model': 'm' } });
    const outer = request.begin(stages.tokenize);
    const inner = request.begin(stages.forward);
    request.event(events.retract, { kept: 3 });
    request.end(inner, { tokens: 17 });
    request.end(outer);
    expect(request.begin(stages.detail)).toBe(0);
    request.finish({ attributes: { 'gen_ai.usage.output_tokens': 5 } });

    const root = await named('chat');
    const worker = await named('ApiWorker');
    const tokenize = await named('tokenize');
    const forward = await named('forward');
    expect(exported).toHaveLength(4);
    expect(root.spanContext()).toMatchObject({ traceId: TRACE, traceFlags: 1 });
    expect(root.spanContext().traceState?.serialize()).toBe('vendor=1');
    expect(root.parentSpanContext).toMatchObject({ spanId: CALLER, isRemote: true });
    expect(root.attributes).toEqual({
      rid: 'r-1',
      'gen_ai.request.model': 'm',
      'gen_ai.usage.output_tokens': 5,
      'gpuspan.request.level': 2,
    });
    expect([parentOf(worker), parentOf(tokenize), parentOf(forward)]).toEqual([
      idOf(root),
      idOf(worker),
      idOf(tokenize),
    ]);
    expect([forward.attributes, tokenize.attributes]).toEqual([{ tokens: 17 }, {}]);
    expect(forward.events.map(({ name, attributes }) => [name, attributes])).toEqual([['retract', { kept: 3 }]]);
  });

  it('starts a trace of its own when the traceparent is malformed', async () => {
    tracer.request({ headers: { traceparent: `00-${TRACE}-${CALLER}` } }).finish();
    const root = await named('request');
    expect(root.parentSpanContext).toBeUndefined();
    expect(root.spanContext().traceId).not.toBe(TRACE);
  });

  it('records nothing when its caller is not sampled, but hands the context on', async () => {
    const request = tracer.request({ id: 'r', headers: { traceparent: traceparent('00') } });
    expect(request.level).toBe(-1);
    request.end(request.begin(stages.tokenize));
    expect(request.headers()).toEqual({ traceparent: traceparent('00') });
    const carrier = request.carrier();
    expect(carrier).toEqual({ v: 1, trace: TRACE, root: CALLER, level: 0, flags: 0, id: 'r' });
    expect(tracer.adopt(carrier).headers()).toEqual({ traceparent: traceparent('00') });
    request.finish();
    expect(await spans()).toEqual([]);
  });

  it('gives headers whose parent is its root span', async () => {
    const request = tracer.request({ headers: { traceparent: traceparent('01'), tracestate: 'a=1' } });
    const headers = request.headers();
    request.finish();
    expect(headers).toEqual({ traceparent: `00-${TRACE}-${idOf(await named('request'))}-01`, tracestate: 'a=1' });
  });

  it('gives error status and an exception to what throws, and to the root span of a trace', async () => {
    const fails = () => tracer.trace({}, (request) => request.slice(stages.tokenize, () => JSON.parse('{')));
    expect(fails).toThrow(SyntaxError);
    for (const span of [await named('tokenize'), await named('request')]) {
      expect(span.status).toMatchObject({ code: 2 });
      expect(span.events).toMatchObject([{ name: 'exception', attributes: { 'exception.type': 'SyntaxError' } }]);
    }
  });

  it('is aborted when what a trace returns cannot be waited for, and passes the error on', async () => {
    const fails = () => {
      throw new RangeError('no then');
    };
    const body = () => Object.defineProperty({}, 'then', { get: fails });
    expect(() => tracer.trace({ name: 'unwaitable' }, body)).toThrow(RangeError);
    expect((await named('unwaitable')).status).toMatchObject({ code: 2, message: 'no then' });
  });

  it('is finished when the promise of a trace resolves', async () => {
    expect(await tracer.trace({ name: 'later' }, async (request) => request.level)).toBe(2);
    await named('later');
  });

  it('keeps concurrent children of one slice as siblings', async () => {
    await tracer.trace({}, (request) =>
      request.slice(stages.tokenize, async (parent) => {
        const child = () => request.slice(stages.forward, async () => {}, parent);
        await Promise.all([child(), child()]);
      }),
    );
    const parent = await named('tokenize');
    const children = exported.filter((span) => span.name === 'forward');
    expect(children.map(parentOf)).toEqual([idOf(parent), idOf(parent)]);
  });

  it('takes times of CLOCK_MONOTONIC for what is over', async () => {
    const request = tracer.request();
    const end = tracer.now();
    request.record(stages.forward, end - 3_000_000n, end, { a: 1 });
    request.finish();
    // The realtime clock is steered while it runs, so its milliseconds are not quite monotonic ones.
    const [seconds, nanos] = (await named('forward')).duration;
    expect(seconds).toBe(0);
    expect(Math.abs(nanos - 3_000_000)).toBeLessThan(3_000);
  });

  it('is found by tracer.current within its run only, across awaits', async () => {
    const one = tracer.request();
    const two = tracer.request();
    const seen: Request[] = [];
    const look = async () => {
      await null;
      seen.push(tracer.current());
    };
    await Promise.all([one.run(look), two.run(look)]);
    expect(seen[0]).toBe(one);
    expect(seen[1]).toBe(two);
    expect(tracer.current().level).toBe(-1);
    one.finish();
    two.finish();
  });
});

describe('a carrier', () => {
  it('continues the request elsewhere: same trace, a worker span under the root, a link to the slice that sent it', async () => {
    const request = tracer.request({ id: 'r-9' });
    const sending = request.begin(stages.tokenize);
    const carrier = JSON.parse(JSON.stringify(request.carrier()));
    expect(carrier).toMatchObject({
      v: 1,
      level: 2,
      flags: 1,
      id: 'r-9',
      link: expect.stringMatching(/^[0-9a-f]{16}$/),
    });
    const there = tracer.adopt(carrier);
    there.end(there.begin(stages.forward));
    expect(there.carrier()).toMatchObject({ trace: carrier.trace, root: carrier.root, id: 'r-9' });
    there.leave();
    request.end(sending);
    request.finish();

    const tokenize = await named('tokenize');
    const forward = await named('forward');
    const root = await named('request');
    const workers = exported.filter((span) => span.name === 'ApiWorker');
    expect(workers.map(parentOf)).toEqual([idOf(root), idOf(root)]);
    expect(carrier.link).toBe(idOf(tokenize));
    expect(forward.links.map((link) => link.context.spanId)).toEqual([idOf(tokenize)]);
  });

  it('still names the slice to link to after the adopted request has left, been finished or aborted', () => {
    const ends: ((there: Request) => void)[] = [
      (there) => there.leave(),
      (there) => there.finish(),
      (there) => there.abort('gone'),
    ];
    const request = tracer.request();
    for (const end of ends) {
      const there = tracer.adopt(request.carrier());
      there.begin(stages.tokenize);
      const before = there.carrier();
      end(there);
      expect(there.carrier()).toEqual(before);
      expect(before).toHaveProperty('link');
    }
    request.finish();
  });

  it('leaves an id behind that is too long for it, and is still adopted', () => {
    for (const length of [1024, 1025, 100_000]) {
      const request = tracer.request({ id: 'x'.repeat(length) });
      const carrier = JSON.parse(JSON.stringify(request.carrier()));
      expect(carrier.id).toBe(length === 1024 ? 'x'.repeat(length) : undefined);
      const there = tracer.adopt(carrier);
      expect([there.level, there.carrier()?.trace]).toEqual([2, carrier.trace]);
      there.leave();
      request.finish();
    }
    const unsampled = tracer.request({ id: 'x'.repeat(1025), headers: { traceparent: traceparent('00') } });
    expect(tracer.adopt(unsampled.carrier()).headers()).toEqual({ traceparent: traceparent('00') });
    expect(tracer.stats().refusedCarriers).toBe(0);
  });

  it('that is none is refused, counted and gives an inert request', () => {
    const before = tracer.stats().refusedCarriers;
    for (const wrong of [{}, 'x', { v: 1, trace: 'no' }] as never[]) expect(tracer.adopt(wrong).level).toBe(-1);
    expect(tracer.adopt(undefined).level).toBe(-1);
    expect(tracer.stats().refusedCarriers - before).toBe(3);
  });
});

describe('a batch', () => {
  it('is a span of its own, with one slice in the trace of every member and its column value', async () => {
    const members = [
      tracer.request(),
      tracer.request({ headers: { traceparent: traceparent('00') } }),
      tracer.request(),
    ];
    const batch = tracer.batch(members, { attributes: { forward_mode: 'decode' } });
    batch.endSlice(batch.begin(stages.forward), { step: 1 }, { accepted: [10, 20, 30] });
    batch.end();
    for (const member of members) member.finish();
    expect((await named('batch')).attributes).toEqual({ forward_mode: 'decode', 'gpuspan.batch.size': 2 });
    const slices = exported.filter((span) => span.name === 'forward');
    const values = slices.map((span) => span.attributes['accepted']).filter((value) => value !== undefined);
    expect(values.sort()).toEqual([10, 30]);
  });
});

describe('loss', () => {
  it('is counted for tokens that are stale or made up, and touches no other slice', async () => {
    const lost = tracer.stats().lost['stale'] ?? 0;
    const request = tracer.request();
    const token = request.begin(stages.tokenize);
    const other = request.begin(stages.forward);
    request.end(token);
    request.end(token, { doubled: true });
    request.end(2_000_000_000);
    request.end(other, { kept: true });
    request.finish();
    expect((tracer.stats().lost['stale'] ?? 0) - lost).toBe(2);
    expect((await named('forward')).attributes).toEqual({ kept: true });
    expect((await named('tokenize')).attributes).toEqual({});
  });

  it('is counted for an end before its start, a second finish and a GPU slice without a device', () => {
    const request = tracer.request();
    request.record(stages.tokenize, 2_000n, 1_000n);
    const gpu = tracer.gpu();
    expect(gpu.source).toBe('');
    request.endGpu(request.beginGpu(stages.tokenize, gpu.stream(1n)));
    request.finish();
    request.finish();
    const { lost } = tracer.stats();
    expect(lost).toMatchObject({ time: 1, gpu_device: 1, closed: 1 });
  });

  it('is counted once for a `next` that comes after the end, whoever ended the request', () => {
    const request = tracer.request();
    const adopted = tracer.adopt(request.carrier());
    const tokens = [request, adopted].map((owner) => owner.begin(stages.tokenize));
    adopted.leave();
    request.finish();
    const before = tracer.stats().recorded;
    for (const [index, owner] of [request, adopted].entries()) owner.next(tokens[index]!, stages.forward);
    expect(tracer.stats().recorded - before).toBe(2);
  });

  it('adds up: recorded = consumed + lost + inRing, consumed = delivered + held + lost', async () => {
    await tracer.flush();
    const { recorded, consumed, inRing, lost, reader } = tracer.stats();
    const sum = (counts: Readonly<Record<string, number>>) =>
      Object.values(counts).reduce((all, count) => all + count, 0);
    expect(recorded).toBeGreaterThan(0);
    expect(recorded).toBe(consumed + sum(lost) + inRing);
    expect(consumed).toBe(reader.delivered + reader.held + sum(reader.lost));
  });
});

describe('a batch that its last member has left', () => {
  it('counts what is still called on it, and never reaches the batch that has taken its place', async () => {
    const [first, second] = [tracer.request(), tracer.request()];
    const old = tracer.batch([first]);
    first.finish();
    await tracer.flush();
    exported.length = 0;
    const batch = tracer.batch([second]);
    const before = tracer.stats();
    old.endSlice(old.begin(stages.tokenize));
    old.end();
    const after = tracer.stats();
    expect((after.lost['closed'] ?? 0) - (before.lost['closed'] ?? 0)).toBe(2);
    batch.endSlice(batch.begin(stages.forward), { n: 1 });
    batch.end();
    second.finish();
    await tracer.flush();
    expect(exported.map((span) => span.name).sort()).toEqual(['ApiWorker', 'batch', 'forward', 'forward', 'request']);
  });
});

describe('shutdown', () => {
  it('closes and delivers what is open, happens once, and counts what comes later', async () => {
    const request = tracer.request();
    request.begin(stages.tokenize);
    const first = tracer.shutdown();
    expect(tracer.shutdown()).toBe(first);
    await first;
    expect(exported.find((span) => span.name === 'tokenize')?.attributes).toEqual({ 'gpuspan.unfinished': true });
    const closed = tracer.stats().lost['closed'] ?? 0;
    expect(request.begin(stages.forward)).toBe(0);
    expect((tracer.stats().lost['closed'] ?? 0) - closed).toBe(1);
    expect(tracer.request().level).toBe(-1);
    request.finish();
    await tracer.flush();
  });
});
