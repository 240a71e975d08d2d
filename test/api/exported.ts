// SPDX-License-Identifier: Apache-2.0
//
// A tracer that is on, with the real addon, and what it exports: for tests of what the API's calls come to. One a
// process, hence one a test file. `GPUSPAN` is set before the package is looked at.
import type { ReadableSpan } from '@opentelemetry/sdk-trace-base';
import { type StartOptions, start, type Tracer } from 'gpuspan';

export interface Exported {
  readonly tracer: ReturnType<typeof start>;
  /** Everything exported since the last `clear`, in the order of export. */
  spans(): Promise<readonly ReadableSpan[]>;
  /** The one span of this name; throws when there is none or more than one. */
  named(name: string): Promise<ReadableSpan>;
  /** Waits for what is under way, and forgets it. */
  clear(): Promise<void>;
}

export function startExported(options: StartOptions = {}): Exported {
  process.env['GPUSPAN'] = '1';
  const exported: ReadableSpan[] = [];
  const exporter = {
    export(spans: ReadableSpan[], done: (result: { code: number }) => void) {
      exported.push(...spans);
      done({ code: 0 });
    },
    async shutdown() {},
  };
  const tracer = start({ exporter, serviceName: 'api-test', device: 'none', worker: { label: 'Worker' }, ...options });
  if (!tracer.enabled) throw new Error(`tracing is off: ${tracer.reason}`);
  const spans = async () => {
    await tracer.flush();
    return exported;
  };
  return {
    tracer,
    spans,
    async named(name) {
      const found = (await spans()).filter((span) => span.name === name);
      if (found.length !== 1) throw new Error(`${found.length} spans named ${name}`);
      return found[0]!;
    },
    async clear() {
      await spans();
      exported.length = 0;
    },
  };
}

export const idOf = (span: ReadableSpan) => span.spanContext().spanId;
export const parentOf = (span: ReadableSpan) => span.parentSpanContext?.spanId;

/** Whether it was closed by its owner's end instead of its own. */
export const isUnfinished = (span: ReadableSpan) => span.attributes['gpuspan.unfinished'] === true;

/** What `body` lost, by reason. */
export function lossesOf(tracer: Tracer, body: () => void): Record<string, number> {
  const before = tracer.stats().lost;
  body();
  const changed = Object.entries(tracer.stats().lost).map(
    ([reason, n]) => [reason, n - (before[reason] ?? 0)] as const,
  );
  return Object.fromEntries(changed.filter(([, count]) => count !== 0));
}
