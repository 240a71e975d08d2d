// SPDX-License-Identifier: Apache-2.0
//
// Times of the ring reader's current record, on the clock its trace keeps: realtime at the stamp, or for a trace that
// was open when realtime stepped, realtime as it would have gone on without the step.

import type { HrTime } from '@opentelemetry/api';
import type { TimedEvent } from '@opentelemetry/sdk-trace-base';

import { FLAG, SLOT_WORD } from '../segment/layout';
import { difference } from '../segment/position';
import type { RingReader } from '../segment/ring-reader';
import { addNanos } from '../timeline/scale';
import type { Timeline } from '../timeline/timeline';
import type { HeldTraces } from './held-traces';

/** The event of a request's spans that says realtime stepped meanwhile. */
export const STEP_EVENT = 'gpuspan.clock.step';
/** Its attribute: by how much, in ns; decimal text beyond 2^53. */
export const STEP_CHANGE = 'gpuspan.clock.change_ns';

export class RecordClock {
  private epoch: number | undefined;

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

  at(low: number, high: number, monotonic: boolean): HrTime {
    if (this.epoch === undefined) return this.timeline.toEpoch(low, high, monotonic);
    return this.timeline.toEpochIn(this.epoch, low, high, monotonic);
  }

  start(): HrTime {
    const at = this.ring.base + SLOT_WORD.start;
    return this.at(this.ring.words[at]! >>> 0, this.ring.words[at + 1]! >>> 0, this.isMonotonic());
  }

  /** Where realtime stepped back between the two, the end is placed by the slice's true duration. */
  end(start: HrTime): HrTime {
    const { words, base } = this.ring;
    const at = base + SLOT_WORD.end;
    const low = words[at]! >>> 0;
    const high = words[at + 1]! >>> 0;
    const monotonic = this.isMonotonic();
    const end = this.at(low, high, monotonic);
    if (end[0] > start[0] || (end[0] === start[0] && end[1] >= start[1])) return end;
    const startLow = words[base + SLOT_WORD.start]! >>> 0;
    const startHigh = words[base + SLOT_WORD.start + 1]! >>> 0;
    const counts = Math.max(0, difference(low, high, startLow, startHigh));
    return addNanos(start[0], start[1], this.timeline.duration(startLow, startHigh, monotonic, counts));
  }

  /** One event for each step of realtime within the record. */
  stepEvents(): TimedEvent[] {
    const { steps } = this.timeline;
    if (steps.epoch === 0) return [];
    const { words, base } = this.ring;
    const epochAt = (at: number): number =>
      steps.epochAt(words[base + at]! >>> 0, words[base + at + 1]! >>> 0, this.isMonotonic());
    const events: TimedEvent[] = [];
    const last = epochAt(SLOT_WORD.end);
    for (let epoch = epochAt(SLOT_WORD.start); epoch < last; epoch++) {
      const step = steps.after(epoch);
      if (step === undefined) continue;
      const change = Number(step.changeNanos);
      events.push({
        name: STEP_EVENT,
        time: this.at(step.monotonicLow, step.monotonicHigh, true),
        attributes: { [STEP_CHANGE]: Number.isSafeInteger(change) ? change : String(step.changeNanos) },
      });
    }
    return events;
  }

  private isMonotonic(): boolean {
    return (this.ring.flags & FLAG.monotonic) !== 0;
  }
}
