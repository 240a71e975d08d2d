// SPDX-License-Identifier: Apache-2.0
//
// Refuses input that cannot be read twice. Called by the readers that do so, before they open it: opening a pipe may wait
// forever.
import { stat } from 'node:fs/promises';
import { CommandError, EXIT } from '../exit-codes';

/** Leaves what is not there, and folders, to the one who opens it. @throws CommandError `EXIT.input` for pipes and devices. */
export async function refusePipe(path: string): Promise<void> {
  const stats = await stat(path).catch(() => undefined);
  if (stats === undefined || stats.isFile() || stats.isDirectory()) return;
  const kind = stats.isFIFO() ? 'a pipe' : 'no plain file';
  throw new CommandError(EXIT.input, `${path} is ${kind}, and it is read twice: write it to a file first`);
}
