// SPDX-License-Identifier: Apache-2.0
//
// Hands sorted records to the sweep, those of one instant together: parents before their children, though both begin and
// end with one tick of a coarse clock, and flows with the slice that begins there. Called by `gpuspan convert`.
import { RECORD, RECORD_FLAG } from './record';
import type { RecordSource } from './run-file';
import type { Sweep } from './sweep';

/** Of one instant that are looked at together. */
const MAX_TIES = 10_000;
const SINGLE = RECORD_FLAG.instant | RECORD_FLAG.counter;

/** Records in groups of one start time each, at most MAX_TIES long. */
export function* tiesOf(source: RecordSource): Generator<Buffer[]> {
  let group: Buffer[] = [];
  for (let record = source.next(); record !== undefined; record = source.next()) {
    const first = group[0];
    if (first !== undefined && (group.length >= MAX_TIES || !isSameStart(first, record))) {
      yield group;
      group = [];
    }
    group.push(record);
  }
  if (group.length > 0) yield group;
}

export function sweepTies(sweep: Sweep, group: readonly Buffer[]): void {
  if (group.length === 1 && flagsOf(group[0]!) === 0) {
    sweep.begin(group[0]!);
    return;
  }
  const slices = group.filter((record) => !hasFlag(record, SINGLE | RECORD_FLAG.flow));
  const ordered = parentsFirst(slices);
  const flows = flowsByPlace(group);
  const last = flows === undefined ? undefined : new Map(ordered.map((slice) => [placeOf(slice), slice]));
  for (const slice of ordered) {
    const own = last?.get(placeOf(slice)) === slice ? flows!.get(placeOf(slice)) : undefined;
    sweep.begin(slice, own);
    if (own !== undefined) flows!.delete(placeOf(slice));
  }
  for (const record of group) if (hasFlag(record, SINGLE)) sweep.single(record);
  // What joins no slice that begins here is an instant, so that the arrow has an end.
  for (const left of flows?.values() ?? []) for (const flow of left) sweep.single(flow, [flow]);
}

function flowsByPlace(group: readonly Buffer[]): Map<number, Buffer[]> | undefined {
  let flows: Map<number, Buffer[]> | undefined;
  for (const record of group) {
    if (!hasFlag(record, RECORD_FLAG.flow)) continue;
    flows ??= new Map();
    const place = placeOf(record);
    const known = flows.get(place);
    if (known === undefined) flows.set(place, [record]);
    else known.push(record);
  }
  return flows;
}

/** In the given order, but for those whose parent comes later. */
function parentsFirst(slices: Buffer[]): Buffer[] {
  if (slices.length < 2) return slices;
  const byId = new Map<bigint, Buffer>();
  for (const slice of slices) byId.set(slice.readBigUInt64LE(RECORD.id), slice);
  byId.delete(0n);
  const ordered = new Set<Buffer>();
  for (const slice of slices) {
    // Up to the first that is in order already; ids that lie in a circle end it as well.
    const chain = new Set<Buffer>();
    for (let at: Buffer | undefined = slice; at !== undefined && !ordered.has(at) && !chain.has(at); ) {
      chain.add(at);
      at = byId.get(at.readBigUInt64LE(RECORD.parent));
    }
    for (const one of [...chain].reverse()) ordered.add(one);
  }
  return [...ordered];
}

function isSameStart(a: Buffer, b: Buffer): boolean {
  return (
    a.readUInt32LE(RECORD.start) === b.readUInt32LE(RECORD.start) &&
    a.readUInt32LE(RECORD.start + 4) === b.readUInt32LE(RECORD.start + 4)
  );
}

function placeOf(record: Buffer): number {
  return record.readUInt32LE(RECORD.place);
}

function flagsOf(record: Buffer): number {
  return record.readUInt32LE(RECORD.flags);
}

function hasFlag(record: Buffer, flag: number): boolean {
  return (flagsOf(record) & flag) !== 0;
}
