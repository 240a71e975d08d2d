// SPDX-License-Identifier: Apache-2.0
//
// Default delivery, seen from an environment that called start(): it takes the reader's lease when it is
// free, spawns the delivery worker and hands the lease to it, and has it flush at the end. All methods run
// on the thread that called start(); nothing here is on the record path.
import { join } from 'node:path';
import { isMainThread, Worker } from 'node:worker_threads';
import { failureDiagnosed, recoveryDiagnosed } from '../diagnostics';
import type { Native } from '../native';
import type { Delivery, DeliveryOptions } from './delivery';
import type { DeliveryOrder, FromWorker, OtlpDestination, ToWorker } from './delivery-protocol';
import {
  describeUndelivered,
  FLUSH_TIMEOUT_MILLIS,
  PATIENCE_MILLIS,
  flush,
  flushBlocking,
  outstanding,
  within,
} from './flush';
import { LeaseWatch } from './lease';
import { writeLine } from './summary';

// An exporter that does not end within this is left behind; everything was flushed before.
const STOP_TIMEOUT_MILLIS = 5_000;

const FIRST_BACK_OFF_MILLIS = 1_000;
const MAX_BACK_OFF_MILLIS = 60_000;

// The delivery worker is not traced and does not preload what the application does. The other GPUSPAN_* variables stay:
// GPUSPAN_PREBUILD, if set, must lead it to the same addon, in which the segment is.
function workerEnvironment(): NodeJS.ProcessEnv {
  const { NODE_OPTIONS: _options, GPUSPAN: _enable, ...kept } = process.env;
  return kept;
}

export class OffThreadDelivery implements Delivery {
  readonly #native: Native;
  readonly #options: DeliveryOptions;
  readonly #otlp: OtlpDestination | undefined;
  /** For messages. */
  readonly #destination: string;
  readonly #environment: number;
  readonly #watch: LeaseWatch;
  #worker: Worker | undefined;
  #backOffMillis = FIRST_BACK_OFF_MILLIS;
  // When an export last failed that is sent again.
  #postponedAt = -Infinity;
  #stopping = false;
  #shutdown: Promise<void> | undefined;

  /** To an OTLP endpoint, a trace file, or both. */
  constructor(native: Native, options: DeliveryOptions, otlp: OtlpDestination | undefined) {
    this.#native = native;
    this.#options = options;
    this.#otlp = otlp;
    this.#destination = [otlp?.endpoint, options.trace?.path].filter((name) => name !== undefined).join(' and ');
    this.#environment = native.environment();
    this.#watch = new LeaseWatch(native, this.#environment, () => this.#spawn());
    this.#watch.start();
  }

  async flush(): Promise<void> {
    if (this.#stopping) return;
    const patienceOver = performance.now() + PATIENCE_MILLIS;
    await this.#flush(() => this.#postponedAt > patienceOver);
  }

  // `inVain`: known before the time is up.
  async #flush(inVain: () => boolean): Promise<void> {
    this.#watch.try();
    await flush(this.#native, {
      wake: () => this.#wake(),
      hopeless: () => inVain() || (this.#watch.backingOff && this.#native.leaseHolder() === 0),
      timeoutMillis: FLUSH_TIMEOUT_MILLIS,
      to: `to ${this.#destination}`,
      warn: this.#options.warn,
    });
  }

  shutdown(): Promise<void> {
    this.#shutdown ??= this.#stop();
    return this.#shutdown;
  }

  flushAtExit(timeoutMillis: number): void {
    if (this.#stopping) return;
    this.#watch.try();
    // A worker_thread leaves the rest to the reader, unless the reader goes down with it.
    if (this.#worker === undefined && !isMainThread) return;
    if (!outstanding(this.#native)) return;
    const isRead = this.#native.leaseHolder() !== 0;
    if (isRead && flushBlocking(this.#native, () => this.#wake(), timeoutMillis)) return;
    const why = isRead ? within(timeoutMillis) : 'because no delivery worker could be started';
    writeLine(`${describeUndelivered(this.#native)} were not delivered to ${this.#destination} ${why}`);
  }

  #wake(): void {
    this.#send({ type: 'wake' });
  }

  #send(message: ToWorker): void {
    this.#worker?.postMessage(message);
  }

  // Called with the lease in hand, which the worker takes over when it is up.
  #spawn(): void {
    // The last worker is gone, but its end not yet told here: that comes first, then the next poll.
    if (this.#worker !== undefined) {
      this.#native.leaseRelease(this.#environment);
      return;
    }
    const order: DeliveryOrder = {
      parentEnvironment: this.#environment,
      otlp: this.#otlp,
      trace: this.#options.trace,
      serviceName: this.#options.serviceName,
      resourceAttributes: this.#options.resourceAttributes,
      providedResource: this.#options.providedResource,
      expandLevel: this.#options.expandLevel,
    };
    try {
      const worker = new Worker(join(__dirname, 'delivery-worker.js'), {
        name: 'gpuspan-delivery',
        argv: [],
        execArgv: [],
        env: workerEnvironment(),
        stdout: false,
        stderr: false,
        workerData: order,
      });
      this.#worker = worker;
      this.#follow(worker);
      worker.unref(); // last: listening for messages refs it again
    } catch (error) {
      this.#failed(error);
    }
  }

  #follow(worker: Worker): void {
    let cause: unknown;
    worker.on('error', (error) => (cause = error));
    worker.on('message', (message: FromWorker) => {
      if (message.type === 'reading') this.#backOffMillis = FIRST_BACK_OFF_MILLIS;
      else this.#followOutage(message);
    });
    worker.on('exit', (code) => {
      this.#worker = undefined;
      this.#native.leaseRelease(this.#environment); // still ours if it ended before taking it over
      if (!this.#stopping && (cause !== undefined || code !== 0)) this.#failed(cause ?? `exit code ${code}`);
    });
  }

  #followOutage(message: Extract<FromWorker, { type: 'failure' | 'recovery' }>): void {
    const isPostponed = message.type === 'failure' && message.lostSpans === 0;
    if (isPostponed && message.destination === this.#otlp?.endpoint) this.#postponedAt = performance.now();
    if (message.type === 'failure') failureDiagnosed(message);
    else recoveryDiagnosed(message);
  }

  #failed(cause: unknown): void {
    this.#native.leaseRelease(this.#environment);
    this.#watch.backOff(this.#backOffMillis);
    const reason = cause instanceof Error ? cause.message : String(cause);
    this.#options.warn(`the delivery worker ended (${reason}); next attempt in ${this.#backOffMillis / 1000} s`);
    this.#backOffMillis = Math.min(this.#backOffMillis * 2, MAX_BACK_OFF_MILLIS);
  }

  // Only the main thread's end is the process's: there the worker gives up by itself, and what it gives up is lost. What a
  // worker_thread leaves behind is the next reader's.
  async #lastFlush(): Promise<void> {
    if (!isMainThread) return this.flush();
    this.#send({ type: 'hurry' });
    return this.#flush(() => false);
  }

  async #stop(): Promise<void> {
    const deadline = performance.now() + FLUSH_TIMEOUT_MILLIS;
    await this.#lastFlush();
    this.#stopping = true;
    this.#watch.stop();
    const worker = this.#worker;
    if (worker === undefined) return;
    worker.ref(); // or a process with nothing else to do would end before the promise resolves
    await new Promise<void>((resolve) => {
      const millis = Math.max(0, Math.min(STOP_TIMEOUT_MILLIS, deadline - performance.now()));
      const timer = setTimeout(() => void worker.terminate(), millis);
      worker.once('exit', () => {
        clearTimeout(timer);
        resolve();
      });
      this.#send({ type: 'stop' });
    });
  }
}
