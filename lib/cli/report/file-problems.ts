// SPDX-License-Identifier: Apache-2.0
//
// What was wrong with an input file, in words. Called for reports and by `gpuspan convert`. Pure.
import type { FileAccount } from '../input/otlp-file';
import { MAX_TRACKS } from '../input/trace-spans';
import { counted } from './format';

/** Empty for a sound file. */
export function fileProblems({ badLines, badSpans, leftOut, beyondTracks, truncated }: FileAccount): string[] {
  return [
    badLines > 0 ? `${counted(badLines, 'line')} not JSON` : '',
    badSpans > 0 ? `${counted(badSpans, 'malformed span')}` : '',
    leftOut > 0 ? leftOutText(leftOut) : '',
    beyondTracks > 0 ? beyondTracksText(beyondTracks) : '',
    truncated ? 'it ends too soon, what was complete is used' : '',
  ].filter((part) => part !== '');
}

/** Said behind "no span in" and the names of the files. */
export function whyNoSpan(files: readonly FileAccount[]): string {
  const note = files.flatMap(({ notes }) => notes)[0];
  if (note !== undefined) return ` (${note})`;
  const bad = files.reduce((sum, { badSpans }) => sum + badSpans, 0);
  if (bad > 0) return ` (${bad} malformed ones)`;
  const beyond = files.reduce((sum, { beyondTracks }) => sum + beyondTracks, 0);
  return beyond > 0 ? ` (${beyondTracksText(beyond)})` : '; OTLP JSON with resourceSpans is expected';
}

function beyondTracksText(count: number): string {
  return `${counted(count, 'event')} left out: on tracks beyond the first ${MAX_TRACKS}`;
}

/** Of slices that begin where too many are open. */
export function leftOutText(count: number): string {
  return `${counted(count, 'slice')} left out: too many are open at a time`;
}
