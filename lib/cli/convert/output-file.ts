// SPDX-License-Identifier: Apache-2.0
//
// A file that is there whole or not at all: written beside its name and moved to it at the end. Used by the subcommands
// that write files.
import { randomBytes } from 'node:crypto';
import { closeSync, existsSync, openSync, realpathSync, renameSync, rmSync, statSync, writeSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { CommandError, EXIT } from '../exit-codes';

export class OutputFile {
  /** Its folder, where temporary files may go as well. */
  readonly folder: string;
  bytes = 0;
  readonly #path: string;
  readonly #target: string;
  readonly #temporary: string;
  #descriptor: number | undefined;
  #isDone = false;

  /** @throws CommandError `EXIT.output` when `path` cannot become a file. */
  constructor(path: string) {
    this.#path = path;
    this.#target = this.#try(() => targetOf(path));
    this.folder = dirname(this.#target);
    this.#temporary = join(this.folder, `.${basename(this.#target)}.${randomBytes(6).toString('hex')}.tmp`);
    this.#descriptor = this.#try(() => openSync(this.#temporary, 'wx'));
  }

  /** @throws CommandError `EXIT.output` */
  write(bytes: Buffer): void {
    for (let at = 0; at < bytes.length; ) at += this.#try(() => writeSync(this.#descriptor!, bytes, at));
    this.bytes += bytes.length;
  }

  /** Moves it to its name. @throws CommandError `EXIT.output` */
  finish(): void {
    this.#close();
    this.#try(() => renameSync(this.#temporary, this.#target));
    this.#isDone = true;
  }

  /** Removes what was written; nothing after `finish`. */
  discard(): void {
    if (this.#isDone) return;
    this.#isDone = true;
    this.#close();
    rmSync(this.#temporary, { force: true });
  }

  #close(): void {
    if (this.#descriptor !== undefined) closeSync(this.#descriptor);
    this.#descriptor = undefined;
  }

  #try<T>(use: () => T): T {
    try {
      return use();
    } catch (error) {
      throw new CommandError(EXIT.output, `${this.#path} cannot be written: ${(error as Error).message}`);
    }
  }
}

// A link stays one; a device or pipe is nothing that a file may replace.
function targetOf(path: string): string {
  if (!existsSync(path)) return join(realpathSync(dirname(path)), basename(path));
  const target = realpathSync(path);
  const stats = statSync(target);
  if (stats.isDirectory()) throw new Error('it is a folder');
  if (!stats.isFile()) throw new Error('it is no plain file; give the name of one');
  return target;
}
