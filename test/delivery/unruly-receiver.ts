// SPDX-License-Identifier: Apache-2.0
//
// OTLP receivers over HTTP and gRPC that misbehave as a test tells them, and keep books: which spans they took, when
// requests came and how many were open at a time. A request counts as open until it is answered or its sender leaves.
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo, Socket } from 'node:net';
import { Metadata, Server, ServerCredentials } from '@grpc/grpc-js';
import { type OtlpRequest, type ReceivedSpan, spansOf } from '../../lib/testing/otlp-json';
import { decodeRequest } from '../../lib/testing/otlp-proto';
import { GRPC_SERVICE } from './grpc-receiver';

export type Protocol = 'http/protobuf' | 'http/json' | 'grpc';

/** What a receiver has seen. */
export class Books {
  /** Span ids, so what was sent twice is in them once. */
  readonly slices = new Set<string>();
  readonly owners = new Set<string>();
  /** `performance.now()` of each request. */
  readonly arrivals: number[] = [];
  mostOpen = 0;
  #open = 0;

  open(): void {
    this.arrivals.push(performance.now());
    this.mostOpen = Math.max(this.mostOpen, ++this.#open);
  }

  close(): void {
    this.#open--;
  }

  keep(spans: readonly ReceivedSpan[]): void {
    for (const { name, spanId } of spans) (isSlice(name) ? this.slices : this.owners).add(spanId);
  }
}

/** One HTTP request and the means to answer it. */
export interface HttpExchange {
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
  readonly socket: Socket;
  /** How many spans it has. */
  spans(): number;
  /** Takes them. */
  keep(): void;
  /** As a good receiver does. */
  accept(): void;
}

export interface Unruly {
  readonly endpoint: string;
  readonly books: Books;
  /** Connections are refused until `listen`. */
  close(): Promise<void>;
  /** At the port it had before. */
  listen(): Promise<void>;
}

export interface UnrulyHttp extends Unruly {
  /** How requests are answered from now on; undefined: well. */
  answer: ((exchange: HttpExchange) => void) | undefined;
}

// The names that record.cjs gives.
function isSlice(name: string): boolean {
  return name === 'outer' || name === 'inner';
}

function decode(body: Buffer, type: string | undefined): readonly ReceivedSpan[] {
  const isJson = type === 'application/json';
  return spansOf(isJson ? (JSON.parse(body.toString()) as OtlpRequest) : decodeRequest(body));
}

export async function startUnrulyHttp(): Promise<UnrulyHttp> {
  const books = new Books();
  const server = createServer((request, response) => {
    books.open();
    response.on('close', () => books.close());
    const parts: Buffer[] = [];
    request.on('data', (part) => parts.push(part));
    request.on('end', () => {
      const type = request.headers['content-type'];
      const spans = () => decode(Buffer.concat(parts), type);
      const keep = () => books.keep(spans());
      const accept = () => {
        keep();
        response.writeHead(200, { 'content-type': type }).end(type === 'application/json' ? '{}' : '');
      };
      if (receiver.answer === undefined) accept();
      else receiver.answer({ request, response, socket: request.socket, spans: () => spans().length, keep, accept });
    });
  });
  const listen = (port: number) => new Promise<void>((resolve) => server.listen(port, '127.0.0.1', resolve));
  await listen(0);
  const { port } = server.address() as AddressInfo;
  const receiver: UnrulyHttp = {
    endpoint: `http://127.0.0.1:${port}`,
    books,
    answer: undefined,
    listen: () => listen(port),
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
  return receiver;
}

/** A gRPC answer: a response message, or a status other than OK with the metadata that go with it. */
export type GrpcAnswer = Buffer | { readonly code: number; readonly details: string; readonly metadata?: Metadata };

const field = (number: number, bytes: Uint8Array): Buffer =>
  Buffer.concat([Buffer.from([(number << 3) | 2, bytes.length]), bytes]);

/** google.rpc.RetryInfo as gRPC carries it: in a google.rpc.Status, below 128 bytes in all. */
export function retryInfoOf(duration: Uint8Array): Buffer {
  const info = [field(1, Buffer.from('type.googleapis.com/google.rpc.RetryInfo')), field(2, field(1, duration))];
  return Buffer.concat([Buffer.from([0x08, 14]), field(3, Buffer.concat(info))]);
}

/** Metadata that ask for a pause. */
export function pauseOf(seconds: number): Metadata {
  const metadata = new Metadata();
  metadata.set('grpc-status-details-bin', retryInfoOf(Buffer.from([0x08, seconds])));
  return metadata;
}

export interface GrpcExchange {
  /** How many spans it has. */
  spans(): number;
  /** Takes them. */
  keep(): void;
  answer(answer: GrpcAnswer): void;
}

export interface UnrulyGrpc extends Unruly {
  /** How calls are answered from now on; undefined: well. */
  answer: ((exchange: GrpcExchange) => void) | undefined;
}

interface Call {
  readonly request: Buffer;
  readonly cancelled: boolean;
  on(event: 'cancelled', listener: () => void): void;
}

export async function startUnrulyGrpc(): Promise<UnrulyGrpc> {
  const books = new Books();
  const take = (call: Call, done: (error: object | null, response?: Buffer) => void): void => {
    books.open();
    let isOpen = true;
    const close = () => {
      if (isOpen) books.close();
      isOpen = false;
    };
    call.on('cancelled', close); // also by a deadline
    const spans = () => spansOf(decodeRequest(call.request));
    const keep = () => books.keep(spans());
    const answer = (result: GrpcAnswer) => {
      close();
      if (call.cancelled) return;
      if (Buffer.isBuffer(result)) done(null, result);
      else done(result);
    };
    if (receiver.answer !== undefined) receiver.answer({ spans: () => spans().length, keep, answer });
    else {
      keep();
      answer(Buffer.alloc(0));
    }
  };
  const bind = async (port: number) => {
    const server = new Server();
    server.addService(GRPC_SERVICE, { Export: take as never });
    const bound = await new Promise<number>((resolve, reject) => {
      server.bindAsync(`127.0.0.1:${port}`, ServerCredentials.createInsecure(), (error, at) =>
        error === null ? resolve(at) : reject(error),
      );
    });
    return { server, bound };
  };
  let { server, bound: port } = await bind(0);
  const receiver: UnrulyGrpc = {
    endpoint: `http://127.0.0.1:${port}`,
    books,
    answer: undefined,
    listen: async () => void ({ server } = await bind(port)),
    close: async () => server.forceShutdown(),
  };
  return receiver;
}
