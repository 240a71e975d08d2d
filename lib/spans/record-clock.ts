// SPDX-License-Identifier: Apache-2.0
//
// Times of the ring reader's current record, on the clock its trace keeps: realtime at the stamp, or for a trace that
// was open when realtime stepped or the machine was suspended, realtime as it would have gone on without that.

import type { HrTime } from '@opentelemetry/api';
import type { TimedEvent } from '@opentelemetry/sdk-trace-base';

import { FLAG, SLOT_WORD } from '../segment/layout';
import type { RingReader } from '../segment/ring-reader';
import { steppedNanos } from '../timeline/breaks';
import { toWords } from '../timeline/scale';
import type { Timeline } from '../timeline/timeline';
import type { HeldTraces } from './held-traces';

/** The event of a request's spans that says realtime stepped meanwhile. */
export const STEP_EVENT = 'gpuspan.clock.step';
/** Its attribute: by how much, in ns; decimal text beyond 2^53. */
export const STEP_CHANGE = 'gpuspan.clock.change_ns';
/** The event that says the machine was suspended meanwhile. */
export const SUSPEND_EVENT = 'gpuspan.clock.suspend';
/** Its attribute: for how long, in ns; decimal text beyond 2^53. */
export const SUSPENDED = 'gpuspan.clock.suspended_ns';

export class RecordClock {
  private epoch: number | undefined;
  private readonly stamp = new Int32Array(2);

  constructor(
    private readonly ring: RingReader,
    private readonly timeline: Timeline,
    private readonly held: HeldTraces,
  ) {}

  /** The current record's own trace. To be called first for every record. */
  useOwnTrace(): void {
    const at = this.ring.base + SLOT_WORD.traceId;
    this.epoch = this.held.epochOf(this.ring.words[at]!, this.ring.words[at + 1]!);
  }

  /** Another trace that the record is part of; until the next call of `useOwnTrace`. */
  useTrace(first: number, second: number): void {
    this.epoch = this.held.epochOf(first, second);
  }

  /** Whether all traces keep the same clock. */
  get isOne(): boolean {
    return this.held.isEmpty;
  }

  /** Realtime stepped, or the machine was suspended, at least once: `stepEvents` may have some. */
  get hasSteps(): boolean {
    return this.timeline.steps.epoch > 0;
  }

  at(low: number, high: number, monotonic: boolean): HrTime {
    if (this.epoch === undefined) return this.timeline.toEpoch(low, high, monotonic);
    return this.timeline.toEpochIn(this.epoch, low, high, monotonic);
  }

  start(): HrTime {
    const at = this.ring.base + SLOT_WORD.start;
    return this.at(this.ring.words[at]! >>> 0, this.ring.words[at + 1]! >>> 0, this.isMonotonic());
  }

  /** `at`, as nanoseconds in two u32 halves, low first; makes no object unless this trace keeps another clock. */
  putWords(low: number, high: number, monotonic: boolean, into: Uint32Array): void {
    this.stamp[0] = low;
    this.stamp[1] = high;
    this.put(this.stamp, 0, monotonic, into);
  }

  /** `start` and `end` as words. */
  putTimes(start: Uint32Array, end: Uint32Array): void {
    const { words, base } = this.ring;
    const monotonic = this.isMonotonic();
    this.put(words, base + SLOT_WORD.start, monotonic, start);
    this.put(words, base + SLOT_WORD.end, monotonic, end);
    const isInOrder = end[1]! > start[1]! || (end[1]! === start[1]! && end[0]! >= start[0]!);
    if (!isInOrder) toWords(this.end(this.start()), end);
  }

  /** Where realtime stepped back between the two, the end is placed by the slice's true duration. */
  end(start: HrTime): HrTime {
    const { words, base } = this.ring;
    const at = base + SLOT_WORD.end;
    const low = words[at]! >>> 0;
    const high = words[at + 1]! >>> 0;
    const monotonic = this.isMonotonic();
    const end = this.at(low, high, monotonic);
    if (isInOrder(start, end)) return end;
    const epoch = Math.min(this.epochAt(SLOT_WORD.start), this.epoch ?? Infinity);
    const endThere = this.timeline.toEpochIn(epoch, low, high, monotonic);
    return isInOrder(start, endThere) ? endThere : start;
  }

  /** Whether ticks `a` were counted before ticks `b`. */
  ticksPrecede(aLow: number, aHigh: number, bLow: number, bHigh: number): boolean {
    return this.timeline.ticksPrecede(aLow, aHigh, bLow, bHigh);
  }

  /** One event for each suspend, and one for each step of realtime, within the record. */
  stepEvents(): TimedEvent[] {
    if (!this.hasSteps) return [];
    const { steps } = this.timeline;
    const events: TimedEvent[] = [];
    const last = this.epochAt(SLOT_WORD.end);
    for (let epoch = this.epochAt(SLOT_WORD.start); epoch < last; epoch++) {
      const step = steps.after(epoch);
      if (step === undefined) continue;
      const time = this.at(step.monotonicLow, step.monotonicHigh, true);
      const { suspendedNanos } = step;
      const stepped = steppedNanos(step);
      if (suspendedNanos > 0n)
        events.push({ name: SUSPEND_EVENT, time, attributes: { [SUSPENDED]: toValue(suspendedNanos) } });
      if (stepped !== 0n) events.push({ name: STEP_EVENT, time, attributes: { [STEP_CHANGE]: toValue(stepped) } });
    }
    return events;
  }

  private put(stamps: Int32Array, at: number, monotonic: boolean, into: Uint32Array): void {
    if (this.epoch === undefined) this.timeline.toWords(stamps, at, monotonic, into);
    else toWords(this.timeline.toEpochIn(this.epoch, stamps[at]! >>> 0, stamps[at + 1]! >>> 0, monotonic), into);
  }

  private epochAt(word: number): number {
    const { words, base } = this.ring;
    return this.timeline.epochAt(words[base + word]! >>> 0, words[base + word + 1]! >>> 0, this.isMonotonic());
  }

  private isMonotonic(): boolean {
    return (this.ring.flags & FLAG.monotonic) !== 0;
  }
}

function isInOrder(earlier: HrTime, later: HrTime): boolean {
  return later[0] > earlier[0] || (later[0] === earlier[0] && later[1] >= earlier[1]);
}

function toValue(nanos: bigint): number | string {
  const value = Number(nanos);
  return Number.isSafeInteger(value) ? value : String(nanos);
}
