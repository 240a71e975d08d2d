// SPDX-License-Identifier: Apache-2.0
//
// Goes through the sorted records and writes the trace, in the order of time: what ends is closed before what begins at
// the same instant, so that the slices of each track nest whatever a viewer does with equal times. Keeps what is open and
// little more. Called by `gpuspan convert` for the records of all its inputs.
import { EVENT, type TraceWriter } from '../../perfetto/trace-writer';
import { copyFields } from './copy-fields';
import type { EventFields } from './event-fields';
import { MinHeap } from './min-heap';
import type { Places } from './places';
import { eachInstant, fieldsOf, RECORD, RECORD_FLAG, type RecordWriter } from './record';
import { RecentMap } from './recent-map';
import { type Lane, Lanes, OpenSlice, type Row, rowBelow, rowByTime } from './rows';
import { Tracks } from './tracks';

/** Slices that are open at a time. One that is beyond it is drawn as an instant. */
export const MAX_OPEN = 100_000;
/** Spans that have ended and are still known to their children. */
const MAX_ENDED = 32_768;
const MAX_ANCESTORS = 64;

/** What is known of a span that began: where it went, and what is above it. */
type Known = Pick<OpenSlice, 'place' | 'origin' | 'parent'>;

export class Sweep {
  /** Slices that were written. */
  slices = 0;
  /** Drawn as instants, because too much overlapped. */
  flattened = 0;
  readonly #writer: TraceWriter;
  readonly #places: Places;
  readonly #record: RecordWriter;
  readonly #fields: EventFields;
  readonly #tracks: Tracks;
  readonly #ends = new MinHeap<OpenSlice>((a, b) => (a.end === b.end ? a.order > b.order : a.end < b.end));
  readonly #open = new Map<bigint, OpenSlice>();
  readonly #ended = new RecentMap<bigint, Known>(MAX_ENDED);
  readonly #lanes = new Map<number, Lanes>();
  readonly #stacks = new Map<number, Row[]>();
  #order = 0;

  constructor(writer: TraceWriter, places: Places, record: RecordWriter, fields: EventFields) {
    this.#writer = writer;
    this.#places = places;
    this.#record = record;
    this.#fields = fields;
    this.#tracks = new Tracks(writer, places, record, fields);
  }

  /** The next slice in time; `flows` are records of flows that belong to it. */
  begin(record: Buffer, flows: readonly Buffer[] = []): void {
    const start = record.readBigUInt64LE(RECORD.start);
    this.#endUntil(start);
    const flags = record.readUInt32LE(RECORD.flags);
    const placed = this.#known(record, flags);
    const end = record.readBigUInt64LE(RECORD.end);
    const lane = this.#laneOf(placed.place, record);
    const isGpu = (flags & RECORD_FLAG.gpuCopy) !== 0;
    const row = this.#ends.size < MAX_OPEN ? this.#rowFor(placed, lane, isGpu, start, end) : undefined;
    if (row === undefined) {
      this.#flatten(record, placed.place, start, end);
      return;
    }
    this.#write(EVENT.begin, row, record, flows);
    this.slices++;
    const id = record.readBigUInt64LE(RECORD.id);
    const { parent, place, origin } = placed;
    this.#opened(new OpenSlice(end, id, parent, place, origin, this.#order++, row, lane));
  }

  /** An instant or a counter's value, by itself. */
  single(record: Buffer, flows: readonly Buffer[] = []): void {
    const place = record.readUInt32LE(RECORD.place);
    const isCounter = (record.readUInt32LE(RECORD.flags) & RECORD_FLAG.counter) !== 0;
    const track = this.#tracks.group(place, record.readBigUInt64LE(RECORD.start));
    this.#write(isCounter ? EVENT.counter : EVENT.instant, { track, open: [] }, record, flows);
  }

  /** Closes everything. */
  finish(): void {
    this.#endUntil(2n ** 64n);
  }

  // Where it goes: where its parent went, when that is of the same process, else where it says itself.
  #known(record: Buffer, flags: number): Known {
    const parent = record.readBigUInt64LE(RECORD.parent);
    const origin = record.readUInt32LE(RECORD.origin);
    const place = record.readUInt32LE(RECORD.place);
    if ((flags & RECORD_FLAG.inherits) === 0 || parent === 0n) return { place, origin, parent };
    const above = this.#open.get(parent) ?? this.#ended.get(parent);
    const follows = above !== undefined && above.origin === origin && this.#places.get(above.place).kind !== 'stack';
    return { place: follows ? above.place : place, origin, parent };
  }

  #laneOf(place: number, record: Buffer): Lane | undefined {
    if (this.#places.get(place).kind === 'stack') return undefined;
    let lanes = this.#lanes.get(place);
    if (lanes === undefined) this.#lanes.set(place, (lanes = new Lanes()));
    return lanes.find(record.readBigUInt64LE(RECORD.lane));
  }

  #rowFor(placed: Known, lane: Lane | undefined, isGpu: boolean, start: bigint, end: bigint): Row | undefined {
    const make = (): Row | undefined => this.#tracks.row(placed.place, lane, isGpu, start);
    if (lane === undefined) return rowByTime(this.#stack(placed.place), end, make);
    if (!isGpu) return rowBelow(lane.rows, this.#ancestor(placed, lane), end, make);
    // The lane's own track comes first, whatever is drawn first.
    if (lane.rows.length === 0) {
      const own = make();
      if (own === undefined) return undefined;
      lane.rows.push(own);
    }
    return rowByTime(lane.gpuRows, end, make);
  }

  #stack(place: number): Row[] {
    let rows = this.#stacks.get(place);
    if (rows === undefined) this.#stacks.set(place, (rows = []));
    return rows;
  }

  // The nearest span above it that is open in the lane.
  #ancestor(placed: Known, lane: Lane): OpenSlice | undefined {
    let { parent } = placed;
    for (let climbed = 0; climbed < MAX_ANCESTORS && parent !== 0n; climbed++) {
      const open = this.#open.get(parent);
      if (open !== undefined) return open.lane === lane ? open : undefined;
      parent = this.#ended.get(parent)?.parent ?? 0n;
    }
    return undefined;
  }

  #opened(slice: OpenSlice): void {
    slice.row.open.push(slice);
    if (slice.lane !== undefined) slice.lane.open++;
    this.#ends.push(slice);
    if (slice.id !== 0n) this.#open.set(slice.id, slice);
  }

  #endUntil(time: bigint): void {
    for (let slice = this.#ends.peek(); slice !== undefined && slice.end <= time; slice = this.#ends.peek()) {
      this.#ends.pop();
      slice.row.open.pop();
      const end = slice.end;
      this.#writer.endSlice(slice.row.track, Number(BigInt.asUintN(32, end)), Number(end >> 32n));
      this.#forget(slice);
    }
  }

  #forget({ id, lane, row, place, origin, parent }: OpenSlice): void {
    if (lane !== undefined && --lane.open === 0) this.#lanes.get(place)!.release(lane);
    if (id === 0n) return;
    if (this.#open.get(id)?.row === row) this.#open.delete(id);
    this.#ended.set(id, { place, origin, parent });
  }

  #flatten(record: Buffer, place: number, start: bigint, end: bigint): void {
    this.flattened++;
    const track = this.#tracks.group(place, start);
    this.#writer.open(EVENT.instant, track, record.readUInt32LE(RECORD.start), record.readUInt32LE(RECORD.start + 4));
    copyFields(this.#writer, fieldsOf(record));
    const own = this.#record;
    own.begin({ start, end, place, origin: 0, flags: 0 });
    this.#fields.argument('duration_ns', end - start);
    own.endFields();
    copyFields(this.#writer, fieldsOf(own.take()));
    this.#writer.close();
  }

  #write(type: number, row: Row, record: Buffer, flows: readonly Buffer[]): void {
    const writer = this.#writer;
    writer.open(type, row.track, record.readUInt32LE(RECORD.start), record.readUInt32LE(RECORD.start + 4));
    copyFields(writer, fieldsOf(record));
    for (const flow of flows) {
      writer.out.reserve(16);
      writer.flow(flow.readUInt32LE(RECORD.id), flow.readUInt32LE(RECORD.id + 4));
    }
    writer.close();
    eachInstant(record, (low, high, fields) => {
      writer.open(EVENT.instant, row.track, low, high);
      copyFields(writer, fields);
      writer.close();
    });
  }
}
