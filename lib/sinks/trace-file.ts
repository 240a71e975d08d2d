// SPDX-License-Identifier: Apache-2.0
//
// The file that a Perfetto trace goes to: whole packets or nothing, so that at any time it is a valid trace, to read or to
// put behind others. Writes are synchronous, so that they work in an exit handler too; they end in the page cache. Used by
// a FileSink, on the thread that reads the segment.
import {
  closeSync,
  constants,
  fstatSync,
  ftruncateSync,
  lstatSync,
  openSync,
  readlinkSync,
  realpathSync,
  type Stats,
  unlinkSync,
  writeSync,
} from 'node:fs';
import { dirname, resolve } from 'node:path';
import { Episode, type EpisodeOptions } from './episode';

export interface TraceFileOptions extends Omit<EpisodeOptions, 'destination'> {
  readonly path: string;
  /**
   * Asked before the first write: true when no reader of this process has written the file before. What bears its name is
   * then of another run and is replaced.
   */
  readonly isNew: () => boolean;
}

const { O_APPEND, O_CREAT, O_EXCL, O_NONBLOCK, O_WRONLY } = constants;
// Without O_NONBLOCK a pipe that nobody reads would block the open for good.
const APPEND = O_WRONLY | O_APPEND | O_CREAT | O_NONBLOCK;
const MODE = 0o666; // as of every file that a program writes: its umask decides

export class TraceFile {
  readonly #path: string;
  readonly #episode: Episode;
  #file: number | undefined;
  /** Up to here are whole packets. */
  #size = 0;
  readonly #isNew: () => boolean;
  /** What bears the name is to be replaced: until the file was made once. Undefined: nothing was written yet. */
  #mayReplace: boolean | undefined;
  /** The file was made, and taken away. */
  #isGone = false;

  constructor({ path, isNew, ...told }: TraceFileOptions) {
    this.#path = path;
    this.#isNew = isNew;
    this.#episode = new Episode({ destination: path, ...told });
  }

  /**
   * Appends `packets`; false: not one byte of them is in the file, nor will be. What comes next must then be a trace
   * without them. `slices`: how many are lost in that case, for messages. Never throws.
   */
  write(packets: Buffer, slices: number): boolean {
    if (performance.now() < this.#episode.notBefore) return this.#fail(undefined, slices);
    try {
      this.#append(packets);
    } catch (error) {
      return this.#fail(error, slices);
    }
    this.#episode.succeeded(0);
    return true;
  }

  /** Nothing is written afterwards. Never throws. */
  close(): void {
    const file = this.#file;
    this.#file = undefined;
    if (file === undefined) return;
    try {
      closeSync(file);
    } catch {
      // A network file system may tell now that it could not write. Nothing can be done any more.
    }
  }

  #fail(error: unknown, slices: number): boolean {
    if (error === undefined) this.#episode.lost(slices);
    else this.#episode.failed(error instanceof Error ? error.message : String(error), slices);
    return false;
  }

  #append(packets: Buffer): void {
    const file = (this.#file ??= this.#open());
    this.#check(file);
    let written = 0;
    try {
      while (written < packets.length) {
        const taken = writeSync(file, packets, written);
        if (taken === 0) throw new Error('the file takes no more');
        written += taken;
      }
    } catch (error) {
      if (written > 0) this.#cut(file);
      throw error;
    }
    this.#size += written;
  }

  // What others may have done to it meanwhile, and what is left of a write that failed.
  #check(file: number): void {
    const { nlink, size } = fstatSync(file);
    if (nlink > 0 && size === this.#size) return;
    if (nlink > 0 && size > this.#size) {
      this.#cut(file);
      return;
    }
    this.close();
    if (nlink > 0) throw new Error('the file was cut; its trace begins again');
    this.#isGone = true;
    throw new Error('the file was removed; another one is begun');
  }

  // Should it fail, the next write tries again before it writes.
  #cut(file: number): void {
    ftruncateSync(file, this.#size);
  }

  #open(): number {
    this.#mayReplace ??= this.#isNew();
    const path = followed(this.#path);
    if (this.#mayReplace) this.#takeAway(path);
    const file = this.#mayReplace || this.#isGone ? create(path) : openSync(path, APPEND, MODE);
    const status = fstatSync(file);
    if (!status.isFile()) {
      closeSync(file);
      throw notAFile(this.#path, status);
    }
    this.#mayReplace = this.#isGone = false;
    this.#size = status.size;
    return file;
  }

  // A file, never anything else.
  #takeAway(path: string): void {
    const status = lstatSync(path, { throwIfNoEntry: false });
    if (status === undefined) return;
    if (!status.isFile()) throw notAFile(this.#path, status);
    unlinkSync(path);
  }
}

// What the name leads to, whether it is there or not: O_EXCL, unlike open(2) without it, follows no link.
function followed(name: string): string {
  if (lstatSync(name, { throwIfNoEntry: false })?.isSymbolicLink() !== true) return name;
  try {
    return realpathSync(name);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error; // a loop of links, for one
    return followed(resolve(realpathSync(dirname(name)), readlinkSync(name)));
  }
}

// Whoever made it meanwhile may write to it.
function create(path: string): number {
  try {
    return openSync(path, APPEND | O_EXCL, MODE);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
    throw new Error('another process writes to a file of this name; put %p (the process id) into the name');
  }
}

function notAFile(path: string, status: Stats): Error {
  return new Error(`${JSON.stringify(path)} is ${status.isDirectory() ? 'a folder' : 'no regular file'}`);
}
