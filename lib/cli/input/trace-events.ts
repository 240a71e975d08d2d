// SPDX-License-Identifier: Apache-2.0
//
// Decodes the packets of a Perfetto trace that slices are made of: tracks, events with their arguments, and the names that
// they refer to by number. Field numbers are those of Perfetto's TracePacket, TrackEvent, TrackDescriptor, InternedData
// and DebugAnnotation. Called by PerfettoTrace for each packet.
import type { AttributeValue } from '../../testing/otlp-json';
import { BadPacket } from './bad-packet';
import { ProtobufFields, WIRE } from './protobuf-fields';

const PACKET = { timestamp: 8, sequence: 10, event: 11, interned: 12, flags: 13, compressed: 50, track: 60 } as const;
const EVENT = {
  annotation: 4,
  type: 9,
  nameId: 10,
  track: 11,
  category: 22,
  categoryId: 3,
  name: 23,
  flow: 47,
} as const;
const TRACK = { uuid: 1, name: 2, process: 3, parent: 5, counter: 8 } as const;
const ANNOTATION = { nameId: 1, bool: 2, uint: 3, int: 4, double: 5, text: 6, name: 10, dict: 11, list: 12 } as const;
const INTERNED: Readonly<Record<number, keyof Names>> = { 1: 'categories', 2: 'events', 3: 'keys' };
const STATE_CLEARED = 1;
const PID = 1;
const MAX_NAME_BYTES = 4096;
const MAX_TEXT_BYTES = 1024 * 1024;
/** Of one sequence and kind. */
const MAX_NAMES = 200_000;
const MAX_DEPTH = 20;
const MAX_FLOWS = 256;

interface Names {
  readonly categories: Map<number, string>;
  readonly events: Map<number, string>;
  readonly keys: Map<number, string>;
}

export interface TraceTrack {
  readonly uuid: bigint;
  readonly name: string;
  readonly parent: bigint | undefined;
  readonly pid: number | undefined;
}

/** TrackEvent.Type. */
export const EVENT_TYPE = { begin: 1, end: 2, instant: 3 } as const;

export interface TraceEvent {
  readonly type: number;
  readonly time: bigint;
  readonly track: bigint;
  readonly name: string;
  readonly category: string;
  readonly args: Readonly<Record<string, AttributeValue>>;
  /** In 16 hex digits, the bytes as they stand. */
  readonly flows: readonly string[];
}

export interface TraceSink {
  readonly track: (track: TraceTrack) => void;
  readonly event: (event: TraceEvent) => void;
}

export class TraceDecoder {
  readonly #sink: TraceSink;
  readonly #sequences = new Map<number, Names>();

  constructor(sink: TraceSink) {
    this.#sink = sink;
  }

  /** @throws BadPacket for what is no packet */
  decode(packet: Buffer): void {
    const fields = new ProtobufFields(packet);
    let [sequence, flags, time] = [0, 0, 0n];
    const parts: { event?: ProtobufFields; track?: ProtobufFields; interned?: ProtobufFields } = {};
    while (fields.next()) {
      if (fields.field === PACKET.timestamp) time = fields.uint64;
      else if (fields.field === PACKET.sequence) sequence = fields.low;
      else if (fields.field === PACKET.flags) flags = fields.low;
      else if (fields.field === PACKET.event) parts.event = fields.message();
      else if (fields.field === PACKET.interned) parts.interned = fields.message();
      else if (fields.field === PACKET.track) parts.track = fields.message();
      else if (fields.field === PACKET.compressed)
        throw new BadPacket('compressed packets, which gpuspan does not write');
    }
    const names = this.#namesOf(sequence, (flags & STATE_CLEARED) !== 0);
    if (parts.interned !== undefined) learn(parts.interned, names);
    if (parts.track !== undefined) this.#sink.track(trackOf(parts.track));
    if (parts.event !== undefined) this.#sink.event(eventOf(parts.event, time, names));
  }

  #namesOf(sequence: number, isCleared: boolean): Names {
    const known = this.#sequences.get(sequence);
    if (known !== undefined && !isCleared) return known;
    const names = { categories: new Map(), events: new Map(), keys: new Map() };
    if (this.#sequences.size >= MAX_NAMES) this.#sequences.clear();
    this.#sequences.set(sequence, names);
    return names;
  }
}

function learn(interned: ProtobufFields, names: Names): void {
  while (interned.next()) {
    const kind = INTERNED[interned.field];
    if (kind === undefined) continue;
    const entry = interned.message();
    let [id, name] = [0, ''];
    while (entry.next()) {
      if (entry.field === 1) id = entry.number;
      else if (entry.field === 2) name = entry.text(MAX_NAME_BYTES);
    }
    if (names[kind].size < MAX_NAMES) names[kind].set(id, name);
  }
}

function trackOf(fields: ProtobufFields): TraceTrack {
  let [uuid, name] = [0n, ''];
  let parent: bigint | undefined;
  let pid: number | undefined;
  while (fields.next()) {
    if (fields.field === TRACK.uuid) uuid = fields.uint64;
    else if (fields.field === TRACK.name) name = fields.text(MAX_NAME_BYTES);
    else if (fields.field === TRACK.parent) parent = fields.uint64;
    else if (fields.field === TRACK.process) {
      const process = fields.message();
      while (process.next()) if (process.field === PID) pid = process.number;
    }
  }
  return { uuid, name, parent, pid };
}

function eventOf(fields: ProtobufFields, time: bigint, names: Names): TraceEvent {
  const args: Record<string, AttributeValue> = Object.create(null) as Record<string, AttributeValue>;
  const flows: string[] = [];
  let [type, track, name, category] = [0, 0n, '', ''];
  while (fields.next()) {
    if (fields.field === EVENT.type) type = fields.low;
    else if (fields.field === EVENT.track) track = fields.uint64;
    else if (fields.field === EVENT.nameId) name = names.events.get(fields.number) ?? '';
    else if (fields.field === EVENT.name) name = fields.text(MAX_NAME_BYTES);
    else if (fields.field === EVENT.categoryId) category ||= names.categories.get(fields.number) ?? '';
    else if (fields.field === EVENT.category) category ||= fields.text(MAX_NAME_BYTES);
    else if (fields.field === EVENT.flow && fields.wireType === WIRE.fixed64) addFlow(flows, fields);
    else if (fields.field === EVENT.annotation) addArgument(fields.message(), names, args);
  }
  return { type, time, track, name, category, args, flows };
}

function addFlow(flows: string[], fields: ProtobufFields): void {
  if (flows.length < MAX_FLOWS) flows.push(fields.bytes.toString('hex', fields.start, fields.end));
}

// The first of two with one name counts: gpuspan writes its own before those of the application.
function addArgument(fields: ProtobufFields, names: Names, args: Record<string, AttributeValue>): void {
  const { name, value } = annotationOf(fields, names, 0);
  if (name !== '' && !(name in args)) args[name] = value;
}

function annotationOf(fields: ProtobufFields, names: Names, depth: number): { name: string; value: AttributeValue } {
  if (depth > MAX_DEPTH) throw new BadPacket(`arguments nested more than ${MAX_DEPTH} deep`);
  let name = '';
  let value: AttributeValue | undefined;
  const list: AttributeValue[] = [];
  const entries: [string, AttributeValue][] = [];
  while (fields.next()) {
    const { field } = fields;
    if (field === ANNOTATION.nameId) name = names.keys.get(fields.number) ?? '';
    else if (field === ANNOTATION.name) name = fields.text(MAX_NAME_BYTES);
    else if (field === ANNOTATION.list) list.push(annotationOf(fields.message(), names, depth + 1).value);
    else if (field === ANNOTATION.dict) {
      const entry = annotationOf(fields.message(), names, depth + 1);
      entries.push([entry.name, entry.value]);
    } else value = scalarOf(fields) ?? value;
  }
  return { name, value: value ?? (entries.length > 0 ? Object.fromEntries(entries) : list) };
}

function scalarOf(fields: ProtobufFields): AttributeValue | undefined {
  switch (fields.field) {
    case ANNOTATION.bool:
      return fields.low !== 0;
    case ANNOTATION.uint:
      return plain(fields.uint64);
    case ANNOTATION.int:
      return fields.high === 0 ? fields.low : plain(fields.int64);
    case ANNOTATION.double:
      return fields.wireType === WIRE.fixed64 ? fields.double : undefined;
    case ANNOTATION.text:
      return fields.wireType === WIRE.bytes ? fields.text(MAX_TEXT_BYTES) : undefined;
    default:
      return undefined;
  }
}

function plain(value: bigint): number | bigint {
  const number = Number(value);
  return Number.isSafeInteger(number) ? number : value;
}
