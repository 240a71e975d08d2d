// SPDX-License-Identifier: Apache-2.0
//
// Who decides whether a request is recorded: a sampler of the application's, or one that OTEL_TRACES_SAMPLER names.
import { type Context, createContextKey, propagation, ROOT_CONTEXT, trace } from '@opentelemetry/api';
import { AlwaysOnSampler, TraceIdRatioBasedSampler } from '@opentelemetry/sdk-trace-base';
import { defineStages } from 'gpuspan';
import { beforeEach, describe, expect, it, vi } from 'vitest';
import { runProgram } from './child';
import { startExported } from './exported';

const stages = defineStages('sampling', { one: { level: 1 } });
const TRACE = '0af7651916cd43dd8448eb211c80319c';
const PARENT = `00-${TRACE}-b7ad6b7169203331`;
const NO = { decision: 0 };
const YES = { decision: 2 };
type Said = { decision: number; attributes?: Record<string, unknown>; traceState?: { serialize(): string } };
const shouldSample = vi.fn<(...asked: unknown[]) => Said>(() => YES);
const { tracer, spans, named, clear } = startExported({ sampler: { shouldSample } });

beforeEach(async () => {
  shouldSample.mockReset().mockReturnValue(YES);
  await clear();
});

describe('a sampler of the application', () => {
  it('is asked once a request, about the trace id, name and attributes that it is going to have', async () => {
    const request = tracer.request({ id: 'r', name: 'chat', attributes: { model: 'm' } });
    request.end(request.begin(stages.one));
    request.finish();
    expect(shouldSample).toHaveBeenCalledTimes(1);
    const [, traceId, name, kind, attributes, links] = shouldSample.mock.calls[0]!;
    expect([name, kind, attributes, links]).toEqual(['chat', 0, { rid: 'r', model: 'm' }, []]);
    expect((await named('chat')).spanContext().traceId).toBe(traceId);
    expect(request.carrier()!.trace).toBe(traceId);
  });

  it('is asked about the caller: its trace, and a server span below it', () => {
    tracer.request({ headers: { traceparent: `${PARENT}-00` } }).finish();
    const [context, traceId, , kind] = shouldSample.mock.calls[0]!;
    expect([traceId, kind]).toEqual([TRACE, 1]);
    expect(trace.getSpanContext(context as Context)).toMatchObject({ traceId: TRACE, traceFlags: 0, isRemote: true });
  });

  it('sees what else is in the context that is given as parent, and baggage of the headers', () => {
    const key = createContextKey('force');
    const parent = ROOT_CONTEXT.setValue(key, 'yes');
    tracer.request({ parent, headers: { baggage: 'tenant=7' } }).finish();
    const context = shouldSample.mock.calls[0]![0] as Context;
    expect([context.getValue(key), trace.getSpanContext(context)]).toEqual(['yes', undefined]);
    expect(propagation.getBaggage(context)?.getEntry('tenant')?.value).toBe('7');
  });

  it.each([
    ['too long', `a=${'x'.repeat(600)}`],
    ['with a line break', 'a=1\r\nx-injected: y'],
    ['no text', 7],
    ['empty', ''],
  ])('whose tracestate is %s leaves none, and the next process continues the trace', (_how, state) => {
    shouldSample.mockReturnValue({ ...YES, traceState: { serialize: () => state as string } });
    const request = tracer.request({ headers: { traceparent: `${PARENT}-01`, tracestate: 'b=2' } });
    expect(request.headers()).not.toHaveProperty('tracestate');
    const there = tracer.adopt(request.carrier());
    expect(there.level).toBe(2);
    there.leave();
    request.finish();
  });

  it('decides about a request with a getter that throws, which is recorded without what is behind it', async () => {
    const throwing = {
      before: 1,
      get no(): never {
        throw new Error('no');
      },
    };
    tracer
      .request({ id: 'r', name: 'thrown', headers: { traceparent: `${PARENT}-01` }, attributes: throwing })
      .finish();
    expect(shouldSample.mock.calls[0]![4]).toEqual({ rid: 'r' });
    const root = await named('thrown');
    expect(root.spanContext().traceId).toBe(TRACE);
    expect(root.attributes).toMatchObject({ rid: 'r', before: 1, 'gpuspan.dropped_attributes': true });
  });

  it('that says no gives each request a trace of its own', () => {
    shouldSample.mockReturnValue(NO);
    const ids = Array.from({ length: 1000 }, () => tracer.request().headers()['traceparent']);
    expect(new Set(ids).size).toBe(1000);
  });

  it('may leave out some members of a batch', async () => {
    shouldSample.mockReturnValueOnce(YES).mockReturnValueOnce(NO);
    const [first, second] = [tracer.request({ name: 'in' }), tracer.request({ name: 'out' })];
    const batch = tracer.batch([first, second]);
    batch.endSlice(batch.begin(stages.one));
    batch.end();
    for (const request of [first, second]) request.finish();
    const recorded = await spans();
    expect(recorded.filter(({ name }) => name === 'one').map((span) => span.spanContext().traceId)).toContain(
      first.carrier()!.trace,
    );
    expect(recorded.some((span) => span.spanContext().traceId === second.carrier()!.trace)).toBe(false);
  });

  it('gives the root span its attributes and tracestate, over what it was given', async () => {
    const attributes = { 'sampling.rule': 'x', model: 'sampler' };
    shouldSample.mockReturnValue({ ...YES, attributes, traceState: { serialize: () => 'ot=th:8' } });
    const request = tracer.request({ name: 'ruled', attributes: { model: 'm' } });
    expect(request.headers()['tracestate']).toBe('ot=th:8');
    expect(request.carrier()!.state).toBe('ot=th:8');
    request.finish();
    const root = await named('ruled');
    expect(root.attributes).toMatchObject(attributes);
    expect(root.spanContext().traceState?.serialize()).toBe('ot=th:8');
  });

  it.each([0, 1])(
    'records nothing when it decides %d, and hands an unsampled context of a trace of its own on',
    async (decision) => {
      shouldSample.mockReturnValue({ decision });
      const request = tracer.request({ id: 'r' });
      expect([request.level, request.begin(stages.one)]).toEqual([-1, 0]);
      const { traceparent } = request.headers();
      expect(traceparent).toMatch(new RegExp(`^00-${shouldSample.mock.calls[0]![1]}-(?!0{16})[0-9a-f]{16}-00$`));
      const carrier = request.carrier()!;
      expect(carrier).toMatchObject({ level: 0, flags: 0, id: 'r' });
      expect(tracer.adopt(carrier).headers()).toEqual(request.headers());
      request.finish();
      expect(await spans()).toEqual([]);
    },
  );

  it('can say no to a sampled caller: the context goes on unsampled', () => {
    shouldSample.mockReturnValue(NO);
    const request = tracer.request({ headers: { traceparent: `${PARENT}-01`, tracestate: 'a=1', baggage: 'b=2' } });
    expect(request.headers()).toEqual({ traceparent: `${PARENT}-00`, tracestate: 'a=1', baggage: 'b=2' });
  });

  it('is not asked about requests that are adopted, nor while level or module are off', () => {
    tracer.adopt({ v: 1, trace: TRACE, root: 'b7ad6b7169203331', level: 2, flags: 1 }).leave();
    tracer.setLevel(0);
    expect(tracer.request().level).toBe(-1);
    tracer.setLevel(2);
    tracer.setModules(['other']);
    expect(tracer.request({ module: 'sampling' }).level).toBe(-1);
    tracer.setModules(undefined);
    expect(shouldSample).not.toHaveBeenCalled();
  });

  it.each<[string, () => unknown]>([
    [
      'throws',
      () => {
        throw new Error('no');
      },
    ],
    ['answers with nothing', () => undefined],
    ['answers with a promise', async () => NO],
    ['decides something that is no decision', () => ({ decision: 3 })],
  ])('leaves the decision to the parent when it %s', (_how, says) => {
    shouldSample.mockImplementation(says as () => Said);
    for (const [flags, level] of [
      ['00', -1],
      ['01', 2],
    ] as const) {
      const request = tracer.request({ headers: { traceparent: `${PARENT}-${flags}` } });
      expect(request.level).toBe(level);
      request.finish();
    }
    const request = tracer.request();
    expect(request.level).toBe(2);
    request.finish();
  });

  it("can be one of OpenTelemetry's own", () => {
    shouldSample.mockImplementation((...asked) =>
      new TraceIdRatioBasedSampler(0.5).shouldSample(asked[0] as never, asked[1] as string),
    );
    const sampled = Array.from({ length: 400 }, () => {
      const request = tracer.request();
      request.finish();
      return request.level;
    }).filter((level) => level > 0).length;
    expect(sampled).toBeGreaterThan(120);
    expect(sampled).toBeLessThan(280);
    expect(new AlwaysOnSampler().shouldSample().decision).toBe(YES.decision);
  });
});

const PROGRAM = `
  import { start } from 'gpuspan';
  const exporter = { export(spans, done) { done({ code: 0 }); }, async shutdown() {} };
  const tracer = start({ exporter, device: 'none', ringSlots: 1024 });
  const level = (flags) => {
    const headers = flags === undefined ? {} : { traceparent: '${PARENT}-' + flags };
    const request = tracer.request({ headers });
    request.finish();
    return request.level > 0;
  };
  print([level(), level('00'), level('01')]);`;

describe('OTEL_TRACES_SAMPLER', () => {
  it.each([
    [undefined, undefined, [true, false, true]],
    ['parentbased_always_on', undefined, [true, false, true]],
    ['always_on', undefined, [true, true, true]],
    ['Always_Off', undefined, [false, false, false]],
    ['always_off', undefined, [false, false, false]],
    ['traceidratio', '0', [false, false, false]],
    ['traceidratio', undefined, [true, true, true]],
    ['parentbased_always_off', undefined, [false, false, true]],
    ['parentbased_traceidratio', '0', [false, false, true]],
  ])('%s with argument %s decides as specified', async (name, argument, decided) => {
    const env = {
      GPUSPAN: '1',
      ...(name && { OTEL_TRACES_SAMPLER: name }),
      ...(argument && { OTEL_TRACES_SAMPLER_ARG: argument }),
    };
    const { output, stderr } = await runProgram(PROGRAM, env);
    expect([output, stderr]).toEqual([decided, '']);
  });

  it.each([
    [{ OTEL_TRACES_SAMPLER: 'jaeger_remote' }, 'jaeger_remote'],
    [{ OTEL_TRACES_SAMPLER: 'traceidratio', OTEL_TRACES_SAMPLER_ARG: '2' }, 'OTEL_TRACES_SAMPLER_ARG="2"'],
    [{ OTEL_TRACES_SAMPLER: 'traceidratio', OTEL_TRACES_SAMPLER_ARG: 'half' }, 'OTEL_TRACES_SAMPLER_ARG="half"'],
  ])('warns once of %j and goes on', async (variables, named) => {
    const { output, stderr } = await runProgram(PROGRAM, { GPUSPAN: '1', ...variables });
    expect((output as boolean[])[0]).toBe(true);
    expect(stderr.split(named).length).toBe(2);
  });
});
