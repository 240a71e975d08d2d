// SPDX-License-Identifier: Apache-2.0
//
// What a process that had nowhere to send its slices says at its end, and how the last words of a process
// reach stderr. Called in the exit handler of an environment that called start().
import { writeSync } from 'node:fs';
import type { NativeStats } from '../native';
import { READER_LOSS_NAMES } from './reader-loss';

const STDERR = 2;

/** Writes at once: streams and warnings that need another turn of the event loop are lost in an exit handler. */
export function writeLine(message: string): void {
  try {
    writeSync(STDERR, `gpuspan: ${message}\n`);
  } catch {
    // stderr is closed or full: nobody is listening.
  }
}

/** `ring 12, export_failed 3`; '' when nothing was lost. */
export function formatLosses(stats: NativeStats): string {
  const reader = stats.reader.lost.map(
    (count, reason) => [READER_LOSS_NAMES[reason] ?? `reader_${reason}`, count] as const,
  );
  return [...Object.entries(stats.lost), ...reader]
    .filter(([, count]) => count > 0)
    .map(([reason, count]) => `${reason} ${count}`)
    .join(', ');
}

/** One line: what was recorded, what of it nobody read, what was lost and why. */
export function formatSummary(stats: NativeStats): string {
  const { no_reader: given = 0, ...lost } = stats.lost;
  const losses = formatLosses({ ...stats, lost });
  return [
    `${stats.recorded} slices of ${stats.owners} requests, worker spans and batches were recorded`,
    `${stats.inRing + given} were never read (no_reader) because there was nowhere to send them`,
    losses === '' ? 'none were lost otherwise' : `lost: ${losses}`,
  ].join('; ');
}
