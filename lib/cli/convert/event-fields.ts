// SPDX-License-Identifier: Apache-2.0
//
// The fields of one Perfetto event in a record: name, category, flows, arguments. What anybody may have put into a file is
// bounded here: long texts are cut and counted. Used by the encoders of spans and of Kineto's events.
import type { InternedName, InternedNames } from '../../perfetto/interned-names';
import { plainNumber } from '../input/json-value';
import { MAX_RECORD_BYTES, type RecordWriter } from './record';

/** Of a text value, in characters. */
export const MAX_TEXT = 16_384;
const MAX_ITEMS = 1000;
/** Longer names are written out, so that what is kept of them is bounded; and cut at MAX_OWN_NAME. */
const MAX_NAME = 200;
const MAX_OWN_NAME = 1000;
const EVENT_NAME = 23;
/** flow_ids, fixed64. */
const FLOW_TAG = (47 << 3) | 1;
const MIN_INT64 = -(2n ** 63n);
const MAX_INT64 = 2n ** 63n - 1n;
/** What one value may take, and its name. */
const VALUE_BYTES = 4 * MAX_TEXT + 1024;

export class EventFields {
  /** Texts and lists that were cut, and arguments that were left out. */
  cut = 0;
  readonly #record: RecordWriter;
  readonly #names: InternedNames;

  constructor(record: RecordWriter, names: InternedNames) {
    this.#record = record;
    this.#names = names;
  }

  /** The event's name. */
  name(text: string): void {
    const { out } = this.#record;
    if (text.length <= MAX_NAME) {
      out.copy(this.#names.event(text).bytes);
      return;
    }
    out.reserve(2);
    out.tag(EVENT_NAME, 2);
    out.text(this.#shortened(text, MAX_OWN_NAME));
  }

  /** '' is none. */
  category(text: string): void {
    if (text !== '') this.#record.out.copy(this.#names.category(text.slice(0, MAX_NAME)).bytes);
  }

  /** Connects the event with the others of the same id; `id` in 16 hex digits, `salt` tells kinds of flows apart. */
  flow(id: string, salt = 0): void {
    const { out } = this.#record;
    out.reserve(12);
    out.varint(FLOW_TAG);
    out.bytes.write(id, out.at, 8, 'hex');
    out.view.setUint32(out.at, out.view.getUint32(out.at) ^ salt);
    out.at += 8;
  }

  arguments(values: Readonly<Record<string, unknown>>): void {
    for (const key of Object.keys(values)) this.argument(key, values[key]);
  }

  /** A value of any type: numbers, truth values, texts and lists of them as such, others as JSON. */
  argument(key: string, given: unknown): void {
    const { out, values } = this.#record;
    if (out.at + VALUE_BYTES > MAX_RECORD_BYTES) {
      this.cut++;
      return;
    }
    const name = this.#argumentName(key);
    const value = Array.isArray(given) ? given.map(plainNumber) : plainNumber(given);
    if (typeof value === 'string') values.text(name, this.#shortened(value, MAX_TEXT));
    else if (typeof value === 'number') values.number(name, value);
    else if (typeof value === 'boolean') values.bool(name, value);
    else if (typeof value === 'bigint') this.#bigint(name, value);
    else if (isPlainList(value)) this.#list(name, value);
    else values.text(name, this.#shortened(asText(value), MAX_TEXT));
  }

  #argumentName(key: string): InternedName {
    if (key.length > MAX_NAME) this.cut++;
    // A viewer shows nothing of an argument without a name.
    return this.#names.argument(key === '' ? '(empty)' : key.slice(0, MAX_NAME));
  }

  #bigint(name: InternedName, value: bigint): void {
    const { values } = this.#record;
    if (value < MIN_INT64 || value > MAX_INT64) values.text(name, String(value));
    else values.int64(name, Number(BigInt.asUintN(32, value)), Number(BigInt.asUintN(32, value >> 32n)));
  }

  #list(name: InternedName, list: readonly (string | number | boolean)[]): void {
    const { out, values } = this.#record;
    const begun = values.list(name);
    const limit = out.at + VALUE_BYTES / 2;
    let left = list.length;
    for (const item of list) {
      if (out.at > limit || list.length - left >= MAX_ITEMS) break;
      values.item(typeof item === 'string' ? this.#shortened(item, MAX_NAME * 4) : item);
      left--;
    }
    values.endList(begun);
    if (left > 0) this.cut++;
  }

  #shortened(text: string, most: number): string {
    if (text.length <= most) return text;
    this.cut++;
    return `${text.slice(0, most - 1)}…`;
  }
}

function isPlainList(value: unknown): value is (string | number | boolean)[] {
  return Array.isArray(value) && value.every((item) => ['string', 'number', 'boolean'].includes(typeof item));
}

function asText(value: unknown): string {
  if (value === null || value === undefined) return '';
  if (value instanceof Uint8Array) return Buffer.from(value).toString('base64');
  try {
    return (
      JSON.stringify(value, (_, item: unknown) => (typeof item === 'bigint' ? String(item) : plainNumber(item))) ?? ''
    );
  } catch {
    return '(nested too deep)';
  }
}
