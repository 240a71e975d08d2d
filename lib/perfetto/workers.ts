// SPDX-License-Identifier: Apache-2.0
//
// The tracks of one process: a group with one for each thread that records (requests, batches, counters) and one for each
// GPU stream. They are described when they are first needed. A lane that another thread claims gets tracks of its own.

import type { Dictionary } from '../segment/dictionary';
import type { LaneCursor, LaneIdentity } from '../segment/lane';
import { GpuBusy } from './gpu-busy';
import { NestedTrack } from './nested-track';
import { StayLanes } from './stay-lanes';
import type { Track, TraceWriter } from './trace-writer';

/** GPU streams and devices that are remembered; the process numbers streams up to 65,536. */
export const MAX_STREAMS = 4096;

const NATIVE_LANE = 1;
const RESOLVER_LANE = 2;
// Ranks: what is shown first within its group.
const RANK = { requests: 0, batches: 10_000, counter: 20_000, worker: 0, stream: 10_000, busy: 20_000 } as const;

/** One value over time. Only changes are told, and never at a time before the last one. */
export class CounterTrack {
  private value = Number.NaN;
  private time = -Infinity;

  constructor(private readonly tell: (time: number, value: number) => void) {}

  set(time: number, value: number): void {
    if (value === this.value) return;
    this.value = value;
    this.time = Math.max(this.time, time);
    this.tell(this.time, value);
  }
}

export interface WorkerTracks {
  readonly generation: number;
  readonly name: string;
  readonly requests: StayLanes;
  readonly batches: StayLanes;
  readonly inFlight: CounterTrack;
  readonly batchSize: CounterTrack;
  readonly lost: CounterTrack;
}

/** Writes a counter's value at a time as the assembler counts it. */
export type TellCounter = (track: Track, time: number, value: number) => void;

export class ProcessTracks {
  private readonly workers: (WorkerTracks | undefined)[] = [];
  private readonly streams = new Map<number, NestedTrack>();
  private readonly devices = new Map<number, GpuBusy>();

  constructor(
    private readonly writer: TraceWriter,
    private readonly process: Track,
    private readonly dictionary: Dictionary,
    private readonly tell: TellCounter,
    private readonly stayBegin: (lane: number, key: number) => number | undefined,
  ) {}

  worker(lane: LaneCursor): WorkerTracks {
    const known = this.workers[lane.lane];
    if (known !== undefined && known.generation === lane.generation) return known;
    const made = this.makeWorker(lane);
    while (this.workers.length <= lane.lane) this.workers.push(undefined);
    this.workers[lane.lane] = made;
    return made;
  }

  stream(device: number, stream: number, isSimulated: boolean): NestedTrack {
    const key = device * 65_536 + stream;
    const known = this.streams.get(key);
    if (known !== undefined) return known;
    const name = `GPU ${device} stream ${stream}${isSimulated ? ' (simulated)' : ''}`;
    const rank = RANK.stream + Math.min(device * 64 + stream, RANK.busy - RANK.stream - 1);
    const made = new NestedTrack(this.writer, this.writer.track({ name, parent: this.process, rank }));
    forgetFirst(this.streams);
    this.streams.set(key, made);
    return made;
  }

  busy(device: number): GpuBusy {
    const known = this.devices.get(device);
    if (known !== undefined) return known;
    const track = this.counter(`GPU ${device} busy`, '%', this.process, RANK.busy + Math.min(device, 1000));
    const made = new GpuBusy((second, percent) => this.tell(track, second, percent));
    forgetFirst(this.devices);
    this.devices.set(device, made);
    return made;
  }

  /** Tells what the counters have not told yet. */
  finish(): void {
    for (const busy of this.devices.values()) busy.finish();
  }

  private makeWorker(lane: LaneCursor): WorkerTracks {
    const { writer } = this;
    const { identity } = lane;
    const name = identity === undefined || identity.label === 0 ? 'worker' : this.dictionary.text(identity.label);
    const title = identity === undefined ? name : describeWorker(name, identity);
    const group = writer.track({ name: title, parent: this.process, rank: RANK.worker + lane.lane });
    const begin = (key: number): number | undefined => this.stayBegin(lane.lane, key);
    const lanes = (what: string, first: number): StayLanes =>
      new StayLanes((index) => {
        const track = writer.track({ name: `${what} ${index + 1}`, parent: group, rank: first + index });
        return new NestedTrack(writer, track);
      }, begin);
    return {
      generation: lane.generation,
      name,
      requests: lanes('requests', RANK.requests),
      batches: lanes('batches', RANK.batches),
      inFlight: this.lazyCounter('requests in flight', 'requests', group, 0),
      batchSize: this.lazyCounter('batch size', 'requests', group, 1),
      lost: this.lazyCounter('lost', 'slices', group, 2),
    };
  }

  private counter(name: string, unit: string, parent: Track, rank: number): Track {
    return this.writer.track({ name, unit, parent, rank });
  }

  private lazyCounter(name: string, unit: string, parent: Track, rank: number): CounterTrack {
    let track: Track | undefined;
    return new CounterTrack((time, value) => {
      track ??= this.counter(name, unit, parent, RANK.counter + rank);
      this.tell(track, time, value);
    });
  }
}

/** Ranks of a worker; negative or undefined: not given. */
export type Ranks = Pick<LaneIdentity, 'tpRank' | 'ppRank' | 'dpRank' | 'epRank' | 'gpuIndex'>;

/** Label and ranks, where given: `DecodeWorker tp0 pp1 gpu3`. */
export function describeRanks(label: string, { tpRank, ppRank, dpRank, epRank, gpuIndex = -1 }: Ranks): string {
  const named = { tp: tpRank, pp: ppRank, dp: dpRank, ep: epRank, gpu: gpuIndex };
  const given = Object.entries(named).filter(([, rank]) => rank >= 0);
  return [label, ...given.map(([name, rank]) => `${name}${rank}`)].join(' ');
}

/** A worker as its group is called: label, ranks where given, what kind of thread it is. */
export function describeWorker(label: string, identity: LaneIdentity): string {
  const parts = [describeRanks(label, identity)];
  if (identity.kind === NATIVE_LANE) parts.push('(native)');
  if (identity.kind === RESOLVER_LANE) parts.push('(resolver)');
  parts.push(`tid ${identity.tid}`);
  return parts.join(' ');
}

function forgetFirst(map: Map<number, unknown>): void {
  if (map.size < MAX_STREAMS) return;
  for (const key of map.keys()) {
    map.delete(key);
    return;
  }
}
