// SPDX-License-Identifier: Apache-2.0
//
// Receivers whose answer is not the end of a request. One drips: each byte puts off the exporter's own timeout, which is one
// of silence. Another answers before it has read.
import { once } from 'node:events';
import { type AddressInfo, createServer } from 'node:net';
import { OTLPTraceExporter } from '@opentelemetry/exporter-trace-otlp-proto';
import { expect, it, onTestFinished, vi } from 'vitest';
import { takeOver } from '../../lib/otel/transport';
import { RequestSink } from '../../lib/sinks/exporter-sink';
import { startUnrulyHttp } from './unruly-receiver';

it('ends a request whose answer never ends, and sends the batch again', async () => {
  const receiver = await startUnrulyHttp();
  onTestFinished(() => receiver.close());
  let left: Promise<unknown> | undefined;
  receiver.answer = ({ response }) => {
    const timer = setInterval(() => response.write('.'), 20);
    left = once(response, 'close').then(() => clearInterval(timer));
    receiver.answer = undefined;
  };
  const taken = takeOver(new OTLPTraceExporter({ url: `${receiver.endpoint}/v1/traces` }));
  if (taken.takes !== 'bytes') throw new Error('the exporter looks different inside');
  const warnings: string[] = [];
  const sink = new RequestSink(taken.exporter, {
    destination: 'the receiver',
    warn: (message) => warnings.push(message),
    timeoutMillis: 300,
  });
  const settled = vi.fn();
  const letGo = vi.fn();
  sink.write([{ bytes: new Uint8Array(), spanCount: 3, letGo }], settled);
  await vi.waitFor(() => expect(settled).toHaveBeenCalledOnce(), 20_000);
  await left;
  expect(settled).toHaveBeenCalledWith(0);
  expect(warnings).toEqual([
    'export to the receiver fails: no answer within 300 ms; spans wait until it succeeds again and are lost where rings fill up',
    'export to the receiver succeeds again; 0 spans were lost',
  ]);
  // The first attempt may have it still; of a request that was sent once, nobody has.
  expect(letGo).not.toHaveBeenCalled();
  sink.write([{ bytes: new Uint8Array(), spanCount: 3, letGo }], settled);
  await vi.waitFor(() => expect(settled).toHaveBeenCalledTimes(2), 20_000);
  expect(letGo).toHaveBeenCalledOnce();
  await sink.shutdown();
});

it('keeps the memory of a request that was answered before all of it had left', async () => {
  const server = createServer((socket) => {
    socket.once('data', () => {
      socket.pause();
      socket.write('HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n');
    });
    socket.on('error', () => {});
    onTestFinished(() => void socket.destroy());
  }).listen(0, '127.0.0.1');
  onTestFinished(() => void server.close());
  await once(server, 'listening');
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/v1/traces`;
  const taken = takeOver(new OTLPTraceExporter({ url }));
  if (taken.takes !== 'bytes') throw new Error('the exporter looks different inside');
  const sink = new RequestSink(taken.exporter, { destination: 'the receiver', warn: () => {}, timeoutMillis: 10_000 });
  const settled = vi.fn();
  const letGo = vi.fn();
  // More than the kernel takes at once.
  sink.write([{ bytes: new Uint8Array(64 * 1024 * 1024), spanCount: 3, letGo }], settled);
  await vi.waitFor(() => expect(settled).toHaveBeenCalledWith(0), 20_000);
  expect(letGo).not.toHaveBeenCalled();
});
