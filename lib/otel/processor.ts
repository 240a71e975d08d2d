// SPDX-License-Identifier: Apache-2.0
//
// gpuspan as an OpenTelemetry span processor: `new NodeSDK({ spanProcessors: [gpuspanProcessor()] })` starts tracing on
// this thread, delivers with the provider's Resource and obeys its forceFlush and shutdown. It does nothing with the
// provider's own spans. Its methods run where the provider calls them, on the thread that made it.
import type { StartOptions } from '../options';
import { startBelowProvider } from '../start';
import type { Tracer } from '../tracer';
import { warnOnce } from '../warn';
import { ProviderResource } from './provider-resource';

/** Fits `SpanProcessor` of SDK 2.x and 3.x. */
export class GpuspanProcessor {
  /** As `start()` returns it on this thread. */
  readonly tracer: Tracer;
  readonly #resource = new ProviderResource();

  /** @internal */
  constructor(options: StartOptions | undefined) {
    const { tracer, first } = startBelowProvider(options, this.#resource);
    this.tracer = tracer;
    if (first || !tracer.enabled) return;
    warnOnce(
      'processor comes late',
      "gpuspanProcessor() was called after start(): slices go out with gpuspan's own Resource instead of the provider's",
    );
  }

  /** A span of the provider tells its Resource. */
  onStart(span: { readonly resource?: unknown }): void {
    this.#resource.learn(span.resource);
  }

  /** Spans of the provider are no business of ours. */
  onEnd(): void {}

  /** Delivers what gpuspan has recorded so far. Never rejects. */
  forceFlush(): Promise<void> {
    return this.tracer.flush();
  }

  /** Ends gpuspan's tracing on this thread. Never rejects. */
  shutdown(): Promise<void> {
    return this.tracer.shutdown();
  }
}

/**
 * Starts tracing on this thread as `start(options)` does, for an OpenTelemetry provider: delivery begins when the
 * provider's Resource is known, and slices go out with it. `start()` returns the same tracer afterwards.
 * @throws GpuspanError as `start` does.
 */
export function gpuspanProcessor(options?: StartOptions): GpuspanProcessor {
  return new GpuspanProcessor(options);
}
