// SPDX-License-Identifier: Apache-2.0
//
// The text server by itself, started as its users start it: bad requests, clients that go away, a worker that dies,
// and what is left of gpuspan when tracing is off.
import { type ChildProcess, type ForkOptions, fork } from 'node:child_process';
import { once } from 'node:events';
import { readdirSync, readFileSync, readlinkSync } from 'node:fs';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { type ReceivedSpan, type Receiver, query, startReceiver } from 'gpuspan/testing';
import { beforeAll, describe, expect, it, onTestFinished } from 'vitest';
import { buildDevice } from '../../examples/text-server/setup.mjs';
import { CORPUS } from './run-demo';

const SERVER = join(__dirname, '../../examples/text-server/server.mjs');
const WORKER = join(__dirname, '../../examples/text-server/worker.mjs');
const ERROR = 2;

interface Service {
  readonly server: ChildProcess;
  readonly url: string;
  readonly pids: readonly number[];
}

async function startServer(env: NodeJS.ProcessEnv = {}, options: ForkOptions = {}): Promise<Service> {
  const args = ['--port', '0', '--device', 'threads', '--corpus', CORPUS];
  const server = fork(SERVER, args, { env: { ...process.env, ...env }, execArgv: [], ...options });
  onTestFinished(async () => {
    if (server.exitCode !== null || server.signalCode !== null) return;
    server.kill('SIGTERM');
    await once(server, 'exit');
  });
  const [{ url, pids }] = (await once(server, 'message')) as [Service];
  return { server, url, pids };
}

async function startTraced(): Promise<Service & { readonly receiver: Receiver }> {
  const receiver = await startReceiver();
  onTestFinished(() => receiver.close());
  const service = await startServer({ GPUSPAN: '1', OTEL_EXPORTER_OTLP_ENDPOINT: receiver.url });
  return { ...service, receiver };
}

async function stopServer({ server }: Service): Promise<void> {
  const exited = once(server, 'exit');
  server.kill('SIGTERM');
  await exited;
}

/** Stays of requests on the worker; its startup has a trace of its own. */
function staysOnWorker(spans: readonly ReceivedSpan[]): ReceivedSpan[] {
  const startups = query(spans)
    .byName('startup')
    .map(({ traceId }) => traceId);
  expect(startups).toHaveLength(1);
  return query(spans)
    .byName('DecodeWorker')
    .filter(({ traceId }) => !startups.includes(traceId));
}

const generate = (url: string, body: unknown, init: RequestInit = {}) =>
  fetch(`${url}/generate`, { method: 'POST', body: typeof body === 'string' ? body : JSON.stringify(body), ...init });

beforeAll(() => {
  buildDevice();
});

describe('the text server', () => {
  it('refuses bad jobs with status 400 and a reason, and other addresses with 404', async () => {
    const { url } = await startServer();
    const refused: [unknown, RegExp][] = [
      ['{', /not JSON/],
      ['null', /prompt must be/],
      [{ prompt: '' }, /prompt must be/],
      [{ prompt: 'x'.repeat(4001) }, /prompt must be/],
      [{ prompt: 'The', max_tokens: 0 }, /max_tokens must be/],
      [{ prompt: 'The', max_tokens: 'many' }, /max_tokens must be/],
      [{ prompt: 'The', seed: -1 }, /seed must be/],
    ];
    for (const [body, message] of refused) {
      const response = await generate(url, body);
      expect(response.status).toBe(400);
      expect(await response.text()).toMatch(message);
    }
    expect((await fetch(`${url}/health`)).status).toBe(404);
  });

  it('answers the same prompt with the same text, in whatever company', async () => {
    const { url } = await startServer();
    const ask = async (prompt: string) => (await generate(url, { prompt, max_tokens: 12 })).text();
    const alone = await ask('The harbour');
    const others = ['When the', 'A boat that', 'In winter the sea', 'Nobody'];
    const [together] = await Promise.all(['The harbour', ...others].map(ask));
    expect(together).toBe(alone);
  });

  it('makes a request the child of the caller that its headers name, and the root of a trace without them', async () => {
    const service = await startTraced();
    const [traceId, spanId] = ['0af7651916cd43dd8448eb211c80319c', 'b7ad6b7169203331'];
    const headers = { traceparent: `00-${traceId}-${spanId}-01` };
    await (await generate(service.url, { prompt: 'A boat' }, { headers })).text();
    await (await generate(service.url, { prompt: 'A boat' })).text();
    await stopServer(service);

    const [child, root] = query(service.receiver.spans)
      .roots()
      .filter(({ name }) => name === 'request');
    expect([child!.traceId, child!.parentSpanId]).toEqual([traceId, spanId]);
    expect(root!.parentSpanId).toBe('');
    expect(root!.traceId).not.toBe(traceId);
  });

  it('links the stages of a request one to the next, from process to process', async () => {
    const service = await startTraced();
    await (await generate(service.url, { prompt: 'A boat that', max_tokens: 3 })).text();
    await stopServer(service);

    const tree = query(service.receiver.spans);
    const previous = (name: string) => tree.links(tree.byName(name)[0]!).map((span) => span.name);
    expect(previous('tokenize')).toEqual([]);
    expect(previous('api_server_dispatch')).toEqual(['tokenize']);
    expect(previous('prefill_waiting')).toEqual(['api_server_dispatch']);
    expect(previous('prefill_forward')).toEqual(['prefill_waiting']);
    expect(previous('decode_forward')).toEqual(['prefill_forward']);
  });

  it('ends the trace of a client that goes away with an error, in both processes', async () => {
    const service = await startTraced();
    const gone = new AbortController();
    const response = await generate(service.url, { prompt: 'The', max_tokens: 10_000 }, { signal: gone.signal });
    const reader = response.body!.getReader();
    await reader.read();
    gone.abort();
    await expect(reader.read()).rejects.toThrow(/abort/);
    await stopServer(service);

    const tree = query(service.receiver.spans);
    const [root] = tree.byName('request');
    expect(root!.status).toEqual({ code: ERROR, message: 'the client went away' });
    expect(tree.orphans()).toEqual([]);
    const events = service.receiver.spans.flatMap((span) => span.events.map(({ name }) => name));
    expect(events).toEqual(expect.arrayContaining(['client_abort', 'cancelled']));
  });

  it('cuts off what it streams and ends with exit code 1 when its worker dies', async () => {
    const service = await startTraced();
    const exited = once(service.server, 'exit');
    const response = await generate(service.url, { prompt: 'The', max_tokens: 10_000 });
    process.kill(service.pids[1]!, 'SIGKILL');
    await expect(response.text()).rejects.toThrow();
    expect(await exited).toEqual([1, null]);
    const [root] = query(service.receiver.spans).byName('request');
    expect(root!.status).toEqual({ code: ERROR, message: 'the worker ended: SIGKILL' });
  });
});

describe('the text server that another process has forked', () => {
  it('ends, with its worker, when that process is gone', async () => {
    const service = await startServer();
    const exited = once(service.server, 'exit');
    service.server.disconnect();
    expect(await exited).toEqual([0, null]);
    expect(() => process.kill(service.pids[1]!, 0)).toThrow(/ESRCH/);
  });

  it('does not begin to serve when that process went while it was starting', async () => {
    const server = fork(SERVER, ['--port', '0', '--device', 'threads', '--corpus', CORPUS], { execArgv: [] });
    onTestFinished(() => void server.kill('SIGKILL'));
    const exited = once(server, 'exit');
    server.disconnect();
    expect(await exited).toEqual([0, null]);
  });
});

describe('the worker of the text server', () => {
  const JOBS = 20;
  /** What a front end that traces sends along. */
  const carrier = (index: number) => ({
    v: 1,
    trace: (index + 1).toString(16).padStart(32, '0'),
    root: 'b7ad6b7169203331',
    level: 2,
    flags: 1,
  });

  it('drops its jobs, delivers what it has recorded and ends with exit code 0 when the front end is gone', async () => {
    const receiver = await startReceiver();
    onTestFinished(() => receiver.close());
    const env = { ...process.env, GPUSPAN: '1', GPUSPAN_DEVICE: 'none', OTEL_EXPORTER_OTLP_ENDPOINT: receiver.url };
    const worker = fork(WORKER, ['--device', 'threads', '--corpus', CORPUS], { env, execArgv: [], silent: true });
    onTestFinished(() => void worker.kill('SIGKILL'));
    const stderr = text(worker.stderr!);
    const exited = once(worker, 'exit');
    await once(worker, 'message');
    for (let i = 0; i < JOBS; i++) {
      worker.send({ job: { id: String(i), tokens: [1, 2], maxTokens: 10_000, seed: i, trace: carrier(i) } });
    }
    await once(worker, 'message');
    worker.disconnect();

    expect(await exited).toEqual([0, null]);
    expect(await stderr).toBe('');
    const workers = staysOnWorker(receiver.spans);
    expect(workers.map(({ traceId }) => traceId).sort()).toEqual(
      Array.from({ length: JOBS }, (_, i) => carrier(i).trace),
    );
    const names = receiver.spans.flatMap(({ events }) => events.map(({ name }) => name));
    expect(names.filter((name) => name === 'cancelled')).toHaveLength(JOBS);
    expect(receiver.spans.filter(({ attributes }) => 'gpuspan.unfinished' in attributes)).toEqual([]);
  });

  it('ends by itself, without an error, when the front end is killed', async () => {
    const receiver = await startReceiver();
    onTestFinished(() => receiver.close());
    const env = { GPUSPAN: '1', OTEL_EXPORTER_OTLP_ENDPOINT: receiver.url };
    const { server, url } = await startServer(env, { silent: true });
    const stderr = text(server.stderr!);
    // The worker holds the pipe too, so that it closes when both have ended.
    const closed = once(server, 'close');
    const response = await generate(url, { prompt: 'The', max_tokens: 10_000 });
    server.kill('SIGKILL');
    await expect(response.text()).rejects.toThrow();
    await closed;
    expect(await stderr).toBe('');
    expect(staysOnWorker(receiver.spans)).toHaveLength(1);
  });
});

describe.runIf(process.platform === 'linux')('the text server with GPUSPAN unset', () => {
  const filesOf = (pid: number) =>
    readdirSync(`/proc/${pid}/fd`).map((fd) => {
      try {
        return readlinkSync(`/proc/${pid}/fd/${fd}`);
      } catch {
        return ''; // Closed in the meantime.
      }
    });

  it('maps no addon of gpuspan, opens no segment and starts no thread', async () => {
    const { url, pids } = await startServer();
    expect((await generate(url, { prompt: 'The', max_tokens: 4 })).status).toBe(200);
    expect(pids).toHaveLength(2);
    for (const pid of pids) {
      expect(readFileSync(`/proc/${pid}/maps`, 'utf8')).not.toContain('gpuspan.node');
      expect(filesOf(pid).filter((file) => file.includes('gpuspan'))).toEqual([]);
    }
    // The front end needs no thread but Node's own.
    expect(readdirSync(`/proc/${pids[0]}/task`)).toHaveLength(await threadsOfPlainServer());
  });

  it('is seen by the same means to map it when GPUSPAN is set', async () => {
    const { pids } = await startTraced();
    for (const pid of pids) {
      expect(readFileSync(`/proc/${pid}/maps`, 'utf8')).toContain('gpuspan.node');
      expect(filesOf(pid).filter((file) => file.includes('gpuspan'))).not.toEqual([]);
    }
  });
});

/** Threads of a Node process that reads files (as the loader of modules does), serves HTTP and has a child. */
async function threadsOfPlainServer(): Promise<number> {
  const program = `
    require('node:child_process').fork('-e', { execPath: 'true' });
    const server = require('node:http').createServer((_, response) => response.end()).listen(0, '127.0.0.1', async () => {
      await require('node:fs/promises').readFile('/proc/self/comm');
      await fetch('http://127.0.0.1:' + server.address().port).then((response) => response.text());
      process.send(process.pid);
    });`;
  const child = fork('-e', [program], { execArgv: [] });
  onTestFinished(() => void child.kill());
  await once(child, 'message');
  return readdirSync(`/proc/${child.pid}/task`).length;
}
