// SPDX-License-Identifier: Apache-2.0
//
// Asks whoever reads the segment to deliver what was recorded so far, from any environment of the process:
// a ticket in the segment, answered there. `flush` waits without blocking the thread, `flushBlocking` is for
// the last moment of a process, when no JavaScript of this thread will run any more.
import type { Native } from '../native';

type FlushNative = Pick<Native, 'flushRequest' | 'flushWait' | 'stats'>;

/** How long `flush` and `shutdown` take at most: longer than an export may take with its retries. */
export const FLUSH_TIMEOUT_MILLIS = 30_000;

/** How long somebody who waits for it goes on trying a receiver that takes nothing. */
export const PATIENCE_MILLIS = 5_000;

// The ticket is answered by another thread; there is nothing to be notified by.
const POLL_MILLIS = 5;

export interface FlushOptions {
  /** Tells the reader that there is a ticket; it finds out by itself, later. */
  readonly wake: () => void;
  /** Whether nobody will answer, which is then known already. */
  readonly hopeless: () => boolean;
  /** In total, however much is delivered meanwhile: a thread that records on must not keep a flush from ending. */
  readonly timeoutMillis: number;
  /** Where spans go, in words that follow "delivered". */
  readonly to: string;
  readonly warn: (message: string) => void;
}

/**
 * Resolves when the ticket is answered, when `hopeless` says so, or when the time is up: then, if something is
 * undelivered, one line says how much. Keeps the process alive meanwhile.
 */
export function flush(native: FlushNative, options: FlushOptions): Promise<void> {
  const { timeoutMillis, to } = options;
  const ticket = native.flushRequest();
  const deadline = performance.now() + timeoutMillis;
  options.wake();
  return new Promise((resolve) => {
    const poll = (): void => {
      const late = performance.now() >= deadline;
      if (native.flushWait(ticket, 0) || options.hopeless()) resolve();
      else if (!late) setTimeout(poll, POLL_MILLIS);
      else {
        if (outstanding(native))
          options.warn(`${describeUndelivered(native)} were not delivered ${to} ${within(timeoutMillis)}`);
        resolve();
      }
    };
    poll();
  });
}

/** For messages. */
export function within(millis: number): string {
  return `within ${Math.round(millis)} ms`;
}

/** Blocks the calling thread until the ticket is answered; false when `timeoutMillis` have passed. */
export function flushBlocking(native: FlushNative, wake: () => void, timeoutMillis: number): boolean {
  const ticket = native.flushRequest();
  wake();
  return native.flushWait(ticket, timeoutMillis);
}

/** Whether anything recorded has neither reached the sink nor been lost. */
export function outstanding(native: FlushNative): boolean {
  const { slices, owners } = countUndelivered(native);
  return slices > 0 || owners > 0;
}

/** What was recorded and is neither delivered nor lost, in words. */
export function describeUndelivered(native: FlushNative): string {
  const { slices, owners } = countUndelivered(native);
  return `${slices} slices and ${owners} request, worker and batch spans`;
}

// Counts that move while they are taken may be off by what happened in between.
function countUndelivered(native: FlushNative): { slices: number; owners: number } {
  const { inRing, owners, reader } = native.stats();
  return { slices: inRing + reader.held, owners: Math.max(0, owners - reader.owners - reader.lostOwners) };
}
