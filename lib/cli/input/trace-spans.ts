// SPDX-License-Identifier: Apache-2.0
//
// Makes spans again of the events of a Perfetto trace that gpuspan wrote: each begin on a track is closed by the next end
// there, in the order of the file, and instants between them are the slice's events. Traces of `gpuspan convert` name
// spans and traces with each slice; those of a running process (GPUSPAN_FILE) do so with requests and workers alone, see
// NestedSpans. Bounded. Called by PerfettoTrace.
import type { Attributes, AttributeValue, ReceivedSpan } from '../../testing/otlp-json';
import { NestedSpans } from './nested-spans';
import { LEFT_OUT, OpenSlices } from './open-slices';
import { EVENT_TYPE, type TraceEvent, type TraceTrack } from './trace-events';
import { isHex, type SliceTrack, type SpanSource, type TraceSlice } from './trace-slice';

/** What happens on further tracks is left out. */
export const MAX_TRACKS = 200_000;
const MAX_EVENTS = 1000;
const MAX_CLIMB = 32;
const KINDS: Readonly<Record<string, number>> = { server: 2, client: 3, producer: 4, consumer: 5 };
const RESOURCE = 'resource';
/** Arguments that are no attributes of the span. */
const OWN = new Set(['trace_id', 'span_id', 'parent_span_id', 'span.kind', 'error', 'links', 'gpuspan.drawn_early_ns']);

export interface TraceSpanSink {
  readonly span: (span: ReceivedSpan) => void;
  /** An end without a begin, or a begin at no time. */
  readonly badSpan: () => void;
  /** Too many slices are open for one more. */
  readonly leftOut: () => void;
  /** An event on a track beyond MAX_TRACKS. */
  readonly beyondTracks: () => void;
}

interface Begun {
  readonly event: TraceEvent;
  readonly events: ReceivedSpan['events'][number][];
}

export class TraceSpans {
  readonly #sink: TraceSpanSink;
  readonly #tracks = new Map<bigint, SliceTrack>();
  /** By the track that is above all others of a process. */
  readonly #resources = new Map<SliceTrack, Attributes>();
  readonly #nested: NestedSpans;
  readonly #open = new OpenSlices<SliceTrack, Begun>();

  constructor(sink: TraceSpanSink) {
    this.#sink = sink;
    this.#nested = new NestedSpans((slice, track, source) => this.#emit(slice, track, source));
  }

  track({ uuid, name, parent, pid }: TraceTrack): void {
    // A trace describes its tracks again after a gap.
    if (this.#tracks.has(uuid) || this.#tracks.size >= MAX_TRACKS) return;
    const above = parent === undefined ? undefined : this.#tracks.get(parent);
    this.#tracks.set(uuid, { uuid, name, parent: above, pid });
  }

  event(event: TraceEvent): void {
    const track = this.#trackOf(event.track);
    if (track === undefined) this.#sink.beyondTracks();
    else if (event.type === EVENT_TYPE.begin) this.#begin(event, track);
    else if (event.type === EVENT_TYPE.end) this.#end(event.time, track);
    else if (event.type === EVENT_TYPE.instant) this.#instant(event, track);
  }

  /** Gives what still waits for the request that it belongs to; returns how many slices never ended. */
  finish(): number {
    this.#nested.finish();
    return this.#open.count;
  }

  #trackOf(uuid: bigint): SliceTrack | undefined {
    const known = this.#tracks.get(uuid);
    if (known !== undefined || this.#tracks.size >= MAX_TRACKS) return known;
    const made: SliceTrack = { uuid, name: '', parent: undefined, pid: undefined };
    this.#tracks.set(uuid, made);
    return made;
  }

  #begin(event: TraceEvent, track: SliceTrack): void {
    if (event.time >= 2n ** 63n) {
      this.#open.leaveOut(track);
      this.#sink.badSpan();
    } else if (!this.#open.begin(track, { event, events: [] })) this.#sink.leftOut();
  }

  #end(time: bigint, track: SliceTrack): void {
    const begun = this.#open.end(track);
    if (begun === undefined) this.#sink.badSpan();
    if (begun === undefined || begun === LEFT_OUT) return;
    const { event, events } = begun;
    const { name, category, args, flows } = event;
    const early = args['gpuspan.drawn_early_ns'];
    const start = event.time + (typeof early === 'number' && early > 0 && early < 1e6 ? BigInt(early) : 0n);
    const slice = { name, category, start, end: time < start ? start : time, args, flows, events };
    const [traceId, spanId] = [args['trace_id'], args['span_id']];
    if (isHex(traceId, 32) && isHex(spanId, 16)) this.#emit(slice, track, named(slice, traceId, spanId));
    else this.#nested.add(slice, event.time, track);
  }

  #instant({ name, time, args }: TraceEvent, track: SliceTrack): void {
    const top = this.#open.top(track);
    if (top !== undefined) {
      if (top.events.length < MAX_EVENTS) top.events.push({ name, timeUnixNano: time, attributes: { ...args } });
    } else if (name === RESOURCE && track.name === RESOURCE && track.parent !== undefined) {
      this.#resources.set(rootOf(track), { ...args });
    }
  }

  #emit(slice: TraceSlice, track: SliceTrack, source: SpanSource): void {
    const { args } = slice;
    const attributes: Record<string, AttributeValue> = {};
    for (const key of Object.keys(args)) if (!OWN.has(key)) define(attributes, key, args[key]!);
    for (const key of Object.keys(source.more)) define(attributes, key, source.more[key]!);
    const { error } = args;
    this.#sink.span({
      traceId: source.traceId,
      spanId: source.spanId,
      parentSpanId: source.parentSpanId,
      traceState: '',
      name: slice.name,
      kind: KINDS[String(args['span.kind'])] ?? 1,
      startTimeUnixNano: slice.start,
      endTimeUnixNano: slice.end,
      attributes,
      links: source.links,
      events: slice.events,
      status: typeof error === 'string' ? { code: 2, message: error } : { code: 0, message: '' },
      resource: this.#resourceOf(track),
      scope: { name: source.scope, version: '' },
      flags: 0,
    });
  }

  // One object for all slices of a process. What does not say its resource has the group's name for its service.
  #resourceOf(track: SliceTrack): Attributes {
    const root = rootOf(track);
    const known = this.#resources.get(root);
    if (known !== undefined) return known;
    const made = { 'service.name': root.name, ...(root.pid !== undefined && { 'process.pid': root.pid }) };
    this.#resources.set(root, made);
    return made;
  }
}

function named({ args, category }: TraceSlice, traceId: string, spanId: string): SpanSource {
  const parent = args['parent_span_id'];
  const links = Array.isArray(args['links']) ? args['links'] : [];
  return {
    traceId,
    spanId,
    parentSpanId: isHex(parent, 16) ? parent : '',
    links: links.flatMap((link) => linkOf(link, traceId)),
    scope: category,
    more: {},
  };
}

function linkOf(link: AttributeValue, ownTrace: string): ReceivedSpan['links'] {
  if (typeof link !== 'string') return [];
  const [first, second] = link.split('/') as [string, string | undefined];
  const [traceId, spanId] = second === undefined ? [ownTrace, first] : [first, second];
  return [{ traceId, spanId, attributes: {} }];
}

function rootOf(track: SliceTrack): SliceTrack {
  let at = track;
  for (let climbed = 0; climbed < MAX_CLIMB && at.parent !== undefined; climbed++) at = at.parent;
  return at;
}

// A plain assignment of `__proto__` would change what the object inherits.
function define(attributes: Record<string, AttributeValue>, key: string, value: AttributeValue): void {
  if (key === '__proto__') Object.defineProperty(attributes, key, { value, enumerable: true });
  else attributes[key] = value;
}
