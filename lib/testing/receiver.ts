// SPDX-License-Identifier: Apache-2.0
//
// An OTLP/HTTP receiver inside the test's own process: takes what an exporter sends to a local port, in
// protobuf or JSON, plain or compressed, and keeps the spans. It can be slow, refuse or hang up, to see how the
// code under test fares. Works with tracing off; never loads the addon.
import { createServer } from 'node:http';
import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { gunzipSync, inflateSync } from 'node:zlib';
import { spansOf } from './otlp-json';
import type { OtlpRequest, ReceivedSpan } from './otlp-json';
import { decodeRequest } from './otlp-proto';

/** How requests are answered. Spans of a request that is refused or cut are not kept. */
export interface Behaviour {
  /** Waits so long before answering. Default 0. */
  readonly delayMillis?: number;
  /** HTTP status of the answer. Default 200. */
  readonly status?: number;
  /** Destroys the connection instead of answering. Default false. */
  readonly cut?: boolean;
}

export interface ReceiverOptions extends Behaviour {
  /** Default 0: any free port. */
  readonly port?: number;
  /** Called with each request that is kept, in OTLP's JSON shape; see OtlpJsonFile. */
  readonly onExport?: (request: OtlpRequest) => void;
  /** Called with the spans of each request that is kept. */
  readonly onSpans?: (spans: readonly ReceivedSpan[]) => void;
  /** A request whose body is longer, compressed or not, is answered with 413. Default 64 MiB. */
  readonly maxBodyBytes?: number;
  /** False: `spans` stays empty, for receivers that run for long. Default true. */
  readonly keepSpans?: boolean;
}

export interface Receiver {
  /** `http://127.0.0.1:port`, a value for OTEL_EXPORTER_OTLP_ENDPOINT. */
  readonly url: string;
  /** All spans kept so far, in order of arrival. */
  readonly spans: readonly ReceivedSpan[];
  /** Requests that arrived, kept or not. */
  readonly requests: number;
  /** Most requests that were being answered at the same time. */
  readonly mostConcurrent: number;
  /** Resolves with the spans once `predicate` holds; rejects after `timeoutMillis` (default 10,000), naming what arrived. */
  waitFor(
    predicate: (spans: readonly ReceivedSpan[]) => boolean,
    timeoutMillis?: number,
  ): Promise<readonly ReceivedSpan[]>;
  /** Changes how later requests are answered. */
  behave(behaviour: Behaviour): void;
  /** Forgets spans and counts. */
  clear(): void;
  /** Ends all connections; resolves when the port is free. */
  close(): Promise<void>;
}

/** Listens on 127.0.0.1 before it resolves; rejects when the port is taken. */
export async function startReceiver(options: ReceiverOptions = {}): Promise<Receiver> {
  const receiver = new HttpReceiver(options);
  await receiver.listen(options.port ?? 0);
  return receiver;
}

const MAX_BODY_BYTES = 64 * 1024 * 1024;
const JSON_TYPE = 'application/json';
const PROTOBUF_TYPE = 'application/x-protobuf';

interface Waiter {
  readonly predicate: (spans: readonly ReceivedSpan[]) => boolean;
  readonly resolve: (spans: readonly ReceivedSpan[]) => void;
  readonly timer: NodeJS.Timeout;
}

class HttpReceiver implements Receiver {
  readonly #server: Server;
  readonly #onExport: ((request: OtlpRequest) => void) | undefined;
  readonly #onSpans: ((spans: readonly ReceivedSpan[]) => void) | undefined;
  readonly #keepSpans: boolean;
  readonly #maxBodyBytes: number;
  readonly #waiters = new Set<Waiter>();
  #behaviour: Behaviour;
  #spans: ReceivedSpan[] = [];
  #requests = 0;
  #concurrent = 0;
  #mostConcurrent = 0;

  constructor(options: ReceiverOptions) {
    this.#behaviour = options;
    this.#onExport = options.onExport;
    this.#onSpans = options.onSpans;
    this.#keepSpans = options.keepSpans ?? true;
    this.#maxBodyBytes = options.maxBodyBytes ?? MAX_BODY_BYTES;
    this.#server = createServer((request, response) => void this.#take(request, response));
  }

  get url(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  get spans(): readonly ReceivedSpan[] {
    return this.#spans;
  }

  get requests(): number {
    return this.#requests;
  }

  get mostConcurrent(): number {
    return this.#mostConcurrent;
  }

  listen(port: number): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#server.once('error', reject);
      this.#server.listen(port, '127.0.0.1', () => resolve());
    });
  }

  waitFor(
    predicate: (spans: readonly ReceivedSpan[]) => boolean,
    timeoutMillis = 10_000,
  ): Promise<readonly ReceivedSpan[]> {
    if (predicate(this.#spans)) return Promise.resolve(this.#spans);
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => {
        this.#waiters.delete(waiter);
        reject(new Error(`not received within ${timeoutMillis} ms; so far: ${this.#describe()}`));
      }, timeoutMillis);
      const waiter: Waiter = { predicate, resolve, timer };
      this.#waiters.add(waiter);
    });
  }

  behave(behaviour: Behaviour): void {
    this.#behaviour = behaviour;
  }

  clear(): void {
    this.#spans = [];
    this.#requests = 0;
    this.#mostConcurrent = 0;
  }

  close(): Promise<void> {
    return new Promise((resolve) => {
      this.#server.close(() => resolve());
      this.#server.closeAllConnections();
    });
  }

  async #take(request: IncomingMessage, response: ServerResponse): Promise<void> {
    this.#requests++;
    this.#mostConcurrent = Math.max(this.#mostConcurrent, ++this.#concurrent);
    const { delayMillis = 0, status = 200, cut = false } = this.#behaviour;
    try {
      const body = await bodyOf(request, this.#maxBodyBytes);
      if (body === undefined) {
        this.#refuseLong(response);
        return;
      }
      if (delayMillis > 0) await new Promise((resolve) => setTimeout(resolve, delayMillis));
      if (cut) request.socket.destroy();
      else if (status === 200) this.#accept(request, body, response);
      else response.writeHead(status).end();
    } catch {
      // The sender hung up; there is nobody to answer.
    } finally {
      this.#concurrent--;
    }
  }

  #accept(request: IncomingMessage, body: Buffer, response: ServerResponse): void {
    const type = (request.headers['content-type'] ?? '').split(';')[0]?.trim();
    if (type !== JSON_TYPE && type !== PROTOBUF_TYPE) {
      response.writeHead(415).end(`${JSON_TYPE} or ${PROTOBUF_TYPE} expected`);
      return;
    }
    let decoded: OtlpRequest;
    let spans: ReceivedSpan[];
    try {
      const bytes = decompress(body, request.headers['content-encoding'], this.#maxBodyBytes);
      decoded = type === JSON_TYPE ? (JSON.parse(bytes.toString()) as OtlpRequest) : decodeRequest(bytes);
      spans = spansOf(decoded);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ERR_BUFFER_TOO_LARGE') this.#refuseLong(response);
      else response.writeHead(400).end(String(error));
      return;
    }
    // An empty message is an empty body in protobuf.
    response.writeHead(200, { 'content-type': type }).end(type === JSON_TYPE ? '{}' : '');
    if (this.#keepSpans) for (const span of spans) this.#spans.push(span);
    this.#onExport?.(decoded);
    this.#onSpans?.(spans);
    this.#wakeWaiters();
  }

  // The rest of the body is not read: the connection ends with the answer.
  #refuseLong(response: ServerResponse): void {
    const message = `a body of more than ${this.#maxBodyBytes} bytes: send fewer spans at a time`;
    response.writeHead(413, { connection: 'close' }).end(message);
  }

  #wakeWaiters(): void {
    for (const waiter of this.#waiters) {
      if (!waiter.predicate(this.#spans)) continue;
      this.#waiters.delete(waiter);
      clearTimeout(waiter.timer);
      waiter.resolve(this.#spans);
    }
  }

  #describe(): string {
    const counts = new Map<string, number>();
    for (const { name } of this.#spans) counts.set(name, (counts.get(name) ?? 0) + 1);
    const names = [...counts].map(([name, count]) => `${count} ${name}`);
    return `${this.#requests} requests, spans: ${names.join(', ') || 'none'}`;
  }
}

/** undefined when it is longer than `most`. */
async function bodyOf(request: IncomingMessage, most: number): Promise<Buffer | undefined> {
  if (Number(request.headers['content-length'] ?? 0) > most) return undefined;
  const parts: Buffer[] = [];
  let bytes = 0;
  // Reading on what comes after an answer was decided would only be thrown away.
  for await (const part of request.iterator({ destroyOnReturn: false })) {
    bytes += (part as Buffer).length;
    if (bytes > most) return undefined;
    parts.push(part as Buffer);
  }
  return Buffer.concat(parts);
}

/** @throws with code ERR_BUFFER_TOO_LARGE when it would be longer than `most`. */
function decompress(body: Buffer, encoding: string | undefined, most: number): Buffer {
  if (encoding === 'gzip') return gunzipSync(body, { maxOutputLength: most });
  if (encoding === 'deflate') return inflateSync(body, { maxOutputLength: most });
  return body;
}
