// SPDX-License-Identifier: Apache-2.0
//
// The JSON body of an HTTP request, whoever has read it: a parser of the server (`request.body`), or nobody yet. Used by
// the level handler, off the record path. Nothing of it is trusted.
import type { IncomingMessage } from 'node:http';

/** An answer that is no success; its message goes to the caller. */
export class Refusal extends Error {
  constructor(
    readonly status: number,
    message: string,
  ) {
    super(message);
  }
}

export const MAX_BODY_BYTES = 4096;

/** Undefined when there is none. @throws Refusal 400 or 413; what the stream throws when the caller has gone. */
export async function readJsonBody(request: IncomingMessage & { readonly body?: unknown }): Promise<unknown> {
  const { body } = request;
  if (typeof body === 'string' || body instanceof Uint8Array) return parse(Buffer.from(body));
  if (body !== undefined && body !== null && !isEmptyObject(body)) return body;
  if (!request.readableEnded) return parse(await readAll(request));
  // Parsers leave {} for a body of another type, too: it must not pass for one that asks for nothing.
  if (isEmptyObject(body) && isJson(request)) return undefined;
  if (!announcesBody(request)) return undefined;
  throw new Refusal(
    400,
    'something else has read the body and left nothing in request.body; put it there, or use the query',
  );
}

function parse(bytes: Buffer): unknown {
  if (bytes.length > MAX_BODY_BYTES) throw tooLong();
  const text = bytes.toString('utf8');
  if (text.trim() === '') return undefined;
  try {
    return JSON.parse(text) as unknown;
  } catch {
    throw new Refusal(400, 'the body is no JSON; send {"level": 0 to 4, "modules": [names]}');
  }
}

/** The server may have set an encoding: then chunks are strings. */
async function readAll(request: IncomingMessage): Promise<Buffer> {
  let bytes = 0;
  const chunks: Buffer[] = [];
  for await (const given of request as AsyncIterable<Buffer | string>) {
    const chunk = typeof given === 'string' ? Buffer.from(given) : given;
    bytes += chunk.length;
    if (bytes > MAX_BODY_BYTES) throw tooLong();
    chunks.push(chunk);
  }
  return Buffer.concat(chunks);
}

function tooLong(): Refusal {
  return new Refusal(413, `the body is longer than ${MAX_BODY_BYTES} bytes`);
}

function isEmptyObject(body: unknown): boolean {
  return typeof body === 'object' && body !== null && !Array.isArray(body) && Object.keys(body).length === 0;
}

function isJson({ headers }: IncomingMessage): boolean {
  return /^application\/(.*\+)?json\b/i.test(headers['content-type'] ?? '');
}

function announcesBody({ headers }: IncomingMessage): boolean {
  return headers['transfer-encoding'] !== undefined || Number(headers['content-length'] ?? 0) > 0;
}
