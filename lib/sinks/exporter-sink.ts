// SPDX-License-Identifier: Apache-2.0
//
// A sink in front of any OpenTelemetry SpanExporter, paced: few exports in flight, each of a bounded number
// of spans, each with a deadline, so that neither a slow exporter is flooded (OTLP exporters refuse a 31st
// concurrent export, BatchSpanProcessor drops what its queue cannot hold) nor a dead one stops the reader.
// Lives on the thread that reads.
import type { ExportResult } from '@opentelemetry/core';
import type { ReadableSpan, SpanExporter } from '@opentelemetry/sdk-trace-base';
import { withTracingSuppressed } from '../otel/suppress';
import type { Settled, Sink } from './sink';

// ExportResultCode.SUCCESS; the enum itself would be a run-time import.
const SUCCESS = 0;

export interface ExporterSinkOptions {
  /** How messages name the destination. */
  readonly destination: string;
  /** One line when exports begin to fail and one when they succeed again. */
  readonly warn: (message: string) => void;
  /** Exports at a time. Default 2. */
  readonly maxInFlight?: number;
  /** Spans an export. Default 512. */
  readonly maxSpans?: number;
  /** After this an export counts as failed. Default 30,000, as for OTEL_BSP_EXPORT_TIMEOUT. */
  readonly timeoutMillis?: number;
}

// One `write`: done when all its chunks are.
interface Write {
  chunksLeft: number;
  failed: number;
  readonly settled: Settled;
}

interface Chunk {
  readonly spans: ReadableSpan[];
  readonly write: Write;
}

export class ExporterSink implements Sink<readonly ReadableSpan[]> {
  readonly #exporter: SpanExporter;
  readonly #options: Required<ExporterSinkOptions>;
  readonly #waiting: Chunk[] = [];
  #inFlight = 0;
  #pumping = false;
  // An episode of failures: from the first one after a success to the next success.
  #failing = false;
  #failedInEpisode = 0;

  constructor(exporter: SpanExporter, options: ExporterSinkOptions) {
    this.#exporter = exporter;
    this.#options = { maxInFlight: 2, maxSpans: 512, timeoutMillis: 30_000, ...options };
  }

  get ready(): boolean {
    return this.#waiting.length === 0 && this.#inFlight < this.#options.maxInFlight;
  }

  write(spans: readonly ReadableSpan[], settled: Settled): void {
    if (spans.length === 0) {
      settled(0);
      return;
    }
    const { maxSpans } = this.#options;
    const write: Write = { chunksLeft: Math.ceil(spans.length / maxSpans), failed: 0, settled };
    for (let at = 0; at < spans.length; at += maxSpans) {
      this.#waiting.push({ spans: spans.slice(at, at + maxSpans), write });
    }
    this.#pump();
  }

  async flush(): Promise<void> {
    await this.#ask('forceFlush', () => this.#exporter.forceFlush?.(), this.#options.timeoutMillis);
  }

  async shutdown(timeoutMillis = this.#options.timeoutMillis): Promise<void> {
    await this.#ask('shutdown', () => this.#exporter.shutdown(), timeoutMillis);
  }

  // Not recursive: an exporter that answers within export() would otherwise nest one frame a chunk.
  #pump(): void {
    if (this.#pumping) return;
    this.#pumping = true;
    while (this.#inFlight < this.#options.maxInFlight) {
      const chunk = this.#waiting.shift();
      if (chunk === undefined) break;
      this.#export(chunk);
    }
    this.#pumping = false;
  }

  #export(chunk: Chunk): void {
    this.#inFlight++;
    let open = true;
    const close = (error: string | undefined): void => {
      if (!open) return; // answered twice, or after its deadline
      open = false;
      clearTimeout(deadline);
      this.#inFlight--;
      this.#settle(chunk, error);
      this.#pump();
    };
    const { timeoutMillis } = this.#options;
    const deadline = setTimeout(() => close(`no answer within ${timeoutMillis} ms`), timeoutMillis);
    deadline.unref();
    try {
      withTracingSuppressed(() => this.#exporter.export(chunk.spans, (result) => close(failureOf(result))));
    } catch (error) {
      close(messageOf(error));
    }
  }

  #settle(chunk: Chunk, error: string | undefined): void {
    this.#report(chunk.spans.length, error);
    const { write } = chunk;
    if (error !== undefined) write.failed += chunk.spans.length;
    if (--write.chunksLeft === 0) write.settled(write.failed);
  }

  #report(spans: number, error: string | undefined): void {
    const { destination, warn } = this.#options;
    if (error === undefined) {
      if (this.#failing) warn(`export to ${destination} succeeds again; ${this.#failedInEpisode} spans were lost`);
      this.#failing = false;
      return;
    }
    this.#failedInEpisode = (this.#failing ? this.#failedInEpisode : 0) + spans;
    if (!this.#failing) warn(`export to ${destination} fails: ${error}; spans are lost until it succeeds again`);
    this.#failing = true;
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
      this.#options.warn(`${what} of ${this.#options.destination} fails: ${messageOf(error)}`);
    } finally {
      clearTimeout(timer);
    }
  }
}

function failureOf(result: ExportResult): string | undefined {
  if (result.code === SUCCESS) return undefined;
  return result.error === undefined ? 'the exporter gives no reason' : messageOf(result.error);
}

// Network errors of a host with several addresses are AggregateErrors with an empty message.
function messageOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  if (error.message !== '') return error.message;
  const { code } = error as NodeJS.ErrnoException;
  return code ?? error.name;
}
