// SPDX-License-Identifier: Apache-2.0
//
// Requests below spans of OpenTelemetry, spans of OpenTelemetry below slices, and requests that belong to a module.
import { context, propagation, ROOT_CONTEXT, trace } from '@opentelemetry/api';
import { AsyncLocalStorageContextManager } from '@opentelemetry/context-async-hooks';
import { BasicTracerProvider, InMemorySpanExporter, SimpleSpanProcessor } from '@opentelemetry/sdk-trace-base';
import { defineStages } from 'gpuspan';
import { afterAll, beforeEach, describe, expect, it } from 'vitest';
import { runProgram } from './child';
import { idOf, parentOf, startExported } from './exported';

const stages = defineStages('parents', { one: { level: 1 }, two: { level: 1 } });
const TRACE = '0af7651916cd43dd8448eb211c80319c';
const CALLER = 'b7ad6b7169203331';
const TRACEPARENT = `00-${TRACE}-${CALLER}-01`;

context.setGlobalContextManager(new AsyncLocalStorageContextManager().enable());
const library = new InMemorySpanExporter();
const provider = new BasicTracerProvider({ spanProcessors: [new SimpleSpanProcessor(library)] });
const sdk = provider.getTracer('library');
const { tracer, named, clear } = startExported();

beforeEach(async () => {
  library.reset();
  await clear();
});
afterAll(() => context.disable());

/** A span of the application's that is active while `body` runs. */
function within<T>(body: () => T, name = 'handler'): { span: ReturnType<typeof sdk.startSpan>; result: T } {
  const span = sdk.startSpan(name);
  const result = context.with(trace.setSpan(context.active(), span), body);
  span.end();
  return { span, result };
}

describe('the parent of a request', () => {
  it('is the active OpenTelemetry span, and the root span is then no server span', async () => {
    const { span, result: request } = within(() => tracer.request({ name: 'active' }));
    request.finish();
    const root = await named('active');
    expect([parentOf(root), root.spanContext().traceId]).toEqual([
      span.spanContext().spanId,
      span.spanContext().traceId,
    ]);
    expect([root.kind, root.parentSpanContext?.isRemote ?? false]).toEqual([0, false]);
  });

  it('is the caller in the headers, if there is one, before any span', async () => {
    const { result: request } = within(() => tracer.request({ name: 'called', headers: { traceparent: TRACEPARENT } }));
    request.finish();
    const root = await named('called');
    expect([parentOf(root), root.kind, root.parentSpanContext?.isRemote]).toEqual([CALLER, 1, true]);
  });

  it.each([
    ['a span', (span: ReturnType<typeof sdk.startSpan>) => span],
    ['a context', (span: ReturnType<typeof sdk.startSpan>) => trace.setSpan(ROOT_CONTEXT, span)],
    ['a span context', (span: ReturnType<typeof sdk.startSpan>) => span.spanContext()],
  ])('can be given as %s, before the active one', async (_form, parent) => {
    const given = sdk.startSpan('given');
    const { result: request } = within(() =>
      tracer.request({ name: 'below', headers: { host: 'x' }, parent: parent(given) }),
    );
    request.finish();
    expect(parentOf(await named('below'))).toBe(given.spanContext().spanId);
  });

  it('is none with root: true, whatever is active or given', async () => {
    const { result: request } = within(() =>
      tracer.request({
        name: 'own',
        root: true,
        parent: sdk.startSpan('given'),
        headers: { traceparent: TRACEPARENT },
      }),
    );
    request.finish();
    expect(parentOf(await named('own'))).toBeUndefined();
  });

  it('is none below a context without a span, which is how OpenTelemetry says so', async () => {
    const { result: request } = within(() => tracer.request({ name: 'rootless', parent: ROOT_CONTEXT }));
    request.finish();
    expect(parentOf(await named('rootless'))).toBeUndefined();
  });

  it('is remote when the span context that is given says so', async () => {
    const parent = { traceId: TRACE, spanId: CALLER, traceFlags: 1, isRemote: true };
    tracer.request({ name: 'remote', parent }).finish();
    expect((await named('remote')).kind).toBe(1);
  });

  it('comes with its baggage, where the headers name no caller', () => {
    const baggage = propagation.createBaggage({ tenant: { value: 'seven & more' } });
    const given = propagation.setBaggage(ROOT_CONTEXT, baggage);
    const [below, active, called, own] = context.with(given, () => [
      tracer.request({ parent: given }),
      tracer.request(),
      tracer.request({ headers: { traceparent: TRACEPARENT } }),
      tracer.request({ headers: { baggage: 'a=1' } }),
    ]);
    expect([below, active, called, own].map((request) => request!.headers()['baggage'])).toEqual([
      'tenant=seven%20%26%20more',
      'tenant=seven%20%26%20more',
      undefined,
      'a=1',
    ]);
    for (const request of [below, active, called, own]) request!.finish();
  });

  it('loses baggage that is no header, and nothing else', () => {
    const baggage = propagation.createBaggage({
      tenant: { value: '7', metadata: { toString: () => 'a\r\nx-injected: y' } as never },
    });
    const request = tracer.request({ parent: propagation.setBaggage(ROOT_CONTEXT, baggage) });
    expect(Object.keys(request.headers())).toEqual(['traceparent']);
    expect(request.level).toBe(2);
    request.finish();
  });

  it('that is not sampled makes a request that records nothing and hands it on', () => {
    const unsampled = { traceId: TRACE, spanId: CALLER, traceFlags: 0 };
    const request = tracer.request({ parent: unsampled });
    expect(request.level).toBe(-1);
    expect(request.headers()).toEqual({ traceparent: `00-${TRACE}-${CALLER}-00` });
  });

  it.each([
    null,
    7,
    {},
    { traceId: 'x', spanId: 'y', traceFlags: 1 },
    {
      spanContext: () => {
        throw new Error('no');
      },
    },
  ])('that makes no sense, %j, is as if it were not there', (parent) => {
    const request = tracer.request({ parent: parent as never });
    expect(request.level).toBe(2);
    request.finish();
  });
});

describe('spans of libraries', () => {
  const child = (ctx: ReturnType<typeof context.active>) => {
    sdk.startSpan('child', undefined, ctx).end();
    return library.getFinishedSpans().at(-1)!;
  };

  it('are children of the innermost open slice, or of the one that is named', async () => {
    const request = tracer.request();
    const outer = request.begin(stages.one);
    const inner = request.begin(stages.two);
    const [below, named1] = [child(request.context()), child(request.context(outer))];
    request.end(inner);
    request.end(outer);
    request.finish();
    const [one, two] = [await named('one'), await named('two')];
    expect([parentOf(below), parentOf(named1)]).toEqual([idOf(two), idOf(one)]);
    expect(below.spanContext().traceId).toBe(two.spanContext().traceId);
    expect(below.parentSpanContext?.isRemote ?? false).toBe(false);
  });

  it('are children of the worker span between slices, and of the root span before and after', async () => {
    const request = tracer.request({ name: 'root' });
    const before = child(request.context());
    request.end(request.begin(stages.one));
    const between = child(request.context());
    request.finish();
    const after = child(request.context());
    const [root, worker] = [await named('root'), await named('Worker')];
    expect([before, between, after].map(parentOf)).toEqual([root, worker, root].map(idOf));
  });

  it('are children of the remote root span where a request is adopted and nothing is open', () => {
    const request = tracer.adopt({ v: 1, trace: TRACE, root: CALLER, level: 2, flags: 1 });
    expect(trace.getSpanContext(request.context())).toMatchObject({ traceId: TRACE, spanId: CALLER, isRemote: true });
    const token = request.begin(stages.one);
    expect(trace.getSpanContext(request.context())?.isRemote ?? false).toBe(false);
    request.end(token);
    request.leave();
  });

  it('see the rest of the active context, and the baggage of the request', () => {
    const key = Symbol('key');
    const request = tracer.request({ headers: { baggage: 'tenant=7' } });
    const ctx = context.with(context.active().setValue(key, 'kept'), () => request.context());
    expect(ctx.getValue(key)).toBe('kept');
    expect(propagation.getBaggage(ctx)?.getEntry('tenant')?.value).toBe('7');
    request.finish();
  });

  it('are children of the caller where nothing is recorded', () => {
    const unsampled = tracer.request({ headers: { traceparent: TRACEPARENT.replace(/1$/, '0') } });
    expect(trace.getSpanContext(unsampled.context())).toMatchObject({ traceId: TRACE, spanId: CALLER, traceFlags: 0 });
    const inert = tracer.current();
    const { span, result } = within(() => trace.getSpanContext(inert.context()));
    expect(result?.spanId).toBe(span.spanContext().spanId);
  });

  it.each([
    ['a span context', 'parent', CALLER],
    ['a context', 'trace.setSpanContext(ROOT_CONTEXT, parent)', CALLER],
    ['a context without a span', 'ROOT_CONTEXT', undefined],
    ['nonsense', '{}', undefined],
  ])('are children of %s that is given as parent in a process that does not trace', async (_what, given, spanId) => {
    const program = `
      import { ROOT_CONTEXT, trace } from '@opentelemetry/api';
      import { start } from 'gpuspan';
      const parent = { traceId: '${TRACE}', spanId: '${CALLER}', traceFlags: 1 };
      const request = start().request({ headers: { baggage: 'a=1' }, parent: ${given} });
      print([trace.getSpanContext(request.context())?.spanId ?? null, request.headers(), request.carrier()?.root ?? null]);`;
    const traceparent = spanId && { traceparent: TRACEPARENT };
    expect((await runProgram(program)).output).toEqual([
      spanId ?? null,
      { ...traceparent, baggage: 'a=1' },
      spanId ?? null,
    ]);
  });

  it('are children of the caller in a process that does not trace', async () => {
    const program = `
      import { trace } from '@opentelemetry/api';
      import { start } from 'gpuspan';
      const request = start().request({ headers: { traceparent: '${TRACEPARENT}' } });
      print(trace.getSpanContext(request.context()));`;
    expect((await runProgram(program)).output).toMatchObject({ traceId: TRACE, spanId: CALLER, traceFlags: 1 });
  });
});

describe('a request of a module', () => {
  it('records nothing while the module is off, not even a root span, and hands its context on', async () => {
    expect(tracer.setModules(['parents'])).toEqual([]);
    const off = tracer.request({ name: 'off', module: 'mooncake', headers: { traceparent: TRACEPARENT } });
    expect([off.level, off.begin(stages.one)]).toEqual([-1, 0]);
    expect(off.headers()).toEqual({ traceparent: TRACEPARENT });
    off.finish();
    const on = tracer.request({ name: 'on', module: 'parents' });
    expect(on.level).toBe(2);
    on.finish();
    tracer.setModules(undefined);
    expect((await named('on')).attributes['gpuspan.request.module']).toBe('parents');
    await expect(named('off')).rejects.toThrow('0 spans');
  });

  it('is known from then on, as modules of stages are', () => {
    expect(tracer.setModules(['transfers'])).toEqual(['transfers']);
    tracer.request({ module: 'transfers' }).finish();
    expect(tracer.setModules(['transfers'])).toEqual([]);
    tracer.setModules(undefined);
  });
});

describe('settings of the process', () => {
  const program = (more: string) => `
    import { defineStages, start } from 'gpuspan';
    defineStages('request', { one: { level: 1 } });
    const exporter = { export(spans, done) { done({ code: 0 }); }, async shutdown() {} };
    const tracer = start({ exporter, device: 'none', ringSlots: 1024 ${more} });
    const request = tracer.request({ headers: { traceparent: '${TRACEPARENT}' } });
    print([tracer.level, request.level, request.headers().traceparent]);`;

  it.each([
    ['GPUSPAN_LEVEL', '', { GPUSPAN_LEVEL: '0' }],
    ['option level', ', level: 0', {}],
  ])('record nothing at level 0 by %s, and hand contexts on', async (_by, option, env) => {
    const { output, stderr } = await runProgram(program(option), { GPUSPAN: '1', ...env });
    expect([output, stderr]).toEqual([[0, -1, TRACEPARENT], '']);
  });

  it('tell a module of GPUSPAN_MODULES that nobody has declared', async () => {
    const { stderr } = await runProgram(program(''), { GPUSPAN: '1', GPUSPAN_MODULES: 'request,moncake' });
    expect(stderr).toContain('"moncake"');
    expect(stderr).not.toContain('"request"');
  });
});
