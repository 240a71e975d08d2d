// SPDX-License-Identifier: Apache-2.0
//
// Asks whoever reads the segment to deliver what was recorded so far, from any environment of the process:
// a ticket in the segment, answered there. `flush` waits without blocking the thread, `flushBlocking` is for
// the last moment of a process, when no JavaScript of this thread will run any more.
import type { Native } from '../native';

type FlushNative = Pick<Native, 'flushRequest' | 'flushWait' | 'stats'>;

/** How long a flush waits while nothing at all is read: longer than an export may take with its retries. */
export const FLUSH_TIMEOUT_MILLIS = 30_000;

// The ticket is answered by another thread; there is nothing to be notified by.
const POLL_MILLIS = 5;

/**
 * Resolves when the ticket is answered (true), or when `timeoutMillis` have passed in which nothing was read, or
 * `hopeless` says that nobody will answer (false). Keeps the process alive meanwhile.
 */
export function flush(
  native: FlushNative,
  wake: () => void,
  hopeless: () => boolean,
  timeoutMillis: number,
): Promise<boolean> {
  const ticket = native.flushRequest();
  let deadline = performance.now() + timeoutMillis;
  let consumed = native.stats().consumed;
  const stalled = (): boolean => {
    if (performance.now() < deadline) return false;
    const before = consumed;
    consumed = native.stats().consumed;
    deadline = performance.now() + timeoutMillis;
    return consumed === before;
  };
  wake();
  return new Promise((resolve) => {
    const poll = (): void => {
      if (native.flushWait(ticket, 0)) resolve(true);
      else if (hopeless() || stalled()) resolve(false);
      else setTimeout(poll, POLL_MILLIS);
    };
    poll();
  });
}

/** Blocks the calling thread until the ticket is answered; false when `timeoutMillis` have passed. */
export function flushBlocking(native: FlushNative, wake: () => void, timeoutMillis: number): boolean {
  const ticket = native.flushRequest();
  wake();
  return native.flushWait(ticket, timeoutMillis);
}

/** Whether anything recorded has not reached the sink yet. */
export function outstanding(native: FlushNative): boolean {
  const { inRing, owners, reader } = native.stats();
  return inRing > 0 || reader.held > 0 || owners > reader.owners;
}

/** What was recorded and is neither delivered nor lost, in words. */
export function describeUndelivered(native: FlushNative): string {
  const { inRing, owners, reader } = native.stats();
  return `${inRing + reader.held} slices and ${owners - reader.owners} request, worker and batch spans`;
}
