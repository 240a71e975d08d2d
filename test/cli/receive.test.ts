// SPDX-License-Identifier: Apache-2.0
//
// `gpuspan receive` as a program: what it makes of what arrives, and how it ends.
import { readFileSync, writeFileSync } from 'node:fs';
import { createServer, request as httpRequest } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { deflateSync, gzipSync } from 'node:zlib';
import { readOtlpJsonFile } from 'gpuspan/testing';
import { describe, expect, it, onTestFinished } from 'vitest';
import { gpuspan, otlpRequest, temporaryFolder } from './otlp';
import { type Program, startProgram } from './program';

const URL_SAID = /OTEL_EXPORTER_OTLP_ENDPOINT=(\S+)/;

async function send(program: Program, body: string): Promise<number> {
  const url = await program.waitFor(URL_SAID);
  const headers = { 'content-type': 'application/json' };
  return (await fetch(`${url}/v1/traces`, { method: 'POST', headers, body })).status;
}

/** Of a request that need not be read to its end. */
function answerTo(url: string, headers: Record<string, string>, body: Uint8Array): Promise<number | undefined> {
  return new Promise((resolve) => {
    const sent = httpRequest(`${url}/v1/traces`, { method: 'POST', headers }, (response) => {
      response.resume();
      resolve(response.statusCode);
    });
    // It hangs up on what it does not want.
    sent.on('error', () => {});
    sent.write(body);
  });
}

const request = otlpRequest([
  { id: 1, name: 'request', end: 9_000_000, attributes: { 'gpuspan.request.level': 2 } },
  { id: 2, parent: 1, name: 'tokenize', end: 2_000_000 },
]);

describe('gpuspan receive', () => {
  it('writes what arrives as a file that report reads, and ends with the table on SIGINT', async () => {
    const out = join(temporaryFolder(), 'spans.jsonl');
    const program = startProgram(['receive', '--port', '0', '--out', out]);
    expect(await send(program, JSON.stringify(request))).toBe(200);
    expect(await send(program, JSON.stringify(request))).toBe(200);
    program.child.kill('SIGINT');
    expect(await program.ended).toBe(0);
    expect(program.said.stdout).toContain('4 spans, 2 requests: p50 9.00 ms');
    expect(program.said.stdout).toMatch(/tokenize +host +decoder +2 +2\.000/);
    expect(readOtlpJsonFile(out)).toEqual([request, request]);
    expect((await gpuspan('report', out)).stdout).toContain('2 requests');
  });

  it('refuses what is no OTLP, keeps nothing of it and goes on', async () => {
    const out = join(temporaryFolder(), 'spans.jsonl');
    const program = startProgram(['receive', '--port', '0', '--out', out]);
    expect(await send(program, '{"resourceSpans":[')).toBe(400);
    expect(await send(program, '{"resourceSpans":5}')).toBe(400);
    expect(await send(program, JSON.stringify(request))).toBe(200);
    program.child.kill('SIGTERM');
    expect(await program.ended).toBe(0);
    expect(readOtlpJsonFile(out)).toEqual([request]);
  });

  it('answers bodies that are too long with 413, before and after they are unpacked, and goes on', async () => {
    const program = startProgram(['receive', '--port', '0']);
    const url = await program.waitFor(URL_SAID);
    const headers = { 'content-type': 'application/json' };
    const post = async (body: Uint8Array, more: Record<string, string> = {}) =>
      (await fetch(`${url}/v1/traces`, { method: 'POST', headers: { ...headers, ...more }, body })).status;
    const huge = Buffer.alloc(65 * 1024 * 1024, ' ');
    expect(await post(gzipSync(huge), { 'content-encoding': 'gzip' })).toBe(413);
    expect(await post(deflateSync(huge), { 'content-encoding': 'deflate' })).toBe(413);
    expect(await answerTo(url, { ...headers, 'content-length': String(huge.length) }, Buffer.alloc(100))).toBe(413);
    expect(await answerTo(url, { ...headers, 'transfer-encoding': 'chunked' }, huge)).toBe(413);
    expect(await post(gzipSync(Buffer.from(JSON.stringify(request))), { 'content-encoding': 'gzip' })).toBe(200);
    expect(await post(Buffer.from('no gzip'), { 'content-encoding': 'gzip' })).toBe(400);
    program.child.kill('SIGINT');
    expect(await program.ended).toBe(0);
    expect(program.said.stdout).toContain('2 spans, 1 request');
  });

  it('answers what is nested 100,000 deep, and no message at all, with 400, and other types with 415', async () => {
    const program = startProgram(['receive', '--port', '0']);
    const url = await program.waitFor(URL_SAID);
    const post = async (type: string, body: string | Uint8Array) =>
      (await fetch(`${url}/v1/traces`, { method: 'POST', headers: { 'content-type': type }, body })).status;
    const deep = '{"kvlistValue":{"values":[{"key":"k","value":'.repeat(100_000);
    const text = JSON.stringify(otlpRequest([{ id: 1, attributes: { a: 1 } }]));
    const nested = text.replace('{"intValue":"1"}', () => `${deep}{}${'}]}}'.repeat(100_000)}`);
    expect(await post('application/json', nested)).toBe(400);
    for (const body of ['', 'null', '7', '[]', '"x"'])
      expect([200, 400]).toContain(await post('application/json', body));
    expect(await post('application/x-protobuf', Uint8Array.of(0x0a, 0xff, 0xff, 0xff, 0xff, 0x0f))).toBe(400);
    expect(await post('text/plain', 'x')).toBe(415);
    program.child.kill('SIGTERM');
    expect(await program.ended).toBe(0);
  });

  it('prints the table as it goes with --live', async () => {
    const program = startProgram(['receive', '--port', '0', '--live', '--for', '3']);
    await send(program, JSON.stringify(request));
    expect(await program.ended).toBe(0);
    expect(program.said.stdout.match(/^2 spans, 1 request/gm)!.length).toBeGreaterThanOrEqual(2);
  });

  it('ends with 4 when its port is taken or its file cannot be written', async () => {
    const other = createServer().listen(0, '127.0.0.1');
    onTestFinished(() => void other.close());
    await new Promise((resolve) => other.once('listening', resolve));
    const port = String((other.address() as AddressInfo).port);
    const taken = await gpuspan('receive', '--port', port);
    expect([taken.code, taken.stdout]).toEqual([4, '']);
    expect(taken.stderr).toContain(`port ${port} cannot be listened on`);
    const nowhere = await gpuspan('receive', '--port', '0', '--out', '/nowhere/at/all');
    expect(nowhere.code).toBe(4);
  });

  it('leaves the file of the receiver that has its port as it is', async () => {
    const out = join(temporaryFolder(), 'spans.jsonl');
    const first = startProgram(['receive', '--port', '0', '--out', out]);
    // It answers before it writes: with the second answer the first request is in the file.
    for (let i = 0; i < 2; i++) expect(await send(first, JSON.stringify(request))).toBe(200);
    const port = new URL(await first.waitFor(URL_SAID)).port;
    expect((await gpuspan('receive', '--port', port, '--out', out)).code).toBe(4);
    first.child.kill('SIGINT');
    expect(await first.ended).toBe(0);
    expect(readOtlpJsonFile(out)).toEqual([request, request]);
  });

  it('ends, and leaves its port free, when its file cannot be written', async () => {
    const server = createServer().listen(0, '127.0.0.1');
    await new Promise((resolve) => server.once('listening', resolve));
    const { port } = server.address() as AddressInfo;
    await new Promise((resolve) => server.close(resolve));
    const before = process.listenerCount('SIGINT');
    expect((await gpuspan('receive', '--port', String(port), '--out', '/nowhere/at/all')).code).toBe(4);
    expect(process.listenerCount('SIGINT')).toBe(before);
    const next = createServer().listen(port, '127.0.0.1');
    onTestFinished(() => void next.close());
    await new Promise((resolve, reject) => next.once('listening', resolve).once('error', reject));
  });

  it('ends with 4 when its file is full', async () => {
    const program = startProgram(['receive', '--port', '0', '--out', '/dev/full']);
    await send(program, JSON.stringify(request));
    expect(await program.ended).toBe(4);
    expect(program.said.stderr).toContain('/dev/full cannot be written');
  });

  it('ends with 2 for options that are not understood', async () => {
    for (const words of [['--port', '70000'], ['--for', 'ever'], ['file']]) {
      expect((await gpuspan('receive', ...words)).code).toBe(2);
    }
  });

  it('does not touch a file that it cannot use', async () => {
    const out = join(temporaryFolder(), 'kept.txt');
    writeFileSync(out, 'kept');
    expect((await gpuspan('receive', '--port', 'x', '--out', out)).code).toBe(2);
    expect(readFileSync(out, 'utf8')).toBe('kept');
  });
});
