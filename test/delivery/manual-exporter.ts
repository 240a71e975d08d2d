// SPDX-License-Identifier: Apache-2.0
//
// Exporters that tests steer: one that answers when told to, one that answers at once as told.
import type { ExportResult } from '@opentelemetry/core';
import type { ReadableSpan, SpanExporter } from '@opentelemetry/sdk-trace-base';

export const SUCCESS: ExportResult = { code: 0 };

export function failure(message: string): ExportResult {
  return { code: 1, error: new Error(message) };
}

interface Pending {
  readonly spans: readonly ReadableSpan[];
  readonly answer: (result: ExportResult) => void;
}

/** Keeps every export open until `answerOldest` or `answerNewest`. */
export class ManualExporter implements SpanExporter {
  readonly pending: Pending[] = [];
  readonly exported: string[] = [];
  readonly sizes: number[] = [];
  mostInFlight = 0;
  stopped = 0;

  export(spans: ReadableSpan[], answer: (result: ExportResult) => void): void {
    this.sizes.push(spans.length);
    this.pending.push({ spans, answer });
    this.mostInFlight = Math.max(this.mostInFlight, this.pending.length);
  }

  answerOldest(result: ExportResult): void {
    this.#answer(this.pending.shift(), result);
  }

  answerNewest(result: ExportResult): void {
    this.#answer(this.pending.pop(), result);
  }

  async shutdown(): Promise<void> {
    this.stopped++;
  }

  #answer(pending: Pending | undefined, result: ExportResult): void {
    if (pending === undefined) throw new Error('no export is open');
    if (result.code === SUCCESS.code) this.exported.push(...pending.spans.map(({ name }) => name));
    pending.answer(result);
  }
}

/** Answers within `export`, by `verdict`. */
export class ImmediateExporter implements SpanExporter {
  readonly exported: string[] = [];
  verdict: (spans: readonly ReadableSpan[]) => ExportResult = () => SUCCESS;

  export(spans: ReadableSpan[], answer: (result: ExportResult) => void): void {
    const result = this.verdict(spans);
    if (result.code === SUCCESS.code) this.exported.push(...spans.map(({ name }) => name));
    answer(result);
  }

  async shutdown(): Promise<void> {}
}
