// SPDX-License-Identifier: Apache-2.0
//
// An application with the OpenTelemetry SDK of one line, beside which it is installed (line 2: sdk-trace-base, line 3:
// sdk-trace), that traces with gpuspan in the way its argument names. Run by suite.mjs.
import { context, metrics, trace } from '@opentelemetry/api';
import { AsyncLocalStorageContextManager } from '@opentelemetry/context-async-hooks';
import { OTLPTraceExporter } from '@opentelemetry/exporter-trace-otlp-proto';
import { resourceFromAttributes } from '@opentelemetry/resources';
import { AggregationTemporality, InMemoryMetricExporter, MeterProvider } from '@opentelemetry/sdk-metrics';
import { PeriodicExportingMetricReader } from '@opentelemetry/sdk-metrics';
import { NodeSDK } from '@opentelemetry/sdk-node';
import { defineStages, start } from 'gpuspan';
import { gpuspanProcessor, observeMetrics } from 'gpuspan/otel';

const sdk = await import('@opentelemetry/sdk-trace-base').catch(() => import('@opentelemetry/sdk-trace'));
const Provider = sdk.BasicTracerProvider ?? sdk.TracerProvider;
const { AlwaysOffSampler, InMemorySpanExporter, SimpleSpanProcessor } = sdk;
const simple = (exporter) => new SimpleSpanProcessor(sdk.BasicTracerProvider === undefined ? { exporter } : exporter);

const { work } = defineStages('lines', { work: { level: 1 } });

/** A request below a span of the application's. Returns the position of that. */
function record(tracer, provider) {
  const theirs = provider.getTracer('app').startSpan('theirs');
  context.with(trace.setSpan(context.active(), theirs), () =>
    tracer.trace({ name: 'ours' }, (request) => request.end(request.begin(work), { tokens: 17 })),
  );
  theirs.end();
  const { traceId, spanId } = theirs.spanContext();
  return { traceId, spanId };
}

function plainProvider(options = {}) {
  context.setGlobalContextManager(new AsyncLocalStorageContextManager().enable());
  return new Provider({ resource: resourceFromAttributes({ 'service.name': 'shop' }), ...options });
}

const told = (span) => ({
  name: span.name,
  attributes: span.attributes,
  ...span.spanContext(),
  parentSpanId: span.parentSpanContext?.spanId,
});

const modes = {
  async inline() {
    const exporter = new InMemorySpanExporter();
    const tracer = start({ exporter });
    const parent = record(tracer, plainProvider());
    await tracer.flush();
    const spans = exporter.getFinishedSpans().map(told);
    await tracer.shutdown();
    return { parent, spans };
  },
  async 'inline-otlp'() {
    const tracer = start({ exporter: new OTLPTraceExporter(), serviceName: 'lines' });
    const parent = record(tracer, plainProvider());
    await tracer.shutdown();
    return { parent };
  },
  async 'off-thread'() {
    const tracer = start();
    const parent = record(tracer, plainProvider());
    await tracer.shutdown();
    return { parent };
  },
  async 'off-thread-twice'() {
    const tracer = start();
    const provider = plainProvider();
    record(tracer, provider);
    await tracer.flush();
    record(tracer, provider);
    await tracer.shutdown();
    return { delivered: tracer.stats().reader.delivered };
  },
  async processor() {
    const memory = new InMemorySpanExporter();
    const provider = plainProvider({ spanProcessors: [simple(memory), gpuspanProcessor()] });
    const parent = record(start(), provider);
    await provider.forceFlush();
    const { delivered } = start().stats().reader;
    const theirs = memory.getFinishedSpans().map(({ name }) => name);
    await provider.shutdown();
    return { parent, delivered, theirs };
  },
  async 'node-sdk'() {
    const node = new NodeSDK({ spanProcessors: [gpuspanProcessor()], metricReaders: [], logRecordProcessors: [] });
    node.start();
    const parent = record(start(), trace);
    await node.shutdown();
    return { parent };
  },
  async sampler() {
    const tracer = start({ sampler: new AlwaysOffSampler() });
    record(tracer, plainProvider());
    await tracer.shutdown();
    return { recorded: tracer.stats().recorded };
  },
  async metrics() {
    const exporter = new InMemoryMetricExporter(AggregationTemporality.CUMULATIVE);
    const reader = new PeriodicExportingMetricReader({ exporter, exportIntervalMillis: 3_600_000 });
    const provider = new MeterProvider({ readers: [reader] });
    metrics.setGlobalMeterProvider(provider);
    const tracer = start();
    observeMetrics(tracer);
    record(tracer, plainProvider());
    await tracer.flush();
    await provider.forceFlush();
    const scopes = exporter.getMetrics().flatMap(({ scopeMetrics }) => scopeMetrics);
    const found = scopes.flatMap(({ metrics: all }) => all);
    await Promise.all([provider.shutdown(), tracer.shutdown()]);
    return {
      told: Object.fromEntries(found.map(({ descriptor, dataPoints }) => [descriptor.name, dataPoints[0]?.value])),
    };
  },
};

process.send(await modes[process.argv[2]](), () => process.disconnect());
