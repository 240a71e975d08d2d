// SPDX-License-Identifier: Apache-2.0
//
// Files of spans to one Perfetto trace, in bounded memory: each input is read once into records, which are sorted by time,
// in temporary files where there are many; then one pass through time writes the trace. Called by `gpuspan convert`.
import { resolve, sep } from 'node:path';
import { identityOf } from '../../perfetto/identity';
import { TraceWriter } from '../../perfetto/trace-writer';
import type { ReceivedSpan } from '../../testing/otlp-json';
import { CommandError, EXIT } from '../exit-codes';
import { type FileAccount, readOtlpFile } from '../input/otlp-file';
import { whyNoSpan } from '../report/file-problems';
import { refuseOwnInput } from '../streams';
import { EventFields } from './event-fields';
import { KinetoEncoder } from './kineto-encoder';
import { type KinetoAccount, kinetoBase, readKineto } from './kineto-file';
import type { KinetoName } from './kineto-places';
import { OutputFile } from './output-file';
import { Places } from './places';
import { RecordWriter } from './record';
import { RecordSorter } from './sorter';
import { SpanEncoder } from './span-encoder';
import { Sweep } from './sweep';
import { sweepTies, tiesOf } from './ties';

const WRITE_BYTES = 1024 * 1024;

export interface ConvertOptions {
  readonly out: string;
  /** Chrome JSON traces of the PyTorch profiler, to be drawn on the same clock. */
  readonly kineto?: readonly string[];
  /** Called now and then, with the bytes done of all that are to be. */
  readonly onProgress?: (bytes: number, size: number) => void;
  /** Ends it, with nothing left behind. */
  readonly signal?: AbortSignal;
  /** For tests: how much is sorted at once. */
  readonly sortBytes?: number;
}

export interface Converted {
  readonly files: readonly FileAccount[];
  readonly kineto: readonly KinetoAccount[];
  readonly spans: number;
  /** Slices, instants, counter values and flows of Kineto's files. */
  readonly events: number;
  readonly processes: number;
  /** Drawn as instants, because more overlapped than there is room for. */
  readonly flattened: number;
  /** Values and instants that were cut or left out. */
  readonly cut: number;
  /** Of the trace. */
  readonly bytes: number;
}

/** @throws CommandError `EXIT.input`, `EXIT.output`, `EXIT.usage`; the signal's reason when it was aborted. */
export async function convertFiles(paths: readonly string[], options: ConvertOptions): Promise<Converted> {
  const { kineto = [] } = options;
  refuseOwnInput([...paths, ...kineto], options.out);
  const output = new OutputFile(options.out);
  const conversion = new Conversion(output, options);
  try {
    for (const path of paths) await conversion.readSpans(path);
    const names = shortNames(kineto);
    for (const [index, path] of kineto.entries()) {
      await conversion.readKineto(path, { key: `${index} ${path}`, name: names[index]! });
    }
    const converted = await conversion.write();
    output.finish();
    return converted;
  } finally {
    conversion.close();
    output.discard();
  }
}

class Conversion {
  readonly #output: OutputFile;
  readonly #options: ConvertOptions;
  readonly #writer: TraceWriter;
  readonly #places = new Places();
  readonly #spans: SpanEncoder;
  readonly #sorter: RecordSorter;
  readonly #files: FileAccount[] = [];
  readonly #kineto: KinetoAccount[] = [];
  #cut = 0;
  #size = 0;
  #done = 0;

  constructor(output: OutputFile, options: ConvertOptions) {
    this.#output = output;
    this.#options = options;
    this.#writer = new TraceWriter(identityOf('gpuspan convert', options.out, String(Date.now()), String(process.pid)));
    this.#spans = new SpanEncoder(this.#writer.names, this.#places);
    const { sortBytes } = options;
    this.#sorter = new RecordSorter({ folder: output.folder, ...(sortBytes !== undefined && { bytes: sortBytes }) });
  }

  async readSpans(path: string): Promise<void> {
    const onSpan = (span: ReceivedSpan): void => this.#sorter.add(this.#spans.encode(span));
    this.#files.push(await readOtlpFile(path, { onSpan, onProgress: this.#progress() }));
  }

  async readKineto(path: string, name: KinetoName): Promise<void> {
    const base = await kinetoBase(path, this.#options.signal);
    const wrong = { badEvents: 0, skipped: 0, leftOut: 0 };
    const encoder = new KinetoEncoder(this.#writer.names, this.#places, name, base, {
      record: (record) => this.#sorter.add(record),
      bad: () => wrong.badEvents++,
      skipped: () => wrong.skipped++,
      leftOut: () => wrong.leftOut++,
    });
    const account = await readKineto(path, { onEvent: (event) => encoder.encode(event), onProgress: this.#progress() });
    encoder.finish();
    this.#cut += encoder.cut;
    this.#kineto.push({ ...account, ...wrong });
  }

  async write(): Promise<Converted> {
    const spans = this.#files.reduce((sum, file) => sum + file.spans, 0);
    this.#refuseEmpty(spans);
    const record = new RecordWriter();
    const fields = new EventFields(record, this.#writer.names);
    const sweep = new Sweep(this.#writer, this.#places, record, fields);
    await this.#sweep(sweep);
    return {
      files: this.#files,
      kineto: this.#kineto,
      spans,
      events: this.#sorter.count - spans,
      processes: this.#places.processes,
      flattened: sweep.flattened,
      cut: this.#cut + this.#spans.cut + fields.cut,
      bytes: this.#output.bytes,
    };
  }

  close(): void {
    this.#sorter.close();
  }

  #refuseEmpty(spans: number): void {
    const paths = this.#files.map(({ path }) => path).join(', ');
    if (this.#files.length > 0 && spans === 0) {
      throw new CommandError(EXIT.input, `no span in ${paths}${whyNoSpan(this.#files)}`);
    }
    if (this.#sorter.count === 0) {
      const traces = this.#kineto.map(({ path }) => path).join(', ');
      throw new CommandError(EXIT.input, `no event that can be drawn in ${traces}; a Chrome JSON trace is expected`);
    }
  }

  async #sweep(sweep: Sweep): Promise<void> {
    const read = this.#done;
    let swept = 0;
    for (const group of tiesOf(this.#sorter.sorted())) {
      sweepTies(sweep, group);
      swept += group.length;
      if (this.#writer.size < WRITE_BYTES) continue;
      await this.#flush();
      this.#tell(read + (this.#size * swept) / this.#sorter.count);
    }
    sweep.finish();
    await this.#flush();
  }

  /** For one file. */
  #progress(): (bytes: number, size: number) => void {
    const before = this.#done;
    let isKnown = false;
    return (bytes, size) => {
      this.#options.signal?.throwIfAborted();
      if (!isKnown) this.#size += size;
      isKnown = true;
      this.#tell(before + bytes);
    };
  }

  // Lets signals in.
  async #flush(): Promise<void> {
    this.#output.write(this.#writer.take());
    await new Promise((resolve) => setImmediate(resolve));
    this.#options.signal?.throwIfAborted();
  }

  #tell(done: number): void {
    this.#done = done;
    this.#options.onProgress?.(done, 2 * this.#size);
  }
}

// Without their folders, but for what tells files of one name apart.
function shortNames(paths: readonly string[]): string[] {
  const parts = paths.map((path) => resolve(path).split(sep));
  return parts.map((own) => {
    const tail = (of: readonly string[], length: number): string => of.slice(-length).join(sep);
    const others = parts.filter((other) => other.join(sep) !== own.join(sep));
    let length = 1;
    while (length < own.length && others.some((other) => tail(other, length) === tail(own, length))) length++;
    return tail(own, length);
  });
}
