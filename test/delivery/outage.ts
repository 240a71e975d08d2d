// SPDX-License-Identifier: Apache-2.0
//
// What the tests of outages have in common: an unruly receiver, a process that does as it is told, and the check that
// everything it recorded is accounted for.
import { expect, type TestContext, vi } from 'vitest';
import type { TracerStats } from '../../lib/tracer';
import { ToldProcess } from './told-process';
import {
  type Protocol,
  startUnrulyGrpc,
  startUnrulyHttp,
  type Unruly,
  type UnrulyGrpc,
  type UnrulyHttp,
} from './unruly-receiver';

/** Small, so that an outage fills it, and room for a few requests. */
const RING_SLOTS = 16_384;
/** Of an export; where an outage is one of silence, or the exporter's own attempts have to be over soon: SHORT. */
const TIMEOUT_MILLIS = 10_000;
export const SHORT = { OTEL_EXPORTER_OTLP_TIMEOUT: '3000' };
export const WAIT = { timeout: 60_000, interval: 20 };

type Finished = Pick<TestContext, 'onTestFinished'>;

export async function startHttp({ onTestFinished }: Finished): Promise<UnrulyHttp> {
  const receiver = await startUnrulyHttp();
  onTestFinished(() => receiver.close());
  return receiver;
}

export async function startGrpc({ onTestFinished }: Finished): Promise<UnrulyGrpc> {
  const receiver = await startUnrulyGrpc();
  onTestFinished(() => receiver.close());
  return receiver;
}

export const startReceiver = (protocol: Protocol, context: Finished): Promise<Unruly> =>
  protocol === 'grpc' ? startGrpc(context) : startHttp(context);

export async function startProcess(
  { endpoint }: Unruly,
  { onTestFinished }: Finished,
  protocol: Protocol = 'http/protobuf',
  variables: NodeJS.ProcessEnv = {},
): Promise<ToldProcess> {
  const told = await ToldProcess.start(endpoint, {
    OTEL_EXPORTER_OTLP_PROTOCOL: protocol,
    OTEL_EXPORTER_OTLP_TIMEOUT: `${TIMEOUT_MILLIS}`,
    GPUSPAN_RING_SLOTS: `${RING_SLOTS}`,
    ...variables,
  });
  onTestFinished(() => told.kill());
  return told;
}

const sum = (counts: Readonly<Record<string, number>>): number =>
  Object.values(counts).reduce((total, count) => total + count, 0);

/** Both equations; everything is settled, and what counts as delivered is what the receiver has. */
export function expectBalanced(stats: TracerStats, { books }: Unruly): void {
  for (const lane of stats.lanes) expect(lane.recorded).toBe(lane.consumed + sum(lane.lost) + lane.inRing);
  const { reader } = stats;
  expect(stats.recorded).toBe(stats.consumed + sum(stats.lost) + stats.inRing);
  expect(stats.consumed).toBe(reader.delivered + reader.held + sum(reader.lost));
  expect({ inRing: stats.inRing, held: reader.held }).toEqual({ inRing: 0, held: 0 });
  expect({ slices: reader.delivered, owners: reader.owners }).toEqual({
    slices: books.slices.size,
    owners: books.owners.size,
  });
  expect(stats.owners).toBe(reader.owners + reader.lostOwners);
}

/** Until nothing is outstanding; one flush alone gives up where the receiver is slow to come back. */
export async function flushAll(told: ToldProcess): Promise<void> {
  await vi.waitFor(async () => {
    await told.tell({ type: 'flush' });
    const { inRing, reader, owners } = await told.stats();
    expect([inRing, reader.held, owners - reader.owners - reader.lostOwners]).toEqual([0, 0, 0]);
  }, WAIT);
}

export const count = (text: string, pattern: RegExp): number => [...text.matchAll(pattern)].length;
export const BEGIN = /gpuspan: export to \S+ fails: /g;
export const END = /gpuspan: export to \S+ succeeds again; \d+ spans were lost/g;
