// SPDX-License-Identifier: Apache-2.0
//
// The reader's loop: clock snapshot, read, hand to the sink, advance as the sink answers. One runs in a
// process at a time, in the environment that holds the lease: the delivery worker, or the thread whose
// start() was given an exporter. Each turn is bounded, so that an inline reader never holds its thread long.
import type { Native } from '../native';
import type { Reading, RecordPipeline } from '../spans/record-pipeline';
import { FlushGoal } from './flush-goal';
import { Ledger } from './ledger';
import type { Sink } from './sink';
import type { Position } from './unread';

/** What a Drain needs of the addon. */
export type DrainNative = Pick<
  Native,
  'leaseHolder' | 'leaseRelease' | 'snapshot' | 'advance' | 'publishReader' | 'stats' | 'flushRequested' | 'flushDone'
>;

export interface DrainOptions {
  /** The environment that holds the lease. */
  readonly environment: number;
  /** Spans a read, a few more at most. Default 512, which an application's own thread bears. */
  readonly spansPerRead?: number;
  /** Ends of what is published now, by lane; see unread.ts. */
  readonly unread: () => ReadonlyMap<number, Position>;
  /** Called once if another environment holds the lease: this Drain has stopped and reads nothing more. */
  readonly onLeaseLost: () => void;
  /** Called once if reading threw, which says that the segment is no segment of ours: this Drain has stopped. */
  readonly onFailure: (error: unknown) => void;
}

// What a turn read, and whether it stopped short of the end.
interface Outcome {
  readonly spans: number;
  readonly more: boolean;
}

const SPANS_PER_READ = 512;
const READS_PER_TURN = 4;
// Between turns while little arrives. The shortest bounds the delay of a burst that fills a ring, the longest
// is what an idle process pays, and makes exports of a quiet one a few a second instead of one a request.
const MIN_INTERVAL_MILLIS = 20;
const MAX_INTERVAL_MILLIS = 200;
// The segment keeps a bounded history of snapshots: at most ten a second leave it a quarter of an hour.
const SNAPSHOT_INTERVAL_MILLIS = 100;

/** A Drain to those who do not care what form its spans have. */
export type ReaderLoop = Pick<Drain<unknown>, 'wake' | 'turn' | 'stop'>;

/** `Spans`: the form in which the pipeline makes them and the sink takes them. */
export class Drain<Spans> {
  readonly #native: DrainNative;
  readonly #pipeline: Pick<RecordPipeline<Spans>, 'read'>;
  readonly #sink: Sink<Spans>;
  readonly #options: DrainOptions;
  readonly #spansPerRead: number;
  readonly #ledger: Ledger;
  #timer: NodeJS.Timeout | undefined;
  #immediate: NodeJS.Immediate | undefined;
  #intervalMillis = MIN_INTERVAL_MILLIS;
  #snapshotAt = -Infinity;
  // How far each lane was read, which may be beyond the lane's own read position.
  readonly #read = new Map<number, Position>();
  #goal: FlushGoal | undefined;
  #answered = 0;
  #turning = false;
  #stopped = false;

  constructor(
    native: DrainNative,
    pipeline: Pick<RecordPipeline<Spans>, 'read'>,
    sink: Sink<Spans>,
    options: DrainOptions,
  ) {
    this.#native = native;
    this.#pipeline = pipeline;
    this.#sink = sink;
    this.#options = options;
    this.#spansPerRead = options.spansPerRead ?? SPANS_PER_READ;
    this.#ledger = new Ledger(native);
  }

  /** Takes the next turn soon instead of when its timer says. */
  wake(): void {
    if (this.#stopped || this.#immediate !== undefined) return;
    this.#immediate = setImmediate(() => {
      this.#immediate = undefined;
      this.turn();
    });
  }

  /** One bounded turn; false when there was nothing to read or the sink takes no more. */
  turn(): boolean {
    if (this.#stopped || this.#turning || !this.#holdsLease()) return false;
    this.#turning = true;
    try {
      const outcome = this.#takeTurn();
      this.#schedule(outcome);
      return outcome.spans > 0;
    } catch (error) {
      this.stop();
      this.#options.onFailure(error);
      return false;
    } finally {
      this.#turning = false;
    }
  }

  #takeTurn(): Outcome {
    this.#beginFlush();
    this.#takeSnapshot();
    const outcome = this.#readSome();
    if (this.#stopped) return outcome; // the lease went while the sink answered
    this.#endFlush();
    this.#ledger.publish();
    return outcome;
  }

  /** Ends reading. What the sink has not answered is lost if it left its ring, else the next reader's. */
  stop(): void {
    if (this.#stopped) return;
    this.#end();
    if (this.#native.leaseHolder() !== this.#options.environment) {
      this.#ledger.forget();
      return;
    }
    this.#ledger.abandon();
    this.#native.leaseRelease(this.#options.environment);
  }

  // Without it the rings and the published account are another reader's: what the sink answers later must not touch
  // them.
  #holdsLease(): boolean {
    if (this.#native.leaseHolder() === this.#options.environment) return true;
    this.#end();
    this.#ledger.forget();
    this.#options.onLeaseLost();
    return false;
  }

  #end(): void {
    this.#stopped = true;
    clearTimeout(this.#timer);
    if (this.#immediate !== undefined) clearImmediate(this.#immediate);
  }

  #takeSnapshot(): void {
    const now = performance.now();
    if (now - this.#snapshotAt < SNAPSHOT_INTERVAL_MILLIS) return;
    this.#snapshotAt = now;
    this.#native.snapshot();
  }

  #readSome(): Outcome {
    let spans = 0;
    for (let reads = 0; reads < READS_PER_TURN; reads++) {
      if (this.#stopped || !this.#sink.ready) return { spans, more: false };
      const batch = this.#pipeline.read(this.#spansPerRead);
      this.#goal?.noteRead(batch);
      if (batch === undefined) return { spans, more: false };
      spans += batch.spanCount;
      this.#deliver(batch);
    }
    return { spans, more: true };
  }

  #deliver(batch: Reading<Spans>): void {
    for (const { lane, low, high } of batch.lanes) this.#read.set(lane, { low, high });
    const entry = this.#ledger.open(batch);
    this.#sink.write(batch.spans, (failedSpans, rejectedSpans, others) => {
      if (this.#stopped || !this.#holdsLease()) return;
      this.#ledger.settle(entry, failedSpans, rejectedSpans, others);
      if (this.#turning) return;
      this.#ledger.publish();
      this.wake(); // the sink has room again, and a flush may be complete
    });
  }

  // A turn that found the sink busy needs no timer of its own: the sink's answer wakes it.
  #schedule({ spans, more }: Outcome): void {
    if (this.#stopped) return;
    if (more) {
      this.wake();
      return;
    }
    const busy = spans >= SPANS_PER_READ / 8 || this.#goal !== undefined;
    this.#intervalMillis = busy ? MIN_INTERVAL_MILLIS : Math.min(this.#intervalMillis * 2, MAX_INTERVAL_MILLIS);
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.turn(), this.#intervalMillis);
    this.#timer.unref();
  }

  #beginFlush(): void {
    const ticket = this.#native.flushRequested();
    if (this.#goal !== undefined || ticket === this.#answered) return;
    this.#goal = new FlushGoal(ticket, this.#options.unread(), this.#read);
    this.#snapshotAt = -Infinity; // everything recorded before the request lies before a snapshot
  }

  // Read, answered by the sink, pushed out by the sink: then the ticket is done.
  #endFlush(): void {
    const goal = this.#goal;
    if (goal === undefined || !goal.reached) return;
    if (goal.lastEntry === undefined) {
      goal.lastEntry = this.#ledger.read;
      this.#sink.caughtUp?.();
    }
    if (goal.finishing || !this.#ledger.settledThrough(goal.lastEntry)) return;
    goal.finishing = true;
    void this.#sink.flush().then(() => {
      if (this.#stopped) return;
      this.#ledger.publish();
      this.#answered = goal.ticket;
      this.#goal = undefined;
      this.#native.flushDone(goal.ticket);
      this.wake();
    });
  }
}
