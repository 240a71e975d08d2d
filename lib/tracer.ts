// SPDX-License-Identifier: Apache-2.0
//
// The tracer: what `start()` returns, one an environment. On, it owns this thread's lane and its delivery; off, every
// method is the inert twin's and costs a comparison. Its record-path methods (request, trace, adopt) never throw.
import { isMainThread } from 'node:worker_threads';
import { ambientRequest } from './ambient';
import type { Attributes } from './attributes';
import { type Batch, type BatchOptions, defineBatch, INERT_BATCH } from './batch';
import type { Carrier } from './carrier';
import { CARRIER_REFUSALS, type CarrierRefusal, checkCarrier } from './carrier-check';
import type { HeaderSource } from './find-header';
import { LossWatch, publishShutdown } from './diagnostics';
import { Gpu, openGpu } from './gpu';
import { fromPerformance } from './performance-clock';
import type { Lane } from './lane';
import type { GpuStats, NativeLaneStats } from './native';
import { findBeginning, type ParentLike } from './parent';
import { INERT_REQUEST, type Request } from './request';
import { adoptRequest, inertRequest, passCarrier, passParent, startRequest } from './request-start';
import { type Closing, closeLater, goesOn } from './scope';
import { checkLevel, checkModules } from './settings';
import type { Delivery } from './sinks/delivery';
import { READER_LOSS_NAMES } from './sinks/reader-loss';
import type { Level } from './stage';
import { warnOnce } from './warn';

/** How a request starts. */
export interface RequestOptions {
  /** The application's id of it: attribute `rid` of the root span. */
  readonly id?: string;
  /** Name of the root span, low in cardinality. Default `request`. */
  readonly name?: string;
  /** Module that the request belongs to: while that is off, nothing of it is recorded, not even its root span. */
  readonly module?: string;
  /** Incoming headers: the root span becomes a child of their `traceparent`, and is not recorded if that says so. */
  readonly headers?: HeaderSource;
  /**
   * Where the headers name no caller: an OpenTelemetry context, span or span context to begin below. Default: the active
   * one. A context without a span (`ROOT_CONTEXT`) begins a trace of its own.
   */
  readonly parent?: ParentLike;
  /** Begins a trace of its own, whatever headers, parent and the active span say. */
  readonly root?: boolean;
  /** Attributes of the root span. */
  readonly attributes?: Attributes;
}

/** What was recorded in this process, and what became of it. recorded = consumed + lost + inRing, in slices. */
export interface TracerStats {
  readonly recorded: number;
  readonly consumed: number;
  readonly inRing: number;
  /** Slots of each lane's ring; `highWater` of a lane counts in them. */
  readonly ringSlots: number;
  /** Slices lost before they were read, by reason; only those that are not 0. */
  readonly lost: Readonly<Record<string, number>>;
  /** Root, worker and batch spans written. */
  readonly owners: number;
  /** Requests and batches that were inert for want of room. */
  readonly lostOwners: Readonly<Record<string, number>>;
  readonly lanes: readonly NativeLaneStats[];
  /** consumed = delivered + held + lost. */
  readonly reader: {
    readonly delivered: number;
    readonly held: number;
    /** Root, worker and batch spans delivered. */
    readonly owners: number;
    /** Those that were read and not delivered. */
    readonly lostOwners: number;
    readonly lost: Readonly<Record<string, number>>;
  };
  /** Distinct names in the dictionary, and those that became `other` because it was full. */
  readonly names: { readonly used: number; readonly overflow: number };
  /** Once a stream was opened and while there is a device. */
  readonly gpu: GpuStats | undefined;
  /** Carriers that this environment's `adopt` refused. */
  readonly refusedCarriers: number;
  /** The same by what was wrong with them; only those that are not 0. */
  readonly refusedCarriersByReason: Readonly<Partial<Record<CarrierRefusal, number>>>;
}

/**
 * What a tracer that is on holds.
 * @internal
 */
export interface LiveTracer {
  readonly lane: Lane;
  readonly delivery: Delivery;
  readonly exitTimeoutMillis: number;
  /** Whether a GPU that cannot be timed is worth a warning. */
  readonly gpuWanted: boolean;
}

/** How long a flush waits for GPU slices in flight; a launch that runs longer comes with a later flush. */
const GPU_FLUSH_TIMEOUT_MILLIS = 2_000;

const NO_OPTIONS: RequestOptions = {};

const NO_STATS: TracerStats = {
  recorded: 0,
  consumed: 0,
  inRing: 0,
  ringSlots: 0,
  lost: {},
  owners: 0,
  lostOwners: {},
  lanes: [],
  reader: { delivered: 0, held: 0, owners: 0, lostOwners: 0, lost: {} },
  names: { used: 0, overflow: 0 },
  gpu: undefined,
  refusedCarriers: 0,
  refusedCarriersByReason: {},
};

export class Tracer {
  private readonly lane: Lane | undefined;
  private readonly losses: LossWatch | undefined;
  private openedGpu: Gpu | undefined;
  private closing: Promise<void> | undefined;
  private closed = false;

  /** @internal */
  constructor(
    private readonly live: LiveTracer | undefined,
    /** Why nothing is recorded; '' when it is. */
    readonly reason: string,
  ) {
    this.lane = live?.lane;
    this.losses = live === undefined ? undefined : new LossWatch(() => this.stats());
  }

  /** Whether this thread records. */
  get enabled(): boolean {
    return this.live !== undefined;
  }

  /** Level of new requests in this process; 0: nothing is recorded for them. */
  get level(): 0 | Level {
    return this.lane === undefined ? 0 : this.lane.settings.current().level;
  }

  /** Modules that record in this process; undefined: every one. */
  get modules(): readonly string[] | undefined {
    const modules = this.lane?.settings.current().modules;
    return modules === undefined ? undefined : [...modules];
  }

  /**
   * Changes the level of new requests, in every thread of this process, also those that start later. 0: none is
   * recorded, contexts are still handed on. Requests in flight keep their level wherever they go.
   * @throws GpuspanError `GPUSPAN_OPTION`, also with tracing off; then a good value changes nothing.
   */
  setLevel(level: 0 | Level): void {
    if (this.lane === undefined) checkLevel(level);
    else this.lane.settings.setLevel(level);
  }

  /**
   * Changes which modules record, in every thread of this process; undefined: every one. A thread follows when it next
   * starts or adopts a request, native code at once; slices that are open end as usual.
   * @returns the names that nobody in this process has declared so far, each of which is also warned of once.
   * @throws GpuspanError `GPUSPAN_OPTION`, as `setLevel`.
   */
  setModules(modules: readonly string[] | undefined): readonly string[] {
    if (this.lane !== undefined) return this.lane.settings.setModules(modules);
    checkModules(modules);
    return [];
  }

  /** Starts a request here. It must be ended: `finish` or `abort`. */
  request(options?: RequestOptions): Request {
    const { lane } = this;
    const given = options ?? NO_OPTIONS;
    if (lane === undefined) return passParent(given);
    try {
      const { parent, baggage } = findBeginning(given);
      return startRequest(lane, {
        id: toId(given.id),
        name: toName(given.name),
        module: toName(given.module),
        parent,
        baggage,
        below: given.parent,
        attributes: given.attributes,
      });
    } catch {
      lane.refuse(lane.settings.level);
      return inertRequest(lane, undefined);
    }
  }

  /**
   * A request around `body`: finished when it returns or resolves, aborted when it throws or rejects. Where `body`
   * returns a generator, synchronous or not, the request goes on until that is done, has thrown or was left early
   * (`break` out of a loop over it), which is a finish as well.
   */
  trace<T>(options: RequestOptions | undefined, body: (request: Request) => T): T {
    const request = this.request(options);
    let result: T;
    try {
      result = body(request);
      // Within: `then` may be a getter, and either may throw.
      if (this.lane !== undefined && goesOn(result)) return closeLater(result, closingOf(request)) as T;
    } catch (error) {
      request.abort(error);
      throw error;
    }
    request.finish();
    return result;
  }

  /**
   * Continues a request from its carrier, or from the text of a header that has it; match it with `leave`. What is
   * refused gives an inert request. One that records nothing here, tracing being off or the carrier of a later version,
   * hands the carrier on untouched.
   */
  adopt(carrier: Carrier | string | undefined): Request {
    const { lane } = this;
    if (lane === undefined) return passCarrier(carrier);
    // The sender's tracing is off.
    if (carrier === undefined || carrier === null) return inertRequest(lane, undefined);
    const checked = checkCarrier(carrier, lane.words);
    if (typeof checked !== 'string') return adoptRequest(lane, checked);
    lane.refusedCarriers.set(checked, (lane.refusedCarriers.get(checked) ?? 0) + 1);
    warnOnce(
      `carrier.${checked}`,
      `adopt() refused a carrier: ${CARRIER_REFUSALS[checked]}; such requests are not recorded (stats().refusedCarriersByReason.${checked} counts them)`,
    );
    return passCarrier(carrier, lane);
  }

  /**
   * Requests of this thread that share measurements. Not recorded, but allowed, are members that are inert.
   * @throws GpuspanError `GPUSPAN_BATCH`: a duplicate, something that is no request of this thread, too many.
   */
  batch(requests: Iterable<Request>, options?: BatchOptions): Batch {
    return this.lane === undefined ? INERT_BATCH : defineBatch(this.lane, requests, options);
  }

  /** The GPU of this process. Opens the device at the first call. */
  gpu(): Gpu {
    this.openedGpu ??=
      this.live === undefined ? new Gpu(undefined, '', '', this.reason) : openGpu(this.live.lane, this.live.gpuWanted);
    return this.openedGpu;
  }

  /** ns of CLOCK_MONOTONIC, for `Request.record`. */
  now(): bigint {
    return process.hrtime.bigint();
  }

  /**
   * A timestamp of `performance.now()` (ms, of this thread; also `startTime` of a performance entry) on the same clock,
   * right to a microsecond. -1n, which `record` and `event` refuse and count, for what is no finite number or lies before
   * the clock's 0. Each thread counts from its own start: convert where the timestamp was taken.
   */
  fromPerformance(millis: number): bigint {
    return fromPerformance(millis);
  }

  /** The request whose `run` this code runs in; an inert one outside of any. */
  current(): Request {
    return ambientRequest() ?? INERT_REQUEST;
  }

  /** Counts for the whole process, a snapshot. */
  stats(): TracerStats {
    if (this.lane === undefined) return NO_STATS;
    const { reader, ...producers } = this.lane.native.stats();
    return {
      ...producers,
      reader: {
        delivered: reader.delivered,
        held: reader.held,
        owners: reader.owners,
        lostOwners: reader.lostOwners,
        lost: nameReaderLosses(reader.lost),
      },
      refusedCarriers: [...this.lane.refusedCarriers.values()].reduce((sum, count) => sum + count, 0),
      refusedCarriersByReason: Object.fromEntries(this.lane.refusedCarriers),
    };
  }

  /** Address of the C function table, for `gpuspan_use_api`; 0n when nothing is recorded. */
  get apiAddress(): bigint {
    return this.lane === undefined ? 0n : this.lane.native.apiAddress();
  }

  /** Resolves when everything recorded so far was delivered, or could not be. Never rejects. */
  async flush(): Promise<void> {
    if (this.live === undefined) return;
    await this.live.lane.native.gpuSettle(GPU_FLUSH_TIMEOUT_MILLIS);
    await this.live.delivery.flush();
  }

  /**
   * Ends tracing on this thread: what is open is closed and flagged, everything is delivered. In the main thread it
   * also ends GPU timing for the process. Recording afterwards is a counted loss. Twice is once.
   */
  shutdown(): Promise<void> {
    this.closing ??= this.close();
    return this.closing;
  }

  /** @internal At the end of this thread: the last chance, synchronous. */
  closeAtExit(): void {
    if (this.live === undefined || this.closed) return;
    const { lane, exitTimeoutMillis } = this.live;
    const deadline = performance.now() + exitTimeoutMillis;
    lane.native.closeLane();
    // The resolver serves all threads: only the end of the process ends it. A device that hangs gets half of the
    // time, so that what the host recorded still goes out.
    if (isMainThread) lane.native.gpuStop(Math.floor(exitTimeoutMillis / 2));
    this.live.delivery.flushAtExit(Math.max(0, Math.ceil(deadline - performance.now())));
    this.tellEnd();
  }

  private async close(): Promise<void> {
    if (this.live === undefined) return;
    const { lane, exitTimeoutMillis } = this.live;
    lane.native.closeLane();
    await lane.native.gpuSettle(exitTimeoutMillis);
    if (isMainThread) lane.native.gpuStop(0);
    await this.live.delivery.shutdown();
    this.closed = true;
    this.tellEnd();
  }

  private tellEnd(): void {
    this.losses?.stop();
    publishShutdown(() => this.stats());
  }
}

function closingOf(request: Request): Closing {
  return { done: () => request.finish(), failed: (error) => request.abort(error) };
}

function toName(name: unknown): string | undefined {
  return typeof name === 'string' && name !== '' ? name : undefined;
}

function toId(id: unknown): string | undefined {
  if (typeof id === 'string') return id;
  return typeof id === 'number' || typeof id === 'bigint' ? String(id) : undefined;
}

function nameReaderLosses(lost: readonly number[]): Record<string, number> {
  const named: Record<string, number> = {};
  for (const [index, count] of lost.entries())
    if (count !== 0) named[READER_LOSS_NAMES[index] ?? `reader_${index}`] = count;
  return named;
}
