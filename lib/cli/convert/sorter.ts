// SPDX-License-Identifier: Apache-2.0
//
// Sorts any number of records by time in bounded memory: a buffer's worth at a time is sorted and, when there is more,
// written to a file; at the end the files are merged. Ties: the longer one first, then in the order in which they came.
// Called by `gpuspan convert`.
import { MinHeap } from './min-heap';
import { RECORD } from './record';
import { type RecordSource, RunFile } from './run-file';

export const SORT_BYTES = 64 * 1024 * 1024;
/** Runs that are merged at once; each is an open file and a chunk in memory. */
const MAX_RUNS = 64;

export interface SorterOptions {
  /** Where temporary files go. */
  readonly folder: string;
  /** How much is sorted at once; above MAX_RECORD_BYTES. Default SORT_BYTES. */
  readonly bytes?: number;
}

export class RecordSorter {
  readonly #folder: string;
  readonly #buffer: SortBuffer;
  #runs: RunFile[] = [];
  #count = 0;

  constructor({ folder, bytes = SORT_BYTES }: SorterOptions) {
    this.#folder = folder;
    this.#buffer = new SortBuffer(bytes);
  }

  /** Records that were added. */
  get count(): number {
    return this.#count;
  }

  /** Copies the record. @throws CommandError when temporary files cannot be written. */
  add(record: Buffer): void {
    this.#count++;
    if (this.#buffer.add(record)) return;
    this.#spill();
    if (!this.#buffer.add(record)) throw new RangeError(`a record of ${record.length} bytes`);
  }

  /** All records in order, once. @throws CommandError as `add`. */
  sorted(): RecordSource {
    if (this.#runs.length === 0) return this.#buffer.sorted();
    return new Merge([...this.#runs, this.#buffer.sorted()]);
  }

  close(): void {
    for (const run of this.#runs) run.close();
    this.#runs = [];
  }

  #spill(): void {
    if (this.#runs.length === MAX_RUNS) this.#runs = [this.#written(new Merge(this.#runs), this.#runs)];
    this.#runs.push(this.#written(this.#buffer.sorted(), []));
    this.#buffer.clear();
  }

  #written(source: RecordSource, emptied: readonly RunFile[]): RunFile {
    const run = new RunFile(this.#folder);
    for (let record = source.next(); record !== undefined; record = source.next()) run.write(record);
    run.rewind();
    for (const done of emptied) done.close();
    return run;
  }
}

class SortBuffer {
  readonly #limit: number;
  #bytes: Buffer;
  readonly #offsets: number[] = [0];
  /** Start times, rounded, which keeps their order: equal ones are compared exactly. */
  readonly #keys: number[] = [];

  constructor(limit: number) {
    this.#limit = limit;
    this.#bytes = Buffer.allocUnsafeSlow(Math.min(limit, 1024 * 1024));
  }

  /** False when it is full. */
  add(record: Buffer): boolean {
    const at = this.#offsets[this.#offsets.length - 1]!;
    const end = at + record.length;
    if (end > this.#limit) return false;
    if (end > this.#bytes.length) this.#grow(end);
    record.copy(this.#bytes, at);
    this.#offsets.push(end);
    this.#keys.push(roundedStart(record));
    return true;
  }

  clear(): void {
    this.#offsets.length = 1;
    this.#keys.length = 0;
  }

  /** Valid until the next `clear`. */
  sorted(): RecordSource {
    const keys = this.#keys;
    const order = Uint32Array.from(keys, (_, index) => index);
    const offsets = this.#offsets;
    const bytes = this.#bytes;
    order.sort((a, b) => keys[a]! - keys[b]! || compareExactly(bytes, offsets[a]!, bytes, offsets[b]!) || a - b);
    let at = 0;
    return { next: () => (at < order.length ? this.#record(order[at++]!) : undefined) };
  }

  #record(index: number): Buffer {
    return this.#bytes.subarray(this.#offsets[index], this.#offsets[index + 1]);
  }

  #grow(needed: number): void {
    const grown = Buffer.allocUnsafeSlow(Math.min(this.#limit, Math.max(needed, 2 * this.#bytes.length)));
    this.#bytes.copy(grown);
    this.#bytes = grown;
  }
}

interface Head {
  readonly source: RecordSource;
  readonly rank: number;
  record: Buffer;
  key: number;
}

class Merge implements RecordSource {
  readonly #heads = new MinHeap<Head>((a, b) => {
    if (a.key !== b.key) return a.key < b.key;
    return (compareExactly(a.record, 0, b.record, 0) || a.rank - b.rank) < 0;
  });

  constructor(sources: readonly RecordSource[]) {
    for (const [rank, source] of sources.entries()) {
      const record = source.next();
      if (record !== undefined) this.#heads.push({ source, rank, record, key: roundedStart(record) });
    }
  }

  next(): Buffer | undefined {
    const head = this.#heads.peek();
    if (head === undefined) return undefined;
    const { record } = head;
    const following = head.source.next();
    if (following === undefined) this.#heads.pop();
    else {
      head.record = following;
      head.key = roundedStart(following);
      this.#heads.sinkFirst();
    }
    return record;
  }
}

function roundedStart(record: Buffer): number {
  return record.readUInt32LE(RECORD.start + 4) * 2 ** 32 + record.readUInt32LE(RECORD.start);
}

function compareExactly(a: Buffer, atA: number, b: Buffer, atB: number): number {
  return (
    compareWords(a, atA + RECORD.start, b, atB + RECORD.start) || compareWords(b, atB + RECORD.end, a, atA + RECORD.end)
  );
}

function compareWords(a: Buffer, atA: number, b: Buffer, atB: number): number {
  return a.readUInt32LE(atA + 4) - b.readUInt32LE(atB + 4) || a.readUInt32LE(atA) - b.readUInt32LE(atB);
}
