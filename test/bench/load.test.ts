// SPDX-License-Identifier: Apache-2.0
//
// `npm run load`: what it offers arrives and is counted right; bad arguments are refused. Its figures are for people.
import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { describe, expect, it } from 'vitest';
import { countSpans } from '../../bench/load/count-spans.mjs';

const ROOT = new URL('../..', import.meta.url).pathname;
const run = (...options: string[]) =>
  promisify(execFile)(process.execPath, ['scripts/load.mjs', ...options], { cwd: ROOT, timeout: 100_000 });

describe('the load command', () => {
  it('says what was offered, delivered and lost, what it cost, and the same of the peer', async () => {
    const { stdout } = await run('--rate', '500', '--seconds', '1', '--pairs', '1', '--peer', 'otel');
    const result = JSON.parse(stdout);
    const figures = {
      lost: {},
      appCpuNsPerSlice: expect.any(Number),
      eventLoopP99Ms: expect.any(Number),
      rssMaxMb: expect.any(Number),
    };
    expect(result).toMatchObject({
      ...figures,
      offered: 500,
      delivered: 500,
      peer: { ...figures, rate: expect.any(Number) },
    });
    expect(result.peer.delivered).toBe(result.peer.offered);
  }, 120_000);

  it('does so with a reader that lets go of what it has encoded', async () => {
    const { stdout } = await run('--rate', '500', '--seconds', '1', '--pairs', '1', '--peer', 'none', '--sink', 'null');
    expect(JSON.parse(stdout)).toMatchObject({ offered: 500, delivered: 500, lost: {} });
  }, 60_000);

  it.each([
    [['--rate', 'fast'], '--rate'],
    [['--seconds', '0'], '--seconds'],
    [['--peer', 'jaeger'], '--peer'],
    [['--sink', 'kitchen'], '--sink'],
    [['--speed', '9'], '--speed'],
  ])('refuses %j, naming it', async (options, name) => {
    await expect(run(...options)).rejects.toMatchObject({ code: 2, stderr: expect.stringContaining(name) });
  });
});

describe('its count of spans', () => {
  const message = (field: number, ...content: number[]) => [(field << 3) | 2, content.length, ...content];

  it('counts spans in all scopes of all resources, and passes other fields over', () => {
    const scope = message(2, ...message(1, 9, 9), ...message(2, 1), ...message(2), ...message(3, 7));
    const bytes = [...message(1, ...message(1, 5), ...scope, ...scope), ...message(1, ...scope), 0x18, 0x96, 0x01];
    expect(countSpans(Buffer.from(bytes))).toBe(6);
  });

  it.each([[[0x0a, 9, 1]], [[0x0b]], [[0x0a]], [[0x0a, 0xff]]])('refuses %j, which is no OTLP', (bytes) => {
    expect(() => countSpans(Buffer.from(bytes))).toThrow('no OTLP protobuf');
  });
});
