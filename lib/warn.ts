// SPDX-License-Identifier: Apache-2.0
//
// How gpuspan speaks to whoever runs the process: Node's own warnings, so that `--no-warnings`, `--trace-warnings`
// and `process.on('warning')` apply. Never used per request or per slice.

const said = new Set<string>();

/** One `GpuspanWarning` on stderr. */
export function warn(message: string): void {
  process.emitWarning(message, 'GpuspanWarning');
}

/** The same, at most once for a `topic` in this environment. */
export function warnOnce(topic: string, message: string): void {
  if (said.has(topic)) return;
  said.add(topic);
  warn(message);
}
