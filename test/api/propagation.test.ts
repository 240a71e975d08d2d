// SPDX-License-Identifier: Apache-2.0
//
// Trace state through a process that traces (here, with the real addon) and through others that do not: what `adopt` and
// `request` take, what `carrier` and `headers` give back.
import type { ReadableSpan } from '@opentelemetry/sdk-trace-base';
import { type Carrier, carrierToHeader, defineStages, start } from 'gpuspan';
import { afterAll, beforeEach, describe, expect, it } from 'vitest';
import { runProgram } from './child';

process.env['GPUSPAN'] = '1';

const stages = defineStages('propagation', { one: { level: 1 }, two: { level: 1 } });
const exported: ReadableSpan[] = [];
const exporter = {
  export(spans: ReadableSpan[], done: (result: { code: number }) => void) {
    exported.push(...spans);
    done({ code: 0 });
  },
  async shutdown() {},
};
const tracer = start({ exporter, device: 'none' });
const TRACE = '0af7651916cd43dd8448eb211c80319c';
const CALLER = 'b7ad6b7169203331';
const TRACEPARENT = `00-${TRACE}-${CALLER}-01`;
const CARRIER: Carrier = {
  v: 1,
  trace: TRACE,
  root: CALLER,
  level: 3,
  flags: 1,
  link: '00f067aa0ba902b7',
  baggage: 'a=1',
};
const LATER = { ...CARRIER, v: 2, more: { deep: [1] } } as unknown as Carrier;

beforeEach(async () => {
  await tracer.flush();
  exported.length = 0;
});
afterAll(() => tracer.shutdown());

describe('a process that traces', () => {
  it('adopts the header form of a carrier like the carrier', async () => {
    const there = tracer.adopt(carrierToHeader(CARRIER));
    expect(there.level).toBe(3);
    there.end(there.begin(stages.one));
    there.leave();
    await tracer.flush();
    const slice = exported.find((span) => span.name === 'one')!;
    expect(slice.spanContext().traceId).toBe(TRACE);
    expect(slice.links.map((link) => link.context.spanId)).toEqual([CARRIER.link]);
  });

  it('keeps baggage: in from headers, along in the carrier, out in headers', () => {
    const baggage = 'tenant=7;p=1,user=x%20y';
    const request = tracer.request({ headers: { Baggage: ` ${baggage.replace(',', ', ')},nonsense` } });
    expect(request.headers()).toMatchObject({ baggage });
    const there = tracer.adopt(request.carrier());
    expect(there.headers()).toEqual(request.headers());
    expect(there.carrier()).toMatchObject({ baggage });
    there.leave();
    request.finish();
    const unsampled = tracer.request({ headers: { traceparent: TRACEPARENT.replace(/1$/, '0'), baggage } });
    expect(unsampled.level).toBe(-1);
    expect(unsampled.headers()).toEqual({ traceparent: TRACEPARENT.replace(/1$/, '0'), baggage });
    expect(tracer.adopt(unsampled.carrier()).headers()).toEqual(unsampled.headers());
  });

  it.each([
    ['a plain object', { TraceParent: TRACEPARENT }],
    ['an object that has the name without a value, too', { traceparent: undefined, TRACEPARENT }],
    ['an object with arrays of strings', { traceparent: [TRACEPARENT] }],
    ['Headers', new Headers({ traceparent: TRACEPARENT })],
    ['a Map', new Map([['Traceparent', TRACEPARENT]])],
    [
      'pairs',
      [
        ['host', 'x'],
        ['traceparent', TRACEPARENT],
      ] as [string, string][],
    ],
    ['an iterator of pairs', new Headers({ traceparent: TRACEPARENT, tracestate: 'a=1' }).entries()],
    ['an iterator of names and values', ['Traceparent', TRACEPARENT].values() as never],
    [
      'an object whose other properties throw',
      Object.defineProperty({ Traceparent: TRACEPARENT }, 'cookie', {
        enumerable: true,
        get() {
          throw new Error('no');
        },
      }) as never,
    ],
    ['names and values in turn', ['Host', 'x', 'Traceparent', TRACEPARENT]],
  ])('finds the caller among headers in the form of %s', (_form, headers) => {
    const request = tracer.request({ headers });
    expect(request.carrier()).toMatchObject({ trace: TRACE });
    request.finish();
  });

  it.each([
    [
      'a getter that throws',
      {
        get traceparent(): string {
          throw new Error('no');
        },
      },
    ],
    [
      'a proxy that throws',
      new Proxy(
        {},
        {
          ownKeys() {
            throw new Error('no');
          },
        },
      ),
    ],
    ['numbers', { traceparent: 7 }],
    [
      'pairs without end',
      (function* () {
        for (;;) yield ['a', 'b'];
      })(),
    ],
  ])('starts a trace of its own when the headers are hostile: %s', (_what, headers) => {
    const request = tracer.request({ headers: headers as never });
    expect(request.carrier()!.trace).not.toBe(TRACE);
    request.finish();
  });

  it('hands a carrier on as it came when nothing is recorded for it', () => {
    for (const carrier of [
      { ...CARRIER, level: 0 },
      { ...CARRIER, flags: 0 as const },
    ]) {
      const there = tracer.adopt(carrier);
      expect([there.level, there.begin(stages.one)]).toEqual([-1, 0]);
      expect(there.carrier()).toEqual(carrier);
      there.leave();
      expect(there.carrier()).toEqual(carrier);
    }
  });

  it('refuses a carrier of a later version, and hands it on untouched', () => {
    const before = tracer.stats().refusedCarriersByReason.version ?? 0;
    const there = tracer.adopt(LATER);
    expect(there.level).toBe(-1);
    expect(there.carrier()).toBe(LATER);
    expect(there.headers()).toEqual({ traceparent: TRACEPARENT, baggage: 'a=1' });
    expect(tracer.adopt(carrierToHeader(LATER)).carrier()).toEqual(LATER);
    expect(tracer.stats().refusedCarriersByReason.version).toBe(before + 2);
    const huge = { ...LATER, more: 'x'.repeat(20_000) };
    expect(tracer.adopt(huge).carrier()).toBeUndefined();
  });

  it('counts what it refuses by reason, and warns once of each reason', async () => {
    const warnings: string[] = [];
    const collect = (warning: Error) => warnings.push(warning.message);
    process.on('warning', collect);
    const before = tracer.stats();
    for (const wrong of [{ ...CARRIER, trace: 'x' }, { ...CARRIER, trace: 7 }, { ...CARRIER, level: 9 }, 'nonsense']) {
      const there = tracer.adopt(wrong as never);
      expect([there.level, there.carrier(), there.headers()]).toEqual([-1, undefined, {}]);
    }
    const after = tracer.stats();
    expect(after.refusedCarriers - before.refusedCarriers).toBe(4);
    expect(after.refusedCarriersByReason).toMatchObject({ trace: 2, level: 1, type: 1 });
    // Warnings are emitted on the next tick.
    await new Promise(setImmediate);
    process.off('warning', collect);
    expect(warnings.map((text) => /its (trace id|level)|neither an object/.exec(text)?.[0])).toEqual([
      'its trace id',
      'its level',
      'neither an object',
    ]);
  });
});

describe('a process whose tracing is off', () => {
  const off = (body: string) =>
    runProgram(`
      import { createRequire } from 'node:module';
      import { start } from 'gpuspan';
      const tracer = start();
      const pass = (request) => [request.carrier(), request.headers()];
      ${body}
    `);

  it('passes a carrier on as it came, whatever is in it, and its traceparent', async () => {
    const more = { ...CARRIER, more: 1 };
    const { output, stderr } = await off(`
      const carriers = ${JSON.stringify([CARRIER, more, LATER])};
      print({
        same: carriers.every((carrier) => tracer.adopt(carrier).carrier() === carrier),
        texts: carriers.map((carrier) => pass(tracer.adopt(JSON.stringify(carrier)))),
        none: [undefined, null, 'x', 7, {}, { ...carriers[0], trace: 'x' }].map((wrong) => pass(tracer.adopt(wrong))),
        openTelemetry: Object.keys(createRequire(import.meta.url).cache).some((file) => file.includes('opentelemetry')),
      });
    `);
    const headers = { traceparent: TRACEPARENT, baggage: 'a=1' };
    expect(stderr).toBe('');
    expect(output).toEqual({
      same: true,
      texts: [CARRIER, more, LATER].map((carrier) => [carrier, headers]),
      none: Array.from({ length: 6 }, () => [null, {}]),
      openTelemetry: false,
    });
  });

  it('passes incoming headers on, and as a carrier the position in them', async () => {
    const { output, stderr } = await off(`
      const given = ${JSON.stringify({ TraceParent: TRACEPARENT, tracestate: 'a=1', baggage: 'b=2', other: 'x' })};
      print([
        pass(tracer.request({ headers: given })),
        pass(tracer.request({ headers: { traceparent: 'cc${TRACEPARENT.slice(2)}-more', tracestate: 'a=1' } })),
        pass(tracer.request({ headers: { traceparent: '${TRACEPARENT}-more' } })),
        pass(tracer.request({ headers: { baggage: 'b=2', tracestate: 'a=1' } })),
        pass(tracer.request({ headers: new Map(Object.entries(given)).entries() })),
        pass(tracer.request({ headers: 7 })),
        pass(tracer.request({ headers: { traceparent: 'a\\r\\nb: c' } })),
      ]);
    `);
    const context = { v: 1, trace: TRACE, root: CALLER, level: 0, flags: 1, state: 'a=1' };
    expect(stderr).toBe('');
    expect(output).toEqual([
      [
        { ...context, baggage: 'b=2' },
        { traceparent: TRACEPARENT, tracestate: 'a=1', baggage: 'b=2' },
      ],
      [context, { traceparent: `cc${TRACEPARENT.slice(2)}-more`, tracestate: 'a=1' }],
      [null, { traceparent: `${TRACEPARENT}-more` }],
      [null, { baggage: 'b=2' }],
      [
        { ...context, baggage: 'b=2' },
        { traceparent: TRACEPARENT, tracestate: 'a=1', baggage: 'b=2' },
      ],
      [null, {}],
      [null, {}],
    ]);
  });

  it('in the middle of three leaves the trace whole', async () => {
    const request = tracer.request({ id: 'r', headers: { traceparent: TRACEPARENT, baggage: 'b=2' } });
    const dispatch = request.begin(stages.one);
    const sent = carrierToHeader(request.carrier());
    const middle = await off(`print(tracer.adopt(${JSON.stringify(sent)}).carrier());`);
    const last = tracer.adopt(middle.output as Carrier);
    last.end(last.begin(stages.two));
    last.leave();
    request.end(dispatch);
    request.finish();
    await tracer.flush();
    const [one, two, root] = ['one', 'two', 'request'].map((name) => exported.find((span) => span.name === name)!);
    expect(new Set(exported.map((span) => span.spanContext().traceId))).toEqual(new Set([TRACE]));
    expect(two!.links.map((link) => link.context.spanId)).toEqual([one!.spanContext().spanId]);
    const parents = exported.filter((span) => span.name === 'worker' || span.name === 'main');
    for (const worker of parents) expect(worker.parentSpanContext?.spanId).toBe(root!.spanContext().spanId);
    expect(last.headers()).toEqual(request.headers());
  });
});
