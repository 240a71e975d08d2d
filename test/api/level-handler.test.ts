// SPDX-License-Identifier: Apache-2.0
//
// The handler that changes level and modules over HTTP, mounted in real servers: what it accepts, whom it refuses, what
// it answers.
import { once } from 'node:events';
import {
  createServer,
  type IncomingMessage,
  request as httpRequest,
  type RequestListener,
  type Server,
} from 'node:http';
import { type AddressInfo, connect } from 'node:net';
import { defineStages, levelHandler, start } from 'gpuspan';
import { afterAll, beforeEach, describe, expect, it } from 'vitest';
import { runProgram } from './child';

process.env['GPUSPAN'] = '1';
defineStages('request', { one: { level: 1 } });
defineStages('cache', { two: { level: 1 } });
const exporter = {
  export: (_: unknown[], done: (result: { code: number }) => void) => done({ code: 0 }),
  async shutdown() {},
};
const tracer = start({ exporter, device: 'none', ringSlots: 1024 });
const servers: Server[] = [];

beforeEach(() => {
  tracer.setLevel(2);
  tracer.setModules(undefined);
});
afterAll(async () => {
  for (const server of servers) server.close();
  await tracer.shutdown();
});

async function serve(handler: RequestListener): Promise<number> {
  const server = createServer(handler).listen(0, '127.0.0.1');
  servers.push(server);
  await once(server, 'listening');
  return (server.address() as AddressInfo).port;
}

interface Answer {
  readonly status: number;
  readonly body: Record<string, unknown>;
  readonly headers: IncomingMessage['headers'];
}

async function ask(
  port: number,
  path: string,
  { method = 'POST', headers = {}, body }: { method?: string; headers?: Record<string, string>; body?: string } = {},
): Promise<Answer> {
  const sent = httpRequest({ port, host: '127.0.0.1', path, method, headers });
  sent.end(body);
  const [answer] = (await once(sent, 'response')) as [IncomingMessage];
  let text = '';
  for await (const chunk of answer) text += chunk;
  return { status: answer.statusCode!, body: text === '' ? {} : JSON.parse(text), headers: answer.headers };
}

const port = await serve(levelHandler(tracer));
const MODULES = { before: null, after: null };

describe('the level handler', () => {
  it('changes level and modules by query, and answers what was and is in force', async () => {
    expect(await ask(port, '/set_trace_level?level=3', { method: 'GET' })).toMatchObject({
      status: 200,
      body: { level: { before: 2, after: 3 }, modules: MODULES, unknown: [] },
    });
    expect(tracer.request().level).toBe(3);
    const { body } = await ask(port, '/anywhere/else?modules=request,%20cache&level=1');
    expect(body).toEqual({
      level: { before: 3, after: 1 },
      modules: { before: null, after: ['request', 'cache'] },
      unknown: [],
    });
  });

  it.each(['all', ''])('turns all modules on with modules=%s', async (all) => {
    tracer.setModules(['cache']);
    expect((await ask(port, `/?modules=${all}`)).body['modules']).toEqual({ before: ['cache'], after: null });
  });

  it('takes a JSON body, in chunks too, and one that a parser of the server has read', async () => {
    const body = JSON.stringify({ level: 4, modules: ['cache'] });
    expect((await ask(port, '/', { body, headers: { 'transfer-encoding': 'chunked' } })).body).toMatchObject({
      level: { after: 4 },
      modules: { after: ['cache'] },
    });
    const parsing = await serve(async (request, response) => {
      request.setEncoding('utf8');
      let text = '';
      for await (const chunk of request) text += chunk;
      await levelHandler(tracer)(Object.assign(request, { body: JSON.parse(text) }), response);
    });
    expect((await ask(parsing, '/', { body: '{"level":1}' })).body).toMatchObject({ level: { before: 4, after: 1 } });
    const encoding = await serve((request, response) => {
      request.setEncoding('utf8');
      void levelHandler(tracer)(request, response);
    });
    expect((await ask(encoding, '/', { body: '{"modules":null}' })).body).toMatchObject({ modules: { after: null } });
  });

  it('answers what is in force, and changes nothing, without parameters', async () => {
    expect((await ask(port, '/', { method: 'GET' })).body).toEqual({
      level: { before: 2, after: 2 },
      modules: MODULES,
      unknown: [],
    });
  });

  it('tells modules that nobody has declared, and sets them all the same', async () => {
    const { body } = await ask(port, '/?modules=request,moncake');
    expect(body).toMatchObject({ unknown: ['moncake'], modules: { after: ['request', 'moncake'] } });
  });

  it.each([
    ['/?level=5', 'level'],
    ['/?level=-1', 'level'],
    ['/?level=two', 'level'],
    ['/?level=', 'level'],
    ['/?level=1&level=2', 'level'],
    ['/?level=1e0', 'level'],
    ['/?modules=a,,b', 'modules'],
    [`/?modules=${'x'.repeat(256)}`, 'modules'],
  ])('refuses %s, naming the value, and changes nothing', async (path, name) => {
    const { status, body } = await ask(port, path);
    expect([status, body['error']]).toEqual([400, expect.stringContaining(name)]);
    expect([tracer.level, tracer.modules]).toEqual([2, undefined]);
  });

  it.each(['{', '[]', '7', '"x"', '{"level":"3"}', '{"level":3,"modules":[7]}', '{"level":3,"constructor":1}'])(
    'refuses the body %s and changes nothing',
    async (body) => {
      expect((await ask(port, '/', { body })).status).toBe(400);
      expect(tracer.level).toBe(2);
    },
  );

  it.each([
    ['5 kB', 5_000, {}],
    ['1 MB', 1_000_000, {}],
    ['1 MB in chunks', 1_000_000, { 'transfer-encoding': 'chunked' }],
  ])('answers 413 to a body of %s, and the caller gets the answer', async (_size, bytes, headers) => {
    expect((await ask(port, '/', { body: `{"level":${' '.repeat(bytes)}3}`, headers })).status).toBe(413);
    expect(tracer.level).toBe(2);
  });

  it.each<[string, (body: Buffer) => unknown, number, number]>([
    ['as bytes, by a raw parser', (body) => body, 200, 3],
    ['as text, by a text parser', (body) => body.toString(), 200, 3],
    ['and left nothing, which must not pass for a body that asks for nothing', () => undefined, 400, 2],
    ['and left null', () => null, 400, 2],
    ['and left an array', () => [], 400, 2],
  ])('copes with a body that was read before %s', async (_by, left, status, level) => {
    const parsing = await serve(async (request, response) => {
      const chunks: Buffer[] = [];
      for await (const chunk of request) chunks.push(chunk as Buffer);
      await levelHandler(tracer)(Object.assign(request, { body: left(Buffer.concat(chunks)) }), response);
    });
    expect((await ask(parsing, '/', { body: '{"level":3}' })).status).toBe(status);
    expect(tracer.level).toBe(level);
  });

  it('takes an empty object, and {} that a parser leaves of a body it does not know, for what they are', async () => {
    expect((await ask(port, '/?level=1', { body: '{}' })).body).toMatchObject({ level: { before: 2, after: 1 } });
    const leaving = await serve((request, response) => {
      void levelHandler(tracer)(Object.assign(request, { body: {} }), response);
    });
    expect((await ask(leaving, '/', { body: '{"level":4}' })).body).toMatchObject({ level: { before: 1, after: 4 } });
  });

  it('never rejects, whatever becomes of the response', async () => {
    const request = { method: 'GET', url: '/?level=3', headers: {}, socket: { remoteAddress: '127.0.0.1' } };
    const response = {
      writeHead() {
        throw new Error('no');
      },
    };
    await expect(levelHandler(tracer)(request as never, response as never)).resolves.toBeUndefined();
    await expect(levelHandler(tracer)({} as never, {} as never)).resolves.toBeUndefined();
  });

  it.each([
    ['no tracer', undefined, {}],
    ['something else', {}, {}],
    ['a check that is no function', tracer, { check: 'admin' }],
  ])('refuses %s when it is made', (_what, given, options) => {
    expect(() => levelHandler(given as never, options as never)).toThrow(
      expect.objectContaining({ code: 'GPUSPAN_OPTION' }),
    );
  });

  it('refuses other methods', async () => {
    const refused = await ask(port, '/?level=3', { method: 'DELETE' });
    expect([refused.status, refused.headers.allow]).toEqual([405, 'GET, POST, PUT']);
    expect(tracer.level).toBe(2);
  });

  it('lives on when the caller goes away in the middle of its body', async () => {
    const handled = new Promise<void>((resolve) => {
      void serve((request, response) => void levelHandler(tracer)(request, response).then(resolve)).then((at) => {
        const socket = connect(at, '127.0.0.1', () => {
          socket.write('POST /?level=3 HTTP/1.1\r\nHost: localhost\r\nContent-Length: 100\r\n\r\n{', () =>
            socket.destroy(),
          );
        });
      });
    });
    await handled;
    expect(tracer.level).toBe(2);
    expect((await ask(port, '/?level=1')).status).toBe(200);
  });
});

describe('whom it listens to', () => {
  it.each([
    ['a page in a browser', { origin: 'http://localhost' }],
    ['a name that leads here', { host: 'attacker.example' }],
    ['an image or a link of a page, which have no Origin', { 'sec-fetch-site': 'cross-site' }],
    ['another page of this machine', { 'sec-fetch-site': 'same-site' }],
    ['a link of a page in an old browser', { referer: 'http://attacker.example/' }],
    ['what a proxy on this machine forwards', { 'x-forwarded-for': '10.0.0.7' }],
    ['what another proxy forwards', { forwarded: 'for=10.0.0.7' }],
    ['what a proxy that only names itself forwards', { via: '1.1 front' }],
  ])('refuses %s by default', async (_who, headers) => {
    expect((await ask(port, '/?level=3', { headers, method: 'GET' })).status).toBe(403);
    expect(tracer.level).toBe(2);
  });

  it.each([
    ['curl', {}],
    ['the address bar of a browser', { 'sec-fetch-site': 'none' }],
    ['a name of this machine', { host: 'LOCALHOST:8080' }],
    ['its IPv6 address', { host: '[::1]:8080' }],
  ])('listens to %s by default', async (_who, headers) => {
    expect((await ask(port, '/?level=3', { headers })).status).toBe(200);
  });

  it('refuses another machine by default', async () => {
    const far = await serve((request, response) => {
      Object.defineProperty(request.socket, 'remoteAddress', { value: '10.0.0.7' });
      void levelHandler(tracer)(request, response);
    });
    expect((await ask(far, '/?level=3')).status).toBe(403);
  });

  it.each<[string, (request: IncomingMessage) => boolean | Promise<boolean>, number]>([
    ['says yes', () => true, 200],
    ['says yes later', async ({ headers }) => headers['x-key'] === 'k', 200],
    ['says no', () => false, 403],
    ['says something else', () => 1 as unknown as boolean, 403],
    [
      'throws',
      () => {
        throw new Error('no');
      },
      403,
    ],
    ['rejects', () => Promise.reject(new Error('no')), 403],
  ])('asks the check that it is given, which %s', async (_what, check, status) => {
    const guarded = await serve(levelHandler(tracer, { check }));
    const headers = { 'x-key': 'k', origin: 'http://page' };
    expect((await ask(guarded, '/?level=3', { headers })).status).toBe(status);
    expect(tracer.level).toBe(status === 200 ? 3 : 2);
  });

  it('says why it can change nothing while tracing is off', async () => {
    const program = `
      import { createServer } from 'node:http';
      import { levelHandler, start } from 'gpuspan';
      const server = createServer(levelHandler(start())).listen(0, '127.0.0.1', async () => {
        const url = 'http://127.0.0.1:' + server.address().port + '/?level=3';
        const answer = await fetch(url, { method: 'POST' });
        print([answer.status, await answer.json()]);
        server.close();
        server.closeAllConnections();
      });`;
    const { output } = await runProgram(program);
    expect(output).toEqual([503, { error: 'nothing is recorded here: GPUSPAN is not set' }]);
  });
});
