// SPDX-License-Identifier: Apache-2.0
//
// A sorted run of records in a file without a name, which is gone when the process is, however it ends. Written once,
// then read once, by the sorter.
import { closeSync, openSync, readSync, unlinkSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { CommandError, EXIT } from '../exit-codes';

const CHUNK_BYTES = 256 * 1024;
const LENGTH_BYTES = 4;

/** A sequence of records; each stays valid as long as somebody holds it. */
export interface RecordSource {
  /** undefined at the end. */
  next(): Buffer | undefined;
}

let files = 0;

export class RunFile implements RecordSource {
  readonly #folder: string;
  readonly #descriptor: number;
  #chunk = Buffer.allocUnsafeSlow(CHUNK_BYTES);
  #at = 0;
  #end = 0;
  #position = 0;

  /** @throws CommandError `EXIT.output` */
  constructor(folder: string) {
    this.#folder = folder;
    const path = join(folder, `.gpuspan-${process.pid}-${++files}.sort`);
    this.#descriptor = this.#try(() => openSync(path, 'wx+', 0o600));
    this.#try(() => unlinkSync(path));
  }

  write(record: Buffer): void {
    if (this.#at + LENGTH_BYTES + record.length > this.#chunk.length) this.#flush();
    if (LENGTH_BYTES + record.length > this.#chunk.length) {
      this.#chunk = Buffer.allocUnsafeSlow(LENGTH_BYTES + record.length);
    }
    this.#at = this.#chunk.writeUInt32LE(record.length, this.#at);
    this.#at += record.copy(this.#chunk, this.#at);
  }

  /** From now on it is read. */
  rewind(): void {
    this.#flush();
    this.#position = 0;
  }

  next(): Buffer | undefined {
    if (!this.#has(LENGTH_BYTES)) return undefined;
    const length = this.#chunk.readUInt32LE(this.#at);
    this.#has(LENGTH_BYTES + length);
    const from = this.#at + LENGTH_BYTES;
    this.#at = from + length;
    return this.#chunk.subarray(from, this.#at);
  }

  close(): void {
    closeSync(this.#descriptor);
  }

  #flush(): void {
    for (let from = 0; from < this.#at; ) {
      from += this.#try(() => writeSync(this.#descriptor, this.#chunk, from, this.#at - from));
    }
    this.#at = 0;
  }

  // A new chunk each time, because records that were handed out are parts of the old one.
  #has(count: number): boolean {
    if (this.#end - this.#at >= count) return true;
    const rest = this.#chunk.subarray(this.#at, this.#end);
    this.#chunk = Buffer.allocUnsafeSlow(Math.max(CHUNK_BYTES, count));
    this.#end = rest.copy(this.#chunk);
    this.#at = 0;
    while (this.#end < count) {
      const { length } = this.#chunk;
      const read = this.#try(() =>
        readSync(this.#descriptor, this.#chunk, this.#end, length - this.#end, this.#position),
      );
      if (read === 0) return false;
      this.#position += read;
      this.#end += read;
    }
    return true;
  }

  #try<T>(use: () => T): T {
    try {
      return use();
    } catch (error) {
      const reason = (error as Error).message;
      throw new CommandError(EXIT.output, `temporary files in ${this.#folder} cannot be used: ${reason}`);
    }
  }
}
