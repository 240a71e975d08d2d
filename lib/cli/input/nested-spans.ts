// SPDX-License-Identifier: Apache-2.0
//
// Spans of a trace that a process wrote as it ran. There, only a request's root, its workers and batches say what trace
// they are; their slices come before them, on the same lane: that track or one below it. So slices wait until the one that
// they belong to comes. GPU slices lie on their streams; the flow from their launch tells whose they are. Bounded: what
// waits for too long is given without a trace. Called by TraceSpans for each slice.
import type { Attributes } from '../../testing/otlp-json';
import { BATCH_MEMBERS } from '../model/classify';
import { isHex, type SliceTrack, type SpanSource, type TraceSlice } from './trace-slice';

/** Slices that wait. */
const MAX_WAITING = 200_000;
/** Spans whose GPU slices may still come. */
const MAX_LAUNCHERS = 65_536;
/** What the writer's launch flows differ by from span ids, as bytes of the upper half. */
const LAUNCH_FLOW = 0x3155_5047;
/** What the writer calls a track for slices that do not nest on the lane's own. */
const OVERLAPPING = 'overlapping';
const STREAM_NAME = /^GPU (\d+) stream (\d+)/;
const BATCH_SIZE = 'gpuspan.batch.size';

interface Waiting {
  readonly slice: TraceSlice;
  readonly id: string;
  /** As drawn. */
  readonly start: bigint;
  parent: string;
}

interface Line {
  readonly track: SliceTrack;
  readonly lane: Line[];
  /** Children before parents. */
  nodes: Waiting[];
  /** Those that lie side by side. */
  tops: Waiting[];
}

interface Owner {
  readonly traceId: string;
  /** Of a batch. */
  readonly members: number | undefined;
}

const NOBODY: Owner = { traceId: '', members: undefined };

export type EmitSlice = (slice: TraceSlice, track: SliceTrack, source: SpanSource) => void;

export class NestedSpans {
  readonly #emit: EmitSlice;
  readonly #lines = new Map<SliceTrack, Line>();
  /** The lines of a lane, by its own track. */
  readonly #lanes = new Map<SliceTrack, Line[]>();
  /** GPU slices whose launch was not given yet, by its id. */
  readonly #launched = new Map<string, { readonly slice: TraceSlice; readonly track: SliceTrack }[]>();
  #launchers = new Map<string, Owner>();
  #olderLaunchers = new Map<string, Owner>();
  #waiting = 0;
  #made = 0;

  constructor(emit: EmitSlice) {
    this.#emit = emit;
  }

  /** `drawn`: where it begins in the trace, which may be earlier than the slice does. */
  add(slice: TraceSlice, drawn: bigint, track: SliceTrack): void {
    if ('gpu.time.source' in slice.args) {
      this.#addGpu(slice, track);
      return;
    }
    const line = this.#lineOf(track);
    const node = { slice, id: unsalted(slice.flows[0]) ?? this.#newId(), start: drawn, parent: '' };
    adopt(line, node);
    const owner = ownerOf(node);
    if (owner === undefined) this.#wait(line, node);
    else this.#own(line, node, owner);
  }

  /** Gives what waits for nothing that could come any more. */
  finish(): void {
    this.#giveUpAll();
  }

  #lineOf(track: SliceTrack): Line {
    const known = this.#lines.get(track);
    if (known !== undefined) return known;
    const own = track.name === OVERLAPPING && track.parent !== undefined ? track.parent : track;
    const lane = this.#lanes.get(own) ?? [];
    const line: Line = { track, lane, nodes: [], tops: [] };
    lane.push(line);
    this.#lanes.set(own, lane);
    this.#lines.set(track, line);
    return line;
  }

  #wait(line: Line, node: Waiting): void {
    line.nodes.push(node);
    line.tops.push(node);
    this.#waiting++;
    if (this.#waiting > MAX_WAITING) this.#giveUpAll();
  }

  // A lane is one request's until its worker leaves, so all that waits there is its, though it may have begun before.
  #own({ track, lane }: Line, { slice, id }: Waiting, owner: Owner): void {
    for (const line of lane) this.#giveAll(line, id, owner);
    const parent = slice.args['parent_span_id'];
    this.#give(slice, track, id, isHex(parent, 16) ? parent : '', owner);
  }

  #giveAll(line: Line, parent: string, owner: Owner): void {
    const { nodes, track } = line;
    line.nodes = [];
    line.tops = [];
    this.#waiting -= nodes.length;
    for (const { slice, id, parent: own } of nodes) this.#give(slice, track, id, own || parent, owner);
  }

  // GPU slices too, or each slice that follows would find the limit reached and visit every line again.
  #giveUpAll(): void {
    for (const line of this.#lines.values()) this.#giveAll(line, '', NOBODY);
    this.#lines.clear();
    this.#lanes.clear();
    this.#giveUpLaunched();
  }

  #addGpu(slice: TraceSlice, track: SliceTrack): void {
    const launch = unsalted(slice.flows[0]) ?? '';
    const owner = this.#launchers.get(launch) ?? this.#olderLaunchers.get(launch);
    if (owner !== undefined) {
      this.#give(slice, track, this.#newId(), launch, owner);
      return;
    }
    const list = this.#launched.get(launch) ?? [];
    list.push({ slice, track });
    this.#launched.set(launch, list);
    this.#waiting++;
    if (this.#waiting > MAX_WAITING) this.#giveUpLaunched();
  }

  #giveUpLaunched(): void {
    for (const [launch, list] of this.#launched) {
      for (const { slice, track } of list) this.#give(slice, track, this.#newId(), launch, NOBODY);
      this.#waiting -= list.length;
    }
    this.#launched.clear();
  }

  #give(slice: TraceSlice, track: SliceTrack, id: string, parent: string, owner: Owner): void {
    const { traceId, members } = owner;
    const isBatch = BATCH_SIZE in slice.args;
    const more: Attributes = {
      ...placeOn(track),
      ...(members !== undefined && !isBatch && { [BATCH_MEMBERS]: members }),
    };
    const links = slice.flows.slice(2).map((spanId) => ({ traceId, spanId, attributes: {} }));
    this.#emit(slice, track, { traceId, spanId: id, parentSpanId: parent, links, scope: 'gpuspan', more });
    if ('gpu.time.source' in slice.args || traceId === '') return;
    this.#launchers.set(id, owner);
    if (this.#launchers.size >= MAX_LAUNCHERS) {
      this.#olderLaunchers = this.#launchers;
      this.#launchers = new Map();
    }
    const launched = this.#launched.get(id);
    if (launched === undefined) return;
    this.#launched.delete(id);
    this.#waiting -= launched.length;
    for (const one of launched) this.#give(one.slice, one.track, this.#newId(), id, owner);
  }

  #newId(): string {
    return (++this.#made).toString(16).padStart(16, 'f');
  }
}

// Those at the end of the line that lie inside it are its children.
function adopt({ tops }: Line, node: Waiting): void {
  for (let top = tops[tops.length - 1]; top !== undefined && top.start >= node.start; top = tops[tops.length - 1]) {
    top.parent ||= node.id;
    tops.pop();
  }
}

function ownerOf({ slice, id }: Waiting): Owner | undefined {
  const { args } = slice;
  const traceId = args['trace_id'];
  if (isHex(traceId, 32)) return { traceId, members: undefined };
  const size = args[BATCH_SIZE];
  // A batch has a trace of its own.
  return typeof size === 'number' ? { traceId: id + id, members: size } : undefined;
}

function placeOn({ name, parent }: SliceTrack): Attributes {
  const found = STREAM_NAME.exec(name) ?? STREAM_NAME.exec(parent?.name ?? '');
  return found === null ? {} : { 'gpu.device': Number(found[1]), 'gpu.stream': Number(found[2]) };
}

/** The id of the span that launches with this flow. */
function unsalted(flow: string | undefined): string | undefined {
  if (flow === undefined) return undefined;
  const upper = (Number.parseInt(flow.slice(8), 16) ^ LAUNCH_FLOW) >>> 0;
  return flow.slice(0, 8) + upper.toString(16).padStart(8, '0');
}
