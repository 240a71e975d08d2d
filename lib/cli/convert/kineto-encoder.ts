// SPDX-License-Identifier: Apache-2.0
//
// Events of a PyTorch profiler's (Kineto's) Chrome trace as records: complete events and pairs of begin and end as slices,
// instants, counters, and flows, which join the slices that begin where they do. Called for each event of a file.
import type { InternedNames } from '../../perfetto/interned-names';
import { numberText, plainNumber } from '../input/json-value';
import { LEFT_OUT, OpenSlices } from '../input/open-slices';
import { type Fields, fieldsOf } from '../input/otlp-span';
import { EventFields } from './event-fields';
import { flowId } from './flow-id';
import { type KinetoName, KinetoPlaces } from './kineto-places';
import type { Places } from './places';
import { RECORD, RECORD_FLAG, RecordWriter } from './record';

const MAX_NANOS = 2n ** 63n - 1n;
const MAX_SERIES = 16;
const COUNTER_DOUBLE = 44;

interface Begun {
  readonly event: Fields;
  readonly start: bigint;
}

export interface KinetoSink {
  readonly record: (record: Buffer) => void;
  /** No event, or of a kind that is not drawn. */
  readonly bad: () => void;
  readonly skipped: () => void;
  /** A slice for which too many are open. */
  readonly leftOut: () => void;
}

export class KinetoEncoder {
  readonly #record = new RecordWriter();
  readonly #fields: EventFields;
  readonly #places: KinetoPlaces;
  readonly #sink: KinetoSink;
  readonly #key: string;
  readonly #base: bigint;
  #open = new OpenSlices<number, Begun>();

  /** `base`: epoch ns that the events' times count from. */
  constructor(names: InternedNames, places: Places, file: KinetoName, base: bigint, sink: KinetoSink) {
    this.#fields = new EventFields(this.#record, names);
    this.#places = new KinetoPlaces(places, file);
    this.#key = file.key;
    this.#base = base;
    this.#sink = sink;
  }

  /** Values that were cut or left out so far. */
  get cut(): number {
    return this.#fields.cut;
  }

  encode(given: unknown): void {
    const event = fieldsOf(given);
    const kind = event?.['ph'];
    if (event === undefined || typeof kind !== 'string') {
      this.#sink.bad();
      return;
    }
    const [pid, tid] = [idText(event['pid']), idText(event['tid'])];
    if (kind === 'M') {
      this.#places.name(String(event['name']), pid, tid, fieldsOf(event['args']) ?? {});
      return;
    }
    const start = this.#time(event['ts']);
    if (start !== undefined) {
      this.#timed(kind, event, start, pid, tid);
      return;
    }
    this.#sink.bad();
    // Its end must not close what is around it; nor may the next end close what it ends.
    if (kind === 'B') this.#open.leaveOut(this.#places.thread(pid, tid));
    else if (kind === 'E') this.#endUnknown(this.#places.thread(pid, tid));
  }

  /** Slices that never ended last no time. */
  finish(): void {
    for (const [place, begun] of this.#open.rest()) this.#unfinished(begun, place);
    this.#open = new OpenSlices();
  }

  #endUnknown(place: number): void {
    const begun = this.#open.end(place);
    if (begun !== undefined && begun !== LEFT_OUT) this.#unfinished(begun, place);
  }

  #unfinished({ event, start }: Begun, place: number): void {
    this.#slice({ ...event, unfinished: true }, place, start, start);
  }

  #timed(kind: string, event: Fields, start: bigint, pid: string, tid: string): void {
    const thread = (): number => this.#places.thread(pid, tid);
    if (kind === 'X') this.#slice(event, thread(), start, start + (nanosOf(event['dur']) ?? 0n));
    else if (kind === 'B') this.#begin(event, thread(), start);
    else if (kind === 'E') this.#end(event, thread(), start);
    else if (kind === 'i' || kind === 'I' || kind === 'R') this.#instant(event, thread(), start);
    else if (kind === 'C') this.#counters(event, pid, start);
    else if (kind === 's' || kind === 't' || kind === 'f') this.#flow(event, thread(), start);
    else this.#sink.skipped();
  }

  #slice(event: Fields, place: number, start: bigint, end: bigint): void {
    const last = end < start ? start : end;
    this.#record.begin({ start, end: last > MAX_NANOS ? MAX_NANOS : last, place, origin: 0, flags: 0 });
    this.#named(event);
    const args = fieldsOf(event['args']);
    if (args !== undefined) this.#fields.arguments(args);
    if (event['unfinished'] === true) this.#fields.argument('unfinished', true);
    this.#emit();
  }

  #begin(event: Fields, place: number, start: bigint): void {
    if (!this.#open.begin(place, { event, start })) this.#sink.leftOut();
  }

  // Arguments of both are the slice's.
  #end(event: Fields, place: number, end: bigint): void {
    const begun = this.#open.end(place);
    if (begun === undefined) this.#sink.bad();
    if (begun === undefined || begun === LEFT_OUT) return;
    const args = { ...fieldsOf(begun.event['args']), ...fieldsOf(event['args']) };
    this.#slice({ ...begun.event, args }, place, begun.start, end);
  }

  #instant(event: Fields, place: number, start: bigint): void {
    this.#record.begin({ start, end: start, place, origin: 0, flags: RECORD_FLAG.instant });
    this.#named(event);
    const args = fieldsOf(event['args']);
    if (args !== undefined) this.#fields.arguments(args);
    this.#emit();
  }

  #counters(event: Fields, pid: string, start: bigint): void {
    const series = Object.entries(fieldsOf(event['args']) ?? {}).slice(0, MAX_SERIES);
    for (const [key, given] of series) {
      const value = typeof given === 'bigint' ? Number(given) : plainNumber(given);
      if (typeof value !== 'number') continue;
      const name = series.length > 1 ? `${String(event['name'])} ${key}` : String(event['name']);
      const place = this.#places.counter(pid, name);
      this.#record.begin({ start, end: start, place, origin: 0, flags: RECORD_FLAG.counter });
      const { out } = this.#record;
      out.reserve(16);
      out.tag(COUNTER_DOUBLE, 1);
      out.double(value);
      this.#emit();
    }
  }

  #flow(event: Fields, place: number, start: bigint): void {
    this.#record.begin({ start, end: start, place, origin: 0, flags: RECORD_FLAG.flow });
    this.#record.id(RECORD.id, flowId(this.#key, String(event['cat']), idText(event['id'])));
    this.#named(event);
    this.#emit();
  }

  #named(event: Fields): void {
    const name = event['name'];
    this.#fields.name(typeof name === 'string' && name !== '' ? name : '(no name)');
    if (typeof event['cat'] === 'string') this.#fields.category(event['cat']);
  }

  #emit(): void {
    this.#record.endFields();
    this.#sink.record(this.#record.take());
  }

  #time(given: unknown): bigint | undefined {
    const nanos = nanosOf(given);
    const time = nanos === undefined ? undefined : nanos + this.#base;
    return time !== undefined && time >= 0n && time <= MAX_NANOS ? time : undefined;
  }
}

/** Microseconds, with places behind the point, as nanoseconds; undefined when it is no number, 0n below 0 for durations. */
export function nanosOf(micros: unknown): bigint | undefined {
  if (typeof micros === 'bigint') return micros * 1000n;
  const text = numberText(micros);
  if (text !== undefined) return exactNanos(text) ?? nanosOf(Number(text));
  if (typeof micros !== 'number' || !Number.isFinite(micros)) return undefined;
  const whole = Math.floor(micros);
  return BigInt(whole) * 1000n + BigInt(Math.round((micros - whole) * 1000));
}

// A double has no room for the nanoseconds of epoch times.
function exactNanos(micros: string): bigint | undefined {
  const [, sign, whole, places] = /^(-?)(\d{1,19})\.(\d+)$/.exec(micros) ?? [];
  if (whole === undefined) return undefined;
  const nanos = BigInt(whole) * 1000n + BigInt(Math.round(Number(`0.${places}`) * 1000));
  return sign === '-' ? -nanos : nanos;
}

function idText(given: unknown): string {
  const id = plainNumber(given);
  return typeof id === 'string'
    ? id.slice(0, 100)
    : typeof id === 'number' || typeof id === 'bigint'
      ? String(id)
      : '0';
}
