// SPDX-License-Identifier: Apache-2.0
//
// A segment without an addon, for tests of the reader's loop and books: lanes that hold numbered slices, the
// lease, the flush ticket and the published account, and the pipeline that would read them.
import type { ReadableSpan } from '@opentelemetry/sdk-trace-base';
import type { NativeLaneStats, NativeStats } from '../../lib/native';
import type { DrainNative } from '../../lib/sinks/drain';
import type { SpanBatch } from '../../lib/spans/pipeline';

export interface FakeLane {
  written: number;
  read: number;
  consumed: number;
}

/** Slices are their positions: slot n of lane l is the span named `l:n`. */
export class FakeSegment implements DrainNative {
  readonly lanes: FakeLane[];
  readonly ringSlots: number;
  lease = 0;
  requested = 0;
  done = 0;
  snapshots = 0;
  account = { delivered: 0, held: 0, owners: 0, lost: new Array<number>(16).fill(0), lostOwners: 0, consumedOwners: 0 };
  owners = 0;
  /** Every state of the equation that was published, as differences; all must be 0. */
  readonly imbalances: number[] = [];

  constructor(lanes: number, ringSlots: number) {
    this.lanes = Array.from({ length: lanes }, () => ({ written: 0, read: 0, consumed: 0 }));
    this.ringSlots = ringSlots;
  }

  /** Returns how many fitted. */
  record(lane: number, slices: number): number {
    const ring = this.lanes[lane]!;
    const fits = Math.min(slices, this.ringSlots - (ring.written - ring.read));
    ring.written += fits;
    return fits;
  }

  get consumed(): number {
    return this.lanes.reduce((sum, { consumed }) => sum + consumed, 0);
  }

  get lost(): number {
    return this.account.lost.reduce((sum, count) => sum + count, 0);
  }

  /** As unreadLanes does for a real segment. */
  unread(): Map<number, { low: number; high: number }> {
    const ends = this.lanes.map(({ written }, lane) => [lane, { low: written, high: 0 }] as const);
    return new Map(ends.filter(([lane]) => this.lanes[lane]!.written > this.lanes[lane]!.read));
  }

  leaseHolder(): number {
    return this.lease;
  }

  leaseRelease(environment: number): void {
    if (this.lease === environment) this.lease = 0;
  }

  snapshot(): void {
    this.snapshots++;
  }

  advance(lane: number, low: number, high: number, slices: number, owners: number): boolean {
    const ring = this.lanes[lane]!;
    const position = high * 2 ** 32 + low;
    if (position < ring.read || position > ring.written) return false;
    ring.read = position;
    ring.consumed += slices;
    this.account.consumedOwners += owners;
    return true;
  }

  publishReader(account: Float64Array): void {
    const [delivered = 0, held = 0, owners = 0, ...rest] = account;
    const [lost, [lostOwners = 0]] = [rest.slice(0, 16), rest.slice(16)];
    this.account = { ...this.account, delivered, held, owners, lost, lostOwners };
    this.imbalances.push(this.consumed - delivered - held - this.lost);
  }

  flushRequest(): number {
    return ++this.requested;
  }

  flushRequested(): number {
    return this.requested;
  }

  flushWait(ticket: number): boolean {
    return this.done >= ticket;
  }

  flushDone(ticket: number): void {
    this.done = ticket;
  }

  stats(): NativeStats {
    const lanes = this.lanes.map((ring, lane) => laneStats(lane, ring));
    const inRing = lanes.reduce((sum, ring) => sum + ring.inRing, 0);
    const reader = this.account;
    const names = { used: 0, overflow: 0 };
    const recorded = this.consumed + inRing;
    const { consumed, owners, ringSlots } = this;
    return {
      recorded,
      consumed,
      inRing,
      ringSlots,
      lost: {},
      lostOwners: {},
      owners,
      lanes,
      reader,
      names,
      gpu: undefined,
    };
  }
}

function laneStats(lane: number, { written, read, consumed }: FakeLane): NativeLaneStats {
  const inRing = written - read;
  const recorded = consumed + inRing;
  return {
    lane,
    state: 'claimed',
    kind: 'javascript',
    tid: 0,
    recorded,
    consumed,
    inRing,
    highWater: inRing,
    lost: {},
  };
}

/** Reads a FakeSegment in order, remembering where it was; `spansPerSlice` as for expanded batches. */
export class FakePipeline {
  readonly #segment: FakeSegment;
  readonly #spansPerSlice: number;
  readonly #positions: number[];
  corruptEvery = Infinity;

  constructor(segment: FakeSegment, spansPerSlice = 1) {
    this.#segment = segment;
    this.#spansPerSlice = spansPerSlice;
    this.#positions = segment.lanes.map(({ read }) => read);
  }

  read(maxSpans: number): SpanBatch | undefined {
    const spans: ReadableSpan[] = [];
    const lanes: SpanBatch['lanes'][number][] = [];
    let corrupt = 0;
    let slices = 0;
    this.#segment.lanes.forEach((ring, lane) => {
      const from = this.#positions[lane]!;
      const to = Math.min(ring.written, from + Math.max(0, maxSpans - spans.length));
      if (to === from) return;
      for (let at = from; at < to; at++) {
        if ((at + 1) % this.corruptEvery === 0) corrupt++;
        else
          for (let copy = 0; copy < this.#spansPerSlice; copy++) spans.push({ name: `${lane}:${at}` } as ReadableSpan);
      }
      this.#positions[lane] = to;
      slices += to - from;
      const full = ring.written - ring.read >= this.#segment.ringSlots / 2;
      lanes.push({ lane, low: to % 2 ** 32, high: Math.floor(to / 2 ** 32), slices: to - from, owners: 0, full });
    });
    if (lanes.length === 0) return undefined;
    return {
      spans: spans as SpanBatch['spans'],
      spanCount: spans.length,
      slices: slices - corrupt,
      owners: 0,
      corrupt,
      lanes,
    };
  }
}
