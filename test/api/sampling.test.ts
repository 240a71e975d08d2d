// SPDX-License-Identifier: Apache-2.0
//
// Who decides whether a request is recorded: a sampler of the application's, or one that OTEL_TRACES_SAMPLER names.
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
    const key = Object.getOwnPropertyNames(context).length;
    expect(key).toBeGreaterThanOrEqual(0);
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

  it('leaves the decision to the parent when it throws', () => {
    shouldSample.mockImplementation(() => {
      throw new Error('no');
    });
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
