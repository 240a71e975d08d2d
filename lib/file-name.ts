// SPDX-License-Identifier: Apache-2.0
//
// Names of trace files as options and variables give them: a path in which %p stands for the process. Used at set-up.
import { resolve } from 'node:path';

/** Whether it is a path in which every % is followed by p or another %. */
export function isFileName(value: unknown): boolean {
  if (typeof value !== 'string' || value === '' || value.includes('\0')) return false;
  return !value.endsWith('/') && /^(?:[^%]|%[p%])*$/s.test(value);
}

/** What `isFileName` accepts, for messages. */
export const FILE_NAME_RANGE = 'the path of a file, with %p for the process id and %% for a percent sign';

/** The absolute path that the name stands for in the process `pid`. */
export function expandFileName(name: string, pid: number): string {
  return resolve(name.replace(/%[p%]/g, (mark) => (mark === '%p' ? String(pid) : '%')));
}
