// SPDX-License-Identifier: Apache-2.0
//
// What was wrong with an input file, in words. Called by the text and the page of a report, and by `gpuspan convert`. Pure.
import type { FileAccount } from '../input/otlp-file';
import { counted } from './format';

/** Empty for a sound file. */
export function fileProblems({ badLines, badSpans, leftOut, truncated }: FileAccount): string[] {
  return [
    badLines > 0 ? `${counted(badLines, 'line')} not JSON` : '',
    badSpans > 0 ? `${counted(badSpans, 'malformed span')}` : '',
    leftOut > 0 ? leftOutText(leftOut) : '',
    truncated ? 'it ends too soon, what was complete is used' : '',
  ].filter((part) => part !== '');
}

/** Of slices that begin where too many are open. */
export function leftOutText(count: number): string {
  return `${counted(count, 'slice')} left out: too many are open at a time`;
}
