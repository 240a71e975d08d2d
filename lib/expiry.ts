// SPDX-License-Identifier: Apache-2.0
//
// Has the addon close what the program forgot on a thread that starts no more requests; where some start, each of them
// does. One timer an environment, which keeps nothing alive.
import type { Native } from './native';

/** Looks this often within a TTL, but not more often than once a quarter of a second. */
const LOOKS = 4;
const SHORTEST_MILLIS = 250;

/** `ttlMillis` 0: nothing expires. */
export function watchForgotten(native: Pick<Native, 'expireRequests'>, ttlMillis: number): void {
  if (ttlMillis === 0) return;
  const timer = setInterval(
    () => {
      if (!native.expireRequests()) clearInterval(timer);
    },
    Math.max(SHORTEST_MILLIS, ttlMillis / LOOKS),
  );
  timer.unref();
}
