// SPDX-License-Identifier: Apache-2.0
//
// Reads a Chrome JSON trace of the PyTorch profiler, compressed or not, in bounded memory, and accounts for what was wrong
// with it. Called by `gpuspan convert` for each --kineto.
import { createReadStream } from 'node:fs';
import { open } from 'node:fs/promises';
import { createGunzip } from 'node:zlib';
import { CommandError, EXIT } from '../exit-codes';
import { refusePipe } from '../input/plain-file';
import { ChromeDocument } from './chrome-document';
import { nanosOf } from './kineto-encoder';

const CHUNK_BYTES = 1024 * 1024;
/** Times without a base that are larger, in ns, are of this epoch: later than 2001. */
const EPOCH_NANOS = 10n ** 18n;

/** What a file held. */
export interface KinetoAccount {
  readonly path: string;
  events: number;
  /** No events, or with times that are none. */
  badEvents: number;
  /** Of kinds that are not drawn. */
  skipped: number;
  /** Slices for which too many were open. */
  leftOut: number;
  /** It ends too soon. */
  truncated: boolean;
  /** What is wrong with its text, in words. */
  note?: string;
}

export interface KinetoReading {
  readonly onEvent: (event: unknown) => void;
  /** Called with the bytes so far and the file's size. */
  readonly onProgress: (bytes: number, size: number) => void;
}

/**
 * The epoch nanoseconds that the file's times count from; 0 when they are epoch times themselves.
 * @throws CommandError `EXIT.input` when it cannot be read, has no event, or times that cannot be placed.
 */
export async function kinetoBase(path: string, signal?: AbortSignal): Promise<bigint> {
  await refusePipe(path);
  let base: bigint | undefined;
  let first: bigint | undefined;
  const scan = async (parses: boolean, isDone: () => boolean): Promise<void> => {
    const document = new ChromeDocument(
      { base: (nanos) => (base = baseOf(path, nanos)), event: (event) => (first ??= timeOf(event)) },
      parses,
    );
    await eachChunk(path, (chunk) => {
      signal?.throwIfAborted();
      return isWritten(document, chunk) && !isDone();
    });
  };
  // Kineto writes it in front of the events; others may not.
  await scan(false, () => base !== undefined);
  if (base !== undefined) return base;
  await scan(true, () => first !== undefined);
  if (first === undefined) throw new CommandError(EXIT.input, `no event in ${path}; a Chrome JSON trace is expected`);
  if (first >= EPOCH_NANOS) return 0n;
  const remedy = 'its times cannot be put on the clock of the others; let a newer PyTorch write it';
  throw new CommandError(EXIT.input, `${path} has no baseTimeNanoseconds: ${remedy}`);
}

/** @throws CommandError `EXIT.input` when it cannot be read. */
export async function readKineto(path: string, { onEvent, onProgress }: KinetoReading): Promise<KinetoAccount> {
  const account: KinetoAccount = { path, events: 0, badEvents: 0, skipped: 0, leftOut: 0, truncated: false };
  const event = (given: unknown): void => {
    account.events++;
    onEvent(given);
  };
  const document = new ChromeDocument({ event, base: () => {} });
  await eachChunk(path, (chunk, bytes, size) => {
    onProgress(bytes, size);
    try {
      document.write(chunk);
      return true;
    } catch (error) {
      if (error instanceof CommandError) throw error;
      account.note = (error as Error).message.slice(0, 200);
      return false;
    }
  });
  account.truncated = account.note === undefined && document.depth > 0;
  return account;
}

function isWritten(document: ChromeDocument, chunk: Buffer): boolean {
  try {
    document.write(chunk);
    return true;
  } catch (error) {
    if (error instanceof CommandError) throw error;
    return false;
  }
}

function timeOf(event: unknown): bigint | undefined {
  const fields = event as { readonly ph?: unknown; readonly ts?: unknown } | null;
  return fields?.ph === 'M' ? undefined : nanosOf(fields?.ts);
}

function baseOf(path: string, given: unknown): bigint {
  const base = typeof given === 'number' && Number.isInteger(given) ? BigInt(given) : given;
  if (typeof base === 'bigint' && base >= 0n && base < 2n ** 63n) return base;
  throw new CommandError(EXIT.input, `${path}: baseTimeNanoseconds is no time: ${String(given).slice(0, 40)}`);
}

type TakeChunk = (chunk: Buffer, bytes: number, size: number) => boolean;

/** Until the end, or until `take` returns false. `bytes`: read of the file, compressed as it may be. */
async function eachChunk(path: string, take: TakeChunk): Promise<void> {
  const { size, isCompressed } = await lookAt(path);
  const file = createReadStream(path, { highWaterMark: CHUNK_BYTES });
  const chunks = isCompressed ? file.pipe(createGunzip({ chunkSize: CHUNK_BYTES })) : file;
  if (isCompressed) file.on('error', (error) => chunks.destroy(error));
  try {
    for await (const chunk of chunks) if (!take(chunk as Buffer, file.bytesRead, size)) return;
  } catch (error) {
    const { name, code } = error as NodeJS.ErrnoException;
    if (error instanceof CommandError || name === 'AbortError') throw error;
    // A compressed file that ends too soon is used up to there.
    if (code === 'Z_BUF_ERROR') return;
    throw new CommandError(EXIT.input, `${path} cannot be read: ${(error as Error).message}`);
  } finally {
    file.destroy();
  }
}

async function lookAt(path: string): Promise<{ size: number; isCompressed: boolean }> {
  try {
    const file = await open(path, 'r');
    try {
      const { size } = await file.stat();
      const head = Buffer.alloc(512);
      const { bytesRead } = await file.read(head, 0, head.length, 0);
      const isCompressed = head[0] === 0x1f && head[1] === 0x8b;
      if (!isCompressed && head.subarray(0, bytesRead).includes(0)) throw new Error('it is not JSON');
      return { size, isCompressed };
    } finally {
      await file.close();
    }
  } catch (error) {
    throw new CommandError(EXIT.input, `${path} cannot be read: ${(error as Error).message}`);
  }
}
