// SPDX-License-Identifier: Apache-2.0
//
// The events of the ring reader's current record: those its payload lists, and its exception.

import type { HrTime } from '@opentelemetry/api';
import type { TimedEvent } from '@opentelemetry/sdk-trace-base';

import type { Payload } from '../segment/payload';
import type { RecordClock } from './record-clock';

/** Undefined: none. An exception is an event at `end`, the record's. */
export function timedEvents(payload: Payload, clock: RecordClock, end: HrTime): TimedEvent[] | undefined {
  const { events = [], exception } = payload;
  if (events.length === 0 && exception === undefined) return undefined;
  const timed: TimedEvent[] = events.map(({ name, low, high, monotonic, attributes }) => ({
    name,
    time: clock.at(low, high, monotonic),
    attributes,
  }));
  if (exception !== undefined) {
    const attributes = { 'exception.type': exception.type, 'exception.message': exception.message };
    timed.push({ name: 'exception', time: end, attributes });
  }
  return timed;
}
