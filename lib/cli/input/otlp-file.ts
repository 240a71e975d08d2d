// SPDX-License-Identifier: Apache-2.0
//
// Reads a file of spans, OTLP JSON or a Perfetto trace of gpuspan's, in bounded memory and accounts for what was wrong with
// it. Called by `gpuspan convert`, and by `gpuspan report` twice a file: first for everything, then for the requests it shows.
import { type FileHandle, open } from 'node:fs/promises';
import type { ReceivedSpan } from '../../testing/otlp-json';
import { CommandError, EXIT } from '../exit-codes';
import { OtlpText } from './otlp-text';
import { looksLikeTrace, PerfettoTrace } from './perfetto-trace';

const CHUNK_BYTES = 1024 * 1024;
const MAX_NOTES = 5;

/** What a file held. */
export interface FileAccount {
  readonly path: string;
  bytes: number;
  spans: number;
  /** Spans that are not as OTLP has them. */
  badSpans: number;
  /** Slices of a trace for which too many were open. */
  leftOut: number;
  /** Events of a trace on tracks beyond those that are kept. */
  beyondTracks: number;
  /** Lines that are not JSON. */
  badLines: number;
  /** It ends inside a line, object or array. */
  truncated: boolean;
  /** The first few problems, in words. */
  readonly notes: string[];
}

export interface ReadOptions {
  readonly onSpan: (span: ReceivedSpan) => void;
  /** Called after each piece, with the bytes so far and the file's size when it was opened. */
  readonly onProgress?: (bytes: number, size: number) => void;
}

/** @throws CommandError `EXIT.input` when the file cannot be read. */
export async function readOtlpFile(path: string, { onSpan, onProgress }: ReadOptions): Promise<FileAccount> {
  const none = { bytes: 0, spans: 0, badSpans: 0, leftOut: 0, beyondTracks: 0, badLines: 0, truncated: false };
  const account: FileAccount = { path, ...none, notes: [] };
  let reader: OtlpText | PerfettoTrace | undefined;
  const file = await readable(path, open(path, 'r'));
  try {
    await readAll(file, path, (chunk, size) => {
      reader ??= readerFor(path, chunk, account, onSpan);
      account.bytes += chunk.length;
      reader.write(chunk);
      onProgress?.(account.bytes, size);
    });
  } finally {
    await file.close();
  }
  reader?.end();
  return account;
}

/** By what the file begins with, not by its name. */
function readerFor(path: string, beginning: Buffer, account: FileAccount, onSpan: ReadOptions['onSpan']) {
  const note = (problem: string): void => {
    if (account.notes.length < MAX_NOTES) account.notes.push(problem);
  };
  const sink = {
    span: (span: ReceivedSpan) => {
      account.spans++;
      onSpan(span);
    },
    badSpan: () => account.badSpans++,
    leftOut: () => account.leftOut++,
    beyondTracks: () => account.beyondTracks++,
    badLine: (number: number, problem: string) => {
      account.badLines++;
      note(`line ${number}: ${problem}`);
    },
    truncated: () => (account.truncated = true),
    note,
  };
  if (looksLikeTrace(beginning)) return new PerfettoTrace(sink);
  refuseBinary(path, beginning);
  return new OtlpText(sink);
}

async function readable<T>(path: string, use: Promise<T>): Promise<T> {
  try {
    return await use;
  } catch (error) {
    throw new CommandError(EXIT.input, `${path} cannot be read: ${(error as Error).message}`);
  }
}

async function readAll(file: FileHandle, path: string, take: (chunk: Buffer, size: number) => void): Promise<void> {
  const { size } = await readable(path, file.stat());
  for (;;) {
    // A new buffer each time: lines hold on to parts of it.
    const buffer = Buffer.allocUnsafe(CHUNK_BYTES);
    const { bytesRead } = await readable(path, file.read(buffer, 0, CHUNK_BYTES, null));
    if (bytesRead === 0) return;
    take(buffer.subarray(0, bytesRead), size);
  }
}

function refuseBinary(path: string, chunk: Buffer): void {
  const compressed = chunk[0] === 0x1f && chunk[1] === 0x8b;
  const hint = compressed
    ? 'is compressed: unpack it first, for example with gunzip -k'
    : 'is neither OTLP JSON nor a Perfetto trace';
  if (compressed || chunk.subarray(0, 512).includes(0)) throw new CommandError(EXIT.input, `${path} ${hint}`);
}
