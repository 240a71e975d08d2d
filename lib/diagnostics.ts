// SPDX-License-Identifier: Apache-2.0
//
// What gpuspan tells a program that listens, on node:diagnostics_channel: that it starts and ends, what was lost, that
// exports fail and succeed again. Channels belong to the thread that subscribes. Without a subscriber
// they cost a look at a flag once a second; nothing here is on the record path.
import { channel } from 'node:diagnostics_channel';
import type { Failure, Recovery } from './sinks/episode';
import type { TracerStats } from './tracer';

/** On `gpuspan:start`: `start()` was called for the first time on this thread. */
export interface StartMessage {
  readonly enabled: boolean;
  /** Why nothing is recorded; '' when it is. */
  readonly reason: string;
}

/** On `gpuspan:shutdown`: tracing has ended on this thread. */
export interface ShutdownMessage {
  readonly stats: TracerStats;
}

/** On `gpuspan:loss`: what this process has lost since the last message, by reason; only what is not 0. */
export interface LossMessage {
  readonly slices: Readonly<Record<string, number>>;
  /** Requests and batches that were not recorded, and spans of them that were not delivered (`not_delivered`). */
  readonly owners: Readonly<Record<string, number>>;
}

/** On `gpuspan:outage:begin`: an export has failed after one that had not. */
export interface OutageBeginMessage {
  readonly destination: string;
  readonly error: string;
}

/** On `gpuspan:outage:end`: exports succeed again. */
export interface OutageEndMessage {
  readonly destination: string;
  /** In the whole outage. */
  readonly lostSpans: number;
}

const start = channel('gpuspan:start');
const shutdown = channel('gpuspan:shutdown');
const loss = channel('gpuspan:loss');
const outageBegin = channel('gpuspan:outage:begin');
const outageEnd = channel('gpuspan:outage:end');

export function publishStart({ enabled, reason }: StartMessage): void {
  if (start.hasSubscribers) start.publish({ enabled, reason } satisfies StartMessage);
}

/** `stats` is asked only where somebody listens. */
export function publishShutdown(stats: () => TracerStats): void {
  if (shutdown.hasSubscribers) shutdown.publish({ stats: stats() } satisfies ShutdownMessage);
}

/** Only the first failure of an outage begins it. */
export function failureDiagnosed({ destination, first, error }: Failure): void {
  if (first) outageBegin.publish({ destination, error } satisfies OutageBeginMessage);
}

export function recoveryDiagnosed({ destination, lostSpans }: Recovery): void {
  outageEnd.publish({ destination, lostSpans } satisfies OutageEndMessage);
}

type Counts = Readonly<Record<string, number>>;

const LOOK_MILLIS = 1_000;

/** Publishes losses as they grow: once a second, and when tracing ends. Keeps nothing alive. */
export class LossWatch {
  readonly #stats: () => TracerStats;
  readonly #timer: NodeJS.Timeout;
  #slices: Counts = {};
  #owners: Counts = {};

  constructor(stats: () => TracerStats) {
    this.#stats = stats;
    this.#timer = setInterval(() => this.look(), LOOK_MILLIS);
    this.#timer.unref();
  }

  /** Looks a last time. */
  stop(): void {
    clearInterval(this.#timer);
    this.look();
  }

  look(): void {
    if (!loss.hasSubscribers) return;
    const { lost, lostOwners, reader } = this.#stats();
    const slices = { ...lost };
    for (const [reason, count] of Object.entries(reader.lost)) slices[reason] = (slices[reason] ?? 0) + count;
    const owners = { ...lostOwners, ...(reader.lostOwners > 0 && { not_delivered: reader.lostOwners }) };
    const message: LossMessage = { slices: growth(this.#slices, slices), owners: growth(this.#owners, owners) };
    this.#slices = slices;
    this.#owners = owners;
    if (Object.keys(message.slices).length + Object.keys(message.owners).length > 0) loss.publish(message);
  }
}

function growth(before: Counts, now: Counts): Counts {
  const grown = Object.entries(now).map(([reason, count]) => [reason, count - (before[reason] ?? 0)] as const);
  return Object.fromEntries(grown.filter(([, count]) => count > 0));
}
