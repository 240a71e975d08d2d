// SPDX-License-Identifier: Apache-2.0
//
// A report of files: everything the text, JSON and HTML forms show. Called by `gpuspan report`. Reads each file twice,
// because which requests are the slowest is known at the end only, and the files may be larger than memory.
import type { ReceivedSpan } from '../../testing/otlp-json';
import { CommandError, EXIT } from '../exit-codes';
import { type FileAccount, readOtlpFile } from '../input/otlp-file';
import { refusePipe } from '../input/plain-file';
import type { Why } from '../model/chosen-requests';
import { isGpuSlice, kindOf } from '../model/classify';
import { type ShownRequest, ShownRequests } from '../model/shown-requests';
import { StreamSlices, type StreamsShown } from '../model/stream-slices';
import { type RequestRow, Summary, type SummaryData } from '../model/summary';
import { whyNoSpan } from './file-problems';

export interface ReportOptions {
  /** How many of the slowest requests are shown whole. */
  readonly slowest: number;
  /** How many have a row. */
  readonly rows: number;
  /** For a page: requests that failed and a sample beside the slowest, all with their spans, attributes and events. */
  readonly page?: boolean;
  /** About how large a page's spans may be; what does not fit is left out, of the last requests first. */
  readonly maxPageBytes?: number;
  /** Called now and then, with the bytes read of all that will be. */
  readonly onProgress?: (bytes: number, size: number) => void;
}

export interface Report {
  readonly files: readonly FileAccount[];
  readonly summary: SummaryData;
  /** The slowest; for a page, all that it has. */
  readonly shown: readonly (ShownRequest & { readonly why: Why })[];
  /** Around the shown requests. */
  readonly streams: StreamsShown;
  /** Epoch nanoseconds in decimal that relative times count from. */
  readonly baseUnixNano: string;
}

/** @throws CommandError `EXIT.input` when a file cannot be read, or there is no span in any. */
export async function makeReport(paths: readonly string[], options: ReportOptions): Promise<Report> {
  for (const path of paths) await refusePipe(path);
  const progress = new Progress(paths.length, options.onProgress);
  const summary = new Summary(Math.max(options.rows, options.slowest));
  const files: FileAccount[] = [];
  for (const path of paths) {
    files.push(await readOtlpFile(path, { onSpan: (span) => summary.add(span), onProgress: progress.of() }));
  }
  const first = summary.result();
  if (first.spans === 0) throw new CommandError(EXIT.input, `no span in ${paths.join(', ')}${whyNoSpan(files)}`);
  const chosen = chosenOf(first, options);
  const rows = chosen.map(({ row }) => row);
  const shown = new ShownRequests(rows, summary.base, {
    details: options.page === true,
    ...(options.maxPageBytes !== undefined && { maxWeight: options.maxPageBytes }),
  });
  const streams = new StreamSlices(rows, summary.base);
  const again = (span: ReceivedSpan) => {
    summary.addAgain(span);
    shown.add(span);
    if (isGpuSlice(span) && kindOf(span) === 'slice') streams.add(span);
  };
  for (const path of paths) await readOtlpFile(path, { onSpan: again, onProgress: progress.of() });
  return {
    files,
    summary: summary.result(),
    shown: shown.requests().map((request, index) => ({ ...request, why: chosen[index]!.why })),
    streams: streams.shown(),
    baseUnixNano: String(summary.base),
  };
}

function chosenOf(
  { requests }: SummaryData,
  { page, slowest }: ReportOptions,
): readonly { row: RequestRow; why: Why }[] {
  return page === true ? requests.chosen : requests.rows.slice(0, slowest).map((row) => ({ row, why: 'slowest' }));
}

/** One count over two readings of every file. */
class Progress {
  readonly #reports: ((bytes: number, size: number) => void) | undefined;
  readonly #sizes: number[] = [];
  readonly #files: number;
  #done = 0;

  constructor(files: number, reports: ((bytes: number, size: number) => void) | undefined) {
    this.#files = files;
    this.#reports = reports;
  }

  /** For the next reading of a file. */
  of(): (bytes: number, size: number) => void {
    let last = 0;
    let known = false;
    return (bytes, size) => {
      if (!known) this.#sizes.push(size);
      known = true;
      this.#done += bytes - last;
      last = bytes;
      const first = this.#sizes.slice(0, this.#files).reduce((sum, each) => sum + each, 0);
      this.#reports?.(this.#done, 2 * first);
    };
  }
}
