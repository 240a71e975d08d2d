// SPDX-License-Identifier: Apache-2.0
//
// Encodes attributes, batch columns, names and errors as payload items (Item in native/core/layout.h) into the
// scratch memory that the addon reads. One encoder an environment, used only between two native calls on its thread.
// It never throws: what cannot be encoded is left out, and the payload says so.
import { type Attributes, type Columns, DROPPED_KEY, SLICE_LIMIT, TRUNCATED_KEY } from './attributes';
import { describeReason } from './error-reason';
import { Item } from './item';
import { type Native, SCRATCH, SCRATCH_BYTES } from './native';
import { type ColumnShape, columnShape, NUMBER_BYTES, writeColumnValue, writeNumber } from './number-items';

const STATUS_ERROR = 2;
const MAX_STRING_BYTES = 255;
const MAX_ARRAY_LENGTH = 255;
const MAX_STATE_BYTES = 512;
/** A link: its type, a trace id and a span id. */
const LINK_BYTES = 1 + 16 + 8;
/** Indices of 32-bit words in the scratch memory. */
const TRACE = SCRATCH.traceId / 4;
const SPAN = SCRATCH.span / 4;
/** An event without attributes: type, name, time, flags, and how many attributes follow. */
const EVENT_BYTES = 1 + 2 + 8 + 1 + 1;
/** Flag of an event: its time is ns of CLOCK_MONOTONIC. */
const EVENT_MONOTONIC = 1;
/** At most what `error` writes. */
export const ERROR_BYTES = 3 + MAX_STRING_BYTES + EVENT_BYTES + 2 * (4 + MAX_STRING_BYTES);
/** Room kept for the two notes at the end: each a kBool item of 4 bytes. */
const NOTE_BYTES = 8;
/** Places whose last key is remembered, less one. */
const RECENT_MASK = 15;
const INT64_MIN = -(2n ** 63n);
const INT64_MAX = 2n ** 63n - 1n;

export class PayloadEncoder {
  private readonly bytes: Uint8Array;
  private readonly view: DataView;
  private readonly keys = new Map<string, number>();
  /** Strings only: V8 compares two of them by address as long as it has seen nothing else at that comparison. */
  private readonly recentKeys: string[] = new Array<string>(RECENT_MASK + 1).fill('');
  /** 0: none yet. */
  private readonly recentIds = new Uint16Array(RECENT_MASK + 1);
  private readonly utf8 = new TextEncoder();
  private start = 0;
  private at = 0;
  private limit = 0;
  private dropped = false;
  private truncated = false;
  private count = 0;
  /** Payloads begun so far: a getter among the attributes that itself records begins another one. */
  private begun = 0;
  /** Whether the last `write` had to leave something out. */
  private cut = false;

  constructor(
    private readonly native: Native,
    scratch: ArrayBuffer,
  ) {
    this.bytes = new Uint8Array(scratch, 0, SCRATCH_BYTES);
    this.view = new DataView(scratch, 0, SCRATCH_BYTES);
  }

  /** Starts a payload of at most `limit` bytes, `offset` bytes behind the place for payloads. */
  begin(limit: number, offset = 0): this {
    this.start = this.at = SCRATCH.payload + offset;
    this.limit = this.start + limit - NOTE_BYTES;
    this.dropped = this.truncated = false;
    this.count = 0;
    this.begun++;
    return this;
  }

  /** More room behind what was kept short of the whole. */
  extend(bytes: number): this {
    this.limit += bytes;
    return this;
  }

  /** Ends it and returns its length, with a note of what was left out. `items` is final after this. */
  finish(): number {
    if (this.dropped || this.truncated) {
      this.limit += NOTE_BYTES;
      if (this.dropped) this.attribute(DROPPED_KEY, true);
      if (this.truncated) this.attribute(TRUNCATED_KEY, true);
    }
    return this.at - this.start;
  }

  /** The whole payload of a slice that has attributes only. */
  slice(attributes: Attributes): number {
    return this.begin(SLICE_LIMIT).attributes(attributes).finish();
  }

  /** Attribute items written. */
  get items(): number {
    return this.count;
  }

  /** Anything but an object is left out, as is everything behind a getter that throws. */
  attributes(attributes: Attributes | undefined): this {
    if (attributes === undefined || attributes === null) return this;
    if (typeof attributes !== 'object') return this.drop();
    const { begun, start, limit } = this;
    let { at, count } = this;
    try {
      for (const key in attributes) {
        const value = attributes[key];
        // Most attributes are numbers: they go the shortest way. What a getter has overwritten is seen below.
        if (typeof value === 'number' && at + NUMBER_BYTES <= limit) {
          writeNumber(this.view, at, this.keyId(key, count), value);
          at += NUMBER_BYTES;
          count++;
          continue;
        }
        if (begun !== this.begun) break;
        this.at = at;
        this.count = count;
        const copy = copyArray(value);
        if (begun !== this.begun) break;
        this.attribute(key, copy);
        at = this.at;
        count = this.count;
      }
    } catch {
      this.dropped = true;
    }
    if (begun !== this.begun) return this.restart(start, limit);
    this.at = at;
    this.count = count;
    return this;
  }

  /** What was written since is half an item. */
  private takeBack(at: number, count: number): void {
    this.at = at;
    this.count = count;
    this.dropped = true;
  }

  /** Another payload, begun by a getter, has overwritten this one. */
  private restart(start: number, limit: number): this {
    this.start = this.at = start;
    this.limit = limit;
    this.count = 0;
    return this.drop();
  }

  /** The name of a root span. */
  name(name: string): this {
    const from = this.at;
    if (!this.room(2 + MAX_STRING_BYTES)) return this.drop();
    this.bytes[this.at++] = Item.name;
    return this.shortString(name, from);
  }

  /** A link to the batch span in `ids`, words of the scratch memory as `batchDefine` left them. */
  link(ids: Int32Array): this {
    if (!this.room(LINK_BYTES)) return this.drop();
    this.view.setUint8(this.at, Item.link);
    for (let word = 0; word < 4; word++) this.view.setInt32(this.at + 1 + 4 * word, ids[TRACE + word]!, true);
    for (let word = 0; word < 2; word++) this.view.setInt32(this.at + 17 + 4 * word, ids[SPAN + word]!, true);
    this.at += LINK_BYTES;
    return this;
  }

  /** W3C tracestate; left out when it is too long, because half of one means something else. */
  traceState(state: string): this {
    if (state.length > MAX_STATE_BYTES || !this.room(3 + MAX_STATE_BYTES)) return this.drop();
    const { written } = this.utf8.encodeInto(state, this.bytes.subarray(this.at + 3, this.at + 3 + MAX_STATE_BYTES));
    this.bytes[this.at] = Item.traceState;
    this.view.setUint16(this.at + 1, written, true);
    this.at += 3 + written;
    return this;
  }

  /** Error status; an Error becomes an exception event too, at `time` (ns of CLOCK_MONOTONIC) or the span's end. */
  error(reason: unknown, time?: bigint): this {
    const { begun, start, limit } = this;
    const { message, type } = describeReason(reason);
    if (begun !== this.begun) this.restart(start, limit);
    const from = this.at;
    if (!this.room(3 + MAX_STRING_BYTES)) return this.drop();
    this.bytes[this.at++] = Item.status;
    this.bytes[this.at++] = STATUS_ERROR;
    this.shortString(message, from);
    if (type === undefined) return this;
    return time === undefined ? this.exception(type, message) : this.exceptionAt(type, message, time);
  }

  /** One value per member: `members` of them, member i's at `positions[i]` where given, else at i. */
  columns(columns: Columns | undefined, members: number, positions: Uint32Array | undefined, given: number): this {
    if (columns === undefined || columns === null) return this;
    if (typeof columns !== 'object') return this.drop();
    const { begun, start, limit } = this;
    let { at, count } = this;
    try {
      for (const key in columns) {
        ({ at, count } = this);
        const values = columns[key];
        if (begun !== this.begun) break;
        this.column(key, values, members, positions, given);
      }
    } catch {
      this.takeBack(at, count);
    }
    return begun === this.begun ? this : this.restart(start, limit);
  }

  /** One attribute that is no number. */
  attribute(key: string, value: unknown): void {
    if (value === undefined || value === null) return;
    if (typeof value === 'string') this.string(key, value);
    else if (typeof value === 'boolean') this.boolean(key, value);
    else if (typeof value === 'bigint') this.bigint(key, value);
    else if (Array.isArray(value)) this.array(key, value);
    else this.dropped = true; // Functions, symbols and objects have no place in a span.
  }

  private boolean(key: string, value: boolean): void {
    if (this.item(Item.bool, key, 1)) this.bytes[this.at++] = value ? 1 : 0;
  }

  private bigint(key: string, value: bigint): void {
    if (value < INT64_MIN || value > INT64_MAX) this.dropped = true;
    else if (this.item(Item.int, key, 8)) {
      this.view.setBigInt64(this.at, value, true);
      this.at += 8;
    }
  }

  private string(key: string, value: string): void {
    const from = this.at;
    if (!this.item(Item.string, key, 1)) return;
    this.shortString(value, from);
    if (this.at === from) this.count--; // Taken back for want of room.
  }

  private array(key: string, values: readonly unknown[]): void {
    const from = this.at;
    if (values.length > MAX_ARRAY_LENGTH) {
      this.dropped = true;
    } else if (values.every((value) => typeof value === 'number')) {
      if (!this.item(Item.numbers, key, 1 + 8 * values.length)) return;
      this.bytes[this.at++] = values.length;
      for (const value of values) {
        this.view.setFloat64(this.at, value, true);
        this.at += 8;
      }
    } else if (values.every((value) => typeof value === 'string')) {
      if (!this.item(Item.strings, key, 1)) return;
      this.bytes[this.at++] = values.length;
      for (const value of values) {
        this.shortString(value, from);
        if (this.at === from) {
          this.count--;
          return;
        }
      }
    } else {
      this.dropped = true;
    }
  }

  private column(
    key: string,
    values: ArrayLike<number> | undefined,
    members: number,
    positions: Uint32Array | undefined,
    given: number,
  ): void {
    if (values === undefined || values === null) return;
    const shape = values.length === given ? columnShape(values) : undefined;
    if (shape === undefined) this.dropped = true;
    else if (this.columnItem(shape, key, members)) {
      const { width, base = 0 } = shape;
      for (let i = 0; i < members; i++, this.at += width)
        writeColumnValue(this.view, this.at, width, values[positions === undefined ? i : positions[i]!]! - base);
    }
  }

  /** All of a column's item but its values, which fit; false when they do not. */
  private columnItem({ width, base }: ColumnShape, key: string, members: number): boolean {
    const type = base === undefined ? Item.column : Item.offsetColumn;
    if (!this.item(type, key, 3 + (base === undefined ? 0 : 4) + width * members)) return false;
    this.bytes[this.at] = width;
    this.view.setUint16(this.at + 1, members, true);
    this.at += 3;
    if (base !== undefined) {
      this.view.setInt32(this.at, base, true);
      this.at += 4;
    }
    return true;
  }

  private exception(type: string, message: string): this {
    const from = this.at;
    if (!this.room(3 + 2 * MAX_STRING_BYTES)) return this.drop();
    this.bytes[this.at++] = Item.exception;
    return this.shortString(type, from).shortString(message, from);
  }

  private exceptionAt(type: string, message: string, time: bigint): this {
    const { at, count } = this;
    if (!this.room(EVENT_BYTES + 2 * (4 + MAX_STRING_BYTES))) return this.drop();
    this.bytes[at] = Item.event;
    this.view.setUint16(at + 1, this.keyId('exception', count), true);
    this.view.setBigInt64(at + 3, time, true);
    this.bytes[at + 11] = EVENT_MONOTONIC;
    this.bytes[at + 12] = 2;
    this.at += EVENT_BYTES;
    this.string('exception.type', type);
    this.string('exception.message', message);
    this.count = count; // They are the event's.
    return this;
  }

  /** Type byte and key of an attribute item with `size` bytes to follow; false when it does not fit. */
  private item(type: number, key: string, size: number): boolean {
    if (!this.room(3 + size)) {
      this.dropped = true;
      return false;
    }
    const id = this.keyId(key, this.count);
    this.bytes[this.at] = type;
    this.view.setUint16(this.at + 1, id, true);
    this.at += 3;
    this.count++;
    return true;
  }

  /** A call site gives the same keys in the same order, so the key that was last at this place is tried first. */
  private keyId(key: string, count: number): number {
    const place = count & RECENT_MASK;
    const id = this.recentKeys[place] === key ? this.recentIds[place]! : 0;
    return id === 0 ? this.findKey(key, place) : id;
  }

  private findKey(key: string, place: number): number {
    let id = this.keys.get(key);
    if (id === undefined) {
      id = this.native.intern('key', 0, 0, key).id;
      // 0 is `other`: the dictionary is full. Not kept, so that made-up keys do not fill memory.
      if (id === 0) return 0;
      this.keys.set(key, id);
    }
    this.recentKeys[place] = key;
    this.recentIds[place] = id;
    return id;
  }

  /** Length byte and text, cut where a character ends. Without room everything from `from` on is taken back. */
  private shortString(text: string, from: number): this {
    const space = Math.min(MAX_STRING_BYTES, this.limit - this.at - 1);
    const written = space >= 0 ? this.write(text, this.at + 1, space) : 0;
    // Cut for want of room rather than at the longest length there is: dropped as a whole.
    if (space < 0 || (space < MAX_STRING_BYTES && this.cut)) {
      this.at = from;
      return this.drop();
    }
    if (this.cut) this.truncated = true;
    this.bytes[this.at] = written;
    this.at += 1 + written;
    return this;
  }

  /** Writes text into at most `space` bytes and returns how many. */
  private write(text: string, at: number, space: number): number {
    const length = Math.min(text.length, space);
    for (let i = 0; i < length; i++) {
      const code = text.charCodeAt(i);
      if (code > 0x7f) {
        const { read, written } = this.utf8.encodeInto(text, this.bytes.subarray(at, at + space));
        this.cut = read < text.length;
        return written;
      }
      this.bytes[at + i] = code;
    }
    this.cut = length < text.length;
    return length;
  }

  private room(bytes: number): boolean {
    return this.at + bytes <= this.limit;
  }

  private drop(): this {
    this.dropped = true;
    return this;
  }
}

/** A plain copy of an array, one longer than allowed at most: an array of the application's can hold getters and holes. */
function copyArray(value: unknown): unknown {
  if (!Array.isArray(value)) return value;
  const copy: unknown[] = [];
  for (let i = 0; i < value.length && i <= MAX_ARRAY_LENGTH; i++) copy.push(value[i]);
  return copy;
}
