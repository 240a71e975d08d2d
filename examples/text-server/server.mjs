// SPDX-License-Identifier: Apache-2.0
//
// The HTTP front end: POST /generate {"prompt": "...", "max_tokens": 24, "seed": 1} streams the continuation as text.
// It tokenizes, dispatches to the worker process, and turns the tokens that come back into text. Run it by itself
// (`node server.mjs --port 8080`) or let demo.mjs start it and stop it over IPC.

import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { createServer } from 'node:http';
import { text } from 'node:stream/consumers';
import { finished } from 'node:stream/promises';
import { parseArgs } from 'node:util';
import { start } from 'gpuspan';
import * as stages from 'gpuspan/stages';
import { Dispatcher } from './dispatcher.mjs';
import { readTokenizer } from './model/corpus.mjs';

const MAX_PROMPT = 4_000;
const MAX_TOKENS = 10_000;
const MODEL = 'toy';

const { values: options } = parseArgs({
  options: {
    port: { type: 'string', default: '8080' },
    device: { type: 'string', default: 'auto' },
    corpus: { type: 'string' },
  },
});

const tracer = start({ serviceName: 'text-server', worker: { label: 'HttpServer' } });
const { tokenizer } = readTokenizer(options.corpus);
const dispatcher = new Dispatcher(options);
/** @type {Set<Promise<void>>} */
const serving = new Set();
const server = createServer((incoming, response) => {
  const done = serve(incoming, response)
    .catch((error) => void response.destroy(error))
    .finally(() => serving.delete(done));
  serving.add(done);
});

async function serve(incoming, response) {
  if (incoming.method !== 'POST' || incoming.url !== '/generate') return refuse(response, 404, 'POST /generate');
  const job = parseJob(await text(incoming));
  if ('error' in job) return refuse(response, 400, job.error);

  const id = randomUUID();
  const request = tracer.request({
    id,
    headers: incoming.headers,
    attributes: { 'http.request.method': 'POST', 'url.path': '/generate', ...describeJob(job) },
  });
  const gone = new AbortController();
  response.once('close', () => gone.abort());
  try {
    const answer = await generate(request, id, job, response, gone.signal);
    request.finish({ attributes: { 'http.response.status_code': 200, ...describeAnswer(id, answer) } });
  } catch (error) {
    if (gone.signal.aborted) request.event(stages.events.client_abort);
    request.abort(gone.signal.aborted ? 'the client went away' : error);
    if (response.headersSent) response.destroy();
    else refuse(response, 503, error.message);
  }
}

/** What the job asks for, under the names of OpenTelemetry's GenAI conventions. */
function describeJob({ maxTokens, seed }) {
  const body = { model: MODEL, max_tokens: maxTokens, seed, stream: true };
  return stages.genAiAttributes({ operation: 'text_completion', provider: 'text-server', request: body });
}

/** What came of it. The model never stops by itself. */
function describeAnswer(id, { read, written, firstAfterMillis }) {
  return stages.genAiAttributes({
    response: { id, model: MODEL, usage: { prompt_tokens: read, completion_tokens: written } },
    finishReasons: 'length',
    latency: { timeToFirstToken: firstAfterMillis / 1e3 },
  });
}

/** @returns how many tokens were read and streamed, and when the first one was there */
async function generate(request, id, { prompt, maxTokens, seed }, response, signal) {
  const began = performance.now();
  const tokens = request.slice(stages.request.tokenize, () => tokenizer.encode(prompt));
  const answer = request.slice(stages.request.api_server_dispatch, () =>
    dispatcher.dispatch({ id, tokens, maxTokens, seed, trace: request.carrier() }, signal),
  );
  const decoder = tokenizer.decoder();
  let written = 0;
  let firstAfterMillis = 0;
  for await (const some of answer) {
    if (written === 0) firstAfterMillis = performance.now() - began;
    const detokenize = request.begin(stages.request.detokenize);
    const piece = decoder.write(some);
    const write = request.next(detokenize, stages.request.stream_write);
    if (!response.headersSent)
      response.writeHead(200, { 'content-type': 'text/plain; charset=utf-8', 'x-request-id': id });
    const full = !response.write(piece);
    request.end(write);
    if (full) await request.slice(stages.request.stream_drain, () => once(response, 'drain', { signal }));
    written += some.length;
  }
  response.end(decoder.end());
  await finished(response);
  return { read: tokens.length, written, firstAfterMillis };
}

function parseJob(body) {
  let job;
  try {
    job = JSON.parse(body);
  } catch {
    return { error: 'the body is not JSON' };
  }
  const { prompt, max_tokens: maxTokens = 24, seed = 1 } = job ?? {};
  if (typeof prompt !== 'string' || prompt === '' || prompt.length > MAX_PROMPT)
    return { error: `prompt must be a string of 1 to ${MAX_PROMPT} characters` };
  if (!Number.isInteger(maxTokens) || maxTokens < 1 || maxTokens > MAX_TOKENS)
    return { error: `max_tokens must be an integer from 1 to ${MAX_TOKENS}` };
  if (!Number.isInteger(seed) || seed < 0 || seed > 0xffffffff) return { error: 'seed must be an integer below 2^32' };
  return { prompt, maxTokens, seed };
}

function refuse(response, status, message) {
  response.writeHead(status, { 'content-type': 'text/plain; charset=utf-8' });
  response.end(`${message}\n`);
}

/** @returns {never} */
function fail(error) {
  console.error(`text-server: ${error.message}`);
  process.exit(1);
}

let stopping = false;
async function stop() {
  if (stopping) return;
  stopping = true;
  server.close();
  await Promise.all(serving);
  // Clients keep connections open, and some open them before they need them.
  server.closeAllConnections();
  const workerStats = await dispatcher.close();
  await tracer.shutdown();
  if (process.connected) {
    process.send({ stats: { server: tracer.stats(), worker: workerStats } });
    process.disconnect();
  }
}

process.once('SIGTERM', stop);
process.once('SIGINT', stop);
process.once('message', stop);
// Whoever forked this process is gone, and so is the only one who knew its port.
process.once('disconnect', stop);

const device = await dispatcher.ready.catch(fail);
dispatcher.lost.then(() => {
  // Without a worker there is no service: whoever supervises this process starts both anew.
  if (!stopping) process.exitCode = 1;
  return stop();
});
if (process.connected === false) await stop(); // The parent went before anyone here listened for that.
if (!stopping) {
  server.listen(Number(options.port), '127.0.0.1');
  await once(server, 'listening');
  const { port } = /** @type {import('node:net').AddressInfo} */ (server.address());
  const url = `http://127.0.0.1:${port}`;
  if (process.connected) process.send({ url, device, pids: [process.pid, dispatcher.pid] });
  else console.log(`${url} on ${device.name}; tracing: ${tracer.reason || 'on'}`);
}
