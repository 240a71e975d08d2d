// SPDX-License-Identifier: Apache-2.0
//
// OpenTelemetry's own OTLP exporters as transports of bytes that we encoded: the one file that knows what is inside them,
// whose versions package.json pins. An exporter serializes through an object of two functions, `serializeRequest` and
// `deserializeResponse`, and sends through another of one, `send`; the first is replaced, the second listened to. What
// looks different is left as it is, and gets span objects. Runs where the segment is read.
import type { SpanExporter } from '@opentelemetry/sdk-trace-base';

import type { OtlpRequest } from '../otlp/requests';
import type { Answer, Exporter } from './exporter';
import { GRPC_PACKAGE, type Protocol, removeRefused } from './destination';
import { FAILED, ResponseReader, retryDelay, type TransportResponse } from './responses';

/** An exporter that takes encoded requests, or one that takes span objects. */
export type OtlpExporter =
  | { readonly takes: 'bytes'; readonly exporter: Exporter<OtlpRequest> }
  | { readonly takes: 'spans'; readonly exporter: SpanExporter };

interface Serializer {
  serializeRequest(spans: unknown): Uint8Array | undefined;
  deserializeResponse(body: Uint8Array): unknown;
}

interface Transport {
  send(data: Uint8Array, timeoutMillis: number): Promise<TransportResponse>;
}

interface Delegate {
  _serializer: Serializer;
  _transport: Transport & { _transport?: Transport };
}

/**
 * The official exporter for `protocol`, configured by the OTEL_EXPORTER_OTLP_* variables of this thread's `process.env`,
 * which is the delivery worker's own copy.
 */
export function createOtlpExporter(protocol: Protocol): OtlpExporter {
  removeRefused(process.env, protocol);
  const exporter = officialExporter(protocol);
  return protocol === 'http/json' ? { takes: 'spans', exporter } : takeOver(exporter);
}

/** Makes it take bytes, if it looks inside as it must for that. */
export function takeOver(exporter: SpanExporter): OtlpExporter {
  const delegate = delegateOf(exporter);
  if (delegate === undefined) return { takes: 'spans', exporter };
  return { takes: 'bytes', exporter: new ByteExporter(exporter, delegate) };
}

function officialExporter(protocol: Protocol): SpanExporter {
  const { OTLPTraceExporter } = packageOf(protocol);
  return new OTLPTraceExporter();
}

// Loaded on demand: one of them.
function packageOf(protocol: Protocol): { OTLPTraceExporter: new () => SpanExporter } {
  switch (protocol) {
    case 'grpc':
      return require(GRPC_PACKAGE) as typeof import('@opentelemetry/exporter-trace-otlp-grpc');
    case 'http/json':
      return require('@opentelemetry/exporter-trace-otlp-http') as typeof import('@opentelemetry/exporter-trace-otlp-http');
    default:
      return require('@opentelemetry/exporter-trace-otlp-proto') as typeof import('@opentelemetry/exporter-trace-otlp-proto');
  }
}

function delegateOf(exporter: SpanExporter): Delegate | undefined {
  const { _delegate: delegate } = exporter as { _delegate?: Partial<Delegate> };
  const { _serializer: serializer, _transport: transport } = delegate ?? {};
  const isKnown =
    typeof serializer?.serializeRequest === 'function' &&
    typeof serializer.deserializeResponse === 'function' &&
    typeof transport?.send === 'function';
  return isKnown ? (delegate as Delegate) : undefined;
}

class ByteExporter implements Exporter<OtlpRequest> {
  readonly #exporter: SpanExporter;
  readonly #reader: ResponseReader;
  // What the last attempt for these bytes brought, below the exporter's own retries.
  readonly #responses = new WeakMap<Uint8Array, TransportResponse>();
  #notBefore = -Infinity;

  constructor(exporter: SpanExporter, delegate: Delegate) {
    this.#exporter = exporter;
    const { _serializer: serializer, _transport: transport } = delegate;
    this.#reader = new ResponseReader((body) => serializer.deserializeResponse(body));
    delegate._serializer = {
      serializeRequest: (request) => (request as OtlpRequest).bytes,
      deserializeResponse: (body) => this.#reader.read(body),
    };
    // HTTP: a transport that retries around the one that sends.
    this.#listen(transport._transport ?? transport);
  }

  get notBefore(): number {
    return this.#notBefore;
  }

  export(request: OtlpRequest, done: (answer: Answer) => void): void {
    this.#responses.delete(request.bytes);
    this.#exporter.export(request as never, (result) => {
      // Response and result come in one go, so what was read is this request's.
      const read = this.#reader.take();
      if (result.code !== FAILED && read.problem !== undefined) done({ code: FAILED, error: new Error(read.problem) });
      else if (result.code !== FAILED) done({ ...result, rejected: read.rejected });
      else done({ ...result, retryInMillis: this.#retryDelay(request, result.error) });
    });
  }

  forceFlush(): Promise<void> {
    return this.#exporter.forceFlush?.() ?? Promise.resolve();
  }

  shutdown(): Promise<void> {
    return this.#exporter.shutdown();
  }

  #retryDelay(request: OtlpRequest, error: Error | undefined): number | undefined {
    const response = this.#responses.get(request.bytes);
    // Not even sent: too many others are, for the exporter's taste.
    return response === undefined ? 0 : retryDelay(response, error);
  }

  #listen(transport: Transport): void {
    const send = transport.send.bind(transport);
    transport.send = async (data, timeoutMillis) => {
      const response = await send(data, timeoutMillis);
      this.#responses.set(data, response);
      const { retryInMillis = 0 } = response.status === 'retryable' ? response : {};
      if (retryInMillis > 0) this.#notBefore = Math.max(this.#notBefore, performance.now() + retryInMillis);
      return response;
    };
  }
}
