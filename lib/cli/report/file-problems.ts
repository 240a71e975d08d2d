// SPDX-License-Identifier: Apache-2.0
//
// What was wrong with an input file, in words. Called by the text and the page of a report. Pure.
import type { FileAccount } from '../input/otlp-file';
import { counted } from './format';

/** Empty for a sound file. */
export function fileProblems({ badLines, badSpans, truncated }: FileAccount): string[] {
  return [
    badLines > 0 ? `${counted(badLines, 'line')} not JSON` : '',
    badSpans > 0 ? `${counted(badSpans, 'malformed span')}` : '',
    truncated ? 'it ends too soon, what was complete is used' : '',
  ].filter((part) => part !== '');
}
