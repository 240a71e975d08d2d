// SPDX-License-Identifier: Apache-2.0
//
// Lets an operator change level and modules of a running process over HTTP: a handler for any Node HTTP server, after
// SGLang's `/set_trace_level`. Off the record path; never throws, and answers every request once.
import type { IncomingMessage, ServerResponse } from 'node:http';
import { GpuspanError } from './errors';
import { readJsonBody, Refusal } from './http-body';
import { applyChange, type LevelChange, readBody, readQuery, RefusedChange } from './level-change';
import { isLocalCaller } from './local-caller';
import { show } from './options';
import { Tracer } from './tracer';

/** Options of `levelHandler`. */
export interface LevelHandlerOptions {
  /**
   * Whether a caller may change what is recorded. Default: one on this machine, by its socket, that is neither a web page
   * nor came through a proxy. False, a rejection and a throw are a 403.
   */
  readonly check?: (request: IncomingMessage) => boolean | Promise<boolean>;
}

/** What `node:http`, Express, Connect and Fastify's raw objects can call. */
export type LevelHandler = (request: IncomingMessage, response: ServerResponse) => Promise<void>;

const METHODS = 'GET, POST, PUT';

/**
 * A handler that changes level and modules of new requests in this process, as `tracer.setLevel` and `setModules` do.
 * Mount it under any path. `?level=2&modules=request,cache` in the query, or `{"level":2,"modules":["request"]}` as JSON
 * body (POST, PUT), at most 4,096 bytes; modules `all` or null are all of them. It answers with what was and is in force
 * and with unknown modules as JSON; without parameters it changes nothing. 400 says which value is wrong, 403 is the
 * check's, 405, 413, 503 while tracing is off. Never rejects.
 * @throws GpuspanError `GPUSPAN_OPTION`: no tracer of `start()`, or a `check` that is no function.
 */
export function levelHandler(tracer: Tracer, options: LevelHandlerOptions = {}): LevelHandler {
  const check = checkArguments(tracer, options);
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

type Check = NonNullable<LevelHandlerOptions['check']>;

/** At set-up, because a check that is no function would refuse everyone, and a tracer that is none change nothing. */
function checkArguments(tracer: unknown, options: unknown): Check {
  if (!(tracer instanceof Tracer))
    throw new GpuspanError('GPUSPAN_OPTION', `levelHandler() takes the tracer that start() gives, got ${show(tracer)}`);
  const { check = isLocalCaller } = (options ?? {}) as LevelHandlerOptions;
  if (typeof check === 'function') return check;
  throw new GpuspanError('GPUSPAN_OPTION', `option 'check' of levelHandler() must be a function, got ${show(check)}`);
}

async function isAllowed(check: Check, request: IncomingMessage): Promise<boolean> {
  try {
    return (await check(request)) === true;
  } catch {
    return false;
  }
}

async function readChange(tracer: Tracer, request: IncomingMessage): Promise<LevelChange> {
  const { method = '' } = request;
  if (!METHODS.split(', ').includes(method)) throw new Refusal(405, `${method} is not one of ${METHODS}`);
  const query = readQuery(new URLSearchParams(/\?([^#]*)/.exec(request.url ?? '')?.[1] ?? ''));
  const body = method === 'GET' ? undefined : await readJsonBody(request);
  const change = body === undefined ? query : { ...query, ...readBody(body) };
  if (!tracer.enabled) throw new Refusal(503, `nothing is recorded here: ${tracer.reason}`);
  return change;
}

function asRefusal(error: unknown): { readonly status: number; readonly message: string } {
  if (error instanceof Refusal) return error;
  if (error instanceof RefusedChange) return { status: 400, message: error.message };
  // The caller has gone, or the stream was broken by other means.
  return { status: 400, message: 'the request could not be read' };
}

/** The caller may be gone by now, or the response be one that somebody else has begun or ended. */
function answer(response: ServerResponse, status: number, body: object): void {
  try {
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
  } catch {
    // Nobody to tell: a rejection here would end the process.
  }
}
