// SPDX-License-Identifier: Apache-2.0
//
// OpenTelemetry's own OTLP exporters as transports of bytes that we encoded: the one file that knows what is inside them,
// whose versions package.json pins. An exporter serializes through an object of two functions, `serializeRequest` and
// `deserializeResponse`, and sends through another of one, `send`; the first is replaced, the second listened to. What
// looks different is left as it is, and gets span objects. Runs where the segment is read.
import type { Socket } from 'node:net';
import type { ReadableSpan, SpanExporter } from '@opentelemetry/sdk-trace-base';
import type { OtlpRequest } from '../otlp/request-memory';
import type { Answer, Exporter } from './exporter';
import { GRPC_PACKAGE, type Protocol, removeRefused } from './destination';
import { reconnectSooner } from './grpc-client';
import { FAILED, parseJsonResponse, ResponseReader, retryDelay, type TransportResponse } from './responses';

/** An exporter that takes encoded requests, or one that takes span objects. */
export type OtlpExporter =
  | { readonly takes: 'bytes'; readonly exporter: Exporter<OtlpRequest> }
  | { readonly takes: 'spans'; readonly exporter: Exporter<ReadableSpan[]> };

// The exporter keeps the status to itself.
/** A receiver that wants a longer pause is asked nevertheless: the date of a wrong clock must not end delivery. */
const MOST_PAUSE_MILLIS = 300_000;
const TRY_LATER = 'the receiver asks to be tried later (status 429, 502, 503 or 504)';

interface Serializer {
  serializeRequest(spans: unknown): Uint8Array | undefined;
  deserializeResponse(body: Uint8Array): unknown;
}

interface Transport {
  send(data: Uint8Array, timeoutMillis: number): Promise<TransportResponse>;
}

interface HttpTransport extends Transport {
  /** Once it has sent something. */
  _utils?: { readonly agent?: { destroy?(): void; readonly sockets?: Readonly<Record<string, Socket[]>> } } | null;
}

interface Delegate {
  _serializer: Serializer;
  _transport: HttpTransport & { _transport?: HttpTransport };
  _timeout?: unknown;
}

/**
 * The official exporter for `protocol`, configured by the OTEL_EXPORTER_OTLP_* variables of this thread's `process.env`,
 * which is the delivery worker's own copy.
 */
export function createOtlpExporter(protocol: Protocol): OtlpExporter {
  removeRefused(process.env, protocol);
  const exporter = officialExporter(protocol);
  return protocol === 'http/json' ? takeJson(exporter) : takeOver(exporter);
}

/** Makes it take bytes, if it looks inside as it must for that. */
export function takeOver(exporter: SpanExporter): OtlpExporter {
  const delegate = delegateOf(exporter);
  if (delegate === undefined) return { takes: 'spans', exporter };
  const { _serializer: serializer } = delegate;
  const form = {
    serialize: ({ bytes }: OtlpRequest) => bytes,
    parse: (body: Uint8Array) => serializer.deserializeResponse(body),
  };
  return { takes: 'bytes', exporter: new WatchedExporter(exporter, delegate, form) };
}

// It goes on taking span objects; what its transport does is followed in the same way.
function takeJson(exporter: SpanExporter): OtlpExporter {
  const delegate = delegateOf(exporter);
  if (delegate === undefined) return { takes: 'spans', exporter };
  const { _serializer: serializer } = delegate;
  const form = {
    serialize: (spans: ReadableSpan[]) => serializer.serializeRequest(spans),
    parse: parseJsonResponse, // the official one takes what it cannot read for a full success
  };
  return { takes: 'spans', exporter: new WatchedExporter(exporter, delegate, form) };
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

/** How batches become what is sent, and answers what they say. */
interface Form<Batch> {
  readonly serialize: (batch: Batch) => Uint8Array | undefined;
  readonly parse: (body: Uint8Array) => unknown;
}

class WatchedExporter<Batch extends object> implements Exporter<Batch> {
  readonly timeoutMillis: number;
  readonly #exporter: SpanExporter;
  readonly #transport: HttpTransport;
  readonly #reader: ResponseReader;
  readonly #batches = new WeakMap<Uint8Array, Batch>();
  // What the last attempt for a batch brought, below the exporter's own retries.
  readonly #responses = new WeakMap<Batch, TransportResponse>();
  #notBefore = -Infinity;

  constructor(exporter: SpanExporter, delegate: Delegate, { serialize, parse }: Form<Batch>) {
    this.#exporter = exporter;
    this.timeoutMillis = typeof delegate._timeout === 'number' ? delegate._timeout : 0;
    this.#reader = new ResponseReader(parse);
    delegate._serializer = {
      serializeRequest: (batch) => {
        const bytes = serialize(batch as Batch);
        if (bytes !== undefined) this.#batches.set(bytes, batch as Batch);
        return bytes;
      },
      deserializeResponse: (body) => this.#reader.read(body),
    };
    // HTTP: a transport that retries around the one that sends.
    this.#transport = delegate._transport._transport ?? delegate._transport;
    reconnectSooner(this.#transport);
    this.#listen();
  }

  get notBefore(): number {
    return this.#notBefore;
  }

  export(batch: Batch, done: (answer: Answer) => void): void {
    this.#responses.delete(batch);
    this.#exporter.export(batch as never, (result) => {
      // Response and result come in one go, so what was read is this request's.
      const read = this.#reader.take();
      if (result.code !== FAILED && read.problem !== undefined) done({ code: FAILED, error: new Error(read.problem) });
      else if (result.code !== FAILED) done({ ...result, rejected: read.rejected, isSent: this.#hasSentAll() });
      else done(this.#failure(batch, result));
    });
  }

  // The transport's timeout is one of silence: a receiver that sends a byte now and then is never silent. gRPC has
  // deadlines, and nothing to end here.
  abandon(): void {
    this.#transport._utils?.agent?.destroy?.();
  }

  forceFlush(): Promise<void> {
    return this.#exporter.forceFlush?.() ?? Promise.resolve();
  }

  shutdown(): Promise<void> {
    return this.#exporter.shutdown();
  }

  // Of all requests together, which of them a socket is for is not told. Elsewhere than over HTTP: not known.
  #hasSentAll(): boolean {
    const sockets = this.#transport._utils?.agent?.sockets;
    return (
      sockets !== undefined && Object.values(sockets).every((same) => same.every((one) => one.writableLength === 0))
    );
  }

  #failure(batch: Batch, result: Answer): Answer {
    const response = this.#responses.get(batch);
    // Not even sent: too many others are, for the exporter's taste.
    if (response === undefined) return { ...result, retryInMillis: 0 };
    const isAsked = response.status === 'retryable' && response.error === undefined;
    const error = isAsked ? new Error(TRY_LATER) : result.error;
    return { ...result, error, retryInMillis: retryDelay(response, error) };
  }

  #listen(): void {
    const transport = this.#transport;
    const send = transport.send.bind(transport);
    transport.send = async (data, timeoutMillis) => {
      const response = await send(data, timeoutMillis);
      const batch = this.#batches.get(data);
      if (batch !== undefined) this.#responses.set(batch, response);
      const asked = response.status === 'success' ? 0 : (retryDelay(response, response.error) ?? 0);
      const retryInMillis = Math.min(asked, MOST_PAUSE_MILLIS);
      if (retryInMillis > 0) this.#notBefore = Math.max(this.#notBefore, performance.now() + retryInMillis);
      return response;
    };
  }
}
