// SPDX-License-Identifier: Apache-2.0
//
// Delivery to an exporter object of the application's, on the thread that called start(): an object cannot
// be handed to another thread. The loop is the same as the delivery worker's, in short turns. An exporter
// that answers asynchronously gets no promise at process.exit: no event loop runs any more.
import type { Resource } from '@opentelemetry/resources';
import type { SpanExporter } from '@opentelemetry/sdk-trace-base';
import { failureDiagnosed, recoveryDiagnosed } from '../diagnostics';
import type { Native } from '../native';
import { createResource, SCOPE } from '../otel/resource';
import { LiveSource } from '../segment/live-source';
import { spanRecords } from '../spans/pipeline';
import type { Delivery, DeliveryOptions } from './delivery';
import type { EpisodeOptions } from './episode';
import { ExporterSink } from './exporter-sink';
import { warnOnce } from '../warn';
import { FLUSH_TIMEOUT_MILLIS, flush, outstanding } from './flush';
import { LeaseWatch } from './lease';
import { makeReader, openTrace, type Reader, type TraceSide } from './reader';

const DESTINATION = 'the exporter given to start()';

export class InlineDelivery implements Delivery {
  readonly #native: Native;
  readonly #options: DeliveryOptions;
  readonly #environment: number;
  readonly #resource: Resource;
  readonly #told: Omit<EpisodeOptions, 'destination'>;
  readonly #sink: ExporterSink;
  readonly #watch: LeaseWatch;
  /** Opened by the first reader here and kept for the next ones. */
  #trace: TraceSide | undefined;
  #reader: Reader | undefined;
  // What is left of the time for which natural ends of the loop may be put off.
  #exitMillis: number;
  // Slices and owners recorded when the loop last ran dry.
  #flushedRecords = -1;
  #stopping = false;
  #shutdown: Promise<void> | undefined;

  constructor(native: Native, options: DeliveryOptions, exporter: SpanExporter) {
    this.#native = native;
    this.#options = options;
    this.#environment = native.environment();
    this.#exitMillis = options.exitTimeoutMillis;
    this.#resource = createResource(options, (message) => warnOnce(message, message));
    this.#told = { warn: options.warn, onFailure: failureDiagnosed, onRecovery: recoveryDiagnosed };
    this.#sink = new ExporterSink(exporter, { destination: DESTINATION, ...this.#told });
    this.#watch = new LeaseWatch(native, this.#environment, () => this.#read());
    this.#watch.start();
    if (this.#reader === undefined) {
      warnOnce(
        'exporter waits',
        'another thread of this process already delivers its slices; the exporter given here is used when that thread ends',
      );
    }
    process.on('beforeExit', this.#beforeExit);
  }

  async flush(): Promise<void> {
    if (!this.#stopping) await this.#flush(FLUSH_TIMEOUT_MILLIS);
  }

  shutdown(): Promise<void> {
    this.#shutdown ??= this.#stop();
    return this.#shutdown;
  }

  /** Delivers what an exporter that answers at once takes within the deadline. */
  flushAtExit(timeoutMillis: number): void {
    const deadline = performance.now() + timeoutMillis;
    while (this.#reader?.drain.turn() === true && performance.now() < deadline);
    this.#reader?.finish();
  }

  // The loop has run dry, and starting work here revives it: a natural end waits for asynchronous exporters, for so
  // long in all, however often the loop runs dry.
  readonly #beforeExit = (): void => {
    if (this.#reader === undefined || this.#exitMillis <= 0 || !outstanding(this.#native)) return;
    const { recorded, owners } = this.#native.stats();
    if (recorded + owners === this.#flushedRecords) return; // what is left then, another flush does not move either
    this.#flushedRecords = recorded + owners;
    const begun = performance.now();
    void this.#flush(this.#exitMillis).then(() => {
      this.#exitMillis -= performance.now() - begun;
    });
  };

  async #flush(timeoutMillis: number): Promise<void> {
    this.#watch.try();
    await flush(this.#native, {
      wake: () => this.#reader?.drain.wake(),
      hopeless: () => this.#native.leaseHolder() === 0,
      timeoutMillis,
      to: `to ${DESTINATION}`,
      warn: this.#options.warn,
    });
  }

  // Called with the lease in hand. A new pipeline each time: another reader may have moved the positions meanwhile.
  #read(): void {
    const { expandLevel, trace, warn } = this.#options;
    const records = spanRecords({ resource: this.#resource, scope: SCOPE, expandLevel });
    if (trace !== undefined) this.#trace ??= openTrace(trace, this.#resource, this.#native, this.#told);
    const sides = { spans: { records, sink: this.#sink, destination: DESTINATION }, trace: this.#trace };
    this.#reader = makeReader(this.#native, new LiveSource(this.#native), sides, {
      environment: this.#environment,
      warn,
      onLeaseLost: () => {
        this.#reader = undefined;
      },
      onFailure: (error) => {
        this.#reader = undefined;
        this.#watch.stop();
        warn(`slices are not delivered any more: ${error instanceof Error ? error.message : error}`);
      },
    });
    this.#reader.drain.wake();
  }

  async #stop(): Promise<void> {
    const deadline = performance.now() + FLUSH_TIMEOUT_MILLIS;
    await this.#flush(FLUSH_TIMEOUT_MILLIS);
    this.#stopping = true;
    process.off('beforeExit', this.#beforeExit);
    this.#watch.stop();
    this.#reader?.drain.stop();
    this.#reader = undefined;
    this.#trace?.file.close();
    await this.#sink.shutdown(deadline - performance.now());
  }
}
