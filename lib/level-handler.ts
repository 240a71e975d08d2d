// SPDX-License-Identifier: Apache-2.0
//
// Lets an operator change level and modules of a running process over HTTP: a handler for any Node HTTP server, after
// SGLang's `/set_trace_level`. Off the record path; never throws, and answers every request once.
import type { IncomingMessage, ServerResponse } from 'node:http';
import { applyChange, type LevelChange, readBody, readQuery, RefusedChange } from './level-change';
import type { Tracer } from './tracer';

/** Options of `levelHandler`. */
export interface LevelHandlerOptions {
  /**
   * Whether a caller may change what is recorded. Default: one on this machine that is no web page. False, a rejection
   * and a throw are a 403.
   */
  readonly check?: (request: IncomingMessage) => boolean | Promise<boolean>;
}

/** What `node:http`, Express, Connect and Fastify's raw objects can call. */
export type LevelHandler = (request: IncomingMessage, response: ServerResponse) => Promise<void>;

const MAX_BODY_BYTES = 4096;
const METHODS = 'GET, POST, PUT';
/** IPv4, IPv6, and IPv4 seen through an IPv6 socket. */
const LOOPBACK = /^(127\.\d{1,3}\.\d{1,3}\.\d{1,3}|::1|::ffff:127\.\d{1,3}\.\d{1,3}\.\d{1,3})$/;
const LOCAL_HOST = /^(localhost|127\.\d{1,3}\.\d{1,3}\.\d{1,3}|\[::1\])(:\d+)?$/i;

/** An answer that is no success. */
class Refusal extends Error {
  constructor(
    readonly status: number,
    message: string,
  ) {
    super(message);
  }
}

/**
 * A handler that changes level and modules of new requests in this process, as `tracer.setLevel` and `setModules` do.
 * Mount it under any path. `?level=2&modules=request,cache` in the query, or `{"level":2,"modules":["request"]}` as JSON
 * body (POST, PUT), at most 4,096 bytes; modules `all` or null are all of them. It answers with what was and is in force
 * and with unknown modules as JSON; without parameters it changes nothing. 400 says which value is wrong, 403 is the
 * check's, 405, 413, 503 while tracing is off.
 */
export function levelHandler(tracer: Tracer, { check = isLocal }: LevelHandlerOptions = {}): LevelHandler {
  return async (request, response) => {
    try {
      if (!(await isAllowed(check, request))) throw new Refusal(403, 'this caller may not change what is recorded');
      answer(response, 200, applyChange(tracer, await readChange(tracer, request)));
    } catch (error) {
      const { status, message } = asRefusal(error);
      answer(response, status, { error: message });
    }
  };
}

async function isAllowed(check: NonNullable<LevelHandlerOptions['check']>, request: IncomingMessage): Promise<boolean> {
  try {
    return (await check(request)) === true;
  } catch {
    return false;
  }
}

/** On this machine by its socket. A browser there acts for whatever page is open: it says so in `Origin`, or in `Host` what name it looked up. */
function isLocal({ socket, headers }: IncomingMessage): boolean {
  const { host, origin } = headers;
  return (
    LOOPBACK.test(socket.remoteAddress ?? '') && origin === undefined && (host === undefined || LOCAL_HOST.test(host))
  );
}

async function readChange(tracer: Tracer, request: IncomingMessage): Promise<LevelChange> {
  const { method = '' } = request;
  if (!METHODS.split(', ').includes(method)) throw new Refusal(405, `${method} is not one of ${METHODS}`);
  const query = readQuery(new URLSearchParams(/\?([^#]*)/.exec(request.url ?? '')?.[1] ?? ''));
  const body = method === 'GET' ? undefined : await parsedBody(request);
  const change = body === undefined ? query : { ...query, ...readBody(body) };
  if (!tracer.enabled) throw new Refusal(503, `nothing is recorded here: ${tracer.reason}`);
  return change;
}

/** What a body parser has left, else what is read here; undefined: there is none. */
async function parsedBody(request: IncomingMessage & { readonly body?: unknown }): Promise<unknown> {
  if (request.body !== undefined) return isEmpty(request.body) ? undefined : request.body;
  if (request.readableEnded) return undefined;
  const text = await readText(request);
  if (text.trim() === '') return undefined;
  try {
    return JSON.parse(text) as unknown;
  } catch {
    throw new Refusal(400, 'the body is no JSON; send {"level": 0 to 4, "modules": [names]}');
  }
}

/** What parsers leave where there was no body. */
function isEmpty(body: unknown): boolean {
  return body === null || body === '' || (typeof body === 'object' && Object.keys(body).length === 0);
}

/** The server may have set an encoding: then chunks are strings. */
async function readText(request: IncomingMessage): Promise<string> {
  let bytes = 0;
  const chunks: Buffer[] = [];
  for await (const given of request as AsyncIterable<Buffer | string>) {
    const chunk = typeof given === 'string' ? Buffer.from(given) : given;
    bytes += chunk.length;
    if (bytes > MAX_BODY_BYTES) throw new Refusal(413, `the body is longer than ${MAX_BODY_BYTES} bytes`);
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString('utf8');
}

function asRefusal(error: unknown): { readonly status: number; readonly message: string } {
  if (error instanceof Refusal) return error;
  if (error instanceof RefusedChange) return { status: 400, message: error.message };
  // The caller has gone, or the stream was broken by other means.
  return { status: 400, message: 'the request could not be read' };
}

function answer(response: ServerResponse, status: number, body: object): void {
  if (response.headersSent || response.writableEnded || response.destroyed) return;
  const text = `${JSON.stringify(body)}\n`;
  response.writeHead(status, {
    'content-type': 'application/json; charset=utf-8',
    'content-length': Buffer.byteLength(text),
    'cache-control': 'no-store',
    ...(status === 405 && { allow: METHODS }),
    // What is left of a body that is too long is not worth waiting for.
    ...(status === 413 && { connection: 'close' }),
  });
  response.end(text);
}
