// SPDX-License-Identifier: Apache-2.0
//
// Describes the tracks of processes, threads, lanes and streams when something is first drawn on them. Called by the sweep.
import { EVENT, type Track, type TraceWriter } from '../../perfetto/trace-writer';
import type { EventFields } from './event-fields';
import type { Places, Process } from './places';
import { fieldsOf, type RecordWriter } from './record';
import type { Lane, Row } from './rows';
import { copyFields } from './copy-fields';

/** Of the whole trace. What would need more is not drawn as slices. */
export const MAX_TRACKS = 100_000;
/** Behind all others of a process. */
const RANK_RESOURCE = 30_000;

export class Tracks {
  readonly #writer: TraceWriter;
  readonly #places: Places;
  readonly #record: RecordWriter;
  readonly #fields: EventFields;
  readonly #processes = new Map<Process, Track>();
  readonly #groups = new Map<number, Track>();
  /** Places whose own track is a row. */
  readonly #used = new Set<number>();
  #count = 0;

  constructor(writer: TraceWriter, places: Places, record: RecordWriter, fields: EventFields) {
    this.#writer = writer;
    this.#places = places;
    this.#record = record;
    this.#fields = fields;
  }

  /** A new row of a lane or, without one, of the place itself; undefined: there are too many. `time`: epoch ns. */
  row(place: number, lane: Lane | undefined, isGpu: boolean, time: bigint): Row | undefined {
    if (this.#count >= MAX_TRACKS) return undefined;
    this.#count++;
    const track = lane === undefined ? this.#stackRow(place, time) : this.#laneRow(place, lane, isGpu, time);
    return { track, open: [] };
  }

  /** The track of the place itself. */
  group(place: number, time: bigint): Track {
    const known = this.#groups.get(place);
    if (known !== undefined) return known;
    const { name, rank, unit } = this.#places.get(place);
    const parent = this.#process(this.#places.processOf(place), time);
    const made = this.#writer.track({ name, parent, rank: rank + 1, ...(unit !== undefined && { unit }) });
    this.#groups.set(place, made);
    return made;
  }

  #stackRow(place: number, time: bigint): Track {
    const group = this.group(place, time);
    const isFirst = !this.#used.has(place);
    this.#used.add(place);
    return isFirst ? group : this.#writer.track({ name: 'overlapping', parent: group });
  }

  #laneRow(place: number, lane: Lane, isGpu: boolean, time: bigint): Track {
    const first = lane.rows[0];
    if (first !== undefined) {
      const name = isGpu ? 'GPU' : 'overlapping';
      return this.#writer.track({ name, parent: first.track, rank: isGpu ? 1 : 0 });
    }
    const parent = this.group(place, time);
    const name = `${this.#places.get(place).kind === 'batches' ? 'batches' : 'requests'} ${lane.index + 1}`;
    return this.#writer.track({ name, parent, rank: lane.index });
  }

  #process(process: Process, time: bigint): Track {
    const known = this.#processes.get(process);
    if (known !== undefined) return known;
    const { label, pid, rank } = process;
    const name = label === undefined ? process.name : `${process.name} ${label}`;
    const track = this.#writer.track({ name, rank, ...(pid !== undefined && { process: { pid } }) });
    this.#processes.set(process, track);
    this.#tellResource(process, track, time);
    return track;
  }

  // What the input says of the process, on a track of its own.
  #tellResource({ attributes }: Process, parent: Track, time: bigint): void {
    if (Object.keys(attributes).length === 0) return;
    const record = this.#record;
    record.begin({ start: time, end: time, place: 0, origin: 0, flags: 0 });
    this.#fields.name('resource');
    this.#fields.arguments(attributes);
    record.endFields();
    const bytes = record.take();
    const track = this.#writer.track({ name: 'resource', parent, rank: RANK_RESOURCE });
    this.#writer.open(EVENT.instant, track, bytes.readUInt32LE(0), bytes.readUInt32LE(4));
    copyFields(this.#writer, fieldsOf(bytes));
    this.#writer.close();
  }
}
