// SPDX-License-Identifier: Apache-2.0
//
// `gpuspan doctor` as a program: what it finds with good and bad variables, and its exit codes.
import { describe, expect, it } from 'vitest';
import { gpuspan } from './otlp';
import { startProgram } from './program';

interface Found {
  readonly topic: string;
  readonly state: string;
  readonly text: string;
  readonly remedy?: string;
}

async function doctor(env: NodeJS.ProcessEnv) {
  const program = startProgram(['doctor', '--json'], env);
  const code = await program.ended;
  const { findings, wrong } = JSON.parse(program.said.stdout) as { findings: Found[]; wrong: number };
  const byTopic = (topic: string) => findings.find((finding) => finding.topic === topic);
  return { code, findings, wrong, byTopic };
}

describe('gpuspan doctor', () => {
  it('tells addon, clock, segment, settings, cost and destination, and ends with 0 where all is well', async () => {
    const { code, byTopic, findings } = await doctor({
      GPUSPAN: '1',
      GPUSPAN_DEVICE: 'none',
      OTEL_EXPORTER_OTLP_ENDPOINT: 'http://user:secret@127.0.0.1:4318',
    });
    expect(code).toBe(0);
    expect(byTopic('addon')?.text).toMatch(/\/gpuspan\.node$/);
    expect(byTopic('GPUSPAN')).toMatchObject({ state: 'ok' });
    expect(byTopic('clock')?.text).toMatch(/^(tsc|cntvct|monotonic): /);
    expect(byTopic('segment')?.text).toMatch(/\d+ MB of address space/);
    expect(byTopic('slice')).toMatchObject({ state: 'ok', text: expect.stringMatching(/^\d+ ns /) });
    expect(byTopic('GPU')).toMatchObject({ state: 'note' });
    expect(byTopic('destination')?.text).toBe('OTLP to http://127.0.0.1:4318/v1/traces');
    expect(JSON.stringify(findings)).not.toContain('secret');
  });

  it('says what to do about each thing that is wrong, and ends with 1', async () => {
    const { code, wrong, findings } = await doctor({
      GPUSPAN_RING_SLOTS: '5',
      GPUSPAN_DEVICE: 'none',
      GPUSPAN_DIR: '/nowhere/at/all',
      OTEL_EXPORTER_OTLP_ENDPOINT: 'localhost:4318',
    });
    const bad = findings.filter(({ state }) => state === 'wrong');
    expect([code, wrong]).toEqual([1, bad.length]);
    expect(bad.map(({ topic }) => topic)).toEqual(['variables', 'segment', 'destination']);
    expect(bad.every(({ remedy }) => remedy !== undefined)).toBe(true);
  });

  it('looks at everything while tracing is off, and says that it is', async () => {
    const { code, byTopic } = await doctor({ GPUSPAN: '0', GPUSPAN_DEVICE: 'none' });
    expect(code).toBe(0);
    expect(byTopic('GPUSPAN')).toMatchObject({ state: 'note', text: 'GPUSPAN is 0' });
    expect(byTopic('slice')).toMatchObject({ state: 'ok' });
  });

  it('prints a line for each finding as text', async () => {
    const program = startProgram(['doctor'], { GPUSPAN: '1', GPUSPAN_DEVICE: 'none' });
    expect(await program.ended).toBe(0);
    expect(program.said.stdout).toMatch(/^ok {4}addon {9}loaded from /m);
    expect(program.said.stdout).toMatch(/^ {20}-> /m);
    expect(program.said.stdout.trimEnd()).toMatch(/Nothing stands in the way of tracing\.$/);
  });

  it('ends with 2 for arguments that it does not know', async () => {
    expect((await gpuspan('doctor', '--cure')).code).toBe(2);
    expect((await gpuspan('doctor', 'me')).code).toBe(2);
  });
});
