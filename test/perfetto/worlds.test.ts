// SPDX-License-Identifier: Apache-2.0
//
// Random worlds as a Perfetto trace: what a viewer shows is what happened, in one file or in several, read in one go or in
// pieces, whole or with pieces that never reached the file.

import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';

import fc from 'fast-check';
import { describe, expect, test } from 'vitest';

import { identityOf } from '../../lib/perfetto/identity';
import { TracePipeline } from '../../lib/perfetto/pipeline';
import { Kind, SegmentBuilder } from '../segment/segment-builder';
import { EPOCH } from '../spans/span-fixture';
import { growthLimit } from '../process-memory';
import { PROCESS, traceOf } from './trace-fixture';
import { type Slice, type View, view } from './viewer';
import { type Expected, happening, type World, worldOf } from './world';

const RUNS = 1000;
const PATIENCE_MILLIS = 300_000;
const SECOND = 1_000_000_000n;

const happenings = fc.array(happening, { minLength: 1, maxLength: 60 });

function idOf({ args }: Pick<Slice, 'args'>): number {
  return args['id']?.[0] as number;
}

function byId<T extends { readonly id: number }>(all: readonly T[]): T[] {
  return all.toSorted((a, b) => a.id - b.id);
}

const LEFT_OUT =
  /^(trace_id|parent_span_id|thread\.id|gpuspan\.(request\.level|batch\.size|worker\..*|drawn_early_ns))$/;

function shownSlices(shown: View): Omit<Expected, 'place' | 'worker'>[] {
  return byId(
    shown.slices.map((slice) => ({
      id: idOf(slice),
      name: slice.name,
      category: slice.category,
      start: slice.start,
      end: slice.end,
      parent: slice.parent === undefined ? undefined : idOf(slice.parent),
      args: Object.fromEntries(Object.entries(slice.args).filter(([name]) => !LEFT_OUT.test(name))),
    })),
  );
}

function due(slices: readonly Expected[]): Omit<Expected, 'place' | 'worker'>[] {
  return byId(slices).map(({ place: _place, worker: _worker, ...slice }) => slice);
}

// Flows connect the slices of one id in the order of their times.
function arrowsIn(shown: View): string[] {
  const ends = new Map<bigint, Slice[]>();
  for (const slice of shown.slices) for (const flow of slice.flows) ends.set(flow, [...(ends.get(flow) ?? []), slice]);
  const arrows = [...ends.values()].flatMap((slices) => {
    const sorted = slices.toSorted((a, b) => (a.start < b.start ? -1 : 1));
    return sorted.slice(1).map((slice, index) => `${idOf(sorted[index]!)} to ${idOf(slice)}`);
  });
  return arrows.sort();
}

function namePath(shown: View, uuid: string): string[] {
  const track = shown.tracks.get(uuid)!;
  return [...(track.parent === undefined ? [] : namePath(shown, track.parent)), track.name];
}

/** Each stay, batch and stream on one track of its worker's group, and those of one track never at the same time. */
function expectPlaces(shown: View, { slices, groups }: World): void {
  const tracks = new Map<string, Set<string>>();
  const places = new Map(slices.map((slice) => [slice.id, slice]));
  for (const slice of shown.slices) {
    const { place, worker } = places.get(idOf(slice))!;
    const [process, group, name, ...below] = namePath(shown, slice.track);
    expect({ process, below }).toEqual({ process: PROCESS, below: [] });
    if (place.startsWith('GPU')) expect(group).toBe(place);
    else
      expect([group, name?.replace(/ \d+$/, '')]).toEqual([
        groups[worker],
        place.startsWith('batch') ? 'batches' : 'requests',
      ]);
    tracks.set(place, (tracks.get(place) ?? new Set()).add(slice.track));
  }
  for (const [place, used] of tracks) expect({ place, tracks: used.size }).toEqual({ place, tracks: 1 });
}

function countersOf(shown: View, ...names: readonly string[]): [bigint, number][] {
  const uuids = [...shown.tracks.values()].filter(
    ({ uuid, unit }) => unit !== undefined && namePath(shown, uuid).slice(1).join() === names.join(),
  );
  return shown.counters
    .filter(({ track }) => uuids.some(({ uuid }) => uuid === track))
    .map(({ time, value }) => [time, value]);
}

function expectCounters(shown: View, { counters, groups }: World): void {
  for (const [worker, group] of groups.entries()) {
    for (const name of ['requests in flight', 'batch size', 'lost']) {
      expect(countersOf(shown, group, name)).toEqual(counters.get(`${worker} ${name}`) ?? []);
    }
  }
}

// At the middle of each second, what the counter last said.
function expectBusy(shown: View, { busy }: World): void {
  for (const [device, intervals] of busy) {
    const told = countersOf(shown, `GPU ${device} busy`);
    const last = intervals.reduce((latest, [, end]) => (end > latest ? end : latest), 0n) / SECOND;
    for (let second = intervals[0]![0] / SECOND; second <= last + 1n; second++) {
      const said = told.filter(([time]) => time <= second * SECOND + SECOND / 2n).at(-1)?.[1] ?? 0;
      expect(said).toBeCloseTo(Number(covered(intervals, second * SECOND)) / 1e7, 3);
    }
  }
}

function covered(intervals: readonly (readonly [bigint, bigint])[], second: bigint): bigint {
  let sum = 0n;
  for (const [start, end] of intervals) {
    const from = start > second ? start : second;
    const to = end < second + SECOND ? end : second + SECOND;
    if (to > from) sum += to - from;
  }
  return sum;
}

function expectInstants(shown: View, { instants }: World): void {
  const all = [...shown.loose, ...shown.slices.flatMap((slice) => slice.instants)];
  expect(byId(all.map(({ name, time, args }) => ({ name, time, id: idOf({ args }) })))).toEqual(byId(instants));
}

describe('a trace of a random world', () => {
  test(
    'shows its slices nested and on their tracks, its events, arrows and counters',
    () => {
      fc.assert(
        fc.property(happenings, (what) => {
          const world = worldOf(what);
          const shown = view(traceOf(world.segment));
          expect(shownSlices(shown)).toEqual(due(world.slices));
          expectPlaces(shown, world);
          expectInstants(shown, world);
          expect(arrowsIn(shown)).toEqual(world.arrows.map(([from, to]) => `${from} to ${to}`).sort());
          expectCounters(shown, world);
          expectBusy(shown, world);
        }),
        { numRuns: RUNS },
      );
    },
    PATIENCE_MILLIS,
  );

  test(
    'is the same read in pieces, and without the pieces that never reached the file it is a whole trace of the others',
    () => {
      fc.assert(
        fc.property(
          happenings,
          fc.integer({ min: 1, max: 9 }),
          fc.infiniteStream(fc.boolean()),
          (what, size, reaches) => {
            const world = worldOf(what);
            const pieces: Buffer[] = [];
            const pipeline = pipelineOver(world.segment, 'pieces');
            let slices = 0;
            for (let reading = pipeline.read(size); reading !== undefined; reading = pipeline.read(size)) {
              if (reaches.next().value === true) {
                pieces.push(Buffer.from(reading.spans.packets));
                slices += reading.spans.slices;
              } else pipeline.restart();
            }
            const shown = view(Buffer.concat([...pieces, pipeline.finish()]));
            expect(shown.slices).toHaveLength(slices);
            const times = new Map(world.slices.map((slice) => [slice.id, [slice.name, slice.start, slice.end]]));
            for (const slice of shown.slices)
              expect([slice.name, slice.start, slice.end]).toEqual(times.get(idOf(slice)));
          },
        ),
        { numRuns: RUNS },
      );
    },
    PATIENCE_MILLIS,
  );

  test(
    'of each of several processes, one behind the other, is one trace with a group for each',
    () => {
      fc.assert(
        fc.property(fc.array(happenings, { minLength: 2, maxLength: 4 }), (all) => {
          const worlds = all.map(worldOf);
          const files = worlds.map(({ segment }, index) => traceOf(segment, `process ${index}`));
          const shown = view(Buffer.concat(files));
          expect(shown.slices).toHaveLength(worlds.reduce((sum, { slices }) => sum + slices.length, 0));
          const processes = [...shown.tracks.values()].filter(({ pid }) => pid !== undefined);
          expect(new Set(processes.map(({ uuid }) => uuid)).size).toBe(worlds.length);
          const alone = files.flatMap((file) => arrowsIn(view(file)));
          expect(shown.snapshots.length).toBeGreaterThanOrEqual(
            worlds.filter(({ slices }) => slices.length > 0).length,
          );
          expect(alone.length).toBe(worlds.reduce((sum, { arrows }) => sum + arrows.length, 0));
        }),
        { numRuns: RUNS / 4 },
      );
    },
    PATIENCE_MILLIS,
  );
});

function pipelineOver(segment: SegmentBuilder, process: string): TracePipeline {
  return new TracePipeline(segment.source(), { identity: identityOf(process), processName: PROCESS, pid: 4242 });
}

test(
  'a long trace is written in bounded memory',
  () => {
    setFlagsFromString('--expose-gc');
    const collect = runInNewContext('gc') as () => void;
    const segment = new SegmentBuilder({ ringSlots: 64 });
    const stage = segment.stage('stage');
    segment.snapshot(0n, 0n, EPOCH);
    segment.snapshot(SECOND, SECOND, EPOCH + SECOND);
    segment.claim(0);
    const pipeline = pipelineOver(segment, 'long');
    let now = 1n;
    let bytes = 0;
    const record = (requests: number): void => {
      for (let left = requests; left > 0; left--) {
        const trace = now.toString(16).padStart(32, '0');
        for (let slice = 0; slice < 3; slice++)
          segment.append(0, { kind: Kind.host, stage, start: (now += 2n), end: now + 1n, trace, span: now });
        now += 2n;
        segment.append(0, {
          kind: Kind.worker,
          start: now - 8n,
          end: now,
          trace,
          span: now,
          owner: { lane: 0, level: 2 },
        });
        const reading = pipeline.read(100)!;
        bytes += reading.spans.packets.length;
        for (const { lane, low, high, slices } of reading.lanes) segment.advance(lane, low, high, slices);
      }
    };
    record(2_000);
    collect();
    const before = process.memoryUsage();
    bytes = 0;
    record(60_000);
    collect();
    const after = process.memoryUsage();
    expect(bytes).toBeGreaterThan(20 * 2 ** 20);
    const growth = after.heapUsed + after.external - before.heapUsed - before.external;
    expect(growth).toBeLessThan(growthLimit(4));
  },
  PATIENCE_MILLIS,
);
