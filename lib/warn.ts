// SPDX-License-Identifier: Apache-2.0
//
// How gpuspan speaks to whoever runs the process: Node's own warnings, so that `--no-warnings`, `--trace-warnings`
// and `process.on('warning')` apply. Never used per request or per slice.
import { getEnvironmentData, setEnvironmentData } from 'node:worker_threads';
import { loadedNative } from './native';

const MAX_TOPICS = 256;

const said = new Set<string>();

/** One `GpuspanWarning` on stderr. */
export function warn(message: string): void {
  process.emitWarning(message, 'GpuspanWarning');
}

/** The same, at most once for a `topic` in this process; see `isFirst` for what that is without the addon. */
export function warnOnce(topic: string, message: string): void {
  if (said.has(topic) || said.size >= MAX_TOPICS) return;
  said.add(topic);
  if (isFirst(topic)) warn(message);
}

// Only the addon is shared by all threads. While it is not loaded, a thread knows what was said before it was spawned:
// worker_threads inherit the environment data of whoever spawned them.
function isFirst(topic: string): boolean {
  const native = loadedNative();
  if (native !== undefined) return native.firstTo(topic);
  const name = `gpuspan.said.${topic}`;
  if (getEnvironmentData(name) === true) return false;
  setEnvironmentData(name, true);
  return true;
}
