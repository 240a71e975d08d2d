// SPDX-License-Identifier: Apache-2.0
//
// A sink in front of any exporter, paced: few exports in flight, each of a bounded number of spans, each with a
// deadline, so that neither a slow exporter is flooded (OTLP exporters refuse a 31st concurrent export,
// BatchSpanProcessor drops what its queue cannot hold) nor a dead one stops the reader. What a receiver may take later is
// kept and sent again, while the rings are the queue. Lives on the thread that reads.
import type { Answer, Exporter } from '../otel/exporter';
import { withTracingSuppressed } from '../otel/suppress';
import { PATIENCE_MILLIS } from './flush';
import { Episode, type EpisodeOptions } from './episode';
import type { Settled, Sink } from './sink';

// ExportResultCode.SUCCESS; the enum itself would be a run-time import.
const SUCCESS = 0;
const FAILURE = 1;

/** What an exporter may take longer than its own timeout. */
const TIMEOUT_GRACE_MILLIS = 5_000;

export interface PacedSinkOptions {
  /** How messages name the destination. */
  readonly destination: string;
  /** One line when exports begin to fail and one when they succeed again. */
  readonly warn: (message: string) => void;
  readonly onFailure?: EpisodeOptions['onFailure'];
  readonly onRecovery?: EpisodeOptions['onRecovery'];
  /** Exports at a time. Default 2. */
  readonly maxInFlight?: number;
  /**
   * After this an export counts as failed. Default 30,000, as for OTEL_BSP_EXPORT_TIMEOUT; more where the exporter's own
   * timeout is longer.
   */
  readonly timeoutMillis?: number;
  /** How long a batch is sent again and again to a receiver that may take it later. Default 300,000. */
  readonly patienceMillis?: number;
  /** The same once the end is near, after which a receiver that takes nothing is asked no more. Default 5,000. */
  readonly lastPatienceMillis?: number;
  /** Spans that may wait for a writer that does not heed `ready`; see `hasRoom`. Default 32,768. */
  readonly maxWaitingSpans?: number;
}

/** What one export takes. */
export interface Piece<Batch> {
  readonly batch: Batch;
  readonly spanCount: number;
  /** Called when its only attempt has succeeded and is all sent: of several, an earlier one may still be under way. */
  readonly letGo?: () => void;
}

// One `write`: done when all its chunks are.
interface Write {
  chunksLeft: number;
  failed: number;
  rejected: number;
  readonly settled: Settled;
}

interface Chunk<Batch> extends Piece<Batch> {
  readonly write: Write;
  /** When it was first sent; 0: not yet. */
  since: number;
  attempts: number;
}

export class PacedSink<Spans, Batch> implements Sink<Spans> {
  readonly #exporter: Exporter<Batch>;
  readonly #split: (spans: Spans) => readonly Piece<Batch>[];
  readonly #options: Required<Omit<PacedSinkOptions, 'onFailure' | 'onRecovery'>>;
  readonly #episode: Episode;
  readonly #waiting: Chunk<Batch>[] = [];
  #waitingSpans = 0;
  #inFlight = 0;
  #pumping = false;
  // When the end came near.
  #hurriedAt: number | undefined;
  // Why nothing is sent any more, unless what is under way arrives after all.
  #givenUp: string | undefined;
  #timer: NodeJS.Timeout | undefined;

  /** `split` cuts what is written into what the exporter takes at a time. */
  constructor(exporter: Exporter<Batch>, split: (spans: Spans) => readonly Piece<Batch>[], options: PacedSinkOptions) {
    this.#exporter = exporter;
    this.#split = split;
    this.#options = {
      maxInFlight: 2,
      timeoutMillis: Math.max(30_000, (exporter.timeoutMillis ?? 0) + TIMEOUT_GRACE_MILLIS),
      patienceMillis: 300_000,
      lastPatienceMillis: PATIENCE_MILLIS,
      maxWaitingSpans: 32_768,
      ...options,
    };
    this.#episode = new Episode(options);
  }

  get ready(): boolean {
    if (this.#givenUp !== undefined) return true;
    return this.#waiting.length === 0 && this.#inFlight < this.#mostInFlight() && this.#pauseMillis() <= 0;
  }

  /** Whether a writer that does not wait until the sink is `ready` may write nevertheless. */
  get hasRoom(): boolean {
    return this.#waitingSpans < this.#options.maxWaitingSpans;
  }

  /** Spans that were written and are not in flight. */
  get waitingSpans(): number {
    return this.#waitingSpans;
  }

  /** From the first failure to the next success. */
  get failing(): boolean {
    return this.#episode.failing;
  }

  write(spans: Spans, settled: Settled): void {
    const pieces = this.#split(spans);
    if (pieces.length === 0) {
      settled(0);
      return;
    }
    const write: Write = { chunksLeft: pieces.length, failed: 0, rejected: 0, settled };
    for (const piece of pieces) {
      this.#waiting.push({ ...piece, write, since: 0, attempts: 0 });
      this.#waitingSpans += piece.spanCount;
    }
    this.#pump();
  }

  /**
   * The end is near: what fails is sent again for a few seconds more, then it is lost, and with it what is written
   * afterwards.
   */
  hurry(): void {
    this.#hurriedAt ??= performance.now();
    this.#episode.hurry();
    const { destination } = this.#options;
    if (this.#receiverPauseMillis() > this.#options.lastPatienceMillis)
      this.#giveUp(`${destination} wants nothing before this process ends`);
    this.#pump();
  }

  async flush(): Promise<void> {
    await this.#ask('forceFlush', () => this.#exporter.forceFlush?.(), this.#options.timeoutMillis);
  }

  async shutdown(timeoutMillis = this.#options.timeoutMillis): Promise<void> {
    clearTimeout(this.#timer);
    await this.#ask('shutdown', () => this.#exporter.shutdown(), timeoutMillis);
  }

  // A receiver in trouble is asked by one export, not by all.
  #mostInFlight(): number {
    return this.#episode.failing ? 1 : this.#options.maxInFlight;
  }

  // The receiver's wish for a pause, or our own after failures.
  #pauseMillis(): number {
    return Math.max(this.#receiverPauseMillis(), this.#episode.notBefore - performance.now());
  }

  #receiverPauseMillis(): number {
    return (this.#exporter.notBefore ?? -Infinity) - performance.now();
  }

  // Not recursive: an exporter that answers within export() would otherwise nest one frame a chunk.
  #pump(): void {
    if (this.#pumping) return;
    this.#pumping = true;
    this.#failWaiting();
    while (this.#inFlight < this.#mostInFlight()) {
      const chunk = this.#waiting[0];
      if (chunk === undefined || this.#mustWait(chunk)) break;
      this.#waiting.shift();
      this.#waitingSpans -= chunk.spanCount;
      this.#export(chunk);
    }
    this.#pumping = false;
  }

  // What was never sent is not held up by failures of others; only what the receiver asked for is, and what failed.
  #mustWait(chunk: Chunk<Batch>): boolean {
    const millis = chunk.since === 0 ? this.#receiverPauseMillis() : this.#pauseMillis();
    if (millis <= 0) return false;
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.#pump(), Math.ceil(millis));
    this.#timer.unref();
    return true;
  }

  #export(chunk: Chunk<Batch>): void {
    this.#inFlight++;
    chunk.attempts++;
    if (chunk.since === 0) chunk.since = performance.now();
    let open = true;
    const close = (answer: Answer): void => {
      if (!open) return; // answered twice, or after its deadline
      open = false;
      clearTimeout(deadline);
      this.#inFlight--;
      this.#answered(chunk, answer);
      this.#pump();
    };
    const fail = (error: unknown): void => close({ code: FAILURE, error: toError(error) });
    const { timeoutMillis } = this.#options;
    const deadline = setTimeout(() => {
      const { abandon } = this.#exporter;
      abandon?.call(this.#exporter);
      const error = new Error(`no answer within ${timeoutMillis} ms`);
      close({ code: FAILURE, error, retryInMillis: abandon === undefined ? undefined : 0 });
    }, timeoutMillis);
    deadline.unref();
    try {
      withTracingSuppressed(() => this.#exporter.export(chunk.batch, close));
    } catch (error) {
      fail(error);
    }
  }

  #answered(chunk: Chunk<Batch>, answer: Answer): void {
    const { write, spanCount } = chunk;
    if (answer.code === SUCCESS) {
      const rejected = Math.min(spanCount, answer.rejected ?? 0);
      this.#episode.succeeded(rejected);
      this.#givenUp = undefined;
      write.rejected += rejected;
      if (chunk.attempts === 1 && answer.isSent === true) chunk.letGo?.();
    } else if (this.#mayBeSentAgain(chunk, answer)) {
      this.#episode.postponed(messageOf(answer.error));
      this.#waiting.unshift(chunk);
      this.#waitingSpans += chunk.spanCount;
      return;
    } else {
      this.#fail(chunk, messageOf(answer.error));
      // Again, but for the want of time: the others would fare the same.
      if (answer.retryInMillis !== undefined && this.#hurriedAt !== undefined) this.#giveUp(messageOf(answer.error));
      return;
    }
    this.#settle(chunk);
  }

  #fail(chunk: Chunk<Batch>, error: string): void {
    this.#episode.failed(error, chunk.spanCount);
    chunk.write.failed += chunk.spanCount;
    this.#settle(chunk);
  }

  #giveUp(error: string): void {
    this.#givenUp ??= error;
  }

  // Once given up, what waits has failed.
  #failWaiting(): void {
    if (this.#givenUp === undefined) return;
    for (let chunk = this.#waiting.shift(); chunk !== undefined; chunk = this.#waiting.shift()) {
      this.#waitingSpans -= chunk.spanCount;
      this.#fail(chunk, this.#givenUp);
    }
  }

  #settle({ write }: Chunk<Batch>): void {
    if (--write.chunksLeft > 0) return;
    if (write.rejected === 0) write.settled(write.failed);
    else write.settled(write.failed, write.rejected);
  }

  #mayBeSentAgain(chunk: Chunk<Batch>, { retryInMillis }: Answer): boolean {
    if (retryInMillis === undefined || this.#givenUp !== undefined) return false;
    const { patienceMillis, lastPatienceMillis } = this.#options;
    const last = this.#hurriedAt === undefined ? Infinity : this.#hurriedAt + lastPatienceMillis;
    return performance.now() + retryInMillis <= Math.min(chunk.since + patienceMillis, last);
  }

  // Somebody waits for this, so the process lives until the answer or the deadline.
  async #ask(what: string, ask: () => Promise<void> | undefined, timeoutMillis: number): Promise<void> {
    let timer: NodeJS.Timeout | undefined;
    const deadline = new Promise<void>((resolve) => {
      timer = setTimeout(resolve, Math.max(0, timeoutMillis));
    });
    try {
      await Promise.race([withTracingSuppressed(ask), deadline]);
    } catch (error) {
      this.#options.warn(`${what} of ${this.#options.destination} fails: ${messageOf(toError(error))}`);
    } finally {
      clearTimeout(timer);
    }
  }
}

function toError(error: unknown): Error {
  return error instanceof Error ? error : new Error(String(error));
}

// Network errors of a host with several addresses are AggregateErrors with an empty message.
function messageOf(error: Error | undefined): string {
  if (error === undefined) return 'the exporter gives no reason';
  if (error.message !== '') return error.message;
  return (error as NodeJS.ErrnoException).code ?? error.name;
}
