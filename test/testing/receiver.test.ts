// SPDX-License-Identifier: Apache-2.0
//
// The OTLP receiver of gpuspan/testing: what it makes of what exporters send, and how it misbehaves on demand.
import { ROOT_CONTEXT, SpanKind, SpanStatusCode, TraceFlags, trace } from '@opentelemetry/api';
import { OTLPTraceExporter } from '@opentelemetry/exporter-trace-otlp-proto';
import { CompressionAlgorithm } from '@opentelemetry/otlp-exporter-base';
import { resourceFromAttributes } from '@opentelemetry/resources';
import { BasicTracerProvider, SimpleSpanProcessor } from '@opentelemetry/sdk-trace-base';
import { type Receiver, type ReceiverOptions, startReceiver } from 'gpuspan/testing';
import { gzipSync } from 'node:zlib';
import { afterEach, describe, expect, it } from 'vitest';

const open: Receiver[] = [];

async function receiverWith(options?: ReceiverOptions): Promise<Receiver> {
  const receiver = await startReceiver(options);
  open.push(receiver);
  return receiver;
}

afterEach(async () => {
  await Promise.all(open.splice(0).map((receiver) => receiver.close()));
});

const REMOTE = {
  traceId: '0af7651916cd43dd8448eb211c80319c',
  spanId: 'b7ad6b7169203331',
  traceFlags: TraceFlags.SAMPLED,
  isRemote: true,
};

async function sendWithSdk(url: string, compression = CompressionAlgorithm.NONE): Promise<void> {
  const exporter = new OTLPTraceExporter({ url: `${url}/v1/traces`, compression });
  const provider = new BasicTracerProvider({
    resource: resourceFromAttributes({ 'service.name': 'decoder' }),
    spanProcessors: [new SimpleSpanProcessor(exporter)],
  });
  const tracer = provider.getTracer('scope', '1.2.3');
  const context = trace.setSpanContext(ROOT_CONTEXT, REMOTE);
  const span = tracer.startSpan(
    'forward',
    {
      kind: SpanKind.SERVER,
      startTime: [1_700_000_000, 123_456_789],
      links: [{ context: REMOTE, attributes: { n: 1 } }],
    },
    context,
  );
  span.setAttributes({ text: 'ä', whole: 17, part: 0.5, yes: true, list: ['a', 'b'], negative: -3 });
  span.addEvent('retract', { kept: 3 }, [1_700_000_000, 123_456_800]);
  span.setStatus({ code: SpanStatusCode.ERROR, message: 'out of memory' });
  span.end([1_700_000_001, 5]);
  await provider.shutdown();
}

describe('the receiver', () => {
  for (const compression of [CompressionAlgorithm.NONE, CompressionAlgorithm.GZIP]) {
    it(`decodes every field that the official protobuf exporter sends, compression ${compression}`, async () => {
      const receiver = await receiverWith();
      await sendWithSdk(receiver.url, compression);
      const [span] = await receiver.waitFor((spans) => spans.length === 1);
      expect(span).toMatchObject({
        traceId: REMOTE.traceId,
        parentSpanId: REMOTE.spanId,
        name: 'forward',
        kind: 2,
        flags: 0x301,
        startTimeUnixNano: 1_700_000_000_123_456_789n,
        endTimeUnixNano: 1_700_000_001_000_000_005n,
        attributes: { text: 'ä', whole: 17, part: 0.5, yes: true, list: ['a', 'b'], negative: -3 },
        links: [{ traceId: REMOTE.traceId, spanId: REMOTE.spanId, attributes: { n: 1 } }],
        events: [{ name: 'retract', timeUnixNano: 1_700_000_000_123_456_800n, attributes: { kept: 3 } }],
        status: { code: 2, message: 'out of memory' },
        resource: { 'service.name': 'decoder' },
        scope: { name: 'scope', version: '1.2.3' },
      });
      expect(span?.spanId).toMatch(/^[0-9a-f]{16}$/);
    });
  }

  it('decodes OTLP JSON, compressed or not', async () => {
    const receiver = await receiverWith();
    const body = JSON.stringify({
      resourceSpans: [
        {
          resource: { attributes: [{ key: 'process.pid', value: { intValue: '42' } }] },
          scopeSpans: [
            {
              scope: { name: 'gpuspan' },
              spans: [
                {
                  traceId: REMOTE.traceId,
                  spanId: REMOTE.spanId,
                  name: 'json',
                  kind: 1,
                  startTimeUnixNano: '1700000000123456789',
                  endTimeUnixNano: '1700000000123456790',
                  attributes: [
                    { key: 'big', value: { intValue: '9007199254740993' } },
                    { key: 'map', value: { kvlistValue: { values: [{ key: 'a', value: { boolValue: false } }] } } },
                  ],
                },
              ],
            },
          ],
        },
      ],
    });
    const headers = { 'content-type': 'application/json; charset=utf-8' };
    const plain = await fetch(`${receiver.url}/v1/traces`, { method: 'POST', headers, body });
    expect(await plain.json()).toEqual({});
    const zipped = { ...headers, 'content-encoding': 'gzip' };
    await fetch(`${receiver.url}/v1/traces`, { method: 'POST', headers: zipped, body: gzipSync(body) });
    expect(receiver.spans).toHaveLength(2);
    expect(receiver.spans[1]).toEqual(receiver.spans[0]);
    expect(receiver.spans[0]).toMatchObject({
      parentSpanId: '',
      startTimeUnixNano: 1_700_000_000_123_456_789n,
      resource: { 'process.pid': 42 },
      attributes: { big: 9_007_199_254_740_993n, map: { a: false } },
      status: { code: 0, message: '' },
      flags: 0,
    });
  });

  it('refuses with the status it is told to, keeps nothing of that, and recovers', async () => {
    const receiver = await receiverWith({ status: 400 });
    await sendWithSdk(receiver.url);
    expect(receiver.requests).toBe(1);
    expect(receiver.spans).toEqual([]);
    receiver.behave({});
    await sendWithSdk(receiver.url);
    expect(receiver.spans).toHaveLength(1);
  });

  it('cuts connections when told to', async () => {
    const receiver = await receiverWith({ cut: true });
    const request = fetch(`${receiver.url}/v1/traces`, { method: 'POST', body: '{}' });
    await expect(request).rejects.toThrow('fetch failed');
    expect(receiver.requests).toBe(1);
  });

  it('answers after the delay it is told', async () => {
    const receiver = await receiverWith({ delayMillis: 80 });
    const started = performance.now();
    await sendWithSdk(receiver.url);
    expect(performance.now() - started).toBeGreaterThanOrEqual(79);
  });

  it('answers 400 to a body that is not OTLP and 415 to another content type', async () => {
    const receiver = await receiverWith();
    const post = (type: string, body: Uint8Array | string) =>
      fetch(receiver.url, { method: 'POST', headers: { 'content-type': type }, body });
    expect((await post('application/x-protobuf', new Uint8Array([0x0a, 0xff]))).status).toBe(400);
    expect((await post('application/json', '{')).status).toBe(400);
    expect((await post('text/plain', 'spans')).status).toBe(415);
    expect(receiver.spans).toEqual([]);
  });

  it('names what it received when waitFor gives up', async () => {
    const receiver = await receiverWith();
    await sendWithSdk(receiver.url);
    await expect(receiver.waitFor((spans) => spans.length === 2, 20)).rejects.toThrow('1 requests, spans: 1 forward');
  });

  it('forgets what it received on clear and rejects a port that is taken', async () => {
    const receiver = await receiverWith();
    await sendWithSdk(receiver.url);
    receiver.clear();
    expect(receiver.spans).toEqual([]);
    expect(receiver.requests).toBe(0);
    await expect(startReceiver({ port: Number(new URL(receiver.url).port) })).rejects.toThrow('EADDRINUSE');
  });
});
