// SPDX-License-Identifier: Apache-2.0
//
// What a viewer makes of a trace's packets, slowly and by the rules of Perfetto's documentation: events are sorted by
// time, those of one time in the order of the file; on each track an end closes the slice that was begun last. Throws
// where a trace breaks a rule.

import { isDeepStrictEqual } from 'node:util';

import { type Annotation, decodePackets, type Packet } from './schema';

export interface Instant {
  readonly name: string;
  readonly time: bigint;
  /** Each name's values: it may be given more than once. */
  readonly args: Readonly<Record<string, readonly unknown[]>>;
}

export interface Slice {
  readonly name: string;
  readonly category: string | undefined;
  readonly track: string;
  readonly start: bigint;
  readonly flows: readonly bigint[];
  /** Each name's values: it may be given more than once. */
  readonly args: Readonly<Record<string, readonly unknown[]>>;
  readonly parent: Slice | undefined;
  readonly instants: Instant[];
  end: bigint;
}

export interface TrackInfo {
  readonly uuid: string;
  readonly name: string;
  readonly parent: string | undefined;
  readonly unit: string | undefined;
  readonly pid: number | undefined;
}

export interface View {
  /** In the order in which the file begins them. */
  readonly slices: readonly Slice[];
  /** Instants outside of all slices. */
  readonly loose: readonly Instant[];
  readonly tracks: ReadonlyMap<string, TrackInfo>;
  readonly counters: readonly { readonly track: string; readonly time: bigint; readonly value: number }[];
  readonly snapshots: readonly NonNullable<Packet['clock_snapshot']>[];
}

const CLEARED = 1;
const NEEDS_STATE = 2;
const REALTIME = 1;

class Sequence {
  readonly events = new Map<string, string>();
  readonly categories = new Map<string, string>();
  readonly keys = new Map<string, string>();
  readonly described = new Set<string>();
  clock = 0;
}

interface Event {
  readonly time: bigint;
  readonly event: NonNullable<Packet['track_event']>;
  readonly sequence: Sequence;
}

export function view(bytes: Uint8Array): View {
  const sequences = new Map<number, Sequence>();
  const tracks = new Map<string, TrackInfo>();
  const snapshots: NonNullable<Packet['clock_snapshot']>[] = [];
  const events: Event[] = [];
  for (const packet of decodePackets(bytes)) {
    const sequence = sequenceOf(packet, sequences);
    if (packet.clock_snapshot !== undefined) snapshots.push(packet.clock_snapshot);
    if (packet.track_descriptor !== undefined) describe(packet.track_descriptor, sequence, tracks);
    if (packet.track_event === undefined) continue;
    if (sequence.clock !== REALTIME) throw new Error('an event before its sequence says what clock it uses');
    if (!sequence.described.has(packet.track_event.track_uuid))
      throw new Error('an event on a track that was not described before');
    events.push({ time: BigInt(packet.timestamp!), event: packet.track_event, sequence });
  }
  return { tracks, snapshots, ...play(events) };
}

function sequenceOf(packet: Packet, sequences: Map<number, Sequence>): Sequence {
  const id = packet.trusted_packet_sequence_id;
  if (id === undefined || id === 0) throw new Error('a packet of no sequence');
  const flags = packet.sequence_flags ?? 0;
  if ((flags & CLEARED) !== 0) sequences.set(id, new Sequence());
  const sequence = sequences.get(id);
  if (sequence === undefined) throw new Error('a sequence that does not begin by clearing its state');
  if ((flags & (CLEARED | NEEDS_STATE)) === 0) throw new Error('a packet that does not say that it needs state');
  sequence.clock = packet.trace_packet_defaults?.timestamp_clock_id ?? sequence.clock;
  const data = packet.interned_data ?? {};
  for (const { iid, name } of data.event_names ?? []) learn(sequence.events, iid, name);
  for (const { iid, name } of data.event_categories ?? []) learn(sequence.categories, iid, name);
  for (const { iid, name } of data.debug_annotation_names ?? []) learn(sequence.keys, iid, name);
  return sequence;
}

function learn(names: Map<string, string>, iid: string, name: string): void {
  if (names.has(iid)) throw new Error(`number ${iid} stands for two names`);
  names.set(iid, name);
}

// Again only where the sequence has begun again, and then the same.
function describe(
  descriptor: NonNullable<Packet['track_descriptor']>,
  sequence: Sequence,
  tracks: Map<string, TrackInfo>,
): void {
  const { uuid, name, parent_uuid: parent } = descriptor;
  const info = { uuid, name, parent, unit: descriptor.counter?.unit_name, pid: descriptor.process?.pid };
  if (sequence.described.has(uuid)) throw new Error(`track ${uuid} is described twice`);
  if (tracks.has(uuid) && !isDeepStrictEqual(tracks.get(uuid), info)) throw new Error(`track ${uuid} stands for two`);
  if (parent !== undefined && !sequence.described.has(parent))
    throw new Error(`track ${uuid} lies below one not described`);
  sequence.described.add(uuid);
  tracks.set(uuid, info);
}

function play(events: readonly Event[]): Pick<View, 'slices' | 'loose' | 'counters'> {
  const open = new Map<string, Slice[]>();
  const begun = new Map<Event, Slice>();
  const loose: Instant[] = [];
  const counters: { track: string; time: bigint; value: number }[] = [];
  const sorted = events.map((event, index) => ({ event, index }));
  sorted.sort((a, b) => (a.event.time < b.event.time ? -1 : a.event.time > b.event.time ? 1 : a.index - b.index));
  for (const { event: one } of sorted) {
    const { event, time, sequence } = one;
    const track = event.track_uuid;
    const stack = open.get(track) ?? [];
    open.set(track, stack);
    const top = stack[stack.length - 1];
    if (event.type === 1) {
      const slice = beginSlice(one, top);
      begun.set(one, slice);
      stack.push(slice);
    } else if (event.type === 2) {
      if (top === undefined) throw new Error('an end without a begin');
      top.end = time;
      stack.pop();
    } else if (event.type === 3) {
      const instant = { name: nameOf(one), time, args: argsOf(event.debug_annotations, sequence) };
      if (top === undefined) loose.push(instant);
      else top.instants.push(instant);
    } else {
      const value = event.double_counter_value ?? Number(event.counter_value);
      counters.push({ track, time, value });
    }
  }
  for (const stack of open.values()) if (stack.length > 0) throw new Error('a slice that never ends');
  return { slices: events.flatMap((event) => begun.get(event) ?? []), loose, counters };
}

function beginSlice(one: Event, parent: Slice | undefined): Slice {
  const { event, time, sequence } = one;
  const category = event.category_iids?.map((iid) => sequence.categories.get(iid)).join();
  const args = argsOf(event.debug_annotations, sequence);
  const flows = (event.flow_ids ?? []).map(BigInt);
  return {
    name: nameOf(one),
    category,
    track: event.track_uuid,
    start: time,
    end: -1n,
    flows,
    args,
    parent,
    instants: [],
  };
}

function nameOf({ event, sequence }: Event): string {
  const name = event.name ?? sequence.events.get(event.name_iid ?? '');
  if (name === undefined) throw new Error('an event without a name');
  return name;
}

function argsOf(annotations: readonly Annotation[] | undefined, sequence: Sequence): Record<string, unknown[]> {
  const args: Record<string, unknown[]> = {};
  for (const annotation of annotations ?? []) {
    const name = annotation.name ?? sequence.keys.get(annotation.name_iid ?? '');
    if (name === undefined) throw new Error('an argument without a name');
    (args[name] ??= []).push(plainValueOf(annotation));
  }
  return args;
}

function plainValueOf(annotation: Annotation): unknown {
  if (annotation.int_value !== undefined) return toNumber(BigInt(annotation.int_value));
  if (annotation.array_values !== undefined) return annotation.array_values.map(plainValueOf);
  return annotation.bool_value ?? annotation.double_value ?? annotation.string_value ?? [];
}

// As attributes have them: what a double cannot hold is decimal text.
function toNumber(value: bigint): number | string {
  const number = Number(value);
  return Number.isSafeInteger(number) ? number : String(value);
}
