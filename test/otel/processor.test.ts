// SPDX-License-Identifier: Apache-2.0
//
// gpuspan/otel in an OpenTelemetry provider: one line in `spanProcessors` starts tracing, with the provider's Resource,
// under its forceFlush and shutdown.
import { trace } from '@opentelemetry/api';
import { resourceFromAttributes } from '@opentelemetry/resources';
import { BasicTracerProvider, type SpanProcessor } from '@opentelemetry/sdk-trace-base';
import { gpuspanProcessor } from 'gpuspan/otel';
import { type Receiver, startReceiver } from 'gpuspan/testing';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { ProviderResource } from '../../lib/otel/provider-resource';
import { runProgram } from '../api/child';

let receiver: Receiver;
beforeEach(async () => {
  receiver = await startReceiver();
});
afterEach(() => receiver.close());

const SET_UP = `
  import { AsyncLocalStorageContextManager } from '@opentelemetry/context-async-hooks';
  import { context, trace } from '@opentelemetry/api';
  import { resourceFromAttributes } from '@opentelemetry/resources';
  import { BasicTracerProvider } from '@opentelemetry/sdk-trace-base';
  import { defineStages, start } from 'gpuspan';
  import { gpuspanProcessor } from 'gpuspan/otel';
  const { work } = defineStages('test', { work: { level: 1 } });
  const record = (tracer) => tracer.trace({ name: 'ours' }, (request) => request.slice(work, () => 1));
  const RESOURCE = resourceFromAttributes({ 'service.name': 'shop', 'list': ['a', 'b'], 'deployment.environment.name': 'test' });
`;

const ON = () => ({ GPUSPAN: '1', OTEL_EXPORTER_OTLP_ENDPOINT: receiver.url });

const OURS = ['ours', 'main', 'work'];
const names = () => receiver.spans.map(({ name }) => name).sort();

describe('the span processor', () => {
  it("delivers gpuspan's spans with the provider's Resource when the provider flushes", async () => {
    const { output, stderr } = await runProgram(
      `${SET_UP}
      const provider = new BasicTracerProvider({ resource: RESOURCE, spanProcessors: [gpuspanProcessor()] });
      context.setGlobalContextManager(new AsyncLocalStorageContextManager().enable());
      const theirs = provider.getTracer('app').startSpan('theirs');
      context.with(trace.setSpan(context.active(), theirs), () => record(start()));
      theirs.end();
      await provider.forceFlush();
      const { delivered, owners } = start().stats().reader;
      print({ traceId: theirs.spanContext().traceId, delivered, owners });
      process.kill(process.pid, 'SIGKILL');`,
      ON(),
    );
    expect(stderr).toBe('');
    expect(output).toMatchObject({ delivered: 1, owners: 2 });
    expect(names()).toEqual([...OURS].sort());
    for (const { resource, traceId } of receiver.spans) {
      expect(resource).toMatchObject({
        'service.name': 'shop',
        list: ['a', 'b'],
        'deployment.environment.name': 'test',
        'process.pid': expect.any(Number),
      });
      expect(traceId).toBe((output as { traceId: string }).traceId);
    }
  });

  it('waits for detectors of the Resource that are still at work', async () => {
    const { stderr } = await runProgram(
      `${SET_UP}
      const late = new Promise((resolve) => setTimeout(resolve, 100, 'late'));
      const resource = RESOURCE.merge(resourceFromAttributes({ 'host.id': late }));
      const provider = new BasicTracerProvider({ resource, spanProcessors: [gpuspanProcessor()] });
      provider.getTracer('app').startSpan('theirs').end();
      record(start());
      await provider.forceFlush();`,
      ON(),
    );
    expect(stderr).toBe('');
    expect(names()).toEqual([...OURS].sort());
    expect(receiver.spans[0]!.resource).toMatchObject({ 'service.name': 'shop', 'host.id': 'late' });
  });

  it('begins delivery with the first span of the provider, without a flush', async () => {
    const running = runProgram(
      `${SET_UP}
      const provider = new BasicTracerProvider({ resource: RESOURCE, spanProcessors: [gpuspanProcessor()] });
      record(start());
      provider.getTracer('app').startSpan('theirs').end();
      process.stdin.resume();
      setInterval(() => start().stats().reader.owners === 2 && process.exit(0), 20);`,
      ON(),
    );
    await receiver.waitFor((spans) => spans.length === OURS.length);
    expect(await running).toMatchObject({ code: 0, stderr: '' });
    expect(receiver.spans[0]!.resource).toMatchObject({ 'service.name': 'shop' });
  });

  it('asks the global provider where it has no spans, and delivers everything at its shutdown', async () => {
    const { output, stderr } = await runProgram(
      `${SET_UP}
      const processor = gpuspanProcessor();
      const provider = new BasicTracerProvider({ resource: RESOURCE, spanProcessors: [processor] });
      trace.setGlobalTracerProvider(provider);
      record(processor.tracer);
      await provider.shutdown();
      print([processor.tracer === start(), start().stats().reader.owners]);`,
      ON(),
    );
    expect(stderr).toBe('');
    expect(output).toEqual([true, 2]);
    expect(names()).toEqual([...OURS].sort());
    expect(receiver.spans[0]!.resource).toMatchObject({ 'service.name': 'shop' });
  });

  it('delivers at the end of a process that never flushes', async () => {
    const { code, stderr } = await runProgram(
      `${SET_UP}
      const provider = new BasicTracerProvider({ resource: RESOURCE, spanProcessors: [gpuspanProcessor({ exitTimeoutMillis: 30_000 })] });
      provider.getTracer('app').startSpan('theirs').end();
      record(start());`,
      ON(),
    );
    expect([code, stderr]).toEqual([0, '']);
    expect(names()).toEqual([...OURS].sort());
    expect(receiver.spans[0]!.resource).toMatchObject({ 'service.name': 'shop' });
  });

  it('reads before the other threads do, so that their slices have the Resource too', async () => {
    const { stderr } = await runProgram(
      `${SET_UP}
      import { Worker } from 'node:worker_threads';
      import { once } from 'node:events';
      const provider = new BasicTracerProvider({ resource: RESOURCE, spanProcessors: [gpuspanProcessor()] });
      const program = "const g = require('gpuspan'); g.start().request({ name: 'other' }).finish();";
      await once(new Worker(program, { eval: true, execArgv: [] }), 'exit');
      provider.getTracer('app').startSpan('theirs').end();
      await provider.forceFlush();`,
      ON(),
    );
    expect(stderr).toBe('');
    expect(names()).toEqual(['other']); // without a slice there is no worker span
    expect(receiver.spans[0]!.resource).toMatchObject({ 'service.name': 'shop' });
  });

  it('gives spans to an exporter of its own on this thread, as start() does', async () => {
    const { output } = await runProgram(
      `${SET_UP}
      const exported = [];
      const exporter = { export: (spans, done) => (exported.push(...spans), done({ code: 0 })), shutdown: async () => {} };
      const provider = new BasicTracerProvider({ resource: RESOURCE, spanProcessors: [gpuspanProcessor({ exporter })] });
      provider.getTracer('app').startSpan('theirs').end();
      record(start());
      await provider.forceFlush();
      print(exported.map(({ name, resource }) => [name, resource.attributes['service.name']]).sort());`,
      { GPUSPAN: '1' },
    );
    expect(output).toEqual([...OURS].sort().map((name) => [name, 'shop']));
  });

  it.each([
    ['no span tells its Resource', ''],
    ['a detector of it never ends', "provider.getTracer('app').startSpan('theirs').end();"],
  ])('keeps a process that ends naturally alive until an exporter has everything although %s', async (_, span) => {
    const { code, output, stderr } = await runProgram(
      `${SET_UP}
      const exported = [];
      const exporter = {
        export: (spans, done) => void setTimeout(() => (exported.push(...spans), done({ code: 0 })), 20),
        shutdown: async () => {},
      };
      const resource = RESOURCE.merge(resourceFromAttributes({ 'host.id': new Promise(() => {}) }));
      const provider = new BasicTracerProvider({
        resource,
        spanProcessors: [gpuspanProcessor({ exporter, exitTimeoutMillis: 30_000 })],
      });
      ${span}
      record(start());
      process.on('exit', () => print(exported.map(({ name }) => name).sort()));`,
      { GPUSPAN: '1' },
    );
    expect([code, stderr]).toEqual([0, '']);
    expect(output).toEqual([...OURS].sort());
  });

  it('says once that it comes too late for the Resource', async () => {
    const { stderr } = await runProgram(
      `${SET_UP}
      record(start());
      new BasicTracerProvider({ resource: RESOURCE, spanProcessors: [gpuspanProcessor(), gpuspanProcessor()] });`,
      ON(),
    );
    expect(stderr.match(/gpuspanProcessor\(\) was called after start\(\)/g)).toHaveLength(1);
  });

  it('does nothing and loads no addon while tracing is off', async () => {
    const { output, stderr } = await runProgram(
      `${SET_UP}
      const processor = gpuspanProcessor();
      const provider = new BasicTracerProvider({ resource: RESOURCE, spanProcessors: [processor] });
      provider.getTracer('app').startSpan('theirs').end();
      await provider.forceFlush();
      await provider.shutdown();
      print([processor.tracer.enabled, process.report.getReport().sharedObjects.some((name) => name.includes('gpuspan'))]);`,
      { OTEL_EXPORTER_OTLP_ENDPOINT: receiver.url },
    );
    expect([output, stderr]).toEqual([[false, false], '']);
    expect(receiver.requests).toBe(0);
  });

  it("has the type of the SDK's processors", () => {
    const make: () => SpanProcessor = gpuspanProcessor;
    expect(make).toBe(gpuspanProcessor);
  });
});

describe("the provider's Resource", () => {
  it('is what the first span says, without what no attribute can be', () => {
    const resource = new ProviderResource();
    resource.learn(undefined);
    resource.learn({
      attributes: { a: 1, b: 'x', c: [true], d: undefined, e: () => 1, f: { g: 1 }, h: [{}] },
      schemaUrl: 'u',
    });
    resource.learn({ attributes: { a: 2 } });
    expect(resource.get()).toEqual({ attributes: { a: 1, b: 'x', c: [true] }, schemaUrl: 'u' });
  });

  it('is not known where nobody tells it', () => {
    expect(new ProviderResource().get()).toBeUndefined();
  });

  it('is that of the global provider where no span came', () => {
    trace.setGlobalTracerProvider(new BasicTracerProvider({ resource: resourceFromAttributes({ a: 1 }) }));
    expect(new ProviderResource().get()).toEqual({ attributes: { a: 1 }, schemaUrl: undefined });
    trace.disable();
  });
});
