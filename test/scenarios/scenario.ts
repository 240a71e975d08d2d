// SPDX-License-Identifier: Apache-2.0
//
// Plays a scenario: forks its processes (process.mjs), relays their messages, and gives the spans that an OTLP receiver
// got from all of them. A process that fails or hangs fails the test and says what it had seen. In the test's process.
import { type ChildProcess, fork } from 'node:child_process';
import { join } from 'node:path';
import type { StartOptions } from 'gpuspan';
import { type OtlpRequest, type ReceivedSpan, startReceiver } from 'gpuspan/testing';
import { expect } from 'vitest';

/** One process. Its name is its service's, its role an export of the file of roles. */
export interface Part {
  readonly role: string;
  /** GPUSPAN is not set there. */
  readonly off?: boolean;
  readonly options?: StartOptions;
}

export interface Played {
  readonly spans: readonly ReceivedSpan[];
  /** As they came over the wire, for what ReceivedSpan leaves out. */
  readonly exports: readonly OtlpRequest[];
  /** What roles told with `note`. */
  readonly notes: readonly unknown[];
}

interface Ended {
  readonly enabled: boolean;
  readonly losses: Readonly<Record<string, number>>;
  readonly refusedCarriers: number;
}

interface Actor {
  readonly name: string;
  readonly part: Part;
  readonly child: ChildProcess;
  readonly errors: string[];
  messages: number;
  ended: Ended | undefined;
}

/** Less than vitest's own limit, so that a hang is told by us, who know more. */
const STUCK_MILLIS = 45_000;

/**
 * Plays the parts to their end. Fails when a process fails, hangs, records although it is off, or loses anything but the
 * calls in `losses`. `file`: of the folder roles, without its ending.
 */
export async function play(
  file: string,
  parts: Readonly<Record<string, Part>>,
  losses: Readonly<Record<string, number>> = {},
  stuckMillis = STUCK_MILLIS,
): Promise<Played> {
  const exports: OtlpRequest[] = [];
  const receiver = await startReceiver({ onExport: (request) => exports.push(request) });
  const notes: unknown[] = [];
  const actors = new Map<string, Actor>();
  for (const [name, part] of Object.entries(parts)) actors.set(name, startActor(file, name, part, receiver.url));
  try {
    await whenAllEnd(actors, notes, stuckMillis);
  } finally {
    for (const { child } of actors.values()) child.kill('SIGKILL');
    await receiver.close();
  }
  const lost: Record<string, number> = {};
  for (const { name, part, ended } of actors.values()) {
    expect(ended, name).toMatchObject({ enabled: part.off !== true, refusedCarriers: 0 });
    for (const [reason, count] of Object.entries(ended!.losses)) lost[reason] = (lost[reason] ?? 0) + count;
  }
  expect(lost, 'losses').toEqual(losses);
  return { spans: [...receiver.spans], exports, notes };
}

function startActor(file: string, name: string, part: Part, url: string): Actor {
  const { role, off = false, options = {} } = part;
  const inherited = Object.entries(process.env).filter(([key]) => !/^(GPUSPAN|OTEL_|NODE_OPTIONS|VITEST)/.test(key));
  const child = fork(join(import.meta.dirname, 'process.mjs'), {
    env: {
      ...Object.fromEntries(inherited),
      ...(!off && { GPUSPAN: '1', OTEL_EXPORTER_OTLP_ENDPOINT: url }),
      SCENARIO: JSON.stringify({ file, role, name, options }),
    },
    execArgv: [],
    silent: true,
  });
  const actor: Actor = { name, part, child, errors: [], messages: 0, ended: undefined };
  child.stderr!.on('data', (chunk) => actor.errors.push(String(chunk)));
  return actor;
}

function whenAllEnd(actors: ReadonlyMap<string, Actor>, notes: unknown[], stuckMillis: number): Promise<void> {
  return new Promise((resolve, reject) => {
    const fail = (what: string) => {
      clearTimeout(timer);
      reject(new Error(`${what}\n${[...actors.values()].map(describe).join('\n')}`));
    };
    const timer = setTimeout(() => fail('the scenario hangs'), stuckMillis);
    let running = actors.size;
    for (const actor of actors.values()) {
      actor.child.on('message', (message: { to?: string; message?: object; note?: unknown; ended?: Ended }) => {
        if (message.ended !== undefined) actor.ended = message.ended;
        else if ('note' in message) notes.push(message.note);
        else if (!pass(actors.get(message.to!), message.message!)) fail(`${actor.name} sends to ${message.to}: nobody`);
      });
      // After its last message and its last words.
      actor.child.on('close', (code, signal) => {
        if (code !== 0 || actor.ended === undefined) fail(`${actor.name} ended early: ${signal ?? code}`);
        if (--running > 0) return;
        clearTimeout(timer);
        resolve();
      });
    }
  });
}

function pass(to: Actor | undefined, message: object): boolean {
  if (to === undefined) return false;
  to.messages++;
  return to.child.send(message) || true;
}

function describe({ name, part, messages, ended, errors }: Actor): string {
  const state = ended === undefined ? 'has not ended' : 'has ended';
  return `- ${name} (${part.role}) got ${messages} messages and ${state}${errors.map((text) => `\n  ${text}`).join('')}`;
}
