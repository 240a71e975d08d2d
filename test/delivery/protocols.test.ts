// SPDX-License-Identifier: Apache-2.0
//
// Every OTLP protocol end to end, with the options of OpenTelemetry's transports; and what happens when an exporter
// looks different inside.
import { createServer, type IncomingHttpHeaders } from 'node:http';
import type { AddressInfo } from 'node:net';
import { type ReceivedSpan, startReceiver } from 'gpuspan/testing';
import { expect, it } from 'vitest';
import { takeOver } from '../../lib/otel/transport';
import { runScript } from './child';
import { startGrpcReceiver } from './grpc-receiver';

// What ends.cjs records.
function expectAll(spans: readonly ReceivedSpan[]): void {
  expect(spans).toHaveLength(120);
  expect(new Set(spans.map(({ name }) => name))).toEqual(new Set(['request', 'main', 'outer', 'inner']));
  expect(spans[0]!.resource).toMatchObject({ 'telemetry.sdk.name': 'gpuspan' });
}

it.each(['http/protobuf', 'http/json'])('delivers over %s, gzipped if asked to', async (protocol) => {
  const receiver = await startReceiver();
  const ended = await runScript('ends.cjs', ['natural'], receiver.url, {
    OTEL_EXPORTER_OTLP_PROTOCOL: protocol,
    OTEL_EXPORTER_OTLP_COMPRESSION: 'gzip',
  });
  expect(ended).toMatchObject({ code: 0, stderr: '' });
  expectAll(receiver.spans);
  await receiver.close();
});

it.each(['http://127.0.0.1', '127.0.0.1'])('delivers over grpc to an endpoint that begins with %s', async (host) => {
  const receiver = await startGrpcReceiver();
  const keys: unknown[] = [];
  receiver.onRequest = (metadata) => keys.push(...metadata.get('x-key'));
  const ended = await runScript('ends.cjs', ['natural'], `${host}:${receiver.port}`, {
    OTEL_EXPORTER_OTLP_PROTOCOL: 'grpc',
    OTEL_EXPORTER_OTLP_INSECURE: 'true',
    OTEL_EXPORTER_OTLP_HEADERS: 'x-key=secret',
  });
  expect(ended).toMatchObject({ code: 0, stderr: '' });
  expectAll(receiver.spans);
  expect(new Set(keys)).toEqual(new Set(['secret']));
  receiver.close();
});

it('sends protobuf with the headers that the variables ask for', async () => {
  const seen: IncomingHttpHeaders[] = [];
  const server = createServer((request, response) => {
    seen.push(request.headers);
    request.resume().on('end', () => response.end());
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  await runScript('ends.cjs', ['natural'], url, { OTEL_EXPORTER_OTLP_HEADERS: 'authorization=Bearer%20token' });
  expect(seen[0]).toMatchObject({ 'content-type': 'application/x-protobuf', authorization: 'Bearer token' });
  server.close();
});

it('gives an exporter that looks different inside span objects, as the public one wants', () => {
  const exporter = { export: () => undefined, shutdown: () => Promise.resolve() };
  expect(takeOver(exporter)).toEqual({ takes: 'spans', exporter });
  const half = { ...exporter, _delegate: { _serializer: {}, _transport: { send: () => undefined } } };
  expect(takeOver(half)).toEqual({ takes: 'spans', exporter: half });
});
