// SPDX-License-Identifier: Apache-2.0
//
// Where a subcommand writes, so that tests can look, and how it writes files and tells progress.
import { closeSync, openSync, readSync, realpathSync, statSync } from 'node:fs';
import { OutputFile } from './convert/output-file';
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

/** @throws CommandError `EXIT.usage` when `out` is one of `inputs`, by whatever name. */
export function refuseOwnInput(inputs: readonly string[], out: string): void {
  const target = realPath(out);
  if (target === undefined || !inputs.some((path) => realPath(path) === target)) return;
  throw new CommandError(EXIT.usage, `${out} is an input: give the output another name`);
}

/** @throws CommandError `EXIT.usage` when `path` is a file of something else than HTML: a page must not replace it. */
export function refuseOtherThanHtml(path: string): void {
  const beginning = beginningOf(path, HTML.length);
  if (beginning === '' || beginning.toLowerCase() === HTML) return;
  throw new CommandError(EXIT.usage, `${path} is there and is no HTML file: give the page another name, or remove it`);
}

const HTML = '<!doctype html>';

function realPath(path: string): string | undefined {
  try {
    return realpathSync(path);
  } catch {
    return undefined;
  }
}

// Of what is no plain file, or cannot be read, nothing: writing tells what is wrong with it.
function beginningOf(path: string, length: number): string {
  try {
    if (!statSync(path).isFile()) return '';
    const descriptor = openSync(path, 'r');
    try {
      const bytes = Buffer.alloc(length);
      return bytes.toString('latin1', 0, readSync(descriptor, bytes, 0, length, 0));
    } finally {
      closeSync(descriptor);
    }
  } catch {
    return '';
  }
}

/** All of it or nothing; `-` is standard output. @throws CommandError `EXIT.output` */
export function writeResult(path: string, text: string, { stdout }: Streams): void {
  if (path === '-') {
    stdout.write(text);
    return;
  }
  const file = new OutputFile(path);
  try {
    file.write(Buffer.from(text));
    file.finish();
  } finally {
    file.discard();
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
