// SPDX-License-Identifier: Apache-2.0
//
// `gpuspan receive` as a program: what it makes of what arrives, and how it ends.
import { readFileSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
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
