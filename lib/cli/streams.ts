// SPDX-License-Identifier: Apache-2.0
//
// Where a subcommand writes, so that tests can look, and how it writes files and tells progress.
import { writeFileSync } from 'node:fs';
import { CommandError, EXIT } from './exit-codes';

export interface Output {
  write(text: string): unknown;
  readonly isTTY?: boolean;
}

export interface Streams {
  /** The result, and nothing else. */
  readonly stdout: Output;
  /** Problems and progress. */
  readonly stderr: Output;
}

/** `-` is standard output. @throws CommandError `EXIT.output` */
export function writeResult(path: string, text: string, { stdout }: Streams): void {
  if (path === '-') {
    stdout.write(text);
    return;
  }
  try {
    writeFileSync(path, text);
  } catch (error) {
    throw new CommandError(EXIT.output, `${path} cannot be written: ${(error as Error).message}`);
  }
}

const BETWEEN_MILLIS = 500;
const MEGABYTE = 1_000_000;

/** Tells how far a long reading is, on one line of a terminal, or a line each time elsewhere; `end` wipes it. */
export class ProgressLine {
  readonly #output: Output;
  #next = performance.now() + BETWEEN_MILLIS;
  #shown = false;

  constructor(output: Output) {
    this.#output = output;
  }

  readonly tell = (bytes: number, size: number): void => {
    if (performance.now() < this.#next) return;
    this.#next = performance.now() + BETWEEN_MILLIS;
    const percent = size > 0 ? Math.min(100, Math.floor((100 * bytes) / size)) : 0;
    const text = `gpuspan: ${percent} % of ${Math.ceil(size / MEGABYTE)} MB`;
    this.#output.write(this.#output.isTTY ? `\r${text}` : `${text}\n`);
    this.#shown = true;
  };

  end(): void {
    if (this.#shown && this.#output.isTTY) this.#output.write('\r\x1b[K');
  }
}
