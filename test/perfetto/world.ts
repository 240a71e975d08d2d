// SPDX-License-Identifier: Apache-2.0
//
// Random workers with their requests, slices, GPU slices, batches, events and losses: the records they leave behind, in the
// order in which they end, and what a trace must show of them. Every instant is another one, so that what nests in what
// is beyond doubt.

import { createHash } from 'node:crypto';

import fc from 'fast-check';

import { payload } from '../segment/payload-builder';
import { Flag, Kind, SegmentBuilder, type TestRecord } from '../segment/segment-builder';
import { EPOCH } from '../spans/span-fixture';

export const WORKERS = 2;
const STREAMS = 2;
const RESOLVER = WORKERS;
const GENERATION = 7;
const SECOND = 1_000_000_000n;

/** What is to be shown of one record. `id` is an argument of each. */
export interface Expected {
  readonly id: number;
  readonly name: string;
  readonly category: string | undefined;
  readonly start: bigint;
  readonly end: bigint;
  /** `id` of the slice around it; undefined: none, on a track of its own kind. */
  readonly parent: number | undefined;
  readonly args: Readonly<Record<string, unknown>>;
  /** The stay, batch or stream that it belongs to. */
  readonly place: string;
  readonly worker: number;
}

export interface ExpectedInstant {
  readonly name: string;
  readonly time: bigint;
  readonly id: number;
}

export interface World {
  readonly segment: SegmentBuilder;
  readonly slices: readonly Expected[];
  readonly instants: readonly ExpectedInstant[];
  /** Pairs of ids, in the order of time: what an arrow goes from and to. */
  readonly arrows: readonly (readonly [number, number])[];
  /** From a worker's name to its group's. */
  readonly groups: readonly string[];
  /** Busy intervals by device, in epoch ns. */
  readonly busy: ReadonlyMap<number, readonly (readonly [bigint, bigint])[]>;
  readonly counters: ReadonlyMap<string, readonly (readonly [time: bigint, value: number])[]>;
}

/** One thing that happens: what, where, to whom, and how long after the last. */
export const happening = fc.record({
  what: fc.constantFrom(
    'request',
    'begin',
    'begin',
    'end',
    'end',
    'event',
    'leave',
    'gpu',
    'batch',
    'onBatch',
    'endBatch',
    'lose',
  ),
  worker: fc.nat(WORKERS - 1),
  which: fc.nat(7),
  after: fc.integer({ min: 1_000, max: 90_000_000 }),
});
export type Happening = {
  readonly what: string;
  readonly worker: number;
  readonly which: number;
  readonly after: number;
};

interface OpenSlice {
  readonly id: number;
  readonly start: bigint;
  readonly stage: number;
  readonly previous: number;
  readonly isFirstLevel: boolean;
  readonly events: [time: bigint, id: number][];
}

interface OpenRequest {
  readonly number: number;
  readonly rootId: number;
  readonly stayId: number;
  readonly rootStart: bigint;
  stayStart: bigint;
  readonly open: OpenSlice[];
  previous: number;
}

interface OpenBatch {
  readonly number: number;
  readonly index: number;
  readonly id: number;
  readonly start: bigint;
  readonly size: number;
}

class Builder implements World {
  readonly segment = new SegmentBuilder({ lanes: WORKERS + 1, ringSlots: 1024, batchCapacity: 64, chunkCapacity: 64 });
  readonly slices: Expected[] = [];
  readonly instants: ExpectedInstant[] = [];
  readonly arrows: (readonly [number, number])[] = [];
  readonly groups: string[] = [];
  readonly busy = new Map<number, (readonly [bigint, bigint])[]>();
  readonly counters = new Map<string, (readonly [bigint, number])[]>();
  private readonly stages: number[];
  private readonly event: number;
  private readonly key: number;
  private readonly workers: { requests: OpenRequest[]; batch: OpenBatch | undefined; lost: bigint }[] = [];
  private readonly streamsFree = new Array<bigint>(STREAMS).fill(0n);
  private readonly launched: { at: bigint; record: TestRecord; expected: Expected; device: number }[] = [];
  private readonly seen = new Map<number, Set<number>>();
  private readonly lastLaunch = new Map<number, number>();
  private now = 10n;
  private ids = 0;
  private requests = 0;
  private batches = 0;

  constructor(happenings: readonly Happening[]) {
    const { segment } = this;
    const module = segment.name(1, 'request');
    this.stages = ['prefill', 'decode', 'sample'].map((name) => segment.name(2, name, 1, module));
    this.event = segment.name(3, 'first_token', 1, module);
    this.key = segment.key('id');
    for (let second = 0n; second <= 60n; second++)
      segment.snapshot(second * SECOND, second * SECOND, EPOCH + second * SECOND);
    for (let worker = 0; worker < WORKERS; worker++) this.addWorker(worker);
    segment.claim(RESOLVER, { kind: 2 });
    for (const one of happenings) this.happen(one);
    for (let worker = 0; worker < WORKERS; worker++) this.close(worker);
    this.appendGpuSlices();
  }

  private addWorker(worker: number): void {
    const label = this.segment.name(5, `Worker${worker}`);
    this.segment.claim(worker, { tid: 700 + worker, label, ranks: [worker, -1, 3, -1], gpuIndex: worker });
    this.workers.push({ requests: [], batch: undefined, lost: 0n });
    this.groups.push(`Worker${worker} tp${worker} dp3 gpu${worker} tid ${700 + worker}`);
  }

  private tick(after = 1): bigint {
    this.now += BigInt(after);
    return this.now;
  }

  private epoch(time: bigint): bigint {
    return EPOCH + time;
  }

  private happen({ what, worker, which, after }: Happening): void {
    this.tick(after);
    const { requests } = this.workers[worker]!;
    const request = requests.length === 0 ? undefined : requests[which % requests.length];
    if (what === 'request') this.startRequest(worker);
    else if (what === 'batch') this.startBatch(worker, which);
    else if (what === 'onBatch') this.sliceOnBatch(worker);
    else if (what === 'endBatch') this.endBatch(worker);
    else if (what === 'lose') this.workers[worker]!.lost += BigInt(which);
    else if (request === undefined) return;
    else if (what === 'begin') this.begin(request, which);
    else if (what === 'end' && request.open.length > 1) this.end(worker, request);
    else if (what === 'event') request.open.at(-1)?.events.push([this.now, this.ids++]);
    else if (what === 'gpu') this.launch(request, which, after);
    else if (what === 'leave') this.leave(worker, request);
  }

  private startRequest(worker: number): void {
    const { requests } = this.workers[worker]!;
    if (requests.length >= 4) return;
    const rootStart = this.now;
    const [rootId, stayId] = [this.ids++, this.ids++];
    const number = this.requests++;
    const request = { number, rootId, stayId, rootStart, stayStart: 0n, open: [], previous: -1 };
    this.tick(7_000_000);
    requests.push(request);
    this.begin(request, number);
  }

  private begin(request: OpenRequest, which: number): void {
    const start = this.now;
    if (request.stayStart === 0n) request.stayStart = this.tick() - 1n;
    const isFirstLevel = request.open.length === 0;
    request.open.push({
      id: this.ids++,
      start: isFirstLevel && start === request.stayStart ? this.now : start,
      stage: which % this.stages.length,
      previous: isFirstLevel ? request.previous : -1,
      isFirstLevel,
      events: [],
    });
  }

  private end(worker: number, request: OpenRequest): void {
    const slice = request.open.pop()!;
    const place = `request ${request.number}`;
    this.append(
      worker,
      { ...this.common(request.number, slice, Kind.host), ...this.host(slice) },
      [slice.id, slice.events],
      {
        name: this.stageName(slice.stage),
        parent: request.open.at(-1)?.id ?? request.stayId,
        place,
      },
    );
    this.countStart(worker, request, slice.start);
    if (!slice.isFirstLevel) return;
    if (slice.previous >= 0) this.arrows.push([slice.previous, slice.id]);
    request.previous = slice.id;
  }

  private host({ isFirstLevel, previous }: OpenSlice): Partial<TestRecord> {
    return isFirstLevel ? { flags: Flag.firstLevel, previous: previous < 0 ? 0n : spanOf(previous) } : { parent: 1n };
  }

  private common(request: number, { id, start, stage }: OpenSlice, kind: number): TestRecord {
    return { kind, stage: this.stages[stage]!, start, end: this.tick(), trace: traceOf(request), span: spanOf(id) };
  }

  private stageName(stage: number): string {
    return ['prefill', 'decode', 'sample'][stage]!;
  }

  private leave(worker: number, request: OpenRequest): void {
    while (request.open.length > 0) {
      this.end(worker, request);
      this.tick(3);
    }
    const { requests, lost } = this.workers[worker]!;
    requests.splice(requests.indexOf(request), 1);
    const place = `request ${request.number}`;
    const trace = traceOf(request.number);
    const owner = { lane: worker, level: 2 };
    const stay = {
      kind: Kind.worker,
      start: request.stayStart,
      end: this.tick(),
      trace,
      span: spanOf(request.stayId),
      owner,
    };
    this.append(worker, stay, [request.stayId, []], { name: `Worker${worker}`, parent: request.rootId, place }, lost);
    this.countEnd(worker, request, stay.end, Number(lost));
    const root = {
      kind: Kind.root,
      start: request.rootStart,
      end: this.tick(),
      trace,
      span: spanOf(request.rootId),
      owner,
    };
    this.append(worker, root, [request.rootId, []], { name: 'request', parent: undefined, place });
  }

  private append(
    worker: number,
    record: TestRecord,
    [id, events]: readonly [number, readonly (readonly [bigint, number])[]],
    shown: Pick<Expected, 'name' | 'parent' | 'place'>,
    lost = 0n,
  ): void {
    const items = payload().int(this.key, id);
    for (const [time, event] of events) {
      items.event(this.event, time, 0, 1).int(this.key, event);
      this.instants.push({ name: 'first_token', time: this.epoch(time), id: event });
    }
    if (lost > 0n) items.losses([[0, lost]]);
    this.segment.append(worker, { ...record, payload: items });
    const isSlice = record.kind === Kind.host || record.kind === Kind.batchSlice;
    const args = { id: [id], ...(lost > 0n && { 'gpuspan.lost.ring': [Number(lost)] }) };
    const times = { start: this.epoch(record.start!), end: this.epoch(record.end!) };
    this.slices.push({ id, ...shown, ...times, category: isSlice ? 'request' : undefined, args, worker });
  }

  private launch(request: OpenRequest, which: number, after: number): void {
    const parent = request.open.at(-1);
    if (parent === undefined) return;
    const stream = which % STREAMS;
    const device = stream;
    const at = this.now;
    const start = (this.streamsFree[stream]! > at ? this.streamsFree[stream]! : at) + 11n;
    const end = start + BigInt(after);
    this.streamsFree[stream] = end;
    const id = this.ids++;
    const bound = 100 + which;
    const expected: Expected = {
      id,
      name: this.stageName(which % 3),
      category: 'request',
      start: this.epoch(start),
      end: this.epoch(end),
      parent: undefined,
      args: {
        id: [id],
        'gpu.time.source': ['simulated'],
        'gpu.time.bound_ns': [bound],
        'gpu.launch_time_ns': [String(this.epoch(at))],
        'gpu.queue_delay_ns': [Number(start - at)],
      },
      place: `GPU ${device} stream ${stream} (simulated)`,
      worker: RESOLVER,
    };
    const items = payload().gpu(at, 3, device, 5n).int(this.key, id);
    const times = { kind: Kind.gpu, stage: this.stages[which % 3]!, flags: Flag.monotonic, start, end };
    const tail = {
      gpu: { bound, stream, lane: 0 },
      trace: traceOf(request.number),
      span: spanOf(id),
      parent: spanOf(parent.id),
    };
    this.launched.push({ at: end, record: { ...times, ...tail, payload: items }, expected, device });
    this.arrows.push([this.lastLaunch.get(parent.id) ?? parent.id, id]);
    this.lastLaunch.set(parent.id, id);
  }

  // They are known when their streams are done.
  private appendGpuSlices(): void {
    for (const { record, expected, device } of this.launched.toSorted((a, b) => Number(a.at - b.at))) {
      this.segment.append(RESOLVER, record);
      this.slices.push(expected);
      this.busy.set(device, [...(this.busy.get(device) ?? []), [expected.start, expected.end]]);
    }
  }

  private startBatch(worker: number, which: number): void {
    const one = this.workers[worker]!;
    if (one.batch !== undefined) return;
    const number = this.batches++;
    const index = number % 32;
    const size = 1 + (which % 5);
    one.batch = { number, index, id: this.ids++, start: this.now, size };
    const members = Array.from({ length: size }, (_, member) => ({
      trace: traceOf(member),
      worker: 1n,
      parent: 1n,
      level: 2,
    }));
    this.segment.batch(worker, index, GENERATION + number, spanOf(one.batch.id), members, index, {
      trace: batchTraceOf(number),
      start: this.now,
    });
  }

  private sliceOnBatch(worker: number): void {
    const { batch } = this.workers[worker]!;
    if (batch === undefined) return;
    const start = this.now;
    const end = this.tick(500);
    const id = this.ids++;
    const record = {
      kind: Kind.batchSlice,
      stage: this.stages[1]!,
      start,
      end,
      span: spanOf(id),
      ...this.refTo(worker, batch),
    };
    this.append(worker, record, [id, []], { name: 'decode', parent: batch.id, place: `batch ${batch.number}` });
    this.count(`${worker} batch size`, start, batch.size);
  }

  private endBatch(worker: number): void {
    const one = this.workers[worker]!;
    const { batch } = one;
    if (batch === undefined) return;
    one.batch = undefined;
    const end = this.tick(3);
    const record = { kind: Kind.batch, start: batch.start, end, span: spanOf(batch.id), ...this.refTo(worker, batch) };
    this.append(worker, record, [batch.id, []], { name: 'batch', parent: undefined, place: `batch ${batch.number}` });
    this.count(`${worker} batch size`, end, 0);
  }

  private refTo(worker: number, { number, index }: OpenBatch): Pick<TestRecord, 'trace' | 'batch'> {
    return { trace: batchTraceOf(number), batch: { lane: worker, batch: index, generation: GENERATION + number } };
  }

  private close(worker: number): void {
    const { requests } = this.workers[worker]!;
    for (const request of [...requests]) {
      this.tick(5);
      this.leave(worker, request);
    }
    this.tick(5);
    this.endBatch(worker);
  }

  private countStart(worker: number, { number }: OpenRequest, start: bigint): void {
    const present = this.present(worker);
    if (present.has(number)) return;
    present.add(number);
    this.count(`${worker} requests in flight`, start, present.size);
  }

  private countEnd(worker: number, { number }: OpenRequest, end: bigint, lost: number): void {
    const present = this.present(worker);
    present.delete(number);
    this.count(`${worker} requests in flight`, end, present.size);
    if (lost > 0) this.count(`${worker} lost`, end, lost);
  }

  private present(worker: number): Set<number> {
    const known = this.seen.get(worker) ?? new Set();
    this.seen.set(worker, known);
    return known;
  }

  // Changes only, and never back in time.
  private count(counter: string, time: bigint, value: number): void {
    const told = this.counters.get(counter) ?? [];
    this.counters.set(counter, told);
    const last = told.at(-1);
    if (last?.[1] === value) return;
    const at = this.epoch(time);
    told.push([last !== undefined && last[0] > at ? last[0] : at, value]);
  }
}

/** The world that comes of what happens. */
export function worldOf(happenings: readonly Happening[]): World {
  return new Builder(happenings);
}

function spanOf(id: number): bigint {
  return (BigInt(id) + 1n) * 0x1_0000_0001n;
}

function traceOf(request: number): string {
  return idOf(`request ${request}`);
}

function batchTraceOf(batch: number): string {
  return idOf(`batch ${batch}`);
}

// As trace ids are: random in every part.
function idOf(text: string): string {
  return createHash('sha256').update(text).digest('hex').slice(0, 32);
}
