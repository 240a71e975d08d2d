// SPDX-License-Identifier: Apache-2.0
//
// Turns the ring reader's current record into packets of a Perfetto trace, without objects between for slices that have
// only attributes. Bounded: what is kept are tracks and what lies on them, never slices. Made by pipeline.ts; on the
// thread that reads.

import { FLAG, KIND, LOSS_NAMES, SLOT_WORD } from '../segment/layout';
import type { LaneCursor } from '../segment/lane';
import { Payload } from '../segment/payload';
import { WORD } from '../segment/position';
import { isOwner, type RingReader } from '../segment/ring-reader';
import type { Snapshot } from '../segment/snapshots';
import type { BatchMembers } from '../spans/batch-members';
import type { RecordClock } from '../spans/record-clock';
import type { RecordAssembler, RecordParts } from '../spans/record-pipeline';
import { WorkerDescriptions } from '../spans/worker-attributes';
import { toWords } from '../timeline/scale';
import { ArgumentWriter } from './arguments';
import { GpuArguments } from './gpu-arguments';
import type { TraceIdentity } from './identity';
import type { InternedName } from './interned-names';
import type { NestedTrack } from './nested-track';
import { RecordArguments } from './record-arguments';
import { SegmentNames } from './segment-names';
import { keyOfTrace, StayStarts } from './stay-starts';
import { EVENT, type Track, TraceWriter } from './trace-writer';
import { type WorkerTracks, ProcessTracks } from './workers';

export interface TraceOptions {
  readonly identity: TraceIdentity;
  /** Name of the process's group, such as `service DecodeWorker tp0`. */
  readonly processName: string;
  readonly pid: number;
  /** Of the Resource: an instant on a track of the process's says them. */
  readonly resource?: Readonly<Record<string, unknown>>;
}

/** Told apart from the flows between first-level slices, which have the earlier slice's id. */
const LAUNCH_FLOW = 0x4750_5531;
const SECOND_NANOS = 1_000_000_000n;
const SNAPSHOT_INTERVAL_NANOS = SECOND_NANOS;
/** Where the track with the resource lies in its process: last. */
const RESOURCE_RANK = 30_000;
const STATUS_ERROR = 2;

export class TraceAssembler implements RecordAssembler<Buffer> {
  private readonly ring: RingReader;
  private readonly clock: RecordClock;
  private readonly members: BatchMembers;
  private readonly writer: TraceWriter;
  private readonly names: SegmentNames;
  private readonly values: ArgumentWriter;
  private readonly recorded: RecordArguments;
  private readonly gpu: GpuArguments;
  private readonly payload: Payload;
  private readonly process: Track;
  private readonly tracks: ProcessTracks;
  private readonly stays: StayStarts;
  private readonly workers: WorkerDescriptions;
  private readonly start = new Uint32Array(2);
  private readonly end = new Uint32Array(2);
  private readonly moment = new Uint32Array(2);
  /** From where times are counted, so that doubles hold them: a whole second, as u32 halves. */
  private originLow = 0;
  private originHigh: number | undefined;
  private snapshot: Snapshot | undefined;
  private writtenSnapshot: Snapshot | undefined;
  private snapshotIsDue = false;
  private resourceTrack: Track | undefined;
  private resourceIsDue: boolean;
  /** By how many ns the open slice is drawn too early. */
  private shift = 0;

  constructor(
    { ring, clock, dictionary, members, owners }: RecordParts,
    private readonly options: TraceOptions,
  ) {
    this.ring = ring;
    this.clock = clock;
    this.members = members;
    this.writer = new TraceWriter(options.identity);
    this.names = new SegmentNames(dictionary, this.writer.names);
    this.values = new ArgumentWriter(this.writer.out);
    this.recorded = new RecordArguments(ring, this.names, this.values);
    this.gpu = new GpuArguments(ring, clock, this.names, this.values);
    this.payload = new Payload(ring, dictionary);
    this.process = this.writer.track({ name: options.processName, process: { pid: options.pid } });
    this.resourceIsDue = options.resource !== undefined;
    this.workers = new WorkerDescriptions(dictionary);
    const tell = (track: Track, time: number, value: number): void => this.tellCounter(track, time, value);
    this.stays = new StayStarts(ring, owners, (low, high) => this.timeOf(low, high));
    this.tracks = new ProcessTracks(this.writer, this.process, dictionary, tell, (lane, key) =>
      this.stays.find(lane, key),
    );
  }

  assemble(lane: LaneCursor): number {
    const { kind } = this.ring;
    if (this.snapshotIsDue) this.writeSnapshot();
    this.clock.useOwnTrace();
    this.clock.putTimes(this.start, this.end);
    if (this.originHigh === undefined) this.setOrigin();
    if (this.resourceIsDue) this.tellResource();
    if (kind === KIND.gpuSlice || kind === KIND.batchGpuSlice) return this.gpuSlice() ? 1 : 0;
    const worker = this.tracks.worker(lane);
    if (kind === KIND.hostSlice) this.hostSlice(worker);
    else if (kind === KIND.batchSlice) this.batchSlice(worker);
    else this.owner(worker, lane);
    return 1;
  }

  take(): Buffer {
    this.stays.forget();
    return this.writer.lend();
  }

  /** At most one a second goes into the trace, and none while nothing is recorded. */
  noteSnapshot(snapshot: Snapshot): void {
    const { writtenSnapshot: last } = this;
    this.snapshot = snapshot;
    this.snapshotIsDue = last === undefined || snapshot.monotonic - last.monotonic >= SNAPSHOT_INTERVAL_NANOS;
  }

  /** Writes what the counters have not told yet, as it stands; what comes later is told as before. */
  finish(): void {
    this.tracks.finish();
  }

  /** What was taken did not reach the file: what comes from now on explains itself. */
  restart(): void {
    this.writer.restart();
    this.resourceIsDue = this.options.resource !== undefined;
    this.snapshotIsDue = this.snapshot !== undefined;
    this.writtenSnapshot = undefined; // it may be among what is lost
  }

  private writeSnapshot(): void {
    const { realtime, monotonic, boottimeOffset } = this.snapshot!;
    this.writtenSnapshot = this.snapshot;
    this.snapshotIsDue = false;
    this.writer.clockSnapshot({ realtime, monotonic, boottime: monotonic + boottimeOffset });
  }

  private tellResource(): void {
    this.resourceIsDue = false;
    this.resourceTrack ??= this.writer.track({ name: 'resource', parent: this.process, rank: RESOURCE_RANK });
    this.instant(this.resourceTrack, this.start, this.writer.names.event('resource'), this.options.resource ?? {});
  }

  private hostSlice(worker: WorkerTracks): void {
    const { requests, inFlight } = worker;
    const start = this.time(this.start);
    const present = requests.present;
    const track = requests.find(this.traceKey(), start);
    if (requests.present !== present) inFlight.set(start, requests.present);
    const begun = this.begin(track);
    const { name, category } = this.names.stage(this.ring.stage);
    this.writer.name(name);
    this.writer.name(category);
    this.ownFlows();
    if ((this.ring.flags & FLAG.firstLevel) !== 0) this.previousFlow();
    this.finishSlice(begun);
  }

  private batchSlice(worker: WorkerTracks): void {
    const start = this.time(this.start);
    const track = worker.batches.find(this.traceKey(), start);
    const begun = this.begin(track);
    const { name, category } = this.names.stage(this.ring.stage);
    this.writer.name(name);
    this.writer.name(category);
    this.ownFlows();
    this.finishSlice(begun);
    const entry = this.members.findOwn();
    if (entry !== undefined) worker.batchSize.set(start, entry.size);
  }

  private gpuSlice(): boolean {
    const at = this.recorded.findGpu();
    if (at === 0) return false;
    this.gpu.read(at);
    const { device, stream } = this.gpu;
    const start = this.time(this.start);
    this.tracks.busy(device).add(start, this.time(this.end));
    const begun = this.begin(this.tracks.stream(device, stream, this.gpu.isSimulated));
    const { name, category } = this.names.stage(this.ring.stage);
    this.writer.name(name);
    this.writer.name(category);
    const parent = this.ring.base + SLOT_WORD.parentSpanId;
    this.launchFlow(this.ring.words[parent]!, this.ring.words[parent + 1]!);
    this.gpu.write(at, this.start);
    this.finishSlice(begun);
    return true;
  }

  private owner(worker: WorkerTracks, lane: LaneCursor): void {
    const { kind } = this.ring;
    const key = this.traceKey();
    const start = this.time(this.start);
    const lanes = kind === KIND.batch ? worker.batches : worker.requests;
    const track = kind === KIND.root ? lanes.findEnded(key, start) : lanes.findOwn(key, start);
    const begun = this.begin(track);
    this.payload.decode();
    if (kind === KIND.root) this.writer.ownName(this.payload.name ?? 'request');
    else this.writer.name(this.writer.names.event(kind === KIND.batch ? 'batch' : worker.name));
    this.ownFlows();
    if (kind === KIND.batch) this.batchArguments();
    else this.requestArguments();
    if (kind === KIND.worker) this.workerArguments(worker, lane);
    this.finishSlice(begun);
    lanes.leave(key);
    this.count(worker, lanes.present);
  }

  private count(worker: WorkerTracks, present: number): void {
    const end = this.time(this.end);
    if (this.ring.kind === KIND.batch) {
      if (present === 0) worker.batchSize.set(end, 0);
      return;
    }
    worker.inFlight.set(end, present);
    let lost = 0;
    for (const { count } of this.payload.losses ?? []) lost += count;
    if (lost > 0) worker.lost.set(end, lost);
  }

  private batchArguments(): void {
    const entry = this.members.findOwn();
    if (entry !== undefined) this.values.number(this.names.own('gpuspan.batch.size'), entry.size);
    if ((this.ring.flags & FLAG.expired) !== 0) this.values.bool(this.names.own('gpuspan.expired'), true);
  }

  private requestArguments(): void {
    const { words, base, bytes, flags } = this.ring;
    const trace = (base + SLOT_WORD.traceId) * 4;
    this.values.text(this.names.own('trace_id'), bytes.toString('hex', trace, trace + 16));
    const parent = (base + SLOT_WORD.parentSpanId) * 4;
    if ((words[base + SLOT_WORD.parentSpanId]! | words[base + SLOT_WORD.parentSpanId + 1]!) !== 0) {
      this.values.text(this.names.own('parent_span_id'), bytes.toString('hex', parent, parent + 8));
    }
    this.values.number(this.names.own('gpuspan.request.level'), (words[base + SLOT_WORD.tail]! >>> 16) & 0xff);
    if ((flags & FLAG.expired) !== 0) this.values.bool(this.names.own('gpuspan.expired'), true);
  }

  private workerArguments(worker: WorkerTracks, lane: LaneCursor): void {
    const attributes = this.workers.of(lane).attributes;
    this.values.text(this.names.own('gpuspan.worker.label'), worker.name);
    for (const key of Object.keys(attributes)) {
      if (key !== 'gpuspan.worker.label') this.values.value(this.names.own(key), attributes[key]);
    }
  }

  // The slice's begin, up to its name.
  private begin(nested: NestedTrack): Track {
    nested.place(this.time(this.start), this.time(this.end));
    const { track, shift } = nested;
    const { start } = this;
    this.shift = shift;
    if (shift === 0) this.writer.open(EVENT.begin, track, start[0]!, start[1]!);
    else {
      const low = start[0]! - shift;
      this.writer.open(EVENT.begin, track, low >>> 0, low < 0 ? start[1]! - 1 : start[1]!);
    }
    return track;
  }

  // Attributes and notes, events, and the slice's end.
  private finishSlice(track: Track): void {
    const { recorded, writer, end } = this;
    recorded.write();
    if (this.shift !== 0) this.values.number(this.names.own('gpuspan.drawn_early_ns'), this.shift);
    const isNoted = recorded.hasMore || recorded.broken || (this.ring.flags & NOTED) !== 0;
    if (isNoted) this.noteMore();
    writer.close();
    if (recorded.hasMore) this.instants(track);
    if (isOwner(this.ring.kind)) this.clockInstants(track);
    writer.endSlice(track, end[0]!, end[1]!);
  }

  private noteMore(): void {
    const { values, names, payload, recorded } = this;
    const { flags } = this.ring;
    payload.decode();
    if ((flags & FLAG.unfinished) !== 0) values.bool(names.own('gpuspan.unfinished'), true);
    if ((flags & FLAG.truncated) !== 0) values.bool(names.own('gpuspan.truncated'), true);
    if ((flags & FLAG.dropped) !== 0 || recorded.broken) values.bool(names.own('gpuspan.dropped_attributes'), true);
    for (const { reason, count } of payload.losses ?? []) {
      const name = LOSS_NAMES[reason];
      if (name !== undefined && count > 0) values.number(names.own(`gpuspan.lost.${name}`), count);
    }
    this.status();
  }

  private status(): void {
    const { status, exception } = this.payload;
    const isError = status === undefined ? exception !== undefined : status.code === STATUS_ERROR;
    if (isError) this.values.text(this.names.own('error'), status?.message ?? exception?.message ?? '');
  }

  private instants(track: Track): void {
    const { payload, moment, end } = this;
    for (const { name, low, high, monotonic, attributes } of payload.events ?? []) {
      this.clock.putWords(low, high, monotonic, moment);
      this.instant(track, moment, this.writer.names.event(name), attributes);
    }
    const { exception } = payload;
    if (exception === undefined) return;
    const attributes = { 'exception.type': exception.type, 'exception.message': exception.message };
    this.instant(track, end, this.writer.names.event('exception'), attributes);
  }

  // Steps of the clock and suspends, on owners only: they say it once a request and worker.
  private clockInstants(track: Track): void {
    for (const { name, time, attributes } of this.clock.stepEvents()) {
      toWords(time, this.moment);
      this.instant(track, this.moment, this.writer.names.event(name), attributes ?? {});
    }
  }

  private instant(
    track: Track,
    time: Uint32Array,
    name: InternedName,
    attributes: Readonly<Record<string, unknown>>,
  ): void {
    this.writer.open(EVENT.instant, track, time[0]!, time[1]!);
    this.writer.name(name);
    for (const key of Object.keys(attributes)) this.values.value(this.names.own(key), attributes[key]);
    this.writer.close();
  }

  // What later slices may refer to: the next first-level slice, and GPU slices launched here.
  private ownFlows(): void {
    const { words, base, flags, kind } = this.ring;
    const low = words[base + SLOT_WORD.spanId]!;
    const high = words[base + SLOT_WORD.spanId + 1]!;
    this.launchFlow(low, high);
    if (kind === KIND.hostSlice && (flags & FLAG.firstLevel) !== 0) this.writer.flow(low, high);
  }

  private previousFlow(): void {
    const { words, base } = this.ring;
    const low = words[base + SLOT_WORD.tail]!;
    const high = words[base + SLOT_WORD.tail + 1]!;
    if ((low | high) !== 0) this.writer.flow(low, high);
  }

  private launchFlow(low: number, high: number): void {
    this.writer.flow(low, high ^ LAUNCH_FLOW);
  }

  private tellCounter(track: Track, time: number, value: number): void {
    const low = time + this.originLow;
    const upper = Math.floor(low / WORD);
    this.writer.counter(track, low - upper * WORD, Math.max(0, (this.originHigh ?? 0) + upper), value);
  }

  private setOrigin(): void {
    const nanos = (BigInt(this.start[1]!) << 32n) + BigInt(this.start[0]!);
    const origin = nanos - (nanos % SECOND_NANOS);
    this.originLow = Number(origin & 0xffff_ffffn);
    this.originHigh = Number(origin >> 32n);
  }

  private time(words: Uint32Array): number {
    return (words[1]! - this.originHigh!) * WORD + (words[0]! - this.originLow);
  }

  private timeOf(low: number, high: number): number {
    this.clock.putWords(low, high, false, this.moment);
    return this.time(this.moment);
  }

  private traceKey(): number {
    const { words, base } = this.ring;
    const at = base + SLOT_WORD.traceId;
    return keyOfTrace(words[at]!, words[at + 1]!, words[at + 2]!, words[at + 3]!);
  }
}

const NOTED = FLAG.dropped | FLAG.unfinished | FLAG.truncated;
