// SPDX-License-Identifier: Apache-2.0
//
// Puts a trace into its file as it is read, and hands the spans of the same records to the sink beside it, if there is
// one. The two do not wait for each other: reading goes on for the file, so what the other sink does not take yet waits
// for it, in bounded number, and what comes beyond that is lost to it. A slice counts as delivered when both have it; what
// either lacks is lost once. On the thread that reads the segment.
import type { Traced, TracePipeline } from '../perfetto/pipeline';
import { ReaderLoss } from './reader-loss';
import type { Settled, Sink, SpanLoss } from './sink';
import type { TraceFile } from './trace-file';

/** A sink that may be written to while it is not ready, as long as it has room. */
export interface RoomySink<Spans> extends Sink<Spans> {
  readonly hasRoom: boolean;
  readonly waitingSpans: number;
  /** The last export failed: what waits grows less because it is lost. */
  readonly failing: boolean;
  /** The end is near: what fails from now on is not sent again. */
  hurry(): void;
}

export interface FileSinkOptions<Spans> {
  readonly file: Pick<TraceFile, 'write' | 'close'>;
  readonly pipeline: Pick<TracePipeline<Spans>, 'finish' | 'restart'>;
  readonly beside?: RoomySink<Spans> | undefined;
  /** Names what is beside, for messages. */
  readonly destination: string;
  readonly warn: (message: string) => void;
}

const UNWRITTEN: SpanLoss = { reason: ReaderLoss.fileFailed, spans: Infinity };
const NOT_TAKEN: SpanLoss = { reason: ReaderLoss.queueFull, spans: Infinity };

export class FileSink<Spans> implements Sink<Traced<Spans>> {
  /** The file takes everything at once, or loses it. */
  readonly ready = true;
  readonly #options: FileSinkOptions<Spans>;
  /** Said of the sink beside that it takes too little, until it has taken what waited, and does not fail. */
  #isBehind = false;

  constructor(options: FileSinkOptions<Spans>) {
    this.#options = options;
  }

  write({ packets, slices, spans }: Traced<Spans>, settled: Settled): void {
    const { beside } = this.#options;
    const others = this.#put(packets, slices) ? [] : [UNWRITTEN];
    if (beside === undefined) settled(0, 0, others);
    else if (this.#hasRoom(beside)) beside.write(spans, (failed, rejected) => settled(failed, rejected, others));
    else settled(0, 0, [NOT_TAKEN]);
  }

  caughtUp(): void {
    this.finish();
  }

  /** Writes what is known of the counters and no record has told yet. */
  finish(): void {
    const rest = this.#options.pipeline.finish();
    if (rest.length > 0) this.#put(rest, 0);
  }

  async flush(): Promise<void> {
    await this.#options.beside?.flush();
  }

  async shutdown(timeoutMillis?: number): Promise<void> {
    this.#options.file.close();
    await this.#options.beside?.shutdown(timeoutMillis);
  }

  // What comes after something that is not in the file must not refer to it.
  #put(packets: Buffer, slices: number): boolean {
    const isWritten = this.#options.file.write(packets, slices);
    if (!isWritten) this.#options.pipeline.restart();
    return isWritten;
  }

  #hasRoom(beside: RoomySink<Spans>): boolean {
    const { destination, warn } = this.#options;
    if (beside.waitingSpans === 0 && !beside.failing) this.#isBehind = false;
    if (beside.hasRoom) return true;
    if (!this.#isBehind)
      warn(
        `${destination} takes less than is recorded: ${beside.waitingSpans} spans wait for it; more are lost to it ` +
          '(queue_full), and are in the trace file only',
      );
    this.#isBehind = true;
    return false;
  }
}
